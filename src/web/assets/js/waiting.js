/* What was started in this tab and waits: finished here, with or without a session. */
import { call } from "./api.js";
import { $, button, countdown, el, facts, say, show, when } from "./dom.js";
import { finish } from "./finish.js";
import { drop, kept } from "./kept.js";
import { Prover } from "./proofs.js";
import { wordsOf } from "./words.js";

function ended(action, result) {
  say(wordsOf(action).done, "good");
  show(
    result.download && el("p", {}, el("a", { class: "button", href: result.download, download: true }, "Download my data")),
    el("p", {}, el("a", { class: result.download ? "" : "button", href: "/home" }, "See my account")),
  );
}

async function goOn(entry, attempt) {
  $("list").hidden = true;
  const prover = new Prover({ attempt, token: entry.token }, { email: entry.email, again: "/waiting" });
  const result = await finish(prover);
  if (result) ended(attempt.action, result);
}

function card(entry, attempt) {
  const is_due = new Date(attempt.hold_until) <= new Date();
  return el("article", { class: "card waits", id: entry.id },
    el("h2", {}, wordsOf(attempt.action).waits),
    countdown(attempt.opened_at, attempt.hold_until),
    facts([["Asked for", when(attempt.opened_at)], ["Can be finished", when(attempt.hold_until)], ["You have until", when(attempt.expires_at)]]),
    el("div", { class: "buttons" }, button(is_due ? "Finish it" : "Wait here", "", () => goOn(entry, attempt))));
}

async function load() {
  const found = await Promise.all(kept().map(async (entry) => {
    const res = await call("GET", `/attempts/${entry.id}`, null, entry.token);
    if (res.ok && res.data.attempt.state === "held") return [entry, res.data.attempt];
    if (res.status !== 0 && res.status !== 503) drop(entry.id);
    return null;
  }));
  const list = found.filter(Boolean);
  const wanted = list.find(([entry]) => entry.id === location.hash.slice(1));
  if (wanted) return goOn(...wanted);
  if (list.length === 0) return show(el("p", {}, "Nothing that was started in this tab waits."), el("p", {}, el("a", { class: "button", href: "/home" }, "See my account")));
  $("list").replaceChildren(...list.map(([entry, attempt]) => card(entry, attempt)));
}

load();
