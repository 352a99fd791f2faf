/* Shows that it is you: goes on until the attempt is proved, or ends it with words. Every dangerous thing comes by here. */
import { call, explain } from "./api.js";
import { $, button, digitsField, el, field, form, say, show } from "./dom.js";
import { hasPasskeys, usePasskey } from "./webauthn.js";

const over = (a) => a.state === "failed" || a.state === "expired" || a.state === "denied";
const poll_ms = 2000;
const turned_away = "No passkey was used. Try it again, or take another way.";

export class Prover {
  /* has_passkey: whether the account has one; undefined where that is not known. again: where one begins anew. */
  constructor({ attempt, token }, { email, has_passkey, again = location.pathname } = {}) {
    this.take({ attempt, token });
    this.email = email;
    this.has_passkey = has_passkey;
    this.again = again;
  }

  take({ attempt, token }) {
    this.attempt = attempt;
    this.token = token || this.token;
    this.path = `/attempts/${attempt.id}`;
  }

  /* Resolves true when proved, false when it has ended. */
  run() {
    return new Promise((done) => {
      this.done = done;
      this.next();
    });
  }

  /* With a passkey that was used before anything was asked for. */
  runWith(credential) {
    return new Promise((done) => {
      this.done = done;
      this.prove({ kind: "passkey", credential });
    });
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  can(kind) {
    return this.attempt.needs.of.includes(kind) && !this.attempt.proved.includes(kind);
  }

  canPasskey() {
    const { of, or } = this.attempt.needs;
    return hasPasskeys && this.has_passkey !== false && (of.includes("passkey") || or.includes("passkey"));
  }

  /* Everything but the address that must be shown to be one's own. */
  isProvedSoFar() {
    const { count, of, or } = this.attempt.needs;
    const { proved } = this.attempt;
    return proved.some((p) => or.includes(p)) || proved.filter((p) => of.includes(p)).length >= count;
  }

  next() {
    this.stop();
    if (this.attempt.state === "proved" || this.attempt.state === "held") return this.done(true);
    if (over(this.attempt)) return this.end();
    if (this.isProvedSoFar()) return this.newAddress();
    if (this.attempt.needs.of.length === 1 && this.attempt.needs.of[0] === "passkey") return this.passkey();
    if (this.attempt.proved.length > 0) return this.choose();
    if (this.has_passkey && this.canPasskey()) return this.passkey();
    if (this.can("password")) return this.password();
    return this.can("recovery_key") ? this.key() : this.choose();
  }

  end(text) {
    this.stop();
    say(text || "This has ended, for your safety. You can start again.");
    show(el("p", {}, el("a", { class: "button", href: this.again }, "Start again")));
    this.done(false);
  }

  /* While it is checked no other way can be begun: what comes of it takes this screen's place, and what is typed there. */
  async check(body) {
    const buttons = [...$("step").querySelectorAll("button:enabled")];
    for (const b of buttons) b.disabled = true;
    const res = await call("POST", `${this.path}/proofs`, body, this.token);
    for (const b of buttons) b.disabled = false;
    return res;
  }

  async prove(body, input) {
    const res = await this.check(body);
    if (res.ok) {
      this.take(res.data);
      say("");
      return this.next();
    }
    const code = res.data.code;
    if (code === "expired" || code === "denied" || code === "conflict") return this.end(explain(res));
    say(explain(res));
    if (!input) return;
    input.setAttribute("aria-invalid", "true");
    input.value = "";
    input.focus();
  }

  /* ---- what each screen has in common ---- */

  count() {
    const { count, of } = this.attempt.needs;
    const shown = this.attempt.proved.filter((p) => of.includes(p)).length;
    return count > 1 && el("p", { class: "eyebrow" }, `Proof ${shown + 1} of ${count}`);
  }

  ways(now) {
    const first = this.attempt.proved.length === 0;
    const list = [
      now !== "passkey" && this.canPasskey() && button("Use a passkey", "quiet-button small", () => this.passkey(true)),
      now !== "password" && this.can("password") && button("Use my password", "quiet-button small", () => this.password()),
      now !== "recovery_key" && this.can("recovery_key") && button("Use my recovery key", "quiet-button small", () => this.key()),
      now !== "code" && !first && this.can("code") && button("Use one of my devices", "quiet-button small", () => this.there()),
    ].filter(Boolean);
    return list.length > 0 && el("div", { class: "other-ways" }, el("p", { class: "quiet" }, "Or another way"), el("div", { class: "buttons" }, ...list));
  }

  /* The name is there for password managers. */
  account() {
    return this.email && el("input", { type: "email", autocomplete: "username", value: this.email, readonly: true, hidden: true, "aria-label": "E-mail address" });
  }

  /* ---- the screens ---- */

  password() {
    const f = field("Your password", { type: "password", autocomplete: "current-password", maxlength: "1000" });
    const forgot = this.attempt.action === "sign_in" && el("p", {}, el("a", { href: "/recover" }, "I forgot my password"));
    show(
      form("", [this.count(), this.account(), ...f.nodes].filter(Boolean), "Go on", () => this.prove({ kind: "password", password: f.input.value }, f.input)),
      this.ways("password"),
      forgot,
    );
  }

  /* With has_pressed the browser may ask at once. */
  passkey(has_pressed = false) {
    show(
      el("div", { class: "card" }, el("h2", {}, "Use your passkey"),
        el("p", {}, "Your device asks for your fingerprint, your face or its lock. Nothing is typed, so nothing can be stolen."),
        el("div", { class: "buttons" }, button("Use my passkey", "", () => this.ceremony()))),
      this.ways("passkey"),
    );
    if (has_pressed) return this.ceremony();
  }

  async ceremony() {
    const res = await call("POST", `${this.path}/passkey`, {}, this.token);
    if (!res.ok) return res.data.code === "expired" || res.data.code === "denied" ? this.end(explain(res)) : say(explain(res));
    say("");
    let credential;
    try {
      credential = await usePasskey(res.data.publicKey);
    } catch {
      return say(turned_away);
    }
    return this.prove({ kind: "passkey", credential });
  }

  choose() {
    const way = (kind, title, text, press) => this.can(kind) && el("li", {}, button(title, "quiet-button", press), el("p", { class: "quiet" }, text));
    const list = [
      way("code", "Use one of my devices", "A device that you have used before shows you a few digits.", () => this.there()),
      way("password", "Use my password", "The one that you sign in with.", () => this.password()),
      way("recovery_key", "Use my recovery key", "The groups of four that you printed or saved. Each key works once; you get a new one.", () => this.key()),
      this.canPasskey() && el("li", {}, button("Use a passkey", "quiet-button", () => this.passkey(true)), el("p", { class: "quiet" }, "Your fingerprint, your face or your device's lock.")),
    ].filter(Boolean);
    show(el("div", { class: "card" }, this.count(), el("h2", {}, "One more proof that it is you"), el("p", {}, "A password alone is not enough here, because passwords get stolen."), el("ul", { class: "choices" }, ...list)));
  }

  async there() {
    const res = await call("POST", `${this.path}/code`, { way: "shown_there" }, this.token);
    if (!res.ok) return say(explain(res));
    this.watch();
    const f = digitsField("The digits that your other device shows", "If a device that you trust can show them, it rings now. On it, open tocsin and tap \u201cShow the digits\u201d.");
    show(
      form("Type the digits here", [this.count(), ...f.nodes], "Go on", () => this.prove({ kind: "code", code: f.input.value.trim() }, f.input)),
      el("p", {}, "No digits there? ", button("Show digits here instead", "quiet-button small", () => this.here())),
      el("p", { class: "notice" }, `Type the digits only on this page, at ${location.origin}. Nobody from us ever asks for them.`),
      this.ways("code"),
    );
  }

  async here() {
    const res = await call("POST", `${this.path}/code`, { way: "shown_here" }, this.token);
    if (!res.ok) return say(explain(res));
    this.watch();
    show(
      el("div", { class: "card" }, this.count(), el("h2", {}, "Type these digits on your other device"), el("p", { class: "big-digits" }, res.data.digits),
        el("p", {}, "Open tocsin on a device that you have used before. It shows a card that asks for them. This page goes on by itself.")),
      el("p", { class: "notice" }, "Don't read these digits to anyone, and never type digits that somebody sent you."),
      this.ways("code"),
    );
  }

  watch() {
    this.stop();
    const timer = setInterval(async () => {
      const res = await call("GET", this.path, null, this.token);
      if (!res.ok || this.timer !== timer) return; // what was shown since then is newer
      const before = this.attempt.proved.length;
      this.attempt = res.data.attempt;
      if (over(this.attempt)) this.end(this.attempt.state === "denied" ? "The owner of the account stopped this." : undefined);
      else if (this.attempt.proved.length > before || this.attempt.state === "proved") this.next();
    }, poll_ms);
    this.timer = timer;
  }

  key() {
    const f = field("Your recovery key", { type: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: "200" },
      "The groups of four that you printed or saved. Capitals, spaces and hyphens don't matter.");
    show(
      form("", [this.count(), ...f.nodes].filter(Boolean), "Go on", () => this.prove({ kind: "recovery_key", recovery_key: f.input.value.trim() }, f.input)),
      el("p", { class: "notice" }, `We only ever ask for it at ${location.origin}.`),
      this.ways("recovery_key"),
    );
  }

  /* You are you; now the new address must be yours too. */
  newAddress() {
    const f = digitsField("The code from the mail", "We have sent a mail to the new address. This shows that it is yours, and that you did not mistype it.");
    show(form("Look into the new mailbox", f.nodes, "Go on", () => this.prove({ kind: "email_code", code: f.input.value.trim() }, f.input)));
  }
}
