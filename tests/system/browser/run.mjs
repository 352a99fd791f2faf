// Ada signs up; a stranger who knows her password is heard of and shut out, by a link and without a script.
import { accessible, check, expectNoise, heading, linkOf, mails, origin, people, person, press, pressAt, quiet, run, said, shoot, sleep, type, until } from "./tools.mjs";
import { keepKey, knock, pressNotMe, provePassword, signOut, signUp, typeAddress } from "./steps.mjs";

const ada_email = "ada@example.org";
const ben_email = "ben@example.org";
const password = "seven quiet lanterns over the harbour";

async function alarmRings(ada, other, email = ada_email) {
  const before = mails(email).length;
  await knock(other, email, password);
  await heading(other, "One more proof");
  const t = Date.now();
  await ada.waitForSelector("article[data-alert]");
  check("the alarm is on the owner's open page", true, Date.now() - t);
  const mail = await until("the alarm's mail", () => mails(email).slice(before).find((m) => m.includes("/a/tl_")));
  return linkOf(mail);
}

async function codeShownThere(ada, other) {
  await press(other, "Use one of my devices");
  await ada.waitForSelector("article[data-attempt]");
  await accessible(ada, "home with an alarm and a code");
  await shoot(ada, "home-alarm");
  check("no digits before a tap", (await ada.$(".big-digits")) === null);
  await press(ada, "Show the digits");
  const digits = await (await ada.waitForSelector(".big-digits")).evaluate((e) => e.textContent);
  await type(other, "input.digits", digits);
  await accessible(other, "digits typed here");
  await press(other, "Go on");
  await other.waitForFunction(() => location.pathname === "/home");
  check("a code shown there lets the second device in", true);
  await ada.waitForFunction(() => !document.querySelector("article[data-attempt]"));
  check("the card goes by itself", true);
  quiet(other, "the second device");
}

async function answerAll(ada) {
  for (let i = 0; i < 20; i++) {
    const id = await ada.evaluate(() => {
      const button = [...document.querySelectorAll("article[data-alert] button")].find((b) => b.textContent === "It was me");
      button?.click();
      return button?.closest("article").dataset.alert;
    });
    if (!id) break;
    await ada.waitForFunction((x) => !document.querySelector(`[data-alert="${x}"]`), { timeout: 3000 }, id).catch(() => {});
    await sleep(200);
  }
  await heading(ada, "All is quiet");
  check("answered alarms are quiet", true);
  quiet(ada, "home");
}

async function codeShownHere(ada, other) {
  await knock(other, ada_email, password);
  await press(other, "Use one of my devices");
  await press(other, "Show digits here instead");
  const digits = await (await other.waitForSelector(".big-digits")).evaluate((e) => e.textContent);
  await ada.goto(`${origin}/home`);
  const card = await ada.waitForSelector("article[data-attempt]");
  await ada.goto(`${origin}/code/${await card.evaluate((e) => e.dataset.attempt)}`);
  await ada.waitForSelector("article[data-attempt]");
  await accessible(ada, "/code");
  await shoot(ada, "code");
  await press(ada, "Type digits from there");
  await type(ada, "article input.digits", digits);
  await press(ada, "That is me");
  await other.waitForFunction(() => location.pathname === "/home");
  check("a code shown here and typed there lets the third device in", true);
  await ada.goto(`${origin}/home`);
}

// A known device: signs out, and comes back with the password alone, to where it wanted to go.
async function knownDevice(page) {
  await signOut(page);
  await page.goto(`${origin}/change-password`);
  check("a page for those signed in asks to sign in", page.url().includes("/sign-in?return=/change-password"), page.url());
  await typeAddress(page, ada_email);
  await provePassword(page, password);
  await page.waitForFunction(() => location.pathname === "/change-password");
  check("a known device needs the password alone, and gets back to its page", true);
  quiet(page, "a known device");
}

// Password and recovery key; the spent key is replaced.
async function changePassword(page, key) {
  await page.goto(`${origin}/change-password`);
  await press(page, "Begin");
  await provePassword(page, password);
  await press(page, "Use my recovery key");
  await type(page, "input[type=text]", key.toLowerCase().replaceAll("-", " "));
  await accessible(page, "recovery key typed");
  await press(page, "Go on");
  await type(page, "input[autocomplete=new-password]", password);
  await press(page, "Save it");
  check("a spent recovery key is replaced", (await keepKey(page)) !== key);
  await said(page, "is changed");
  check("the password is changed with two proofs", true);
  quiet(page, "change of password");
}

// The list says what was answered and which ways an alarm went; times are the reader's own.
async function everyAlarm(page) {
  await page.goto(`${origin}/alerts`);
  await page.waitForSelector("#list li");
  await pressAt(page, "//*[@id='list']//summary");
  const text = await page.$eval("#list li", (e) => e.innerText);
  check("an alarm's ways are listed", text.includes("Mail") && text.includes(ada_email), text);
  const times = await page.$$eval("time", (all) => all.map((e) => e.title));
  check("each time has its exact time beside it", times.length > 0 && times.every((t) => /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/.test(t)), times);
  quiet(page, "alarms");
}

async function renameDevice(page) {
  await page.goto(`${origin}/security`);
  await press(page, "Rename");
  await page.waitForSelector("#device-list input");
  await page.$eval("#device-list input", (e) => (e.value = ""));
  await type(page, "#device-list input", "<b>Kitchen</b>");
  await accessible(page, "a device's name");
  await press(page, "Save the name");
  await page.waitForFunction(() => [...document.querySelectorAll("#device-list h3")].some((e) => e.textContent === "<b>Kitchen</b>"));
  check("a device has the name that was typed, as text", (await page.$("#device-list b")) === null);
  quiet(page, "a device's name");
}

async function signOutElsewhere(page, other) {
  await page.goto(`${origin}/security`);
  await press(page, "Sign out everywhere else");
  await said(page, "everywhere but here");
  await other.goto(`${origin}/home`);
  check("the other device is signed out", other.url().includes("/sign-in"), other.url());
}

async function workerStarts(page) {
  const state = await page.evaluate(async () => {
    await navigator.serviceWorker.register("/sw.js");
    return (await navigator.serviceWorker.ready).active !== null;
  });
  check("the service worker starts", state);
}

// Ben opens the mail's link in the browser that he is signed in with, and stays in.
async function ownBrowserStays(ben, stranger) {
  const link = await alarmRings(ben, stranger, ben_email);
  await ben.goto(link);
  await pressNotMe(ben);
  const text = await ben.$eval("main", (e) => e.textContent);
  check("the answering browser is told that it stays signed in", text.includes("but this one"), text);
  await ben.goto(`${origin}/home`);
  check("and it does", ben.url() === `${origin}/home`, ben.url());
  await ben.goto(link);
  check("an answered link says so", (await ben.$eval("main", (e) => e.textContent)).includes("You said that this wasn't you"));
  quiet(ben, "Ben's answer");
}

async function pagesAreFine(ada, stranger) {
  for (const path of ["/change-password", "/problems/wrong_proof", "/alerts", "/home"]) {
    await ada.goto(origin + path);
    await sleep(300);
    await accessible(ada, path);
    if (["/change-password", "/alerts"].includes(path)) await shoot(ada, path.slice(1));
    quiet(ada, path);
  }
  for (const path of ["/recover", "/sign-in", "/problems"]) {
    await stranger.goto(origin + path);
    await sleep(200);
    await accessible(stranger, path);
    if (path === "/problems") await shoot(stranger, "problems");
    quiet(stranger, path);
  }
  await stranger.goto(`${origin}/home`);
  check("home sends a stranger to sign in, and remembers where to", stranger.url() === `${origin}/sign-in?return=/home`, stranger.url());
  const res = await stranger.goto(`${origin}/a/tl_nothing`);
  check("an unknown link is a kind page", res.status() === 404 && (await stranger.$("h1")) !== null);
  await accessible(stranger, "unknown link");
  const nowhere = await stranger.goto(`${origin}/nowhere/at/all`);
  check("an unknown address is a kind page", nowhere.status() === 404 && (await stranger.$eval("h1", (e) => e.textContent)).includes("nothing at this address"));
  await accessible(stranger, "unknown address");
  await shoot(stranger, "missing");
  for (const [method, path, accept] of [["GET", "/nowhere", "application/json"], ["GET", "/api/v1/nowhere", "text/html"], ["POST", "/nowhere", "text/html"]]) {
    const answer = await fetch(origin + path, { method, headers: { Accept: accept } });
    const type = answer.headers.get("content-type");
    check(`${method} ${path} for ${accept} is a problem`, answer.status === 404 && type === "application/problem+json", `${answer.status} ${type}`);
  }
  expectNoise(stranger, 404);
  quiet(stranger, "unknown addresses");
}

async function shutOut(browser, ada, stranger) {
  const link = await alarmRings(ada, stranger);
  const plain = await person(browser);
  await plain.goto(link);
  await accessible(plain, "the alarm's page");
  await shoot(plain, "alarm-page");
  await plain.setJavaScriptEnabled(false);
  await plain.goto(link);
  await pressAt(plain, "//input[@name='tell_security_team']");
  await plain.type("#note", "It's not me & I am at home <now>");
  await pressNotMe(plain);
  const text = await plain.$eval("main", (e) => e.textContent);
  check("without a script, \u201cIt wasn't me\u201d locks the account down", text.includes("Your account is locked down"), text);
  check("the security team is told", text.includes("security team knows"), text);
  await plain.setJavaScriptEnabled(true);
  quiet(plain, "the alarm's page");
  await accessible(plain, "locked down");
  await shoot(plain, "locked-down");
  await press(stranger, "Use one of my devices");
  await sleep(300);
  expectNoise(stranger, 403);
  await ada.goto(`${origin}/home`);
  check("a link answered without a session ends all sessions", ada.url().includes("/sign-in"), ada.url());
  await knock(stranger, ada_email, password);
  await said(stranger, "not right");
  check("the password that the stranger knows opens nothing any more", true);
}

await run(async (browser) => {
  const [ada, second, third, stranger] = await people(browser, 4);
  const key = await signUp(ada, ada_email, password);
  await alarmRings(ada, second);
  await codeShownThere(ada, second);
  await sleep(500);
  await answerAll(ada);
  await codeShownHere(ada, third);
  await sleep(500);
  await answerAll(ada);
  await pagesAreFine(ada, stranger);
  await everyAlarm(ada);
  await renameDevice(ada);
  await signOutElsewhere(ada, third);
  await workerStarts(ada);
  await knownDevice(ada);
  await changePassword(ada, key);
  await ada.goto(`${origin}/home`);
  await ada.waitForSelector("article[data-alert]");
  await answerAll(ada);
  const ben = await person(browser);
  await signUp(ben, ben_email, password);
  await ownBrowserStays(ben, await person(browser));
  await shutOut(browser, ada, stranger);
});
