/* The recovery key: shown once; kept by its owner; checked by two of its groups. */
import { button, el, field, form, say, show } from "./dom.js";

function save(key) {
  const text = `tocsin recovery key for ${location.origin}\n\n${key}\n\nKeep it where only you find it. We never ask for it by mail or phone.\n`;
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  el("a", { href: url, download: "tocsin-recovery-key.txt" }).click();
  URL.revokeObjectURL(url);
}

async function copy(key) {
  try {
    await navigator.clipboard.writeText(key);
    say("Copied. Paste it where only you find it, such as a password manager.", "good");
  } catch {
    say("This browser does not let us copy. Save or print it.");
  }
}

function twoPlaces(n) {
  const a = crypto.getRandomValues(new Uint32Array(2));
  const first = a[0] % n;
  const second = (first + 1 + (a[1] % (n - 1))) % n;
  return [first, second].sort((x, y) => x - y);
}

function check(key, groups, done) {
  const places = twoPlaces(groups.length);
  const fields = places.map((p) =>
    field(`Group ${p + 1} of ${groups.length}`, { type: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: "8", "data-group": String(p) }));
  const clean = (s) => s.toUpperCase().replace(/[\s-]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  show(
    form("Do you really have it?", [el("p", {}, "Type two groups of the key that you kept."), ...fields.flatMap((f) => f.nodes)], "Check", async () => {
      if (places.every((p, i) => clean(fields[i].input.value) === clean(groups[p]))) return done();
      say("These don't match. Look again, or go back to the key.");
    }),
    button("Show me the key again", "quiet-button", () => showKey(key, done)),
  );
}

export function showKey(key, done) {
  const groups = key.split("-");
  show(
    el("div", { class: "card" },
      el("h2", {}, "Your recovery key"),
      el("p", {}, "It is the way back when you lose your devices or your password. We show it only now, and can't show it again."),
      el("p", { class: "print-only" }, `For ${location.origin}`),
      el("ol", { class: "key", "aria-label": "Recovery key, in groups", "data-key": key }, ...groups.map((g) => el("li", {}, g))),
      el("div", { class: "buttons" },
        button("Print", "", () => window.print()),
        button("Save as a file", "quiet-button", () => save(key)),
        button("Copy", "quiet-button", () => copy(key))),
      el("p", { class: "quiet" }, "Best on paper, at home. Who has it has one of two proofs that they are you.")),
    el("div", { class: "buttons" }, button("I have kept it", "", () => check(key, groups, done))),
  );
}
