/*
 * What you see is what you sign. A shop sends a person here with the purchase in the address, behind the #: base64url of
 * JSON. It becomes an attempt; what is shown is what the server holds of it, and what the passkey is bound to.
 */
import { call, explain } from "./api.js";
import { $, button, el, facts, say, show } from "./dom.js";
import { finish } from "./finish.js";
import { Prover } from "./proofs.js";
import { readPurchase } from "./purchase-link.js";
import { hasPasskeys } from "./webauthn.js";

const members = ["merchant", "amount", "currency", "description", "reference"];

function home() {
  return el("p", {}, el("a", { class: "button quiet-button", href: "/home" }, "See my account"));
}

function refuse(text) {
  say(text);
  show(home());
}

function bill(p) {
  return [el("p", { class: "price", "data-amount": true }, `${p.amount} ${p.currency}`),
    facts([["To", el("bdi", {}, p.merchant)], ["For", p.description && el("bdi", {}, p.description)], ["Reference", p.reference && el("bdi", {}, p.reference)]])];
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.", "good");
  } catch {
    say("This browser does not let us copy. Mark the text and copy it yourself.");
  }
}

function bought(p, receipt) {
  $("lead").hidden = true;
  $("title").textContent = "Paid, and signed";
  say("The purchase is authorized.", "good");
  show(
    el("div", { class: "card" }, ...bill(p)),
    el("div", { class: "card" }, el("h2", {}, "Your receipt"),
      el("p", {}, "Signed by us: the shop checks it with our published key. Give it to the shop if it asks."),
      el("p", { class: "receipt", tabindex: "0", role: "group", "aria-label": "Receipt" }, receipt),
      el("div", { class: "buttons" }, button("Copy the receipt", "", () => copy(receipt)))),
    home(),
  );
}

async function pay(p, opened) {
  const prover = new Prover(opened, { has_passkey: true, again: location.href });
  const proved = prover.run();
  prover.ceremony();
  if (!(await proved)) return;
  const result = await finish(prover);
  if (result) bought(p, result.receipt);
}

async function begin() {
  const { purchase, why } = readPurchase(location.hash);
  if (!purchase) return refuse(why);
  if (!hasPasskeys) return refuse("This browser can't use passkeys, and nothing else authorizes a purchase.");
  const opened = await call("POST", "/attempts", { action: "purchase", payload: purchase });
  if (opened.status === 401) return location.replace(`/sign-in?return=/purchase${location.hash}`);
  if (!opened.ok) return refuse(opened.status === 400 ? "The shop sent something that we can't read. Nothing was bought." : explain(opened));
  const held = await call("GET", `/attempts/${opened.data.attempt.id}`);
  const p = held.ok && held.data.attempt.about.payload;
  if (!p || members.some((m) => p[m] !== purchase[m])) return refuse("What the shop sent changed on its way. Nothing was bought.");
  show(
    el("div", { class: "card" }, el("h2", { class: "quiet" }, "You are about to pay"), ...bill(p),
      el("p", {}, "Only go on if you came here from that shop, just now. The name is what the shop says of itself."),
      el("div", { class: "buttons" }, button("Pay with my passkey", "", () => pay(p, opened.data)), el("a", { class: "button quiet-button", href: "/home" }, "Don't pay"))),
  );
}

begin();
