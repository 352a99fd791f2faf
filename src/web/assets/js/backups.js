/* Each device's backup: how large, how old, how it grew; who asked to read one; and what happened to that. */
import { call, explain } from "./api.js";
import { alarmCard, attemptCard, heldCard, place, wantsCode } from "./cards.js";
import { chart } from "./chart.js";
import { $, button, dotted, el, facts, say, when } from "./dom.js";
import { newsOf } from "./news.js";
import { begin, initTasks } from "./tasks.js";
import { size } from "./words.js";

const stale_ms = 7 * 86400e3;
const states = { opened: "asked for", proved: "asked for", held: "waiting", done: "allowed", denied: "stopped", expired: "not finished", failed: "refused" };

function grown(points) {
  const [first, last] = [points[0], points.at(-1)];
  return `From ${size(first[1])} to ${size(last[1])} since ${new Date(first[0]).toLocaleDateString("en-GB", { dateStyle: "medium" })}`;
}

/* Whoever wants a ransom deletes the backup first: so it takes proofs, and opens for an hour only. */
function allowDeletion(b, name) {
  const allow = () => begin({ action: "allow_deletion", device: b.device }, "Delete old backups", `For one hour \u201c${name}\u201d can then delete from its own backup, as restic does with forget and prune.`);
  const press = button("Let it delete old backups", "quiet-button small", allow);
  press.setAttribute("aria-label", `Let it delete old backups: ${name}`);
  return el("div", { class: "buttons" }, press);
}

function backupCard(b, name) {
  const points = b.growth.map((g) => [new Date(g.at).getTime(), g.bytes]);
  const is_stale = !b.last_write || Date.now() - new Date(b.last_write) > stale_ms;
  return el("section", { class: "card", "aria-label": name, "data-backup": b.device },
    el("h2", {}, name),
    facts([["Last backup", b.last_write ? when(b.last_write) : "none yet"], ["Size", size(b.bytes)], ["Snapshots", String(b.snapshots ?? "")], ["Files", String(b.files ?? "")]]),
    points.length > 1 && chart(points, grown(points)),
    points.length > 1 && el("p", { class: "quiet" }, grown(points)),
    is_stale && el("p", { class: "notice" }, "It has not been backed up for a while. Turn that device on, or look at its schedule."),
    allowDeletion(b, name));
}

const readOf = (r) => r && r.requests > 0 && `read ${size(r.bytes)}, the last time ${when(r.last)}`;

function pastItem(a, names) {
  return el("li", {}, el("h3", {}, `${names.get(a.about.from_device) || "A device"}: ${states[a.state] || a.state}`),
    el("p", { class: "quiet" }, ...dotted(el("span", {}, "asked for by ", a.from.device), a.from.place || a.from.ip, when(a.opened_at), readOf(a.read))));
}

function drawRequests(attempts, alerts, names) {
  const news = newsOf(alerts.filter((x) => x.action === "restore"), attempts);
  const asking = attempts.filter(wantsCode).map((a) => ({ ...a, alert: news.get(a.id) }));
  const held = attempts.filter((a) => a.state === "held");
  for (const a of [...asking, ...held]) news.delete(a.id);
  place($("codes"), asking, "attempt", (a) => attemptCard(a, load, names));
  place($("held"), held, "held", (a) => heldCard(a, load, names));
  place($("alarms"), [...news.values()], "alert", (a) => alarmCard(a, load));
  const past = attempts.filter((a) => !held.includes(a) && !wantsCode(a));
  $("past").replaceChildren(...(past.length ? past.map((a) => pastItem(a, names)) : [el("li", { class: "quiet" }, "No device has asked for another's backup.")]));
}

async function load() {
  const [b, t, d, a] = await Promise.all([call("GET", "/backups"), call("GET", "/attempts?limit=100"), call("GET", "/devices"), call("GET", "/alerts?limit=30")]);
  const bad = [b, t, d, a].find((res) => !res.ok);
  if (bad) return bad.status === 401 ? location.replace("/sign-in?return=/backups") : say(explain(bad));
  const restores = t.data.attempts.filter((x) => x.action === "restore");
  const { backups } = b.data;
  const names = new Map(d.data.devices.map((x) => [x.id, x.name || x.platform]));
  for (const x of backups) names.set(`size of ${x.device}`, size(x.bytes));
  drawRequests(restores, a.data.alerts, names);
  $("backups").replaceChildren(...backups.map((x) => backupCard(x, names.get(x.device) || "A device that was removed")));
  $("none").hidden = backups.length > 0;
}

initTasks(load);
load();
setInterval(() => $("overview").hidden || load(), 20000);
