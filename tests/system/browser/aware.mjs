// Gwen learns: what her password is worth while she types it, what her account lacks, and how to tell a fake.
import { accessible, api, check, codeOfMail, expectNoise, heading, listed, origin, people, press, quiet, run, said, shoot, type, until } from "./tools.mjs";
import { keepKey, typeAddress } from "./steps.mjs";

const email = "gwendolyn@example.org";
const password = "five wooden spoons by the window";

const hint = (page, part, level) => until(`the hint: ${part}`, () => page.$eval(".strength", (e, p, l) => e.textContent.includes(p) && e.dataset.level === l, part, level));

async function retype(page, text) {
  await page.$eval("input[type=password]", (e) => (e.value = ""));
  await type(page, "input[type=password]", text);
}

async function signUp(gwen) {
  await gwen.goto(`${origin}/sign-up`);
  await typeAddress(gwen, email);
  await type(gwen, "input.digits", await codeOfMail(email));
  await press(gwen, "Go on");
  await type(gwen, "input[autocomplete=name]", "Gwendolyn");
  await type(gwen, "input[type=password]", "p4ssw0rd!");
  await hint(gwen, "swapping letters", "0");
  await accessible(gwen, "a password that would be refused");
  await shoot(gwen, "password-refused");
  check("a hint comes from the server where the page's own rules see nothing", true);
  await retype(gwen, "gwendolyn1984");
  await press(gwen, "Create my account");
  await said(gwen, "name or address");
  expectNoise(gwen, 422);
  check("and it is refused in the same words", true);
  await retype(gwen, password);
  await hint(gwen, "Good", "3");
  await press(gwen, "Create my account");
  await keepKey(gwen);
  await gwen.waitForFunction(() => location.pathname === "/home");
  quiet(gwen, "a password is chosen");
}

const state = (page, id) => page.$eval(`[data-item="${id}"]`, (e) => e.dataset.state);

async function checkup(gwen) {
  await listed(gwen, "#next-step", "Only one device");
  await accessible(gwen, "home with a next step");
  check("home says what helps most", true);
  await press(gwen, "Checkup");
  await listed(gwen, "#list", "Add a passkey");
  const first = await gwen.$eval("#list > li", (e) => e.innerText);
  check("the most urgent comes first, with one thing to do", first.includes("At risk") && first.includes("Only one device"), first);
  await accessible(gwen, "/checkup");
  await shoot(gwen, "checkup", { whole: true });
  await press(gwen, "Add an address");
  await gwen.waitForFunction(() => location.pathname === "/security" && location.hash === "#contacts");
  await listed(gwen, "#contact-list", email);
  const top = await until("the place", () => gwen.$eval("#contacts", (e) => { const { top } = e.getBoundingClientRect(); return top > -5 && top < innerHeight && `${top}`; }));
  check("a step leads to its place on the page", true, top);
  quiet(gwen, "/checkup");
}

// Another device signs in; the checkup sees it, and that it rang.
async function again(gwen) {
  const { alerts } = await api(gwen, "GET", "/alerts");
  for (const a of alerts) await api(gwen, "POST", `/alerts/${a.id}/answer`, { answer: "me" });
  await gwen.goto(`${origin}/checkup`);
  await gwen.waitForSelector("[data-item]");
  check("what is good is said, too", (await state(gwen, "answers")) === "good" && (await state(gwen, "password")) === "good");
  const score = await gwen.$eval("#score progress", (e) => e.value);
  check("a risk keeps the score under 50", score > 0 && score < 50, score);
}

async function learn(stranger) {
  await stranger.setJavaScriptEnabled(false);
  await stranger.goto(`${origin}/learn`);
  check("an answer is shut at first", !(await stranger.$eval("details p", (e) => e.checkVisibility())));
  for (const one of await stranger.$$("details summary")) await one.evaluate((e) => e.click());
  const open = await stranger.$$eval("details p", (all) => all.filter((e) => e.checkVisibility()).length);
  check("the cases open without JavaScript", open >= 5, open);
  await stranger.setJavaScriptEnabled(true);
  await stranger.goto(`${origin}/learn`);
  await heading(stranger, "Learn to tell a fake");
  check("it names the real address", (await stranger.$eval("main [data-origin]", (e) => e.textContent)) === origin);
  for (const one of await stranger.$$("details summary")) await one.evaluate((e) => e.click());
  await accessible(stranger, "/learn");
  await shoot(stranger, "learn");
  await press(stranger, "See my checkup");
  await stranger.waitForFunction(() => location.pathname === "/sign-in" && location.search === "?return=/checkup");
  check("the checkup is for those who are signed in", true);
  quiet(stranger, "/learn");
}

await run(async (browser) => {
  const [gwen, stranger] = await people(browser, 2);
  await signUp(gwen);
  await checkup(gwen);
  await again(gwen);
  await learn(stranger);
});
