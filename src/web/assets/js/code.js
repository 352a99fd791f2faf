/* One attempt that wants a code from this device: as its owner's session sees it, or with the digits that were pushed. */
import { call, explain } from "./api.js";
import { attemptCard, heldCard, showDigits } from "./cards.js";
import { pushedDigits } from "./digits.js";
import { button, el, say, show } from "./dom.js";
import { namesOf } from "./names.js";

const id = location.pathname.split("/")[2];

function home() {
  return el("p", {}, el("a", { class: "button quiet-button", href: "/home" }, "See my account"));
}

function pushedCard(digits) {
  const place = el("div", { "aria-live": "polite" });
  return el("article", { class: "card ask" },
    el("h2", {}, "Another device asks for digits"),
    el("p", {}, "Only go on if you are doing this yourself, right now, with that device in your hands."),
    place,
    el("div", { class: "buttons" }, button("Show the digits", "", () => showDigits(digits, place))),
    el("p", { class: "quiet" }, "It isn't you? Then don't show them to anyone: without them nobody gets in. The alarm that came before this one has a button that stops it."));
}

async function load() {
  const res = await call("GET", `/attempts/${id}`);
  if (!res.ok) {
    const digits = await pushedDigits(id);
    if (digits) return show(pushedCard(digits));
    if (res.status === 401) return location.replace(`/sign-in?return=${encodeURIComponent(location.pathname)}`);
    say(explain(res));
    return show(home());
  }
  const a = res.data.attempt;
  const names = await namesOf([a]);
  if (a.state === "held") show(heldCard(a, load, names), home());
  else if (a.state === "opened") show(attemptCard(a, load, names), home());
  else show(el("h2", {}, a.state === "denied" ? "This was stopped" : "There is nothing to do here any more"), home());
}

load();
