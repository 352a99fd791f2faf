/* What needs an answer now, alarms on this device, and what was. */
import { call, explain } from "./api.js";
import { alarmCard, attemptCard, heldCard, pastItem, place, wantsCode } from "./cards.js";
import { $, el, say } from "./dom.js";
import { namesOf } from "./names.js";
import { isNews, newsOf } from "./news.js";
import { pushBox } from "./push.js";

const alerts = new Map();
let all_attempts = [];
let attempts = []; // those that have a card
let names = new Map();
let again = 0;

function draw() {
  const all = [...alerts.values()].sort((a, b) => b.at.localeCompare(a.at));
  const news = newsOf(all, all_attempts);
  const past = all.filter((a) => !isNews(a));
  const asking = attempts.filter(wantsCode).map((x) => ({ ...x, alert: news.get(x.id) }));
  const waiting = attempts.filter((x) => x.state === "held");
  for (const x of attempts) news.delete(x.id);
  const loud = news.size > 0 || asking.length > 0;
  place($("codes"), asking, "attempt", (x) => attemptCard(x, load, names));
  place($("held"), waiting, "held", (x) => heldCard(x, load, names));
  place($("alarms"), [...news.values()], "alert", (x) => alarmCard(x, load));
  $("past").replaceChildren(...(past.length ? past.slice(0, 5).map(pastItem) : [el("li", { class: "quiet" }, "None. Good.")]));
  $("state").textContent = loud || waiting.length > 0 ? "Please look at this" : "All is quiet";
  $("bell").classList.toggle("rings", loud);
}

async function load() {
  const [a, t] = await Promise.all([call("GET", "/alerts?limit=30"), call("GET", "/attempts?limit=30")]);
  if (!a.ok || !t.ok) return say(explain(a.ok ? t : a));
  alerts.clear();
  for (const x of a.data.alerts) alerts.set(x.id, x);
  all_attempts = t.data.attempts;
  attempts = all_attempts.filter((x) => wantsCode(x) || x.state === "held");
  if (attempts.length > 0) names = await namesOf(attempts);
  draw();
  clearTimeout(again);
  if (attempts.length > 0) again = setTimeout(load, 15000);
}

function listen() {
  const stream = new EventSource("/api/v1/alerts/stream");
  stream.addEventListener("alert", (event) => {
    const a = JSON.parse(event.data);
    alerts.set(a.id, a);
    draw();
    load();
  });
  stream.addEventListener("code", load);
  stream.addEventListener("open", load);
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) say("You are not signed in here any more, or the connection is lost. Load the page again.");
  });
}

/* What helps the account most. An alarm is the page's own first thing, and stands above. */
async function suggest() {
  const res = await call("GET", "/checkup");
  const step = res.ok && res.data.items.find((i) => i.do && !i.href.startsWith("/home"));
  if (!step) return;
  $("next-step").replaceChildren(el("h3", {}, step.title), el("p", {}, step.why), el("p", {}, el("a", { class: "button quiet-button small", href: step.href }, step.do)));
  $("next").hidden = false;
}

async function begin() {
  const who = await call("GET", "/session");
  if (!who.ok) return location.assign("/sign-in?return=/home");
  const { account, device } = who.data;
  $("who").textContent = `${account.name ? `${account.name}, ` : ""}${account.email} on ${device.name}`;
  listen();
  await Promise.all([load(), pushBox($("push"))]);
  suggest(); // below all else: nothing moves when it comes
}

begin();
