// Every pair of proofs opens the door: all else that the security page and the backups page ask for. What is approved
// after the password is a row of each door, too: see codeAlone.
import { api, codeOfMail, heading, origin, press, pressAt, said, type } from "./tools.mjs";
import { addPasskey, attempt, keyOf, newDevice, onFirst, onSecond, onSecurity, passwordOf, signIn, two_of_three, walk } from "./doors.mjs";
import { phone } from "./phone.mjs";

const pairs = [["password", "key"], ["key", "pushed"]];

const pressLabelled = (page, label) => pressAt(page, `//button[@aria-label="${label}"]`);
const onSecurityOf = (labelOf) => async (page, who) => {
  await page.goto(`${origin}/security`);
  await pressLabelled(page, labelOf(who));
};
const says = (words) => async (page, who, kept) => {
  await kept();
  await said(page, words);
};

let count = 0;
const fresh = (name) => `${name}${++count}`;

// With two proofs and, where it asks for that, the code that a new address got.
async function addContact(who) {
  who.contact = `${fresh("aunt")}@example.org`;
  const { attempt: { id }, token } = await api(who.first, "POST", "/attempts", { action: "add_contact", email: who.contact });
  for (const proof of [passwordOf(who), keyOf(who)]) await api(who.first, "POST", `/attempts/${id}/proofs`, proof, token);
  await api(who.first, "POST", `/attempts/${id}/proofs`, { kind: "email_code", code: await codeOfMail(who.contact) }, token);
  who.key = (await api(who.first, "POST", `/attempts/${id}/commit`, {}, token)).result.recovery_key;
}

async function removePasskeys(who) {
  for (const { id } of (await api(who.first, "GET", "/passkeys")).passkeys) {
    const result = await attempt(who.first, { action: "remove_passkey", passkey: id }, [passwordOf(who), keyOf(who)]);
    who.key = result.recovery_key;
  }
  who.credentials = undefined;
}

async function addGuest(who) {
  const page = await newDevice(who);
  await signIn(page, who, [keyOf(who)]);
  const { device: { id } } = await api(page, "GET", "/session");
  who.guest_name = fresh("Guest ");
  await api(page, "PATCH", `/devices/${id}`, { name: who.guest_name });
}

async function backUp(who) {
  if (who.backup) return;
  const { device: { id } } = await api(who.first, "GET", "/session");
  const { token } = await api(who.first, "POST", `/devices/${id}/backup-token`);
  const Authorization = `Basic ${Buffer.from(`${id}:${token}`).toString("base64")}`;
  await fetch(`${origin}/backup/${id}/?create=true`, { method: "POST", headers: { Authorization } });
  await fetch(`${origin}/backup/${id}/config`, { method: "POST", body: "a config", headers: { Authorization, "Content-Type": "application/octet-stream" } });
  who.backup = id;
}

const doors = {
  change_email: {
    opener: onFirst, of: two_of_three, pairs,
    begin: async (page, who) => {
      who.fresh = `${fresh("moved")}@example.org`;
      await onSecurityOf(() => `Change: ${who.email}`)(page, who);
      await type(page, "#step input[type=email]", who.fresh);
      await press(page, "Go on");
    },
    opens: async (page, who, kept) => {
      await heading(page, "Look into the new mailbox");
      await type(page, "#step input.digits", await codeOfMail(who.fresh));
      await press(page, "Go on");
      await kept();
      await said(page, "Your address is changed");
      who.former.push(who.email);
      who.email = who.fresh;
    },
  },
  remove_device: {
    opener: onFirst, of: two_of_three, pairs,
    prepare: addGuest,
    begin: onSecurityOf((who) => `Remove: ${who.guest_name}`),
    opens: says("That device is signed out"),
  },
  remove_contact: {
    opener: onFirst, of: two_of_three, pairs,
    prepare: addContact,
    begin: onSecurityOf((who) => `Remove: ${who.contact}`),
    opens: says("That address is removed"),
  },
  allow_deletion: {
    opener: onFirst, of: two_of_three, pairs,
    prepare: backUp,
    begin: async (page) => {
      await page.goto(`${origin}/backups`);
      await press(page, "Let it delete old backups");
    },
    opens: says("The device can delete from its backup for an hour"),
  },
  remove_passkey: {
    opener: onFirst, of: two_of_three, pairs,
    prepare: addPasskey,
    begin: onSecurityOf(() => "Remove: A phone"),
    opens: says("That passkey opens nothing any more"),
    after: async (who) => (who.credentials = undefined),
  },
  add_passkey: {
    opener: onFirst, of: two_of_three, pairs,
    begin: async (page, who) => {
      who.phone ||= await phone(page);
      await onSecurity("Add a passkey")(page);
    },
    opens: async (page, who, kept) => {
      await heading(page, "Name it, then make it");
      await who.phone.forget(); // it makes no second one for the same account
      await press(page, "Make the passkey");
      await kept();
      await said(page, "Your passkey is ready");
    },
    after: removePasskeys,
  },
  delete_account: {
    opener: onSecond, of: two_of_three, pairs, state: "held",
    begin: async (page) => {
      await onSecurity("Delete my account")(page);
      await type(page, "#step input[pattern=DELETE]", "DELETE");
      await press(page, "Go on");
      await page.waitForFunction(() => !document.querySelector("#step input[pattern=DELETE]"));
    },
    opens: (page) => page.waitForSelector("#step .waits"),
  },
};

// Codes are few an hour, mailed ones too.
const accounts = [
  { doors: ["change_email", "remove_device"], helper: onSecond },
  { doors: ["remove_contact", "allow_deletion"], helper: onSecond },
  { doors: ["remove_passkey", "add_passkey"], helper: onSecond },
  { doors: ["delete_account"], helper: onFirst },
];

await walk(doors, accounts);
