// Elif adds a passkey, and it is all that she needs: she signs in with it, buys, changes her password, and takes her
// account back. Chromium's own virtual authenticator plays her phone.
import { createPublicKey, verify } from "node:crypto";
import { accessible, check, expectNoise, heading, keyTo, listed, mails, origin, people, person, press, pressAt, quiet, run, said, shoot, sleep, type, until } from "./tools.mjs";
import { phone } from "./phone.mjs";
import { keepKey, proveKey, provePassword, signOut, signUp, typeAddress } from "./steps.mjs";

const email = "elif@example.org";
const password = "two red kites over the bay";
const fresh = "nine grey herons in the reeds";
const purchase = { merchant: "Harbour Bikes", amount: "129.90", currency: "EUR", description: "A blue bicycle", reference: "B-1077" };
const link = (o) => `${origin}/purchase#${Buffer.from(JSON.stringify(o)).toString("base64url")}`;

async function add(elif, key) {
  const it = await phone(elif);
  await elif.goto(`${origin}/security`);
  await press(elif, "Add a passkey");
  await provePassword(elif, password);
  await proveKey(elif, key);
  await heading(elif, "Name it, then make it");
  await accessible(elif, "a passkey's name");
  await shoot(elif, "passkey-name");
  await elif.$eval("#step input", (e) => (e.value = ""));
  await type(elif, "#step input", "My <b>phone</b>");
  await press(elif, "Make the passkey");
  await keepKey(elif);
  await said(elif, "Your passkey is ready");
  await listed(elif, "#passkey-list", "My <b>phone</b>");
  await accessible(elif, "/security with a passkey");
  check("a passkey is made, and has its name as text", (await it.credentials()).length === 1 && (await elif.$("#passkey-list b")) === null);
  await until("the mail", () => mails(email).some((m) => m.includes("A passkey was added")));
  quiet(elif, "a passkey is added");
  return it;
}

const arrived = (page, what) => page.waitForFunction(() => location.pathname === "/home").then(() => check(`${what}: a passkey alone signs in, without an address`, true));

// A browser that can't offer passkeys beside the field still has the button.
async function signInByButton(page, what) {
  const { identifier } = await page.evaluateOnNewDocument(() => (globalThis.PublicKeyCredential.isConditionalMediationAvailable = async () => false));
  await page.goto(`${origin}/sign-in`);
  check(`${what}: the field asks for passkeys`, (await page.$eval("input[type=email]", (e) => e.autocomplete)) === "username webauthn");
  await press(page, "Sign in with a passkey");
  await arrived(page, what);
  await page.removeScriptToEvaluateOnNewDocument(identifier);
  quiet(page, what);
}

// The virtual phone takes the browser's offer at once, as somebody does who taps it.
async function signInByOffer(page, what) {
  await page.goto(`${origin}/sign-in`);
  await arrived(page, what);
  quiet(page, what);
}

async function page(elif) {
  await elif.goto(`${origin}/sign-in`);
  await elif.waitForSelector("input[type=email]");
  await accessible(elif, "/sign-in");
  await shoot(elif, "sign-in");
  quiet(elif, "/sign-in");
}

async function newPassword(elif) {
  await elif.bringToFront();
  await elif.goto(`${origin}/change-password`);
  await keyTo(elif, "Begin");
  await heading(elif, "Use your passkey");
  await accessible(elif, "a passkey is asked for");
  await shoot(elif, "use-passkey");
  await keyTo(elif, "Use my passkey");
  await elif.waitForSelector("input[autocomplete=new-password]");
  await elif.keyboard.type(fresh);
  await elif.keyboard.press("Enter");
  await said(elif, "Your password is changed");
  check("the password is changed with a passkey, by keyboard alone", true);
  quiet(elif, "a new password");
}

async function isSigned(receipt) {
  const [head, body, signature] = receipt.split(".");
  const { keys } = await (await fetch(`${origin}/.well-known/jwks.json`)).json();
  const { alg, kid } = JSON.parse(Buffer.from(head, "base64url"));
  const key = createPublicKey({ key: keys.find((k) => !kid || k.kid === kid), format: "jwk" });
  const is_right = verify("sha256", Buffer.from(`${head}.${body}`), { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"));
  return { is: alg === "ES256" && is_right, claims: JSON.parse(Buffer.from(body, "base64url")) };
}

async function buy(elif) {
  await elif.goto(link(purchase));
  await heading(elif, "You are about to pay");
  const text = await elif.$eval("#step", (e) => e.innerText);
  check("shop, amount and what for are shown", ["129.90 EUR", "Harbour Bikes", "A blue bicycle", "B-1077"].every((t) => text.includes(t)), text);
  await accessible(elif, "/purchase");
  await shoot(elif, "purchase");
  await press(elif, "Pay with my passkey");
  await said(elif, "The purchase is authorized");
  await accessible(elif, "a receipt");
  await shoot(elif, "receipt");
  const receipt = await elif.$eval(".receipt", (e) => e.textContent);
  const { is, claims } = await isSigned(receipt);
  check("the receipt verifies with the published key", is, receipt);
  check("and says what was shown", JSON.stringify(claims).includes("129.90") && JSON.stringify(claims).includes("Harbour Bikes"), claims);
  await elif.browserContext().overridePermissions(origin, ["clipboard-read", "clipboard-write", "clipboard-sanitized-write"]);
  await press(elif, "Copy the receipt");
  await said(elif, "Copied");
  check("it can be copied", (await elif.evaluate(() => navigator.clipboard.readText())) === receipt);
  quiet(elif, "a purchase");
}

// The next commit is done, and its answer does not arrive.
const loseAnswer = (page) => page.evaluate(() => {
  const real = window.fetch;
  window.fetch = async (...a) => {
    const answer = await real(...a);
    if (!String(a[0]).endsWith("/commit")) return answer;
    window.fetch = real;
    throw new TypeError("lost");
  };
});

async function buyAndHearNothing(elif) {
  await elif.goto(link({ ...purchase, reference: "B-1078" }));
  await heading(elif, "You are about to pay");
  await loseAnswer(elif);
  await press(elif, "Pay with my passkey");
  await said(elif, "We can't reach tocsin");
  await press(elif, "Try again");
  await said(elif, "The purchase is authorized");
  const { is, claims } = await isSigned(await elif.$eval(".receipt", (e) => e.textContent));
  check("a receipt that was lost on the way is asked for again", is && claims.reference === "B-1078", claims);
  expectNoise(elif, 409);
  quiet(elif, "a purchase whose answer was lost");
}

// No copy is kept of a key: what was lost is made anew.
async function newKeyAndHearNothing(elif) {
  await elif.goto(`${origin}/security`);
  await listed(elif, "#key-new", "Make a new key");
  await press(elif, "Make a new key");
  await heading(elif, "Use your passkey");
  await loseAnswer(elif);
  await press(elif, "Use my passkey");
  await said(elif, "We can't reach tocsin");
  await press(elif, "Try again");
  await heading(elif, "did not reach you");
  await accessible(elif, "a key that was lost on the way");
  expectNoise(elif, 409);
  await press(elif, "Make a new recovery key");
  await listed(elif, "#key-new", "Make a new key");
  check("a key that was lost on the way: the page says to make another", true);
  quiet(elif, "a key that was lost on the way");
}

async function buyNothing(browser, elif, it) {
  for (const [what, o, words] of [["characters that deceive", { ...purchase, merchant: "Bank\u202eknaB" }, "deceive the eye"], ["an unknown member", { ...purchase, tip: "5" }, "can't read"], ["a number", { ...purchase, amount: 5 }, "can't read"]]) {
    await elif.goto("about:blank");
    await elif.goto(link(o));
    await said(elif, words);
    check(`${what}: nothing to pay`, (await elif.$("::-p-xpath(//button[contains(., 'Pay')])")) === null);
  }
  await elif.goto("about:blank");
  await elif.goto(link({ ...purchase, merchant: "<img src=x onerror=alert(1)>" }));
  await heading(elif, "You are about to pay");
  check("markup is text", (await elif.$("#step img")) === null && (await elif.$eval("#step", (e) => e.innerText)).includes("<img src=x"));
  await it.turnAway(true);
  await press(elif, "Pay with my passkey");
  await said(elif, "No passkey was used");
  await it.turnAway(false);
  check("whoever turns away has bought nothing", (await elif.$(".receipt")) === null);
  const stranger = await person(browser);
  await stranger.goto(link(purchase));
  check("a stranger signs in first, and keeps the purchase", stranger.url() === `${origin}/sign-in?return=/purchase#${link(purchase).split("#")[1]}`, stranger.url());
  quiet(elif, "no purchase");
}

// Another device of hers, with the passkey that her phone has synced: no password, no key.
async function recover(other) {
  await other.goto(`${origin}/recover`);
  await typeAddress(other, email);
  await press(other, "Use a passkey");
  await type(other, "input[autocomplete=new-password]", password);
  await press(other, "Save it");
  await heading(other, "A recovery of your account is waiting");
  await said(other, "Your password is new", { timeout: 40000 });
  check("a passkey alone takes the account back, after its wait", true);
  quiet(other, "recovery");
}

async function remove(elif) {
  await elif.goto(`${origin}/security`);
  await listed(elif, "#passkey-list", "My <b>phone</b>");
  await pressAt(elif, "//ul[@id='passkey-list']//button");
  await heading(elif, "Use your passkey");
  await press(elif, "Use my passkey");
  await said(elif, "opens nothing any more");
  await elif.waitForFunction(() => !document.querySelector("#passkey-none").hidden);
  check("a passkey is removed", true);
  quiet(elif, "a passkey is removed");
}

await run(async (browser) => {
  const [elif, other] = await people(browser, 2);
  await page(elif);
  const key = await signUp(elif, email, password);
  const it = await add(elif, key);
  await signOut(elif);
  await signInByButton(elif, "the device that she knows");
  await buy(elif);
  await newKeyAndHearNothing(elif);
  await buyAndHearNothing(elif);
  await elif.goto("about:blank");
  await buyNothing(browser, elif, it);
  await newPassword(elif);
  const synced = await it.credentials();
  await phone(other, synced);
  await signInByOffer(other, "a new device");
  await signOut(other);
  await recover(other);
  await sleep(200);
  await signInByOffer(elif, "after the recovery");
  await remove(elif);
  await elif.goto(link(purchase));
  await heading(elif, "You are about to pay");
  await press(elif, "Pay with my passkey");
  await said(elif, "That is not right");
  check("a removed passkey buys nothing", (await elif.$(".receipt")) === null);
  expectNoise(elif, 403);
  quiet(elif, "a removed passkey");
});
