/* A known device needs the password; a new one needs two proofs. */
import { call, deviceName, explain } from "./api.js";
import { el, field, form, say, show } from "./dom.js";
import { showKey } from "./key.js";
import { commit, Prover } from "./proofs.js";

/* The server knows which places a sign-in may lead to. */
function goBack() {
  const wanted = new URLSearchParams(location.search).get("return");
  location.assign(wanted ? `/go?return=${encodeURIComponent(wanted)}` : "/home");
}

async function finish(prover) {
  const result = await commit(prover, { device: deviceName() });
  if (!result) return show(el("p", {}, el("a", { class: "button", href: "/sign-in" }, "Start again")));
  if (result.recovery_key) return showKey(result.recovery_key, goBack);
  goBack();
}

function askEmail() {
  const f = field("Your e-mail address", { type: "email", autocomplete: "username", maxlength: "254" });
  show(
    form("", f.nodes, "Go on", async () => {
      const email = f.input.value.trim();
      const res = await call("POST", "/attempts", { action: "sign_in", email });
      if (!res.ok) return say(explain(res));
      const prover = new Prover(res.data, email);
      prover.run().then((proved) => proved && finish(prover));
    }),
    el("p", {}, "New here? ", el("a", { href: "/sign-up" }, "Create an account")),
    el("p", { class: "quiet" }, `Look at the address bar before you type your password. We only ever send you to ${location.origin}.`),
  );
}

askEmail();
