// The walk through a door: an account whose every pair of proofs opens it and none of them alone, from the page that asks
// for them; a passkey alone does; and none takes a code by mail for a proof. What a door takes and what comes of it says a
// table, as in pairs.mjs: `begin` and `opens` are what its page looks like, `opener` is who asks, `of` what it takes.
import { api, check, codeOfMail, expectNoise, heading, mails, origin, person, press, pressAt, quiet, run, said, type, until } from "./tools.mjs";
import { pushService, shownBy, subscribe } from "./pushes.mjs";
import { phone } from "./phone.mjs";
import { keepKey } from "./steps.mjs";

export const device = { name: "A device" };

/* ---- who: an account, its first device and a second one. Both are trusted, and only the first is familiar ---- */

// As a program does it, with what this page's browser has: for what other runs walk on the pages.
export async function attempt(page, opening, proofs, body = {}) {
  const { attempt: { id }, token } = await api(page, "POST", "/attempts", opening);
  for (const proof of proofs) await api(page, "POST", `/attempts/${id}/proofs`, proof, token);
  return (await api(page, "POST", `/attempts/${id}/commit`, body, token)).result;
}

export const passwordOf = (who) => ({ kind: "password", password: who.password });
export const keyOf = (who) => ({ kind: "recovery_key", recovery_key: who.key });

export async function signIn(page, who, more = []) {
  const result = await attempt(page, { action: "sign_in", email: who.email }, [passwordOf(who), ...more], { device });
  who.key = result.recovery_key || who.key;
}

async function signUp(page, who) {
  const { attempt: { id }, token } = await api(page, "POST", "/attempts", { action: "sign_up", email: who.email });
  await api(page, "POST", `/attempts/${id}/proofs`, { kind: "email_code", code: await codeOfMail(who.email) }, token);
  who.key = (await api(page, "POST", `/attempts/${id}/commit`, { password: who.password, device }, token)).result.recovery_key;
}

// A browser that nobody has used. What its pages open is kept as the server answered it.
export async function newBrowser(who) {
  const page = await person(who.browser);
  page.on("response", (res) => {
    const req = res.request();
    if (req.method() === "POST" && req.url().endsWith("/api/v1/attempts") && !req.postData().includes("discoverable")) page.opened = res.json();
  });
  await page.goto(`${origin}/problems`);
  return page;
}

async function forget(page, fits) {
  const context = page.browserContext();
  const cookies = (await context.cookies()).filter((c) => fits(c.name));
  if (cookies.length > 0) await context.deleteCookie(...cookies);
  return page;
}

// Without its cookies a browser is a new device each time.
export async function newDevice(who) {
  who.guest ||= await newBrowser(who);
  return forget(who.guest, () => true);
}

export async function signedOut(who) {
  await api(who.first, "DELETE", "/session");
  return forget(who.first, (name) => name === "tocsin_session");
}

async function household(browser, { name, helper }) {
  const who = { browser, email: `${name}@example.org`, password: "eleven copper bells at dawn", digits: [], former: [] };
  who.first = await newBrowser(who);
  await signUp(who.first, who);
  who.second = await newBrowser(who);
  await signIn(who.second, who, [keyOf(who)]);
  for (const { id } of (await api(who.first, "GET", "/alerts")).alerts) await api(who.first, "POST", `/alerts/${id}/answer`, { answer: "me" });
  who.helper = helper(who);
  who.service = await pushService();
  who.worker = await subscribe(who.helper, who.service.subscription);
  return who;
}

export async function addPasskey(who) {
  if (who.credentials) return;
  const it = (who.phone ||= await phone(who.first));
  const { attempt: { id }, token } = await api(who.first, "POST", "/attempts", { action: "add_passkey" });
  for (const proof of [passwordOf(who), keyOf(who)]) await api(who.first, "POST", `/attempts/${id}/proofs`, proof, token);
  const { publicKey } = await api(who.first, "POST", `/attempts/${id}/passkey`, {}, token);
  const credential = await who.first.evaluate(async (o) => (await import("/js/webauthn.js")).makePasskey(o), publicKey);
  who.key = (await api(who.first, "POST", `/attempts/${id}/commit`, { credential, name: "A phone" }, token)).result.recovery_key;
  who.credentials = await it.credentials();
}

/* ---- the proofs, as a person gives them ---- */

const shownDigits = async (page) => (await page.waitForSelector(".big-digits")).evaluate((e) => e.textContent);
const idOf = async (page) => (await page.opened).attempt.id;

async function typed(page, title, field, text) {
  if (!(await page.$(field))) await press(page, title);
  await type(page, field, text);
  await press(page, "Go on");
}

// The push's digits, on the page that its notification opens: also where nobody is signed in any more.
async function pushed(page, who) {
  const id = await idOf(page);
  await press(page, "Use one of my devices");
  await page.waitForSelector("#step input.digits"); // the push may be here before the page's own answer
  const message = await who.service.next("the code's push", (m) => m.tocsin.kind === "code" && m.notification.navigate.endsWith(id));
  const { navigate } = await shownBy(who.helper, who.worker, message);
  await who.helper.goto(navigate);
  await press(who.helper, "Show the digits");
  const digits = await shownDigits(who.helper);
  who.digits.push(digits);
  await typed(page, "Use one of my devices", "#step input.digits", digits);
}

async function approve(who, id, digits) {
  who.digits.push(digits);
  await who.helper.goto(`${origin}/code/${id}`);
  await press(who.helper, "Type digits from there");
  await type(who.helper, "article input.digits", digits);
  await press(who.helper, "That is me");
}

async function approved(page, who) {
  await press(page, "Use one of my devices");
  await press(page, "Show digits here instead");
  const digits = await shownDigits(page);
  await approve(who, await idOf(page), digits);
}

export const give = {
  password: (page, who) => typed(page, "Use my password", "#step input[type=password]", who.password),
  key: (page, who) => typed(page, "Use my recovery key", "#step input[type=text]:not(.digits)", who.key),
  pushed,
  approved,
};
const kindOf = { password: "password", key: "recovery_key", pushed: "code", approved: "code" };

/* ---- what a page offers, and what is shut ---- */

const titles = { "Use my password": "password", "Use my recovery key": "recovery_key", "Use one of my devices": "code", "Use a passkey": "passkey", "Use my passkey": "passkey" };

// What can be given on this screen, by its field or its buttons. A way that this run does not know stands there by its title.
async function offered(page) {
  const { fields, buttons, text } = await page.evaluate(() => ({
    fields: [...document.querySelectorAll("#step input:not([hidden])")].map((e) => (e.type === "text" ? "recovery_key" : e.type)),
    buttons: [...document.querySelectorAll("#step button, #step a.button")].map((e) => e.textContent),
    text: document.querySelector("#step").innerText,
  }));
  const named = buttons.filter((b) => b !== "Go on").map((b) => titles[b] || b);
  return { ways: [...fields, ...named].sort().join(), has_mail: /mail/i.test(text) };
}

async function offers(page, what, ways) {
  const now = await offered(page);
  check(`${what}: exactly these are offered: ${ways.sort().join()}; and no mail`, now.ways === ways.join() && !now.has_mail, now);
}

const canPasskey = (door, who) => (door.is_anonymous || who.credentials ? ["passkey"] : []);

export async function begin(door, page, who) {
  await door.prepare?.(who);
  page.opened = undefined;
  await door.begin(page, who);
  await until("the first screen", () => page.opened);
  await page.waitForSelector("#step :is(input[type=password], input[type=text], h2)");
}

export async function hasSession(page) {
  const { status } = await api(page, "GET", "/session");
  const cookies = (await page.browserContext().cookies()).map((c) => c.name);
  if (status === 401) expectNoise(page, 401);
  return { is: status === 200 && cookies.includes("tocsin_session"), is_not: status === 401 && !cookies.includes("tocsin_session"), status, cookies };
}

// Neither the page nor who has its token gets any further.
async function staysShut(door, page, what) {
  const { attempt: { id }, token } = await page.opened;
  const path = `${origin}/api/v1/attempts/${id}`;
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const res = await fetch(`${path}/commit`, { method: "POST", headers, body: JSON.stringify(door.body || {}) });
  const { attempt: now } = await (await fetch(path, { headers })).json();
  check(`${what}: nothing comes of it`, res.status === 409 && (await res.json()).code === "not_proved" && now.state === "opened", `${res.status} ${now.state}`);
  if (!door.is_anonymous) return;
  const session = await hasSession(page);
  check(`${what}: nobody is signed in`, session.is_not, session);
}

/* ---- one row of a door ---- */

async function first(door, page, who, proof) {
  const what = `${door.name}, ${proof} alone`;
  await begin(door, page, who);
  check(`${door.name}: it begins anew`, (await page.opened).attempt.proved.length === 0);
  await offers(page, `${door.name}, at first`, [...door.of.filter((kind) => kind !== "code"), ...canPasskey(door, who)]);
  await give[proof](page, who);
  await heading(page, "One more proof");
  await offers(page, what, [...door.of.filter((kind) => kind !== kindOf[proof]), ...canPasskey(door, who)]);
  await staysShut(door, page, what);
}

// Whoever goes away after one proof is nobody.
async function leaves(door, who, proof) {
  const page = await door.opener(who);
  await first(door, page, who, proof);
  await page.goto(`${origin}/home`);
  check(`${door.name}, ${proof} alone: home is shut`, page.url().includes("/sign-in"), page.url());
  quiet(page, `${door.name}, ${proof} alone`);
}

async function opens(door, page, who, what, has_key) {
  await door.opens(page, who, async () => has_key && (who.key = await keepKey(page)));
  const id = await idOf(page);
  const { attempt: { state } } = await api(who.first, "GET", `/attempts/${id}`);
  check(`${what}: it is ${door.state || "done"}`, state === (door.state || "done"), state);
  await door.after?.(who);
  for (const p of [page, who.helper]) expectNoise(p, 401); // of what was signed out meanwhile
  quiet(page, what);
  quiet(who.helper, `${what}, the other device`);
}

export async function pair(door, who, [one, other]) {
  const page = await door.opener(who);
  await first(door, page, who, one);
  await give[other](page, who);
  await opens(door, page, who, `${door.name}, ${one} and ${other}`, [one, other].includes("key"));
}

// No page asks for digits first, but a program can: none go out, and those that it shows are one proof when they are approved.
async function codeAlone(door, who, other) {
  const what = `${door.name}, code alone`;
  const page = await door.opener(who);
  await begin(door, page, who);
  const { attempt: { id }, token } = await page.opened;
  const there = await api(page, "POST", `/attempts/${id}/code`, { way: "shown_there" }, token);
  const { digits } = await api(page, "POST", `/attempts/${id}/code`, { way: "shown_here" }, token);
  const read = await api(who.helper, "GET", `/attempts/${id}/code`);
  const proof = await api(page, "POST", `/attempts/${id}/proofs`, { kind: "code", code: digits }, token);
  const got = [there, read, proof].map((x) => x.status).join();
  check(`${what}: none go to other devices, and none count here`, got === "202,404,403", got);
  await approve(who, id, digits);
  await said(who.helper, "Done");
  await staysShut(door, page, what);
  await give[other](page, who);
  for (const p of [page, who.helper]) for (const status of [403, 404]) expectNoise(p, status);
  await opens(door, page, who, `${door.name}, approved and ${other}`, other === "key");
}

async function passkeyAlone(door, who) {
  await addPasskey(who);
  const page = await door.opener(who);
  if (page !== who.first) await phone(page, who.credentials);
  const no_offer = await page.evaluateOnNewDocument(() => (globalThis.PublicKeyCredential.isConditionalMediationAvailable = async () => false));
  await begin(door, page, who);
  await page.removeScriptToEvaluateOnNewDocument(no_offer.identifier);
  await offers(page, `${door.name}, with a passkey`, [...door.of.filter((kind) => kind !== "code"), "passkey"]);
  await pressAt(page, "//*[@id='step']//button[contains(., 'passkey')]");
  await opens(door, page, who, `${door.name}, passkey`, false);
}

/* ---- what tables are made of ---- */

export const two_of_three = ["password", "code", "recovery_key"];
export const every_pair = [["password", "pushed"], ["password", "approved"], ["password", "key"], ["key", "password"], ["key", "pushed"], ["key", "approved"]];
export const onFirst = (who) => who.first;
export const onSecond = (who) => who.second;

export const onSecurity = (button) => async (page) => {
  await page.goto(`${origin}/security`);
  await press(page, button);
};

// No digits that opened a door were in any mail.
function noneMailed(who, what) {
  const texts = [who.email, ...who.former].flatMap(mails).map((text) => text.replace(/http\S+|\d{4}-\d\d-\d\d\S*|\d+ \w+ \d{4}|\d\d:\d\d/g, ""));
  const found = texts.filter((text) => who.digits.some((d) => new RegExp(`\\b${d}\\b`).test(text)));
  check(`${what}: no digits went by mail`, texts.length > 0 && found.length === 0, found[0]);
}

async function story(browser, doors, { doors: names, helper }) {
  const who = await household(browser, { name: names[0], helper });
  const mine = names.map((name) => ({ name, ...doors[name] }));
  for (const door of mine) {
    for (const proof of door.is_anonymous ? new Set(door.pairs.map(([one]) => one)) : []) await leaves(door, who, proof);
    for (const row of door.pairs) await pair(door, who, row);
    await codeAlone(door, who, door.pairs[0][0]);
    await door.also?.(door, who);
  }
  for (const door of mine) await passkeyAlone(door, who);
  noneMailed(who, names.join());
  who.service.stop();
}

// Codes are few an hour, so each account has only some of the doors.
export const walk = (doors, accounts) => run((browser) => Promise.all(accounts.map((account) => story(browser, doors, account))));
