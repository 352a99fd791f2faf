/* One action's words, for every page: who wants it, what waits, and what has been done. */
export const actions = {
  sign_in: { wants: "Somebody wants to sign in", waits: "A sign-in is waiting" },
  change_password: { wants: "Somebody wants to change your password", waits: "A change of your password is waiting", done: "Your password is changed. Every other device was signed out." },
  recover_password: { wants: "Somebody wants to recover your account", waits: "A recovery of your account is waiting", done: "Your password is new. Every device was signed out; sign in again." },
  restore: { wants: "A device wants the backup of another", waits: "A restore of your data is waiting", done: "The device can read that backup for 24 hours." },
  change_email: { wants: "Somebody wants to change your address", waits: "A change of your address is waiting", done: "Your address is changed. The old one hears of every alarm for 7 more days." },
  add_contact: { wants: "Somebody wants to add an address for alarms", waits: "A new address for alarms is waiting", done: "Alarms go to that address too from now on." },
  remove_contact: { wants: "Somebody wants to remove an address for alarms", waits: "The removal of an address is waiting", done: "That address is removed. It hears of every alarm for 7 more days." },
  new_recovery_key: { wants: "Somebody wants a new recovery key", waits: "A new recovery key is waiting", done: "Your new recovery key counts from now on, and the old one no more." },
  add_passkey: { wants: "Somebody wants to add a passkey", waits: "A new passkey is waiting", done: "Your passkey is ready. Next time it is all that you need." },
  remove_passkey: { wants: "Somebody wants to remove a passkey", waits: "The removal of a passkey is waiting", done: "That passkey opens nothing any more." },
  remove_device: { wants: "Somebody wants to remove a device", waits: "The removal of a device is waiting", done: "That device is signed out, and unknown from now on." },
  purchase: { wants: "Somebody wants to buy something", waits: "A purchase is waiting", done: "The purchase is authorized." },
  export_data: { wants: "Somebody wants a copy of your data", waits: "A copy of your data is waiting", done: "Your copy is ready." },
  allow_deletion: { wants: "Somebody wants to delete backups", waits: "Deleting backups is waiting", done: "The device can delete from its backup for an hour." },
  delete_account: { wants: "Somebody wants to delete your account", waits: "The deletion of your account is waiting", done: "Your account is closed, and will be gone in 7 days." },
};

const other = { wants: "Somebody wants something with your account", waits: "A change is waiting", done: "Done." };
export const wordsOf = (action) => ({ ...other, ...actions[action] });

/* "59 min", "12 s", "6 days 23 h": what is left, as short as it is true. */
export function remaining(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const [d, h, m] = [Math.floor(s / 86400), Math.floor((s % 86400) / 3600), Math.floor((s % 3600) / 60)];
  if (d > 0) return `${d} ${d === 1 ? "day" : "days"}${h ? ` ${h} h` : ""}`;
  if (h > 0) return `${h} h${m ? ` ${m} min` : ""}`;
  if (m >= 2) return `${m} min`;
  return m === 1 ? `1 min ${s % 60} s` : `${s} s`;
}

export function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB", "TB", "PB"];
  const n = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** n;
  return `${n > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[n]}`;
}
