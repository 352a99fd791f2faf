// Finn's tablet asks for the backup of his computer: he sees who, where and how much, and stops it, or lets it through.
import { createHash, randomBytes } from "node:crypto";
import { accessible, api, check, expectNoise, heading, origin, people, press, quiet, run, said, shoot, type } from "./tools.mjs";
import { keepKey, knock, letIn, proveKey, provePassword, signUp } from "./steps.mjs";

const email = "finn@example.org";
const password = "three brass compasses in a drawer";

async function ownDevice(page) {
  return (await api(page, "GET", "/devices")).devices.find((d) => d.current).id;
}

// A repository as restic makes one, of a few packs.
async function backUp(page, device) {
  const { token } = await api(page, "POST", `/devices/${device}/backup-token`);
  const send = (path, body) => fetch(`${origin}/backup/${device}/${path}`, { method: "POST", body, headers: { Authorization: `Basic ${Buffer.from(`${device}:${token}`).toString("base64")}`, "Content-Type": "application/octet-stream" } });
  const made = await send("?create=true");
  for (const [type, size] of [["config", 155], ["keys", 450], ["data", 700000], ["data", 250000], ["index", 900], ["snapshots", 250]]) {
    const bytes = randomBytes(size);
    const name = type === "config" ? "config" : `${type}/${createHash("sha256").update(bytes).digest("hex")}`;
    const res = await send(name, bytes);
    if (!res.ok) return check(`a ${type} is stored`, false, res.status);
  }
  check("a repository is there", made.ok, made.status);
}

async function ask(tablet, from_device) {
  const { attempt, token } = await api(tablet, "POST", "/attempts", { action: "restore", from_device });
  await api(tablet, "POST", `/attempts/${attempt.id}/proofs`, { kind: "password", password }, token);
  const { digits } = await api(tablet, "POST", `/attempts/${attempt.id}/code`, { way: "shown_here" }, token);
  return { id: attempt.id, token, digits };
}

async function restore(finn, tablet, computer) {
  const { id, token, digits } = await ask(tablet, computer);
  await finn.goto(`${origin}/backups`);
  await finn.waitForSelector("article[data-attempt]");
  const card = await finn.$eval("article[data-attempt]", (e) => e.innerText);
  check("the card says whose backup, and from where", card.includes("Finn's computer") && card.includes("127.0.0.1"), card);
  check("and how much", /9\d\d KB/.test(card), card);
  await accessible(finn, "/backups, a restore");
  await shoot(finn, "restore-asked");
  await press(finn, "Type digits from there");
  await type(finn, "article input.digits", digits);
  await press(finn, "That is me");
  await finn.waitForFunction(() => !document.querySelector("article[data-attempt]"));
  const held = await api(tablet, "POST", `/attempts/${id}/commit`, {}, token);
  check("it waits all the same: the tablet is new", held.status === 202 && held.attempt.state === "held", held);
  await finn.goto(`${origin}/backups`);
  await finn.waitForSelector("article[data-held]");
  await accessible(finn, "/backups, a restore waits");
  await shoot(finn, "restore-held");
  await press(finn, "Stop");
  await finn.waitForFunction(() => document.querySelector("#past").innerText.includes("stopped"));
  const gone = await api(tablet, "POST", `/attempts/${id}/commit`, {}, token);
  check("one press stops it", gone.status === 403, gone);
  const asked = await (await finn.waitForSelector("article[data-alert]")).evaluate((e) => e.innerText);
  check("then it asks who that was", asked.includes("A device wanted the backup of another. Was it you?"), asked);
  await shoot(finn, "restore-stopped");
  check("and it stands in the history", (await finn.$eval("#past", (e) => e.innerText)).includes("Finn's computer: stopped"));
  expectNoise(tablet, 403);
}

// Finn's own computer is familiar: two proofs, and it may delete for an hour.
async function allowDeletion(finn, key) {
  await press(finn, "Let it delete old backups");
  await provePassword(finn, password);
  await proveKey(finn, key);
  await keepKey(finn);
  await said(finn, "can delete from its backup");
  check("a device may delete from its backup, after two proofs", true);
}

await run(async (browser) => {
  const [finn, tablet] = await people(browser, 2);
  const key = await signUp(finn, email, password);
  await knock(tablet, email, password);
  await letIn(finn, tablet);
  const computer = await ownDevice(finn);
  await api(finn, "PATCH", `/devices/${computer}`, { name: "Finn's computer" });
  await finn.goto(`${origin}/backups`);
  await heading(finn, "No backups yet");
  await accessible(finn, "/backups, none");
  await backUp(finn, computer);
  await restore(finn, tablet, computer);
  await finn.goto(`${origin}/backups`);
  await heading(finn, "Finn's computer");
  await accessible(finn, "/backups");
  await shoot(finn, "backups", { whole: true });
  await allowDeletion(finn, key);
  quiet(finn, "/backups");
  quiet(tablet, "the tablet");
});
