/* Recovery key and a code from a known device, or a passkey; then a new password and a new key. */
import { call, explain } from "./api.js";
import { el, field, form, say, show } from "./dom.js";
import { finish } from "./finish.js";
import { kept } from "./kept.js";
import { Prover } from "./proofs.js";
import { wordsOf } from "./words.js";

async function recover(email) {
  const res = await call("POST", "/attempts", { action: "recover_password", email });
  if (!res.ok) return say(explain(res));
  const prover = new Prover(res.data, { email });
  if (!(await prover.run()) || !(await finish(prover))) return;
  say(wordsOf("recover_password").done, "good");
  show(el("p", {}, el("a", { class: "button", href: "/sign-in" }, "Sign in")));
}

function askEmail() {
  const f = field("Your e-mail address", { type: "email", autocomplete: "username", maxlength: "254" });
  show(
    kept().some((x) => x.action === "recover_password") && el("p", { class: "notice" }, "You have started this before, and it waits. ", el("a", { href: "/waiting" }, "Go on with it"), "."),
    form("", f.nodes, "Go on", () => recover(f.input.value.trim())),
    el("details", {}, el("summary", {}, "I have lost one of them"),
      el("p", {}, "With a passkey you need neither: it is on your phone, your computer or a key, and opens the way back alone."),
      el("p", {}, "No device that rings? Any device on which you are still signed in shows the digits, at its page."),
      el("p", {}, "There is no other way, and that is what keeps strangers out: nobody here can open your account for somebody who asks kindly.")),
  );
}

askEmail();
