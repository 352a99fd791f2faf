/* Passkeys: the server's options as the browser takes them, and what the browser gives as the server takes it. */
const pkc = globalThis.PublicKeyCredential;

export const hasPasskeys = Boolean(pkc && navigator.credentials);

function bytes(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0)).buffer;
}

function text(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const opened = (list) => list?.map((c) => ({ ...c, id: bytes(c.id) }));

function readRequest(o) {
  if (pkc.parseRequestOptionsFromJSON) return pkc.parseRequestOptionsFromJSON(o);
  return { ...o, challenge: bytes(o.challenge), allowCredentials: opened(o.allowCredentials) };
}

function readCreation(o) {
  if (pkc.parseCreationOptionsFromJSON) return pkc.parseCreationOptionsFromJSON(o);
  return { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: opened(o.excludeCredentials) };
}

function write(c) {
  if (c.toJSON) return c.toJSON();
  const response = { clientDataJSON: text(c.response.clientDataJSON) };
  for (const key of ["attestationObject", "authenticatorData", "signature", "userHandle"])
    if (c.response[key]) response[key] = text(c.response[key]);
  if (c.response.getTransports) response.transports = c.response.getTransports();
  return { id: c.id, rawId: text(c.rawId), type: c.type, response, clientExtensionResults: c.getClientExtensionResults() };
}

/* Each throws when the person turns away, or the device has none. */
export async function usePasskey(options, extra = {}) {
  return write(await navigator.credentials.get({ publicKey: readRequest(options), ...extra }));
}

export async function makePasskey(options) {
  return write(await navigator.credentials.create({ publicKey: readCreation(options) }));
}

/* Can this browser offer them beside the address that is typed? */
export async function canOffer() {
  return hasPasskeys && Boolean(await pkc.isConditionalMediationAvailable?.().catch(() => false));
}
