/* Shows that it is you: goes on until the attempt is proved, or ends it with words. */
import { call, explain } from "./api.js";
import { button, digitsField, el, field, form, say, show, when } from "./dom.js";
import { strength } from "./strength.js";

const over = (a) => a.state === "failed" || a.state === "expired" || a.state === "denied";
const poll_ms = 2000;

export class Prover {
  constructor({ attempt, token }, email) {
    this.attempt = attempt;
    this.token = token;
    this.email = email;
    this.path = `/attempts/${attempt.id}`;
  }

  /* Resolves true when proved, false when it has ended. */
  run() {
    return new Promise((done) => {
      this.done = done;
      this.next();
    });
  }

  can(kind) {
    return this.attempt.needs.of.includes(kind) && !this.attempt.proved.includes(kind);
  }

  next() {
    clearInterval(this.timer);
    if (this.attempt.state === "proved" || this.attempt.state === "held") return this.done(true);
    if (over(this.attempt)) return this.end();
    if (this.can("password")) return this.password();
    if (this.attempt.proved.length === 0 && this.can("recovery_key")) return this.key();
    return this.choose();
  }

  end(text) {
    clearInterval(this.timer);
    say(text || "This has ended, for your safety. You can start again.");
    show(el("p", {}, el("a", { class: "button", href: location.pathname }, "Start again")));
    this.done(false);
  }

  async prove(body, input) {
    const res = await call("POST", `${this.path}/proofs`, body, this.token);
    if (res.ok) {
      this.attempt = res.data.attempt;
      return this.next();
    }
    const code = res.data.code;
    if (code === "expired" || code === "denied" || code === "conflict") return this.end(explain(res));
    say(explain(res));
    input.setAttribute("aria-invalid", "true");
    input.value = "";
    input.focus();
  }

  /* The name is there for password managers. */
  account() {
    return this.email && el("input", { type: "email", autocomplete: "username", value: this.email, readonly: true, hidden: true, "aria-label": "E-mail address" });
  }

  password() {
    const f = field("Your password", { type: "password", autocomplete: "current-password", maxlength: "1000" });
    show(
      form("", [this.account(), ...f.nodes].filter(Boolean), "Go on", () => this.prove({ kind: "password", password: f.input.value }, f.input)),
      this.attempt.needs.of.includes("code") && this.others(),
    );
  }

  others() {
    return el("p", {}, el("a", { href: "/recover" }, "I forgot my password"));
  }

  choose() {
    const nodes = [
      el("h2", {}, "One more proof that it is you"),
      el("p", {}, "This device is new to us, or this matters much. A password alone is not enough, because passwords get stolen."),
    ];
    const ways = el("div", { class: "buttons" });
    if (this.can("code")) ways.append(button("Use one of my devices", "", () => this.there()));
    if (this.can("recovery_key")) ways.append(button("Use my recovery key", "quiet-button", () => this.key()));
    show(el("div", { class: "card" }, ...nodes, ways));
  }

  back() {
    return button("Another way", "quiet-button small", () => this.next());
  }

  async there() {
    const res = await call("POST", `${this.path}/code`, { way: "shown_there" }, this.token);
    if (!res.ok) return say(explain(res));
    this.watch();
    const f = digitsField("The digits that your other device shows", "Your other device rings now. On it, open tocsin and tap \u201cShow the digits\u201d.");
    show(
      form("Type the digits here", [...f.nodes], "Go on", () => this.prove({ kind: "code", code: f.input.value.trim() }, f.input)),
      el("p", {}, "No digits there? ", button("Show digits here instead", "quiet-button small", () => this.here())),
      el("p", { class: "notice" }, `Type the digits only on this page, at ${location.origin}. Nobody from us ever asks for them.`),
      el("p", {}, this.back()),
    );
  }

  async here() {
    const res = await call("POST", `${this.path}/code`, { way: "shown_here" }, this.token);
    if (!res.ok) return say(explain(res));
    this.watch();
    show(
      el("div", { class: "card" }, el("h2", {}, "Type these digits on your other device"), el("p", { class: "big-digits" }, res.data.digits),
        el("p", {}, "Open tocsin on a device that you have used before. It shows a card that asks for them. This page goes on by itself.")),
      el("p", { class: "notice" }, "Don't read these digits to anyone, and never type digits that somebody sent you."),
      el("p", {}, this.back()),
    );
  }

  watch() {
    clearInterval(this.timer);
    this.timer = setInterval(async () => {
      const res = await call("GET", this.path, null, this.token);
      if (!res.ok) return;
      const before = this.attempt.proved.length;
      this.attempt = res.data.attempt;
      if (over(this.attempt)) this.end(this.attempt.state === "denied" ? "The owner of the account stopped this." : undefined);
      else if (this.attempt.proved.length > before || this.attempt.state === "proved") this.next();
    }, poll_ms);
  }

  key() {
    const f = field("Your recovery key", { type: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: "200" },
      "The groups of four that you printed or saved. Capitals, spaces and hyphens don't matter.");
    show(
      form("", f.nodes, "Go on", () => this.prove({ kind: "recovery_key", recovery_key: f.input.value.trim() }, f.input)),
      el("p", { class: "notice" }, `We only ever ask for it at ${location.origin}.`),
      this.can("code") && this.attempt.proved.length > 0 && el("p", {}, this.back()),
    );
  }
}

/* Commits, and while a hold lasts waits on this page. Gives the result, or null when the words are on the page. */
export async function commit(prover, body) {
  const res = await call("POST", `${prover.path}/commit`, body, prover.token);
  if (!res.ok) {
    say(explain(res));
    return null;
  }
  if (res.status !== 202) return res.data.result;
  return new Promise((done) => waitForHold(prover, body, res.data.attempt, done));
}

function waitForHold(prover, body, attempt, done) {
  const until = new Date(attempt.hold_until);
  show(
    el("div", { class: "card" }, el("h2", {}, "Almost done: it waits"),
      el("p", {}, "This device is new, so we wait until ", when(attempt.hold_until), ". You were told on all your devices and can still stop it there."),
      el("p", {}, "Keep this page open: it finishes by itself. If you close it, start again later.")),
  );
  setTimeout(async () => done(await commit(prover, body)), Math.min(Math.max(until - Date.now(), 1000) + 500, 2 ** 31 - 1));
}

/* A new password, with hints while it is typed. `about`: what it should not contain. */
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
