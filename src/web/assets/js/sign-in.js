/* A known device needs the password; a new one two proofs; a passkey opens alone, even without an address. */
import { call, deviceName, explain } from "./api.js";
import { button, el, field, form, say, show } from "./dom.js";
import { finish } from "./finish.js";
import { Prover } from "./proofs.js";
import { canOffer, hasPasskeys, usePasskey } from "./webauthn.js";

let offer = null; // the browser's offer beside the field, while it stands

/* The server knows which places a sign-in may lead to. What stands after # is the page's own. */
function goBack() {
  const wanted = new URLSearchParams(location.search).get("return");
  location.assign(wanted ? `/go?return=${encodeURIComponent(wanted)}${location.hash}` : "/home");
}

async function end(prover) {
  if (await finish(prover)) goBack();
}

async function withAddress(email) {
  offer?.abort();
  const res = await call("POST", "/attempts", { action: "sign_in", email });
  if (!res.ok) return say(explain(res));
  const prover = new Prover(res.data, { email });
  if (await prover.run()) await end(prover);
}

async function options() {
  const res = await call("POST", "/attempts", { action: "sign_in", discoverable: true });
  if (!res.ok) return { res };
  const prover = new Prover(res.data);
  const asked = await call("POST", `${prover.path}/passkey`, {}, prover.token);
  return { res: asked, prover, publicKey: asked.ok && asked.data.publicKey };
}

/* Asked for: the browser shows its own window. */
async function withPasskey() {
  offer?.abort();
  const { res, prover, publicKey } = await options();
  if (!publicKey) return say(explain(res));
  const credential = await usePasskey(publicKey).catch(() => null);
  if (!credential) return say("No passkey was used. Try it again, or type your address.");
  if (await prover.runWith(credential)) await end(prover);
}

/* Not asked for: it waits among the addresses that the browser offers. */
async function offerPasskey() {
  if (!(await canOffer())) return;
  const { prover, publicKey } = await options();
  if (!publicKey) return;
  offer = new AbortController();
  const credential = await usePasskey(publicKey, { mediation: "conditional", signal: offer.signal }).catch(() => null);
  if (credential && (await prover.runWith(credential))) await end(prover);
}

function askEmail() {
  const f = field("Your e-mail address", { type: "email", autocomplete: "username webauthn", maxlength: "254" });
  show(
    form("", f.nodes, "Go on", () => withAddress(f.input.value.trim())),
    hasPasskeys && el("div", { class: "other-ways" }, el("p", { class: "quiet" }, "Or without typing"), el("div", { class: "buttons" }, button("Sign in with a passkey", "quiet-button", withPasskey))),
    el("p", {}, "New here? ", el("a", { href: "/sign-up" }, "Create an account")),
    el("p", { class: "quiet" }, `Look at the address bar before you type your password. We only ever send you to ${location.origin}.`),
  );
  offerPasskey();
}

askEmail();
