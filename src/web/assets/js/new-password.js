/* A new password, judged while it is typed: at once by rules that need no list, and after a pause by the server, as it will
   be when it is saved. `about`: what it should not contain. */
import { call } from "./api.js";
import { el, field } from "./dom.js";
import { strength } from "./strength.js";

const pause_ms = 350;

/* What the server says of it, in the same words as here: level 0 will be refused, 3 is good. Nothing where it can't be asked. */
async function judged(password, hints) {
  const res = await call("POST", "/password/strength", { password, hints: hints.filter(Boolean).map((s) => s.slice(0, 80)) });
  if (!res.ok) return null;
  const { accepted, score, warning, suggestions } = res.data;
  const hint = [warning, ...suggestions].filter(Boolean).join(" ");
  if (!accepted) return { level: 0, hint };
  return score < 4 && hint ? { level: 2, hint } : null;
}

export function newPassword(label, about = () => []) {
  const f = field(label, { type: "password", autocomplete: "new-password", minlength: "8", maxlength: "1000" }, strength("").hint);
  const hint = f.nodes.at(-1);
  const eye = el("input", { type: "checkbox", id: `${f.input.id}-eye` });
  let timer = 0;
  const draw = (s) => {
    hint.textContent = s.hint;
    hint.dataset.level = f.input.value ? s.level : "";
  };
  const ask = async () => {
    const typed = f.input.value;
    const said = await judged(typed, about());
    if (said && f.input.value === typed) draw(said);
  };
  const typing = () => {
    const s = strength(f.input.value, about());
    draw(s);
    clearTimeout(timer);
    if (s.level > 0) timer = setTimeout(ask, pause_ms);
  };
  hint.className = "hint strength";
  hint.setAttribute("aria-live", "polite");
  f.input.addEventListener("input", typing);
  eye.addEventListener("change", () => f.input.setAttribute("type", eye.checked ? "text" : "password"));
  f.nodes.push(el("label", { class: "check", for: eye.id }, eye, el("span", {}, "Show what I type")));
  return f;
}
