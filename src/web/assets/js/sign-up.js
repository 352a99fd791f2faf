/* Address, mailed code, password, recovery key, home. */
import { call, deviceName, explain } from "./api.js";
import { digitsField, el, field, form, say, show } from "./dom.js";
import { showKey } from "./key.js";
import { newPassword } from "./new-password.js";
import { Prover } from "./proofs.js";

function askEmail() {
  const f = field("Your e-mail address", { type: "email", autocomplete: "email", maxlength: "254" }, "The alarm reaches you there.");
  show(
    form("", f.nodes, "Go on", async () => {
      const email = f.input.value.trim();
      const res = await call("POST", "/attempts", { action: "sign_up", email });
      if (!res.ok) return say(explain(res));
      askCode(new Prover(res.data, { email }));
    }),
    el("p", {}, "You have an account? ", el("a", { href: "/sign-in" }, "Sign in")),
  );
}

function askCode(prover) {
  const f = digitsField("The code from the mail", `We have sent a mail to ${prover.email}. If an account has that address already, the mail says so.`);
  show(
    form("Look into your mail", f.nodes, "Go on", async () => {
      const code = f.input.value.trim();
      const res = await call("POST", `${prover.path}/proofs`, { kind: "email_code", code }, prover.token);
      if (res.ok) return askPassword(prover);
      if (res.data.code === "expired") askEmail();
      say(explain(res));
    }),
  );
}

function askPassword(prover) {
  const name = field("What may we call you?", { type: "text", autocomplete: "name", maxlength: "80", required: undefined }, "You can leave this empty.");
  const password = newPassword("Choose a password", () => [prover.email, name.input.value]);
  show(
    form("Almost there", [prover.account(), ...name.nodes, ...password.nodes], "Create my account", async () => {
      const body = { password: password.input.value, device: deviceName() };
      if (name.input.value.trim()) body.name = name.input.value.trim();
      const res = await call("POST", `${prover.path}/commit`, body, prover.token);
      if (!res.ok) return say(explain(res));
      showKey(res.data.result.recovery_key, () => location.assign("/home"));
    }),
  );
}

askEmail();
