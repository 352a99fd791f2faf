// Cleo's account is locked down and every session of hers is over. The way back: her recovery key, and a code that a
// push brings to the device that she has signed up with. Besides: the worker, no connection, a keyboard.
import { accessible, check, expectNoise, heading, linkOf, mails, origin, people, press, quiet, run, said, shoot, sleep, type, until } from "./tools.mjs";
import { disown, keepKey, knock, signUp, typeAddress } from "./steps.mjs";
import { notifications, pushService, shownBy, subscribe } from "./pushes.mjs";

const email = "cleo@example.org";
const password = "four green kettles sing slowly";
// digits as a word: an id or a port may hold the same by chance
const has = (text, digits) => new RegExp(`(?<![\\w-])${digits}(?![\\w-])`).test(text);
const fresh = "nine amber windows above the quay";

async function alarmPushed(cleo, worker, service, stranger) {
  await knock(stranger, email, password);
  await heading(stranger, "One more proof");
  const message = await service.next("the alarm's push", (m) => m.tocsin.kind === "opened");
  check("the push is a declarative message with the alarm's link", message.web_push === 8030 && message.notification.navigate.startsWith(`${origin}/a/tl_`), message.text);
  await worker.deliver(message.text);
  const [shown] = await until("the notification", async () => ((await notifications(cleo)).length > 0 ? notifications(cleo) : null));
  check("the worker shows the alarm's words", shown.title === message.notification.title && shown.body === message.notification.body, shown);
  check("with an icon that exists", (await fetch(shown.icon)).status === 200, shown.icon);
  const is_seen = await until("seen", () =>
    cleo.evaluate(async () => (await (await fetch("/api/v1/alerts")).json()).alerts.some((a) => a.deliveries.some((d) => d.channel === "push" && d.state === "seen"))));
  check("the worker says that it was seen", is_seen);
}

// The page's network and its worker's are two.
async function connection(page, is_there) {
  const target = await page.browserContext().waitForTarget((t) => t.type() === "service_worker");
  page.workerSession ??= await target.createCDPSession(); // what it emulates ends with it
  await page.workerSession.send("Network.enable");
  await page.workerSession.send("Network.emulateNetworkConditions", { offline: !is_there, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  await page.setOfflineMode(!is_there);
}

async function noConnection(cleo) {
  await connection(cleo, false);
  await cleo.goto(`${origin}/home`);
  await heading(cleo, "We can't reach tocsin");
  const font = await cleo.evaluate(() => getComputedStyle(document.body).backgroundColor);
  check("without a connection an honest page is there, with its style", font !== "rgba(0, 0, 0, 0)", font);
  await connection(cleo, true);
  cleo.noise.length = 0;
  await cleo.goto(`${origin}/offline`);
  await accessible(cleo, "offline");
  await shoot(cleo, "offline");
  quiet(cleo, "offline");
}

// A link on another site leads through the worker, and the session's cookie comes along.
async function fromElsewhere(cleo) {
  await cleo.goto(`${origin.replace("localhost", "127.0.0.1")}/sign-in`);
  await cleo.evaluate((to) => location.assign(to), `${origin}/home`);
  await cleo.waitForFunction((to) => location.href.startsWith(to), {}, origin);
  await heading(cleo, "Please look at this");
  check("a link from another site finds Cleo signed in", cleo.url() === `${origin}/home`, cleo.url());
  cleo.noise.length = 0;
}

async function shutOut(browser) {
  const plain = await disown(browser, await until("the alarm's mail", () => linkOf(mails(email).findLast(linkOf))));
  check("the account is locked down", (await plain.$eval("main", (e) => e.textContent)).includes("locked down"));
}

async function proveWithPushedCode(cleo, worker, service, other) {
  await press(other, "Use one of my devices");
  const message = await service.next("the code's push", (m) => m.tocsin.kind === "code");
  const digits = message.tocsin.code;
  const shown = await shownBy(cleo, worker, message);
  check("what is visible of a code's push shows no digits", /^\d{4,8}$/.test(digits) && !has(`${shown.title} ${shown.body} ${shown.navigate}`, digits), shown);
  await cleo.goto(shown.navigate);
  await cleo.waitForSelector("article.ask");
  expectNoise(cleo, 401);
  check("its page shows no digits before a tap", !has(await cleo.$eval("main", (e) => e.textContent), digits));
  await accessible(cleo, "a pushed code, signed out");
  await press(cleo, "Show the digits");
  const read = await (await cleo.waitForSelector(".big-digits")).evaluate((e) => e.textContent);
  check("a device that is signed out shows the digits that were pushed to it", read === digits, read);
  await type(other, "input.digits", read);
  await press(other, "Go on");
}

async function comeBack(cleo, worker, service, other, key) {
  await other.goto(`${origin}/recover`);
  await accessible(other, "/recover");
  await shoot(other, "recover");
  await typeAddress(other, email);
  await type(other, "input[type=text]", key);
  await press(other, "Go on");
  await proveWithPushedCode(cleo, worker, service, other);
  await type(other, "input[autocomplete=new-password]", fresh);
  await press(other, "Save it");
  await heading(other, "A recovery of your account is waiting");
  await shoot(other, "recovery-waits");
  check("a recovery from an unknown device waits, and goes on by itself", true);
  check("the spent recovery key is replaced", (await keepKey(other)) !== key);
  await said(other, "Your password is new");
  check("the account is taken back", true);
  quiet(other, "recovery");
}

// A known device, the new password, and no mouse.
async function byKeyboard(cleo) {
  await cleo.bringToFront();
  await cleo.goto(`${origin}/problems`);
  await cleo.keyboard.press("Tab");
  const skip = await cleo.evaluate(() => ({ is: document.activeElement.className, top: document.activeElement.getBoundingClientRect().top }));
  check("the first stop of the keyboard is the visible skip link", skip.is === "skip" && skip.top >= 0, skip);
  await cleo.goto(`${origin}/sign-in`);
  await until("the focus", () => cleo.evaluate(() => document.activeElement.type === "email"));
  await cleo.keyboard.type(email);
  await cleo.keyboard.press("Enter");
  await cleo.waitForSelector("input[type=password]");
  await until("the focus", () => cleo.evaluate(() => document.activeElement.type === "password"));
  const ring = await cleo.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  check("the focus is seen", ring === "solid", ring);
  await cleo.keyboard.type(fresh);
  await cleo.keyboard.press("Enter");
  await cleo.waitForFunction(() => location.pathname === "/home");
  check("the known device gets in with the new password, by keyboard alone", true);
  quiet(cleo, "the way back");
}

const service = await pushService();
await run(async (browser) => {
  const [cleo, stranger, other] = await people(browser, 3);
  const key = await signUp(cleo, email, password);
  const worker = await subscribe(cleo, service.subscription);
  check("the device is subscribed", worker.status === 201, worker.status);
  await alarmPushed(cleo, worker, service, stranger);
  await noConnection(cleo);
  await fromElsewhere(cleo);
  await shutOut(browser);
  await cleo.goto(`${origin}/home`);
  check("Cleo's own session is over too", cleo.url().includes("/sign-in"), cleo.url());
  await sleep(200);
  cleo.noise.length = 0;
  await comeBack(cleo, worker, service, other, key);
  await byKeyboard(cleo);
});
service.stop();
