/* Two proofs or a passkey, then a new password. */
import { call, explain } from "./api.js";
import { el, form, say, show } from "./dom.js";
import { finish } from "./finish.js";
import { hasOwnPasskey } from "./passkeys.js";
import { Prover } from "./proofs.js";
import { wordsOf } from "./words.js";

async function begin() {
  const [res, has_passkey] = await Promise.all([call("POST", "/attempts", { action: "change_password" }), hasOwnPasskey()]);
  if (!res.ok) return say(explain(res));
  const prover = new Prover(res.data, { has_passkey });
  if (!(await prover.run()) || !(await finish(prover))) return;
  say(wordsOf("change_password").done, "good");
  show(el("p", {}, el("a", { class: "button", href: "/home" }, "Back to my account")));
}

show(form("", [el("p", {}, "We tell you on every device as soon as you begin, so that nobody can do this behind your back.")], "Begin", begin));
