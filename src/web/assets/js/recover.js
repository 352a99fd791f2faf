/* Recovery key and a code from a known device, then a new password and a new key. */
import { call, explain } from "./api.js";
import { el, field, form, say, show } from "./dom.js";
import { showKey } from "./key.js";
import { commit, newPassword, Prover } from "./proofs.js";

function done() {
  say("Your password is new. Every device was signed out; sign in again.", "good");
  show(el("p", {}, el("a", { class: "button", href: "/sign-in" }, "Sign in")));
}

function askPassword(prover) {
  const f = newPassword("Your new password", () => [prover.email]);
  show(
    form("Choose a new password", [prover.account(), ...f.nodes], "Save it", async () => {
      const result = await commit(prover, { password: f.input.value });
      if (!result) return;
      if (result.recovery_key) showKey(result.recovery_key, done);
      else done();
    }),
  );
}

function askEmail() {
  const f = field("Your e-mail address", { type: "email", autocomplete: "username", maxlength: "254" });
  show(
    form("", f.nodes, "Go on", async () => {
      const email = f.input.value.trim();
      const res = await call("POST", "/attempts", { action: "recover_password", email });
      if (!res.ok) return say(explain(res));
      const prover = new Prover(res.data, email);
      prover.run().then((proved) => proved && askPassword(prover));
    }),
  );
}

askEmail();
