/* Does the account that is signed in have a passkey? */
import { call } from "./api.js";

export async function hasOwnPasskey() {
  const res = await call("GET", "/passkeys");
  return res.ok && res.data.passkeys.length > 0;
}
