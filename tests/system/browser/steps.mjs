// Steps that more than one run takes.
import { accessible, check, codeOfMail, heading, origin, person, press, pressAt, quiet, shoot, type } from "./tools.mjs";

export async function keepKey(page) {
  await heading(page, "Your recovery key");
  const key = await page.$eval(".key", (e) => e.dataset.key);
  await press(page, "I have kept it");
  await heading(page, "Do you really have it?");
  for (const input of await page.$$("input[data-group]")) await input.type(key.split("-")[Number(await input.evaluate((e) => e.dataset.group))].toLowerCase());
  await pressAt(page, "//button[normalize-space(.)='Check']");
  return key;
}

export async function signUp(page, email, password) {
  await page.goto(`${origin}/`);
  await accessible(page, "welcome");
  await shoot(page, "welcome");
  await press(page, "Create an account");
  await page.waitForSelector("input[type=email]");
  await accessible(page, "sign-up");
  await shoot(page, "sign-up");
  await type(page, "input[type=email]", email);
  await press(page, "Go on");
  await type(page, "input.digits", await codeOfMail(email));
  await press(page, "Go on");
  await type(page, "input[autocomplete=name]", "Ada");
  await type(page, "input[type=password]", "shorty");
  check("a hint says what is missing", (await page.$eval(".strength", (e) => e.textContent)) === "2 characters more.");
  await accessible(page, "a hint");
  await page.$eval("input[type=password]", (e) => (e.value = ""));
  await type(page, "input[type=password]", password);
  check("and that it is good", (await page.$eval(".strength", (e) => e.dataset.level)) === "3");
  await press(page, "Create my account");
  await heading(page, "Your recovery key");
  await accessible(page, "recovery key");
  await shoot(page, "recovery-key");
  const key = await keepKey(page);
  check("the recovery key is shown in groups", /^([0-9A-Z]{2,4}-){5,}[0-9A-Z]{2,4}$/.test(key), key);
  await page.waitForFunction(() => location.pathname === "/home");
  await heading(page, "All is quiet");
  check("signed up, and at home", true);
  quiet(page, "sign-up");
  return key;
}

export async function typeAddress(page, email) {
  await type(page, "input[type=email]", email);
  await press(page, "Go on");
}

export async function provePassword(page, password) {
  await type(page, "#step input[type=password]", password);
  await press(page, "Go on");
}

export async function knock(page, email, password) {
  await page.goto(`${origin}/sign-in`);
  await typeAddress(page, email);
  await provePassword(page, password);
}

export async function proveKey(page, key) {
  await press(page, "Use my recovery key");
  await type(page, "#step input[type=text]", key);
  await press(page, "Go on");
}

// The digits that a trusted device shows; typed where they are asked for, if that is given.
export async function digitsFrom(device, asking) {
  await device.goto(`${origin}/home`);
  await device.waitForSelector("article[data-attempt]");
  await press(device, "Show the digits");
  const digits = await (await device.waitForSelector(".big-digits")).evaluate((e) => e.textContent);
  if (!asking) return digits;
  await type(asking, "#step input.digits", digits);
  await press(asking, "Go on");
  return digits;
}

// A device that has shown one proof is in with the digits that another one of theirs shows.
export async function letIn(device, other) {
  await heading(other, "One more proof");
  await press(other, "Use one of my devices");
  await digitsFrom(device, other);
  await other.waitForFunction(() => location.pathname === "/home");
}

export async function signOut(page) {
  await page.goto(`${origin}/security`);
  await Promise.all([page.waitForNavigation(), pressAt(page, "//li[contains(., 'here, now')]//button")]);
}

// "It wasn't me" in a browser without a session and without a script. The page that comes of it.
export async function disown(browser, link) {
  const plain = await person(browser);
  await plain.setJavaScriptEnabled(false);
  await plain.goto(link);
  await pressNotMe(plain);
  await plain.setJavaScriptEnabled(true);
  return plain;
}

export const pressNotMe = (page) => Promise.all([page.waitForNavigation(), pressAt(page, "//button[@value='not_me']")]);
