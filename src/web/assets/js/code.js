/* One attempt that wants a code from this device. */
import { call, explain } from "./api.js";
import { attemptCard } from "./cards.js";
import { el, say, show } from "./dom.js";

async function load() {
  const id = location.pathname.split("/")[2];
  const res = await call("GET", `/attempts/${id}`);
  const home = el("p", {}, el("a", { class: "button quiet-button", href: "/home" }, "See my account"));
  if (!res.ok) {
    say(explain(res));
    return show(home);
  }
  const a = res.data.attempt;
  if (["opened", "held"].includes(a.state)) show(attemptCard(a, load), home);
  else show(el("h2", {}, a.state === "denied" ? "This was stopped" : "There is nothing to do here any more"), home);
}

load();
