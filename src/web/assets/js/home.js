/* The account: what needs an answer now, devices, sessions, what was. */
import { call, explain } from "./api.js";
import { alarmCard, attemptCard, pastItem } from "./cards.js";
import { $, button, dotted, el, field, form, say, when } from "./dom.js";
import { pushBox } from "./push.js";

const alerts = new Map();
let attempts = [];
let again = 0;

function isNews(a) {
  return !a.answer && a.kind !== "denied" && Date.now() - new Date(a.at) < 7 * 86400e3;
}

/* Cards stay while what they show stays, so that nobody loses what they are typing. */
function place(box, items, idName, make) {
  const old = new Map([...box.children].map((e) => [e.dataset[idName], e]));
  const cards = items.map((item) => {
    const text = JSON.stringify(item);
    const card = old.get(item.id);
    if (card && card.shown === text) return card;
    const fresh = make(item, load);
    fresh.shown = text;
    return fresh;
  });
  if (cards.length !== box.children.length || cards.some((c, i) => box.children[i] !== c)) box.replaceChildren(...cards);
}

/* What the alarm's card shows; its deliveries change often. */
function shown({ deliveries, ...rest }) {
  return rest;
}

function draw() {
  const all = [...alerts.values()].sort((a, b) => b.at.localeCompare(a.at));
  const news = all.filter(isNews);
  const past = all.filter((a) => !isNews(a));
  const loud = news.length > 0 || attempts.length > 0;
  place($("codes"), attempts, "attempt", attemptCard);
  place($("alarms"), news.map(shown), "alert", alarmCard);
  $("past").replaceChildren(...(past.length ? past.slice(0, 5).map(pastItem) : [el("li", { class: "quiet" }, "None. Good.")]));
  $("state").textContent = loud ? "Please look at this" : "All is quiet";
  $("bell").classList.toggle("rings", loud);
}

async function load() {
  const [a, t] = await Promise.all([call("GET", "/alerts?limit=30"), call("GET", "/attempts?limit=20")]);
  if (!a.ok || !t.ok) return say(explain(a.ok ? t : a));
  alerts.clear();
  for (const x of a.data.alerts) alerts.set(x.id, x);
  attempts = t.data.attempts.filter((x) => x.code_alive && ["opened", "held"].includes(x.state));
  draw();
  clearTimeout(again);
  if (attempts.length > 0) again = setTimeout(load, 15000);
}

/* A name of one's own tells two phones apart. No alarm ever shows it: a thief could choose it. */
function rename(d, item) {
  const f = field(`A name for ${d.name || d.platform}`, { type: "text", maxlength: "60", value: d.name, autocomplete: "off" });
  item.replaceChildren(
    form("", f.nodes, "Save the name", async () => {
      const res = await call("PATCH", `/devices/${d.id}`, { name: f.input.value.trim() });
      if (!res.ok) return say(explain(res));
      await loadLists();
    }),
  );
  f.input.focus();
}

function deviceItem(d) {
  const last = el("span", {}, "last used ", when(d.last_seen));
  const words = dotted(d.current ? "this device" : last, d.place, d.trusted ? "trusted" : "new", d.push && "rings");
  const item = el("li", { class: "row" });
  const press = button("Rename", "quiet-button small", () => rename(d, item));
  press.setAttribute("aria-label", `Rename: ${d.name || d.platform}`);
  item.append(el("div", {}, el("h3", {}, d.name || d.platform), el("p", { class: "quiet" }, ...words)), press);
  return item;
}

function sessionItem(s) {
  const end = async () => {
    const res = await call("DELETE", s.current ? "/session" : `/sessions/${s.id}`);
    if (!res.ok) return say(explain(res));
    if (s.current) return location.assign("/");
    say("Signed out there.", "good");
    await loadLists();
  };
  const press = button("Sign out", "quiet-button small", end);
  press.setAttribute("aria-label", `Sign out: ${s.device.name}`);
  return el("li", { class: "row" },
    el("p", {}, s.device.name || s.device.platform, el("br"), el("span", { class: "quiet" }, ...(s.current ? ["here, now"] : ["since ", when(s.created_at)]))), press);
}

async function loadLists() {
  const [d, s] = await Promise.all([call("GET", "/devices"), call("GET", "/sessions")]);
  if (d.ok) $("device-list").replaceChildren(...d.data.devices.map(deviceItem));
  if (s.ok) $("session-list").replaceChildren(...s.data.sessions.map(sessionItem));
}

function listen() {
  const stream = new EventSource("/api/v1/alerts/stream");
  stream.addEventListener("alert", (event) => {
    const a = JSON.parse(event.data);
    alerts.set(a.id, a);
    draw();
    load();
    loadLists();
  });
  stream.addEventListener("code", load);
  stream.addEventListener("open", load);
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) say("You are not signed in here any more, or the connection is lost. Load the page again.");
  });
}

async function endRest() {
  const res = await call("DELETE", "/sessions");
  if (!res.ok) return say(explain(res));
  say("Signed out everywhere but here.", "good");
  await loadLists();
}

async function begin() {
  const who = await call("GET", "/session");
  if (!who.ok) return location.assign("/sign-in?return=/home");
  const { account, device } = who.data;
  $("who").textContent = `${account.name ? `${account.name}, ` : ""}${account.email} on ${device.name}`;
  $("session-end").replaceChildren(button("Sign out everywhere else", "quiet-button small", endRest));
  listen();
  await Promise.all([load(), loadLists(), pushBox($("push"))]);
}

begin();
