/* Names of what attempts are about: devices, passkeys, and how large a device's backup is. */
import { call } from "./api.js";
import { size } from "./words.js";

export async function namesOf(attempts) {
  const names = new Map();
  const has = (member) => attempts.some((a) => a.about?.[member]);
  const ask = async (path, take) => {
    const res = await call("GET", path);
    if (res.ok) take(res.data);
  };
  await Promise.all([
    (has("device") || has("from_device")) && ask("/devices", ({ devices }) => devices.forEach((d) => names.set(d.id, d.name || d.platform))),
    has("passkey") && ask("/passkeys", ({ passkeys }) => passkeys.forEach((p) => names.set(p.id, p.name))),
    has("from_device") && ask("/backups", ({ backups }) => backups.forEach((b) => names.set(`size of ${b.device}`, size(b.bytes)))),
  ]);
  return names;
}
