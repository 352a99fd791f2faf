/* Two proofs, then a new password. */
import { call, explain } from "./api.js";
import { el, form, say, show } from "./dom.js";
import { showKey } from "./key.js";
import { commit, newPassword, Prover } from "./proofs.js";

function done() {
  say("Your password is changed. Every other device was signed out.", "good");
  show(el("p", {}, el("a", { class: "button", href: "/home" }, "Back to my account")));
}

function askPassword(prover) {
  const f = newPassword("Your new password");
  show(
    form("Choose a new password", f.nodes, "Save it", async () => {
      const result = await commit(prover, { password: f.input.value });
      if (!result) return;
      if (result.recovery_key) showKey(result.recovery_key, done);
      else done();
    }),
  );
}

async function begin() {
  const res = await call("POST", "/attempts", { action: "change_password" });
  if (!res.ok) return say(explain(res));
  const prover = new Prover(res.data);
  if (await prover.run()) askPassword(prover);
}

show(form("", [el("p", {}, "We tell you on every device as soon as you begin, so that nobody can do this behind your back.")], "Begin", begin));
