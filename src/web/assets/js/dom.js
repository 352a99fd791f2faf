/* Builds elements. Data only ever becomes text. */
import { remaining } from "./words.js";

export const $ = (id) => document.getElementById(id);

export function el(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (key === "class") e.className = value;
    else e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children.filter((c) => c !== undefined && c !== null && c !== false));
  return e;
}

export function say(text, kind = "bad") {
  const box = $("say");
  box.hidden = !text;
  box.className = `notice ${kind}`;
  box.textContent = text || "";
}

/* Puts one step in place of the last, and the reader's focus on what is asked for, or on the heading. */
export function show(...children) {
  const box = $("step");
  box.replaceChildren(...children.filter(Boolean));
  const target = box.querySelector("input:not([type=checkbox], [hidden])") || box.querySelector("h2");
  if (!target) return;
  if (target.tagName === "H2") target.tabIndex = -1;
  target.focus();
}

let count = 0;
export function field(label, props = {}, hint) {
  const id = `f${++count}`;
  const hintId = hint ? `${id}-hint` : undefined;
  const input = el("input", { id, required: true, "aria-describedby": hintId, ...props });
  return { input, nodes: [el("label", { for: id }, label), input, hint && el("p", { class: "hint", id: hintId }, hint)].filter(Boolean) };
}

export function digitsField(label, hint) {
  return field(label, { class: "digits", inputmode: "numeric", autocomplete: "one-time-code", pattern: "[0-9]*", maxlength: "8" }, hint);
}

/* A form with one button; while it works the button is off. */
export function form(title, nodes, button, submit) {
  const press = el("button", { type: "submit" }, button);
  const e = el("form", { class: "card" }, title && el("h2", {}, title), ...nodes, el("div", { class: "buttons" }, press));
  e.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (press.disabled) return;
    press.disabled = true;
    say("");
    try {
      await submit();
    } finally {
      press.disabled = false;
    }
  });
  return e;
}

export function button(text, cls, press) {
  const b = el("button", { type: "button", class: cls }, text);
  b.addEventListener("click", async () => {
    b.disabled = true;
    try {
      await press();
    } finally {
      b.disabled = false;
    }
  });
  return b;
}

const days = new Map([[0, "today"], [-1, "yesterday"], [1, "tomorrow"]]);

function day(d) {
  const noon = (x) => new Date(x.getFullYear(), x.getMonth(), x.getDate(), 12).getTime();
  return days.get(Math.round((noon(d) - noon(new Date())) / 86400e3)) || d.toLocaleDateString("en-GB", { dateStyle: "medium" });
}

/* In the reader's own time zone, with the exact time on the side. */
export function when(text) {
  if (!text) return "";
  const d = new Date(text);
  const utc = `${d.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return el("time", { datetime: text, title: utc }, `${day(d)}, ${d.toLocaleTimeString("en-GB", { timeStyle: "short" })}`);
}

/* Texts and elements in one line, with dots between those that are there. */
export function dotted(...parts) {
  return parts.filter(Boolean).flatMap((part, i) => (i ? [" \u00b7 ", part] : [part]));
}

export function facts(rows) {
  return el("dl", { class: "facts" }, ...rows.filter(([, v]) => v).map(([k, v]) => el("div", {}, el("dt", {}, k), el("dd", {}, v))));
}

/* What is left until then, in words and as a bar that empties. */
export function countdown(from, until) {
  const [start, end] = [new Date(from).getTime(), new Date(until).getTime()];
  const words = el("strong", {});
  const bar = el("progress", { max: String(Math.max(1, end - start)), "aria-hidden": "true" });
  const box = el("p", { class: "countdown", role: "timer" }, words, bar);
  const draw = () => {
    const left = end - Date.now();
    words.textContent = left > 0 ? `${remaining(left)} left` : "Time is up";
    bar.value = Math.max(0, left);
  };
  const timer = setInterval(() => (box.isConnected ? draw() : clearInterval(timer)), 1000);
  draw();
  return box;
}
