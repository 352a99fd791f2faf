/* Everything that lets somebody in, or tells you about it: looked at, and changed with proofs. */
import { call, explain } from "./api.js";
import { heldCard, place } from "./cards.js";
import { $, button, dotted, el, field, form, say, when } from "./dom.js";
import { forgetAll } from "./kept.js";
import { namesOf } from "./names.js";
import { ask, begin, done, initTasks, run } from "./tasks.js";
import { hasPasskeys } from "./webauthn.js";

const day_ms = 86400e3;
const nothing = () => {}; // what could not be read stays as it was

const mineFirst = (list) => list.sort((a, b) => b.current - a.current);

function row(title, words, ...buttons) {
  return el("li", { class: "row" }, el("div", {}, el("h3", {}, title), el("p", { class: "quiet" }, ...words)), el("div", { class: "row-buttons" }, ...buttons.filter(Boolean)));
}

function named(text, label, press) {
  const b = button(text, "quiet-button small", press);
  b.setAttribute("aria-label", `${text}: ${label}`);
  return b;
}

/* ---- passkeys ---- */

function passkeyItem(p) {
  const remove = () => begin({ action: "remove_passkey", passkey: p.id }, `Remove \u201c${p.name}\u201d`, "It will open nothing any more. Remove it on the device that holds it too.");
  return row(p.name, ["made ", when(p.created_at)], named("Remove", p.name, remove));
}

async function passkeys() {
  const res = await call("GET", "/passkeys");
  const list = res.ok ? res.data.passkeys : [];
  return () => {
    $("passkey-list").replaceChildren(...list.map(passkeyItem));
    $("passkey-none").hidden = list.length > 0;
    $("passkey-add").replaceChildren(
      hasPasskeys
        ? button("Add a passkey", list.length > 0 ? "quiet-button small" : "small", () => begin({ action: "add_passkey" }, "Add a passkey", "First show that it is you. Then this device makes a passkey, and keeps it."))
        : el("p", { class: "quiet" }, "This browser can't make passkeys."));
  };
}

/* ---- addresses ---- */

function askAddress(action, title, lead, label) {
  const f = field(label, { type: "email", autocomplete: "off", maxlength: "254" }, "We send a code there, once you have shown that it is you.");
  ask(title, lead, [form("", f.nodes, "Go on", () => run({ action, email: f.input.value.trim() }))]);
}

function contactItem(c, own) {
  const is_own = c.email === own;
  if (c.removed_at) return row(c.email, dotted("removed", el("span", {}, "hears of alarms until ", when(new Date(new Date(c.removed_at).getTime() + 7 * day_ms).toISOString()))));
  const change = () => askAddress("change_email", "Change your address", "You sign in with it, and alarms go there. The old one hears of everything for 7 more days.", "Your new address");
  const remove = () => begin({ action: "remove_contact", email: c.email }, `Remove ${c.email}`, "Alarms go there for 7 more days, so that nobody can remove it behind your back.");
  return row(c.email, [is_own ? "yours: you sign in with it" : "hears of every alarm"], is_own ? named("Change", c.email, change) : named("Remove", c.email, remove));
}

async function contacts() {
  const [res, who] = await Promise.all([call("GET", "/contacts"), call("GET", "/session")]);
  if (!res.ok || !who.ok) return nothing;
  const own = who.data.account.email;
  const list = res.data.contacts.sort((a, b) => (b.email === own) - (a.email === own));
  return () => {
    $("contact-list").replaceChildren(...list.map((c) => contactItem(c, own)));
    $("contact-add").replaceChildren(button("Add an address", "quiet-button small", () => askAddress("add_contact", "Add an address for alarms", "Somebody who gets your mail should not be the only one who hears the bell. A second address of yours, or of somebody you trust.", "The address")));
  };
}

/* ---- devices and sessions ---- */

/* A name of one's own tells two phones apart. No alarm ever shows it: a thief could choose it. */
function rename(d, item) {
  const f = field(`A name for ${d.name || d.platform}`, { type: "text", maxlength: "60", value: d.name, autocomplete: "off" });
  item.className = "";
  item.replaceChildren(
    form("", f.nodes, "Save the name", async () => {
      const res = await call("PATCH", `/devices/${d.id}`, { name: f.input.value.trim() });
      if (!res.ok) return say(explain(res));
      draw(await devices());
    }),
  );
  f.input.focus();
}

function deviceItem(d) {
  const label = d.name || d.platform;
  const last = el("span", {}, "last used ", when(d.last_seen));
  const words = dotted(d.current ? el("strong", {}, "this device") : last, d.place, d.trusted ? "trusted" : "new", d.push && "rings");
  const remove = () => begin({ action: "remove_device", device: d.id }, `Remove \u201c${label}\u201d`, "It is signed out, rings no more, and must prove everything anew.");
  const item = row(label, words, named("Rename", label, () => rename(d, item)), !d.current && named("Remove", label, remove));
  return item;
}

async function devices() {
  const res = await call("GET", "/devices");
  return res.ok ? () => $("device-list").replaceChildren(...mineFirst(res.data.devices).map(deviceItem)) : nothing;
}

function sessionItem(s) {
  const label = s.device.name || s.device.platform;
  const end = async () => {
    const res = await call("DELETE", s.current ? "/session" : `/sessions/${s.id}`);
    if (!res.ok) return say(explain(res));
    if (s.current) {
      forgetAll();
      return location.assign("/");
    }
    say("Signed out there.", "good");
    draw(await sessions());
  };
  return row(label, s.current ? [el("strong", {}, "here, now")] : ["since ", when(s.created_at)], named("Sign out", label, end));
}

async function endRest() {
  const res = await call("DELETE", "/sessions");
  if (!res.ok) return say(explain(res));
  say("Signed out everywhere but here.", "good");
  draw(await sessions());
}

async function sessions() {
  const res = await call("GET", "/sessions");
  if (!res.ok) return nothing;
  return () => {
    $("session-list").replaceChildren(...mineFirst(res.data.sessions).map(sessionItem));
    $("session-end").replaceChildren(...(res.data.sessions.length > 1 ? [button("Sign out everywhere else", "quiet-button small", endRest)] : []));
  };
}

/* ---- the rest ---- */

function download(result) {
  return [el("div", { class: "card" }, el("h2", {}, "Your copy is ready"), el("p", {}, "It can be fetched from this browser until ", when(result.expires_at), "."),
    el("div", { class: "buttons" }, el("a", { class: "button", href: result.download, download: true }, "Download my data"))), done()];
}

function gone() {
  return [el("div", { class: "card" }, el("h2", {}, "Your account is closed"),
    el("p", {}, "Every device is signed out. In 7 days all of it is gone for good."),
    el("p", {}, "Changed your mind, or it wasn't you? Press \u201cIt wasn't me\u201d in the mail that we just sent. It brings everything back, until then.")),
    el("p", {}, el("a", { class: "button", href: "/" }, "To the start"))];
}

function askDelete() {
  const f = field("Type DELETE", { type: "text", autocomplete: "off", pattern: "DELETE", maxlength: "6", title: "DELETE, in capitals" }, "So that a slip of the finger is not enough.");
  ask("Delete your account", "Everything that your account holds here goes, backups too. For 7 days you can bring it back with one press in a mail; then nobody can.",
    [form("", f.nodes, "Go on", () => run({ action: "delete_account" }, gone))]);
}

async function held() {
  const res = await call("GET", "/attempts?limit=50");
  if (!res.ok) return res.status === 401 ? () => location.assign("/sign-in?return=/security") : () => say(explain(res));
  const list = res.data.attempts.filter((a) => a.state === "held");
  const names = list.length > 0 ? await namesOf(list) : undefined;
  return () => place($("held"), list, "held", (a) => heldCard(a, load, names));
}

function rest() {
  if ($("key-new").children.length > 0) return;
  $("key-new").replaceChildren(button("Make a new key", "quiet-button small", () => begin({ action: "new_recovery_key" }, "A new recovery key", "The old one stops working. You need your password and a code from another device, or a passkey.")));
  $("export").replaceChildren(button("Get a copy of my data", "quiet-button small", () => begin({ action: "export_data" }, "A copy of your data", "All that your account holds here, as a ZIP file. First show that it is you.", download)));
  $("delete").replaceChildren(button("Delete my account", "quiet-danger small", askDelete));
  $(location.hash.slice(1))?.scrollIntoView(); // where a link led to, now that all above it is there
}

/* All at once: a button that has been seen must not move away from under a finger. */
const draw = (...parts) => parts.forEach((part) => part());

async function load() {
  draw(...(await Promise.all([held(), passkeys(), contacts(), devices(), sessions()])), rest);
}

initTasks(load);
load();
