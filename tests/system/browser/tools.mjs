// What the run needs: a browser, the mail files, checks that count, axe.
import fs from "node:fs";
import path from "node:path";
import axe from "axe-core";
import puppeteer from "puppeteer-core";
import { smaller } from "./png.mjs";

export const origin = process.env.TOCSIN_ORIGIN;
const shots = process.env.TOCSIN_SCREENSHOTS ? path.resolve(process.env.TOCSIN_SCREENSHOTS) : null;
const counts = { passed: 0, failed: 0 };

export function check(what, is, detail = "") {
  counts[is ? "passed" : "failed"]++;
  if (!is) console.log(`FAILED ${what}`, detail);
  else console.log(`ok ${what}`);
}

function total() {
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 && counts.passed > 0;
}

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

export async function until(what, fn, ms = 30000) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await fn();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await sleep(50);
  }
}

async function serverIsUp() {
  await until("the server", () => fetch(`${origin}/readyz`).then((r) => r.status === 204, () => false));
}

function launch() {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    userDataDir: process.env.TOCSIN_PROFILE,
    headless: true,
    args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

// A page of a person of its own. `noise` collects what a console must not say; an answer of 4xx that a step means to
// get is taken out by expectNoise.
export async function person(browser) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.noise = [];
  page.on("console", (m) => m.type() === "error" && page.noise.push(`${m.text()} ${m.location().url}`));
  page.on("pageerror", (e) => page.noise.push(String(e)));
  page.setDefaultTimeout(30000);
  await page.setViewport({ width: 1100, height: 850 });
  return page;
}

export const people = (browser, n) => Promise.all(Array.from({ length: n }, () => person(browser)));

// One run in a browser of its own: it says what each page showed when a step fails, and ends with the count of its checks.
export async function run(story) {
  await serverIsUp();
  const browser = await launch();
  try {
    await story(browser);
  } catch (e) {
    check("the run goes through", false, e.stack);
    for (const page of (await Promise.all(browser.browserContexts().map((c) => c.pages()))).flat())
      console.log(page.url(), await page.evaluate(() => [(document.querySelector("main") || document.body).innerText.slice(0, 600), ...[...document.querySelectorAll("input")].map((e) => `${e.type}: ${e.value}`)].join("\n")).catch(() => ""), page.noise);
  } finally {
    await browser.close();
  }
  process.exit(total() ? 0 : 1); // also where a step that failed left a server running
}

export function quiet(page, what) {
  check(`${what}: nothing on the console`, page.noise.length === 0, page.noise.join("\n"));
  page.noise.length = 0;
}

export function expectNoise(page, status) {
  page.noise = page.noise.filter((n) => !n.includes(`status of ${status}`));
}

const looks = [
  ["light", { width: 1100, height: 850 }],
  ["dark", { width: 1100, height: 850 }],
  ["light", { width: 390, height: 844 }],
  ["dark", { width: 390, height: 844 }],
];

export async function accessible(page, what) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source); // half a megabyte to read: once a document
  for (const [scheme, size] of looks) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }, { name: "prefers-reduced-motion", value: "reduce" }]);
    await page.setViewport(size);
    const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const bad = result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).join("; ")}`);
    check(`${what}: axe, ${scheme}, ${size.width} px`, bad.length === 0, bad.join("\n"));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(`${what}: fits ${size.width} px, ${scheme}`, wide <= 0, wide);
  }
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }, { name: "prefers-reduced-motion", value: "reduce" }]);
  await page.setViewport(looks[0][1]);
}

// NAME-light, NAME-dark, NAME-phone: what a person sees of it, or with `whole` all of it.
export async function shoot(page, name, { whole = false } = {}) {
  if (!shots) return;
  fs.mkdirSync(shots, { recursive: true });
  for (const [look, scheme, size] of [["light", "light", { width: 900, height: 760 }], ["dark", "dark", { width: 900, height: 760 }], ["phone", "light", { width: 390, height: 844 }]]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }, { name: "prefers-reduced-motion", value: "reduce" }]);
    await page.setViewport(size);
    await page.evaluate(() => scrollTo(0, 0));
    fs.writeFileSync(path.join(shots, `${name}-${look}.png`), smaller(await page.screenshot({ fullPage: whole })));
  }
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }, { name: "prefers-reduced-motion", value: "reduce" }]);
  await page.setViewport(looks[0][1]);
}

function decode(part) {
  const cut = part.search(/\r?\n\r?\n/);
  const body = part.slice(cut).trim();
  if (/base64/i.test(part.slice(0, cut))) return Buffer.from(body, "base64").toString();
  return Buffer.from(body.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, h) => String.fromCharCode(parseInt(h, 16))), "latin1").toString();
}

// Texts of the mails to an address, oldest first.
export function mails(to) {
  const folder = process.env.TOCSIN_MAIL;
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).filter((n) => n.endsWith(".eml"))
    .map((n) => ({ at: fs.statSync(path.join(folder, n)).mtimeMs, text: fs.readFileSync(path.join(folder, n), "utf8") }))
    .filter((m) => m.text.split(/\r?\n\r?\n/)[0].includes(to))
    .sort((a, b) => a.at - b.at)
    .map((m) => decode(m.text.slice(m.text.indexOf("text/plain"))));
}

export async function codeOfMail(to) {
  const mail = await until(`a code to ${to}`, () => mails(to).findLast((m) => /\b\d{4,8}\b/.test(m)));
  return /\b(\d{4,8})\b/.exec(mail)[1];
}

export const linkOf = (mail) => /http\S+\/a\/tl_[A-Za-z0-9_-]+/.exec(mail)?.[0];

// As a program of theirs does it, with what this page's browser has.
export const api = (page, method, path, body, token) => page.evaluate(async (m, p, b, t) => {
  const headers = { "Content-Type": "application/json", ...(t && { Authorization: `Bearer ${t}` }) };
  const res = await fetch(`/api/v1${p}`, { method: m, headers, ...(m !== "GET" && { body: JSON.stringify(b || {}) }) });
  return { status: res.status, ...(await res.json().catch(() => ({}))) };
}, method, path, body, token);

// Presses the first that is seen, once it works and nothing covers it. The look and the press are one: in between a page
// could put another in its place.
export const pressAt = (page, xpath) => until(`${xpath} to press`, () => page.evaluate((path) => {
  const all = document.evaluate(path, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
  const it = Array.from({ length: all.snapshotLength }, (_, i) => all.snapshotItem(i)).find((e) => e.checkVisibility({ visibilityProperty: true }));
  if (!it || it.disabled) return false;
  it.scrollIntoView({ block: "center", behavior: "instant" });
  const [{ x, y, width, height }] = it.getClientRects();
  if (!it.contains(document.elementFromPoint(x + width / 2, y + height / 2))) return false;
  it.click();
  return true;
}, xpath).catch((e) => {
  if (!/context/i.test(e.message)) throw e;
})); // another document takes this one's place: looked for there

export const press = (page, text) => pressAt(page, `//*[self::button or self::a][contains(normalize-space(.), "${text}")]`);

// In one go, as from a password manager: a stroke of a key costs a browser several milliseconds.
export async function type(page, selector, text) {
  await until(`${selector} to hold what was typed`, async () => {
    const field = await page.waitForSelector(selector, { visible: true });
    await field.focus();
    await page.keyboard.sendCharacter(text);
    return field.evaluate((e) => e.value !== ""); // a field that had just lost the focus again took nothing
  });
}

// By keyboard alone: on to what has that name, and pressed.
export async function keyTo(page, name) {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => document.activeElement.getAttribute("aria-label") || document.activeElement.textContent || "");
    if (at.includes(name)) return page.keyboard.press("Enter");
  }
  throw new Error(`the keyboard does not reach ${name}`);
}

export const said = (page, text, options = {}) => page.waitForFunction((t) => !document.querySelector("#say").hidden && document.querySelector("#say").textContent.includes(t), options, text);
export const listed = (page, list, text) => page.waitForFunction((l, t) => document.querySelector(l)?.innerText.includes(t), {}, list, text);

export async function heading(page, text) {
  await page.waitForFunction((t) => [...document.querySelectorAll("h1, h2")].some((h) => h.textContent.includes(t)), {}, text);
}
