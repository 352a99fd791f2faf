/* A purchase from an address: strictly what the contract names, short, and without characters that deceive the eye. */
const limits = { merchant: 200, amount: 20, currency: 3, description: 500, reference: 100 }; // bytes
const optional = ["description", "reference"];
/* Controls, marks and overrides of direction, line ends, what is not seen, private use, halves of a character. */
const deceives = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\u2028\u2029]/u;
const bytes_max = 2048;

export const bad_link = "The shop sent something that we can't read. Nothing was bought.";

function decode(hash) {
  const text = hash.replace(/^#/, "");
  if (!/^[A-Za-z0-9_-]{1,2730}$/.test(text)) return null;
  try {
    const raw = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    if (raw.length > bytes_max) return null;
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw));
  } catch {
    return null;
  }
}

function isText(value, name) {
  return typeof value === "string" && value.trim() !== "" && new TextEncoder().encode(value).length <= limits[name];
}

/* Gives { purchase } or { why }, in words for the person. */
export function readPurchase(hash) {
  const o = decode(hash);
  if (!o || typeof o !== "object" || Array.isArray(o)) return { why: bad_link };
  const needed = Object.keys(limits).filter((n) => !optional.includes(n));
  const names = Object.keys(o);
  if (names.some((n) => !(Object.hasOwn(limits, n)) || !isText(o[n], n)) || needed.some((n) => !names.includes(n))) return { why: bad_link };
  if (names.some((n) => deceives.test(o[n]))) return { why: "The shop's words hold characters that can deceive the eye. Nothing was bought." };
  if (!/^(0|[1-9]\d{0,11})(\.\d{1,4})?$/.test(o.amount) || !/^[A-Z]{3}$/.test(o.currency)) return { why: bad_link };
  return { purchase: o };
}
