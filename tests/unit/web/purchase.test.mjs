// What a shop puts into the address. `node --test tests/unit/web`
import assert from "node:assert/strict";
import test from "node:test";
import { readPurchase } from "../../../src/web/assets/js/purchase-link.js";

const link = (o) => `#${Buffer.from(typeof o === "string" ? o : JSON.stringify(o)).toString("base64url")}`;
const good = { merchant: "Harbour Bikes", amount: "129.90", currency: "EUR", description: "A blue bicycle", reference: "B-1077" };

test("what the contract names is read", () => {
  assert.deepEqual(readPurchase(link(good)).purchase, good);
  const least = { merchant: "Café Ünïcode 日本", amount: "0", currency: "JPY" };
  assert.deepEqual(readPurchase(link(least)).purchase, least);
});

test("anything else is refused", () => {
  const bad = ["", "#", "#%%%", "#ab=", link("[]"), link("null"), link("\"x\""), link("{"), `#${"A".repeat(2732)}`, link(Buffer.from([0xff, 0xfe]).toString("latin1") + "{}")];
  for (const hash of bad) assert.ok(readPurchase(hash).why, hash.slice(0, 40));
  for (const change of [{ extra: "x" }, { merchant: "" }, { merchant: "  " }, { merchant: 5 }, { merchant: "x".repeat(201) }, { amount: 129.9 }, { description: null }, { reference: "" }])
    assert.ok(readPurchase(link({ ...good, ...change })).why, JSON.stringify(change));
  for (const missing of ["merchant", "amount", "currency"]) assert.ok(readPurchase(link({ ...good, [missing]: undefined })).why, missing);
  assert.ok(readPurchase(link('{"merchant":"x","amount":"1","currency":"EUR","toString":"x"}')).why);
});

test("an amount has one way to be written", () => {
  for (const amount of ["1", "0.5", "129.90", "999999999999.9999"]) assert.ok(readPurchase(link({ ...good, amount })).purchase, amount);
  for (const amount of ["01", "-1", "+1", "1,50", "1.", ".5", "1e3", "1.23456", "1 000", "١٢", "1234567890123", ""]) assert.ok(readPurchase(link({ ...good, amount })).why, amount);
  for (const currency of ["eur", "EU", "EURO", "E1R", "€"]) assert.ok(readPurchase(link({ ...good, currency })).why, currency);
});

test("what deceives the eye is refused", () => {
  for (const c of ["\u202e", "\u2066", "\u200b", "\u200d", "\u00ad", "\ufeff", "\u0000", "\n", "\u0085", "\u2028", "\ue000", "\u061c", "\ud800", "\u{e0041}"])
    assert.ok(readPurchase(link({ ...good, merchant: `Bank${c}x` })).why, JSON.stringify(c));
});
