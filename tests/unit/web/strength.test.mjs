// The hints beside a new password. `node --test tests/unit/web`
import assert from "node:assert/strict";
import test from "node:test";
import { strength } from "../../../src/web/assets/js/strength.js";

const level = (password, about) => strength(password, about).level;

test("too short or too long will be refused, counted in characters", () => {
  assert.equal(level(""), 0);
  assert.equal(level("ab1!xyz"), 0);
  assert.equal(strength("ab1!xyz").hint, "One character more.");
  assert.equal(strength("\u{1F514}\u{1F511}").hint, "6 characters more.");
  assert.equal(level("e\u0301".repeat(7)), 0);
  assert.equal(level(Array.from({ length: 60 }, (_, i) => `w${i * 7919}`).join(" ")), 0);
});

test("rows, repeats and common words are no passwords", () => {
  for (const bad of ["aaaaaaaaaaaaaaaaaaaaaaaa", "abcabcabcabc", "12345678", "87654321", "qwertyuiop", "Password123!", "tocsin2026"]) assert.equal(level(bad), 0, bad);
});

test("what others know of a person weakens it", () => {
  const about = ["ada.lovelace@example.org", "Ada"];
  assert.equal(level("lovelace and her engine", about), 1);
  assert.equal(level("lovelace and her engine"), 3);
  assert.equal(level("a day in the badlands, ada", ["ada@x.yz"]), 3, "three letters are too few to mind");
});

test("long beats complicated", () => {
  assert.equal(level("20260110"), 1);
  assert.equal(level("xK3!pq9z"), 1);
  assert.equal(level("violet stapler"), 2);
  assert.equal(level("seven quiet lanterns harbour"), 3);
});

test("it is quick for any text that fits the field", () => {
  const began = performance.now();
  for (const s of ["a".repeat(1000), "ab".repeat(500), " -".repeat(500), "\u{1F514}".repeat(500)]) strength(s, [s]);
  assert.ok(performance.now() - began < 200);
});
