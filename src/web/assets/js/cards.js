/* Cards that a person acts on: an attempt that wants a code, a change that waits, and an alarm. */
import { call, explain } from "./api.js";
import { button, countdown, digitsField, dotted, el, facts, form, say, when } from "./dom.js";
import { keptOf } from "./kept.js";
import { wordsOf } from "./words.js";

export function showDigits(digits, place) {
  place.replaceChildren(
    el("p", { class: "big-digits" }, digits),
    el("p", { class: "notice" }, `Type them on your own other device, at ${location.origin}, and nowhere else. Don't read them to anyone.`),
  );
}

async function reveal(attempt, place) {
  const res = await call("GET", `/attempts/${attempt.id}/code`);
  if (!res.ok) return say(res.status === 404 ? "There are no digits right now. Ask for them on the other device." : explain(res));
  showDigits(res.data.digits, place);
}

function typeHere(attempt, place, label, done) {
  const f = digitsField("The digits that your other device shows");
  place.replaceChildren(
    form("", f.nodes, label, async () => {
      const res = await call("POST", `/attempts/${attempt.id}/approve`, { digits: f.input.value.trim() });
      if (!res.ok) {
        f.input.value = "";
        f.input.focus();
        return say(explain(res));
      }
      done();
    }),
  );
  f.input.focus();
}

function stop(attempt, words, changed) {
  return async () => {
    const res = await call("POST", `/attempts/${attempt.id}/deny`);
    say(res.ok ? words : explain(res), res.ok ? "good" : "bad");
    changed();
  };
}

const amount = ({ amount: n, currency }) => `${n} ${currency}`;

/* What it is about: an address, a device, a purchase. `names`: of devices and passkeys, by id. */
function about({ action, about: a = {} }, names) {
  const named = (id) => id && (names.get(id) || "one that is gone");
  return [["Address", a.email], [action === "allow_deletion" ? "Backup of" : "Device to remove", named(a.device)], ["Passkey", named(a.passkey)], ["Backup of", named(a.from_device)],
    ["How much", a.from_device && names.get(`size of ${a.from_device}`)], ["Shop", a.payload?.merchant], ["Amount", a.payload && amount(a.payload)]];
}

const none = new Map();

function afterAnswer(res, answer) {
  if (!res.ok) return say(explain(res));
  if (answer === "me") return say("Good to know that this was you.", "good");
  if (res.data.account.state !== "locked_down") return say("Stopped. They are not in.", "good");
  say("Your account is locked down: what they had opens nothing any more. Choose a new password now.", "good");
}

/* One answer for all alarms of one attempt, the newest first. */
function answering(alert, tell, answer, changed) {
  return async () => {
    const [id, ...rest] = alert.ids || [alert.id];
    const res = await call("POST", `/alerts/${id}/answer`, { answer, tell_security_team: tell.checked });
    for (const other of res.ok ? rest : []) await call("POST", `/alerts/${other}/answer`, { answer });
    afterAnswer(res, answer);
    changed();
  };
}

function tellBox(id) {
  const tell = el("input", { type: "checkbox", id: `tell-${id}` });
  return { tell, label: el("label", { class: "check", for: tell.id }, tell, el("span", {}, "Also tell the security team")) };
}

const wheres = (alert) => [["When", when(alert.at)], ["Where", alert.from.place || alert.from.ip], ["Device", alert.from.device],
  ["How often", alert.count > 1 ? `${alert.count} times` : ""]];

export function alarmCard(alert, changed) {
  const { tell, label } = tellBox(alert.id);
  return el("article", { class: "card alarm", "data-alert": alert.id },
    alert.is_stopped && el("p", { class: "eyebrow" }, "It is stopped"),
    el("h2", {}, alert.is_stopped ? `${wordsOf(alert.action).wants.replace(/ wants? /, " wanted ")}. Was it you?` : alert.title),
    el("p", {}, alert.is_stopped ? "If it wasn't, say so: whoever asked for it may know your password." : alert.body.split("\n\n")[0]),
    facts(wheres(alert)),
    el("div", { class: "buttons" }, button("It wasn't me", "danger", answering(alert, tell, "not_me", changed)), button("It was me", "quiet-button", answering(alert, tell, "me", changed))),
    label);
}

/* An attempt that wants a code: with the alarm about it, where one rang, so that there is one card for one thing. */
export function attemptCard(attempt, changed, names = none) {
  const { alert } = attempt;
  const place = el("div", { "aria-live": "polite" });
  const { tell, label } = tellBox(attempt.id);
  const deny = alert ? answering(alert, tell, "not_me", changed) : stop(attempt, "Stopped. They are not in.", changed);
  const typed = () => typeHere(attempt, place, "That is me", () => {
    say("Done. Go on at your other device.", "good");
    changed();
  });
  return el("article", { class: alert ? "card alarm" : "card ask", "data-attempt": attempt.id, "data-alert": alert?.id },
    el("h2", {}, alert ? alert.title : wordsOf(attempt.action).wants),
    alert && el("p", {}, alert.body.split("\n\n")[0]),
    facts([...about(attempt, names), ["When", when(attempt.opened_at)], ["Where", attempt.from?.place || attempt.from?.ip], ["Device", attempt.from?.device]]),
    el("p", {}, "Is it you, right now, with that device in your hands? Then it wants digits."),
    place,
    el("div", { class: "buttons" },
      button("It isn't me: stop it", "danger", deny),
      button("Show the digits", "quiet-button", () => reveal(attempt, place)),
      button("Type digits from there", "quiet-button", typed)),
    alert && label);
}

/* Another device of the account's has shown one proof, and digits may be the next. */
export const wantsCode = (a) => a.state === "opened" && !a.own_device && a.needs.of.includes("code") && (a.code_alive || (a.proved.length > 0 && !a.proved.includes("code")));

/* A change that waits. The tab that asked for it can also finish it. */
export function heldCard(attempt, changed, names = none) {
  const place = el("div", { "aria-live": "polite" });
  const is_mine = keptOf(attempt.id) !== undefined;
  const letThrough = () => typeHere(attempt, place, "Let it through", () => {
    say("It waits no longer. Finish it on your other device.", "good");
    changed();
  });
  return el("article", { class: "card waits", "data-held": attempt.id },
    el("p", { class: "eyebrow" }, attempt.own_device ? "It waits. This device asked for it" : "It waits, so that you can stop it"),
    el("h2", {}, wordsOf(attempt.action).waits),
    countdown(attempt.opened_at, attempt.hold_until),
    facts([...about(attempt, names), ["Device", attempt.from?.device], ["Where", attempt.from?.place || attempt.from?.ip], ["Asked for", when(attempt.opened_at)], ["Can be finished", when(attempt.hold_until)]]),
    el("p", {}, "Nothing has changed yet. If you didn't ask for it, stop it."),
    place,
    el("div", { class: "buttons" },
      button("Stop", "danger", stop(attempt, "Stopped. Nothing was changed. If it wasn't you, also say so on the alarm about it.", changed)),
      is_mine && el("a", { class: "button quiet-button", href: `/waiting#${attempt.id}` }, "Go on with it"),
      !attempt.own_device && button("Let it through now", "quiet-button", letThrough)));
}

export function pastItem(alert) {
  const answer = { me: "You said: it was me", not_me: "You said: it wasn't me" }[alert.answer] || "Nothing to answer";
  return el("li", {}, el("h3", {}, alert.title), el("p", { class: "quiet" }, ...dotted(when(alert.at), alert.from.device, answer)));
}

/* Cards stay while what they show stays, so that nobody loses what they are typing. */
export function place(box, items, idName, make) {
  const old = new Map([...box.children].map((e) => [e.dataset[idName], e]));
  const cards = items.map((item) => {
    const text = JSON.stringify(item);
    const card = old.get(item.id);
    if (card && card.shown === text) return card;
    const fresh = make(item);
    fresh.shown = text;
    return fresh;
  });
  if (cards.length !== box.children.length || cards.some((c, i) => box.children[i] !== c)) box.replaceChildren(...cards);
}
