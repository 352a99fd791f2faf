/* A new password, with hints while it is typed. `about`: what it should not contain. */
import { el, field } from "./dom.js";
import { strength } from "./strength.js";

export function newPassword(label, about = () => []) {
  const f = field(label, { type: "password", autocomplete: "new-password", minlength: "8", maxlength: "1000" }, strength("").hint);
  const hint = f.nodes.at(-1);
  const eye = el("input", { type: "checkbox", id: `${f.input.id}-eye` });
  const draw = () => {
    const s = strength(f.input.value, about());
    hint.textContent = s.hint;
    hint.dataset.level = f.input.value ? s.level : "";
  };
  hint.className = "hint strength";
  hint.setAttribute("aria-live", "polite");
  f.input.addEventListener("input", draw);
  eye.addEventListener("change", () => f.input.setAttribute("type", eye.checked ? "text" : "password"));
  f.nodes.push(el("label", { class: "check", for: eye.id }, eye, el("span", {}, "Show what I type")));
  return f;
}
