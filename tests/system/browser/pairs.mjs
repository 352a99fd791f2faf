// Every pair of proofs opens the door: signing in, the ways back, and what is asked for most.
import { api, check, codeOfMail, expectNoise, heading, linkOf, mails, origin, press, quiet, said, type, until } from "./tools.mjs";
import { begin, device, every_pair, give, hasSession, newBrowser, newDevice, onFirst, onSecond, onSecurity, pair, signedOut, signIn, two_of_three, walk } from "./doors.mjs";
import { disown, keepKey, knock, typeAddress } from "./steps.mjs";

let tunes = 0;
async function newPassword(page, who, kept, words) {
  const password = `twelve tin whistles, tune ${++tunes}`;
  await type(page, "#step input[autocomplete=new-password]", password);
  await press(page, "Save it");
  await kept();
  await said(page, words);
  who.password = password;
}

// While a proof is checked no other way can be begun: what is typed there would be lost with the answer.
async function oneAtATime(door, who) {
  const page = await door.opener(who);
  await begin(door, page, who);
  const cdp = await page.createCDPSession();
  await cdp.send("Fetch.enable", { patterns: [{ urlPattern: "*/proofs" }] });
  const held = new Promise((hold) => cdp.once("Fetch.requestPaused", hold));
  await give.password(page, who);
  const { requestId } = await held;
  const able = await page.$$eval("#step button:enabled", (all) => all.map((b) => b.textContent));
  check("sign_in: one proof at a time", able.length === 0, able);
  await cdp.send("Fetch.continueRequest", { requestId });
  await heading(page, "One more proof");
  await cdp.detach();
}

// Locked down: what a thief has opens nothing any more, and the way back is the key and a code that is pushed to a device that is signed out.
async function lockedDown(door, who) {
  const thief = await newBrowser(who);
  const before = mails(who.email).length;
  await knock(thief, who.email, who.password);
  await heading(thief, "One more proof");
  await disown(who.browser, await until("the alarm's mail", () => linkOf(mails(who.email).slice(before).findLast(linkOf))));
  for (const proof of ["password", "key"]) {
    await thief.goto(`${origin}/sign-in`);
    await typeAddress(thief, who.email);
    await thief.waitForSelector("#step input[type=password]");
    await give[proof](thief, who);
    await said(thief, "not right");
    check(`locked down, ${proof}: it counts for nothing on a new device`, (await hasSession(thief)).is_not);
  }
  expectNoise(thief, 403);
  quiet(thief, "locked down");
  await pair(door, who, ["key", "pushed"]);
}

const doors = {
  sign_in: {
    is_anonymous: true, of: two_of_three, pairs: every_pair, body: { device },
    opener: newDevice,
    begin: async (page, who) => {
      await page.goto(`${origin}/sign-in`);
      await typeAddress(page, who.email);
    },
    opens: async (page, who, kept) => {
      await kept();
      await page.waitForFunction(() => location.pathname === "/home");
      const session = await hasSession(page);
      check("sign_in: the person is in", session.is, session);
    },
    also: oneAtATime,
  },
  change_password: {
    opener: onFirst, of: two_of_three, pairs: every_pair, body: { password: "a thief's own long password" },
    begin: async (page) => {
      await page.goto(`${origin}/change-password`);
      await press(page, "Begin");
    },
    opens: (page, who, kept) => newPassword(page, who, kept, "Your password is changed"),
    after: (who) => signIn(who.second, who), // it was signed out; and the new password counts
  },
  recover_password: {
    is_anonymous: true, of: ["recovery_key", "code"], pairs: [["key", "pushed"], ["key", "approved"]], body: { password: "a thief's own long password" },
    opener: signedOut,
    begin: async (page, who) => {
      await page.goto(`${origin}/recover`);
      await typeAddress(page, who.email);
    },
    opens: async (page, who, kept) => {
      await newPassword(page, who, kept, "Your password is new");
      const { status } = await api(who.second, "GET", "/session");
      check("recover_password: every session is over, and nobody is signed in by it", status === 401 && (await hasSession(page)).is_not);
      await signIn(who.first, who);
      await signIn(who.second, who);
    },
    also: lockedDown,
  },
  export_data: {
    opener: onSecond, of: two_of_three, pairs: every_pair, state: "held",
    begin: onSecurity("Get a copy of my data"),
    opens: (page) => page.waitForSelector("#step .waits"), // and stays so: who stops too many is asked for no more codes
  },
  new_recovery_key: {
    opener: onFirst, of: ["password", "code"], pairs: [["password", "pushed"], ["password", "approved"]],
    begin: onSecurity("Make a new key"),
    opens: async (page, who) => {
      who.key = await keepKey(page);
      await said(page, "Your new recovery key counts");
    },
  },
  add_contact: {
    opener: onFirst, of: two_of_three, pairs: [["password", "key"], ["key", "password"]],
    begin: async (page, who) => {
      who.contact = `contact${++tunes}@example.org`;
      await onSecurity("Add an address")(page);
      await type(page, "#step input[type=email]", who.contact);
      await press(page, "Go on");
    },
    opens: async (page, who, kept) => {
      await heading(page, "Look into the new mailbox");
      await type(page, "#step input.digits", await codeOfMail(who.contact));
      await press(page, "Go on");
      await kept();
      await said(page, "Alarms go to that address too");
    },
  },
};

const accounts = [
  { doors: ["sign_in"], helper: onFirst },
  { doors: ["change_password", "add_contact"], helper: onSecond },
  { doors: ["new_recovery_key", "recover_password"], helper: onSecond },
  { doors: ["export_data"], helper: onFirst },
];

await walk(doors, accounts);
