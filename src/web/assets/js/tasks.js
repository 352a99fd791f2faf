/* One dangerous thing at a time: it takes the page's place, shows that it is you, does it, and gives the page back. */
import { call, explain } from "./api.js";
import { $, button, el, say, show } from "./dom.js";
import { finish } from "./finish.js";
import { hasOwnPasskey } from "./passkeys.js";
import { Prover } from "./proofs.js";
import { remaining, wordsOf } from "./words.js";

let current = null;

/* back: what draws the page again. */
export function initTasks(back) {
  addEventListener("hashchange", () => {
    if (location.hash !== "#now" && current) leave(back);
  });
  if (location.hash === "#now") history.replaceState(null, "", location.pathname); // loaded again in the middle: begun anew
}

function enter(title, lead) {
  current = {};
  location.hash = "now"; // so that the browser's own way back is one
  $("overview").hidden = true;
  $("task").hidden = false;
  $("task-title").textContent = title;
  $("task-lead").textContent = lead;
  $("leave").replaceChildren(button("Back, and change nothing", "quiet-button small", () => history.back()));
  show();
  say("");
  scrollTo(0, 0);
}

function leave(back) {
  current.prover?.stop();
  current = null;
  $("task").hidden = true;
  $("overview").hidden = false;
  $("step").replaceChildren();
  if (!$("say").classList.contains("good")) say("");
  $("title").focus();
  back();
}

/* Before it begins: asked in words of the thing itself. */
export function ask(title, lead, form_nodes) {
  enter(title, lead);
  show(...form_nodes);
}

/* Opens, proves, commits. shown(result): what stays on the page, or nothing. */
export async function run(opening, shown = () => []) {
  const mine = current;
  const [res, has_passkey] = await Promise.all([call("POST", "/attempts", opening), hasOwnPasskey()]);
  if (current !== mine) return; // left meanwhile
  if (!res.ok) return say(res.status === 409 ? res.data.detail : explain(res));
  const prover = new Prover(res.data, { has_passkey });
  mine.prover = prover;
  prover.onHold = () => $("leave").replaceChildren(button("Leave it waiting", "quiet-button small", () => history.back()));
  const { hold_seconds } = res.data.attempt;
  if (hold_seconds > 0) $("task-lead").textContent = `This device is new to us, or in a new place. So once you have shown that it is you, this waits ${remaining(hold_seconds * 1000)}.`;
  if (!(await prover.run())) return;
  const result = await finish(prover);
  if (!result || current !== mine) return;
  say(wordsOf(opening.action).done, "good");
  const nodes = shown(result);
  if (nodes.length === 0) return history.back();
  show(...nodes);
  $("leave").replaceChildren();
}

/* Gives nothing to wait for: whoever leaves in the middle finds the button as it was. */
export function begin(opening, title, lead, shown) {
  enter(title, lead);
  run(opening, shown);
}

export function done() {
  return el("p", {}, button("Done", "", () => history.back()));
}
