/* From proved to done: what the commit takes is asked for, a hold is waited for, and what comes of it is shown. */
import { call, deviceName, explain } from "./api.js";
import { button, countdown, el, facts, field, form, say, show, when } from "./dom.js";
import { showKey } from "./key.js";
import { drop, keep } from "./kept.js";
import { newPassword } from "./new-password.js";
import { makePasskey } from "./webauthn.js";
import { wordsOf } from "./words.js";

const poll_ms = 3000;
const isOver = (code) => ["expired", "denied", "conflict", "unauthorized", "not_found"].includes(code);

/* Resolves to the result, or to null when it has ended with words. */
export function finish(prover) {
  return new Promise((done) => new Finish(prover, done).begin());
}

class Finish {
  constructor(prover, done) {
    this.prover = prover;
    this.done = done;
  }

  get action() {
    return this.prover.attempt.action;
  }

  begin() {
    const { attempt } = this.prover;
    if (attempt.state === "held" && new Date(attempt.hold_until) > new Date()) return this.hold(() => this.begin());
    if (this.action === "change_password" || this.action === "recover_password") return this.askPassword();
    if (this.action === "add_passkey") return attempt.hold_seconds > 0 ? this.commit({}) : this.askPasskey();
    return this.commit(this.action === "sign_in" ? { device: deviceName() } : {});
  }

  askPassword() {
    const f = newPassword("Your new password", () => [this.prover.email || ""]);
    show(form("Choose a new password", [this.prover.account(), ...f.nodes].filter(Boolean), "Save it", () => this.commit({ password: f.input.value })));
  }

  askPasskey() {
    const f = field("A name for this passkey", { type: "text", maxlength: "60", value: deviceName().name, autocomplete: "off" }, "So that you know it again, such as the device or the key ring that it is on.");
    show(form("Name it, then make it", [el("p", {}, "Your device asks for your fingerprint, your face or its lock, and keeps the passkey."), ...f.nodes], "Make the passkey", () => this.makePasskey(f.input.value.trim())));
  }

  async makePasskey(name) {
    const res = await call("POST", `${this.prover.path}/passkey`, {}, this.prover.token);
    if (!res.ok) return this.refused(res);
    let credential;
    try {
      credential = await makePasskey(res.data.publicKey);
    } catch (e) {
      return say(e.name === "InvalidStateError" ? "This device has a passkey for your account already." : "No passkey was made. Try it again.");
    }
    return this.commit({ credential, name });
  }

  refused(res) {
    say(explain(res));
    if (!isOver(res.data.code)) return;
    drop(this.prover.attempt.id);
    show(el("p", {}, el("a", { class: "button", href: this.prover.again }, "Start again")));
    this.done(null);
  }

  async commit(body) {
    const res = await call("POST", `${this.prover.path}/commit`, body, this.prover.token);
    if (res.data.code === "conflict") return this.doneAlready(res);
    if (res.status === 0 || res.status === 503) {
      say(explain(res));
      return show(el("p", {}, button("Try again", "", () => this.commit(body))));
    }
    if (!res.ok) return this.refused(res);
    this.prover.take(res.data);
    if (res.status === 202) {
      keep(this.prover);
      return this.hold(() => (this.action === "add_passkey" ? this.askPasskey() : this.commit(body)));
    }
    drop(this.prover.attempt.id);
    if (!res.data.result.recovery_key) return this.done(res.data.result);
    showKey(res.data.result.recovery_key, () => this.done(res.data.result));
  }

  /* It was done before, and the answer did not reach us: asked for again as far as it may be said twice. */
  async doneAlready(refusal) {
    const res = await call("GET", this.prover.path, null, this.prover.token);
    const { attempt, result = {} } = res.data;
    const needs_answer = ["sign_in", "add_passkey", "export_data"].includes(this.action) || (this.action === "purchase" && !result.receipt);
    if (!res.ok || attempt.state !== "done" || needs_answer) return this.refused(refusal);
    drop(attempt.id);
    const made_key = this.action === "new_recovery_key" || attempt.proved.includes("recovery_key");
    if (result.recovery_key) return showKey(result.recovery_key, () => this.done(result));
    if (!made_key) return this.done(result);
    show(
      el("h2", {}, "It is done, but your new recovery key did not reach you"),
      el("p", {}, "The connection was lost when we told you the key. We keep no copy of it, so that nobody can take it from us, and can't show it again. The key that you had counts no more."),
      el("p", {}, "Make another one now, while you have your password and another device or a passkey."),
      el("p", {}, el("a", { class: "button", href: "/security" }, "Make a new recovery key")));
    this.done(null);
  }

  /* ---- the hold ---- */

  hold(go) {
    const { attempt } = this.prover;
    const place = el("div", { "aria-live": "polite" });
    const is_due = new Date(attempt.hold_until) <= new Date();
    this.prover.onHold?.();
    show(
      el("div", { class: "card waits" },
        el("p", { class: "eyebrow" }, "It waits"),
        el("h2", {}, wordsOf(attempt.action).waits),
        el("p", {}, is_due ? "Time is up, but we could not reach you anywhere yet. It goes on as soon as one alarm has arrived." : "We told you on all your devices and by mail. Until then it can be stopped there, if it was not you."),
        countdown(attempt.opened_at, attempt.hold_until),
        facts([["Goes on", when(attempt.hold_until)], ["You have until", when(attempt.expires_at)]]),
        attempt.needs.of.includes("code") && el("p", {}, "Sooner? Type digits on a device that you have used for some days. ", button("Show digits here", "quiet-button small", () => this.digits(place))),
        place),
      el("p", { class: "quiet" }, "Keep this tab open, and it goes on by itself. You can look at other pages in it and come back to ", el("a", { href: "/waiting" }, "what waits"), "."),
    );
    this.watch(go, is_due);
  }

  async digits(place) {
    const res = await call("POST", `${this.prover.path}/code`, { way: "shown_here" }, this.prover.token);
    if (!res.ok) return say(explain(res));
    place.replaceChildren(el("p", { class: "big-digits" }, res.data.digits), el("p", { class: "notice" }, "Type them on your own other device, on the card of this change. Don't read them to anyone."));
  }

  watch(go, is_due) {
    const timer = setInterval(async () => {
      const res = await call("GET", this.prover.path, null, this.prover.token);
      if (!res.ok) return isOver(res.data.code) && (clearInterval(timer), this.refused(res));
      this.prover.take(res.data);
      const { state, hold_until } = res.data.attempt;
      if (["denied", "expired", "failed"].includes(state)) {
        clearInterval(timer);
        return this.refused({ status: 403, data: { code: state === "denied" ? "denied" : "expired" } });
      }
      if (new Date(hold_until) > new Date()) return;
      clearInterval(timer);
      go();
    }, is_due ? poll_ms * 5 : poll_ms);
  }
}
