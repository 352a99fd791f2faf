// Dana changes everything that opens her account, on a device that is familiar and on one that is not, where it waits.
import { accessible, check, codeOfMail, expectNoise, heading, keyTo, linkOf, listed, mails, origin, people, press, pressAt, quiet, run, said, shoot, sleep, type, until } from "./tools.mjs";
import { digitsFrom, disown, keepKey, knock, letIn, proveKey, provePassword, signUp } from "./steps.mjs";

const email = "dana@example.org";
const second = "dana.second@example.org";
const third = "dana.third@example.org";
const password = "six paper boats on the canal";

async function answerAll(page) {
  await page.goto(`${origin}/home`);
  await sleep(300);
  await page.evaluate(async () => {
    const { alerts } = await (await fetch("/api/v1/alerts?limit=50")).json();
    const headers = { "Content-Type": "application/json" };
    for (const a of alerts) if (!a.answer) await fetch(`/api/v1/alerts/${a.id}/answer`, { method: "POST", headers, body: JSON.stringify({ answer: "me" }) });
  });
}

// A second device of hers: trusted with two proofs, and not familiar yet.
async function secondDevice(dana, tablet) {
  await knock(tablet, email, password);
  await heading(tablet, "One more proof");
  await accessible(tablet, "which proof");
  await letIn(dana, tablet);
  check("the second device is in", true);
  await answerAll(dana);
}

async function look(dana) {
  await dana.goto(`${origin}/security`);
  await listed(dana, "#contact-list", email);
  await listed(dana, "#session-list", "here, now");
  await listed(dana, "#device-list", "this device");
  await accessible(dana, "/security");
  await shoot(dana, "security", { whole: true });
  quiet(dana, "/security");
}

async function addContact(dana, key) {
  await press(dana, "Add an address");
  await type(dana, "#step input[type=email]", second);
  await accessible(dana, "a new address");
  await press(dana, "Go on");
  await provePassword(dana, password);
  await heading(dana, "One more proof");
  await proveKey(dana, key);
  await heading(dana, "Look into the new mailbox");
  await accessible(dana, "the new mailbox");
  await shoot(dana, "new-address");
  await type(dana, "#step input.digits", await codeOfMail(second));
  await press(dana, "Go on");
  const fresh = await keepKey(dana);
  await said(dana, "Alarms go to that address too");
  await listed(dana, "#contact-list", second);
  check("an address for alarms is added, with two proofs and its own code", true);
  const told = await until("the mail to both", () => [email, second].every((to) => mails(to).some((m) => m.includes("one more address"))));
  check("both addresses hear of it", told);
  quiet(dana, "an address is added");
  return fresh;
}

async function removeContact(dana, tablet) {
  await press(dana, "Remove");
  await provePassword(dana, password);
  await press(dana, "Use one of my devices");
  await press(dana, "Show digits here instead");
  const digits = await (await dana.waitForSelector(".big-digits")).evaluate((e) => e.textContent);
  await shoot(dana, "digits-here");
  await tablet.goto(`${origin}/home`);
  await tablet.waitForSelector("article[data-attempt]");
  check("the card says which address", (await tablet.$eval("article[data-attempt]", (e) => e.innerText)).includes(second));
  await press(tablet, "Type digits from there");
  await type(tablet, "article input.digits", digits);
  await accessible(tablet, "digits typed on the card");
  await press(tablet, "That is me");
  await said(dana, "That address is removed");
  await listed(dana, "#contact-list", "hears of alarms until");
  check("an address is removed, and hears of alarms for a week", true);
  quiet(dana, "an address is removed");
}

// A button that is there stays where it is: none comes before the part that is read last.
async function allAtOnce(dana) {
  const cdp = await dana.createCDPSession();
  await cdp.send("Fetch.enable", { patterns: [{ urlPattern: "*/devices" }] });
  const held = new Promise((hold) => cdp.once("Fetch.requestPaused", hold));
  const read = ["/passkeys", "/contacts", "/sessions", "/attempts?limit=50"].map((path) => dana.waitForResponse((res) => res.url().endsWith(path)));
  await dana.goto(`${origin}/security`);
  const { requestId } = await held;
  await Promise.all(read);
  await sleep(100);
  const early = await dana.$$eval("#overview button", (all) => all.length);
  check("/security: no button before all is read", early === 0, early);
  await cdp.send("Fetch.continueRequest", { requestId });
  await listed(dana, "#device-list", "this device");
  await cdp.detach();
  quiet(dana, "/security, slowly");
}

// By keyboard alone, from the page to the new key.
async function newKeyByKeyboard(dana, tablet) {
  await dana.bringToFront();
  await dana.goto(`${origin}/security`);
  await listed(dana, "#key-new", "Make a new key");
  await keyTo(dana, "Make a new key");
  await dana.waitForSelector("#step input[type=password]");
  await dana.keyboard.type(password);
  await dana.keyboard.press("Enter");
  await heading(dana, "One more proof");
  await keyTo(dana, "Use one of my devices");
  const digits = await digitsFrom(tablet);
  await dana.bringToFront();
  await dana.waitForSelector("#step input.digits");
  await dana.keyboard.type(digits);
  await dana.keyboard.press("Enter");
  await heading(dana, "Your recovery key");
  const key = await dana.$eval(".key", (e) => e.dataset.key);
  await keyTo(dana, "I have kept it");
  await heading(dana, "Do you really have it?");
  for (const input of await dana.$$("input[data-group]")) {
    await dana.keyboard.type(key.split("-")[Number(await input.evaluate((e) => e.dataset.group))]);
    await dana.keyboard.press("Tab");
  }
  await dana.keyboard.press("Enter");
  await said(dana, "Your new recovery key counts");
  const focus = await dana.evaluate(() => document.activeElement.id);
  check("a new recovery key is made by keyboard alone, and the page is back at its title", focus === "title", focus);
  quiet(dana, "a new recovery key");
  return key;
}

async function backChangesNothing(dana) {
  await dana.goto(`${origin}/security`);
  await listed(dana, "#export", "Get a copy");
  await press(dana, "Get a copy of my data");
  await dana.waitForSelector("#step input[type=password]");
  await dana.goBack();
  await dana.waitForFunction(() => !document.querySelector("#overview").hidden && document.querySelector("#task").hidden);
  check("the browser's way back leaves a task", (await dana.$("#step input")) === null);
  quiet(dana, "the way back");
}

async function exportData(dana, key) {
  await press(dana, "Get a copy of my data");
  await provePassword(dana, password);
  await proveKey(dana, key);
  const fresh = await keepKey(dana);
  await heading(dana, "Your copy is ready");
  await accessible(dana, "the copy is ready");
  const href = await dana.$eval("#step a.button", (e) => e.href);
  check("the copy has a link of this server", href.startsWith(`${origin}/api/v1/exports/`), href);
  const copy = await dana.evaluate(async (to) => { const res = await fetch(to); return { status: res.status, type: res.headers.get("content-type"), bytes: (await res.arrayBuffer()).byteLength }; }, href);
  check("the copy is there", copy.status === 200 && copy.type === "application/zip" && copy.bytes > 100, copy);
  await press(dana, "Done");
  quiet(dana, "a copy");
  return fresh;
}

/* ---- what waits ---- */

async function startOnTablet(dana, tablet, what) {
  await tablet.goto(`${origin}/security`);
  await press(tablet, what);
  await tablet.waitForFunction(() => document.querySelector("#task-lead").textContent.includes("This device is new to us"));
  await provePassword(tablet, password);
  await heading(tablet, "One more proof");
  await press(tablet, "Use one of my devices");
  await digitsFrom(dana, tablet);
  await heading(tablet, "is waiting");
}

async function stopped(dana, tablet) {
  await startOnTablet(dana, tablet, "Make a new key");
  check("the page says before that it will wait", true);
  await accessible(tablet, "it waits");
  await shoot(tablet, "it-waits");
  await answerAll(dana);
  await dana.goto(`${origin}/home`);
  await dana.waitForSelector("article[data-held] progress");
  await accessible(dana, "home, something waits");
  await shoot(dana, "home-held");
  await dana.goto(`${origin}/security`);
  await dana.waitForSelector("article[data-held] progress");
  await accessible(dana, "security, something waits");
  const text = await dana.$eval("article[data-held]", (e) => e.innerText);
  check("what waits says how long, from which device, and when", /5\d min left/.test(text) && text.includes("Chrome on Linux") && text.includes("Can be finished"), text);
  await press(dana, "Stop");
  await said(dana, "Stopped. Nothing was changed.");
  await dana.waitForFunction(() => !document.querySelector("article[data-held]"));
  await said(tablet, "stopped by the owner");
  check("one press stops what waits, and its page says so", true);
  expectNoise(tablet, 403);
  quiet(tablet, "stopped");
  quiet(dana, "stop");
}

async function letThrough(dana, tablet) {
  await startOnTablet(dana, tablet, "Get a copy of my data");
  await tablet.goto(`${origin}/waiting`);
  await tablet.waitForSelector("#list article");
  await accessible(tablet, "/waiting");
  await shoot(tablet, "waiting");
  await tablet.goto(`${origin}/home`);
  await press(tablet, "Go on with it");
  await press(tablet, "Show digits here");
  const digits = await (await tablet.waitForSelector(".big-digits")).evaluate((e) => e.textContent);
  await dana.goto(`${origin}/home`);
  await dana.waitForSelector("article[data-held]");
  await press(dana, "Let it through now");
  await type(dana, "article[data-held] input.digits", digits);
  await accessible(dana, "let through");
  await shoot(dana, "let-through");
  await press(dana, "Let it through");
  await said(dana, "It waits no longer");
  await tablet.waitForSelector("#step a.button[download]");
  await said(tablet, "Your copy is ready");
  check("digits on a familiar device end a hold, and what was left is finished later", true);
  const left = await tablet.evaluate(() => sessionStorage.length);
  check("nothing is kept of what is over", left === 0, left);
  quiet(tablet, "let through");
  quiet(dana, "let through");
}

// Eight seconds, as this server's configuration has it.
async function waitsItOut(tablet, key) {
  await tablet.goto(`${origin}/security`);
  await press(tablet, "Add an address");
  await type(tablet, "#step input[type=email]", third);
  await press(tablet, "Go on");
  await provePassword(tablet, password);
  await proveKey(tablet, key);
  await heading(tablet, "Look into the new mailbox");
  await type(tablet, "#step input.digits", await codeOfMail(third));
  await press(tablet, "Go on");
  await heading(tablet, "is waiting");
  await tablet.waitForSelector(".key", { timeout: 40000 });
  const fresh = await keepKey(tablet);
  await said(tablet, "Alarms go to that address too");
  await listed(tablet, "#contact-list", third);
  check("what nobody stops goes on by itself when its time is up", true);
  quiet(tablet, "waited out");
  return fresh;
}

async function removeDevice(dana, tablet, key) {
  await dana.goto(`${origin}/security`);
  await listed(dana, "#device-list", "this device");
  await pressAt(dana, "//ul[@id='device-list']//button[starts-with(@aria-label, 'Remove')]");
  await provePassword(dana, password);
  await proveKey(dana, key);
  const fresh = await keepKey(dana);
  await said(dana, "That device is signed out");
  await tablet.goto(`${origin}/home`);
  check("a removed device is signed out", tablet.url().includes("/sign-in"), tablet.url());
  quiet(dana, "a device is removed");
  return fresh;
}

async function deleteAndReturn(browser, dana, key) {
  await dana.goto(`${origin}/security`);
  await press(dana, "Delete my account");
  await accessible(dana, "delete");
  await shoot(dana, "delete");
  await type(dana, "#step input[pattern=DELETE]", "DELETE");
  await press(dana, "Go on");
  await provePassword(dana, password);
  await proveKey(dana, key);
  await keepKey(dana);
  await heading(dana, "Your account is closed");
  await accessible(dana, "closed");
  await dana.goto(`${origin}/home`);
  check("every session is over", dana.url().includes("/sign-in"), dana.url());
  const mail = await until("the mail", () => mails(email).findLast((m) => m.includes("was deleted")));
  const plain = await disown(browser, linkOf(mail));
  const text = await plain.$eval("main", (e) => e.innerText);
  check("one press in the mail brings it back, locked, and says so", text.includes("not deleted") && text.includes("locked down"), text);
  await accessible(plain, "brought back");
  await shoot(plain, "put-back");
  quiet(plain, "brought back");
}

// Without JavaScript each page says so, and says what works all the same.
async function withoutScript(dana) {
  await dana.setJavaScriptEnabled(false);
  for (const path of ["/home", "/security", "/backups", "/alerts", "/change-password", "/waiting", "/checkup", "/sign-in", "/sign-up", "/recover"]) {
    await dana.goto(origin + path);
    const text = await dana.$eval("noscript", (e) => (e.checkVisibility() ? e.innerText : ""));
    check(`${path} without JavaScript says so`, text.includes("JavaScript, which is off") && text.includes("It wasn't me"), text);
  }
  await dana.setJavaScriptEnabled(true);
  quiet(dana, "without JavaScript");
}

await run(async (browser) => {
  const [dana, tablet] = await people(browser, 2);
  let key = await signUp(dana, email, password);
  await secondDevice(dana, tablet);
  await look(dana);
  await allAtOnce(dana);
  await withoutScript(dana);
  await dana.goto(`${origin}/security`);
  key = await addContact(dana, key);
  await removeContact(dana, tablet);
  key = await newKeyByKeyboard(dana, tablet);
  await backChangesNothing(dana);
  key = await exportData(dana, key);
  await stopped(dana, tablet);
  await letThrough(dana, tablet);
  key = await waitsItOut(tablet, key);
  key = await removeDevice(dana, tablet, key);
  await deleteAndReturn(browser, dana, key);
});
