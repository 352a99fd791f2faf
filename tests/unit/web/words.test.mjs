// Times, sizes and lines in words. `node --test tests/unit/web`
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { path } from "../../../src/web/assets/js/chart.js";
import { actions, remaining, size, wordsOf } from "../../../src/web/assets/js/words.js";

test("what is left is said as short as it is true", () => {
  const s = 1000;
  for (const [ms, words] of [[-5, "0 s"], [0, "0 s"], [1, "1 s"], [59 * s, "59 s"], [60 * s, "1 min 0 s"], [119 * s, "1 min 59 s"], [120 * s, "2 min"], [3599 * s, "59 min"], [3600 * s, "1 h"],
    [3660 * s, "1 h 1 min"], [86400 * s, "1 day"], [7 * 86400 * s, "7 days"], [(6 * 86400 + 23 * 3600) * s, "6 days 23 h"]]) assert.equal(remaining(ms), words);
});

test("sizes are decimal and short", () => {
  for (const [n, words] of [[0, "0 bytes"], [999, "999 bytes"], [1000, "1.0 KB"], [15e3, "15 KB"], [4.2e9, "4.2 GB"], [3e18, "3000 PB"]]) assert.equal(size(n), words);
});

test("every action has its words, and an unknown one plain ones", () => {
  const def = readFileSync(new URL("../../../src/core/actions.def", import.meta.url), "utf8");
  const names = [...def.matchAll(/^ACTION\(\w+, "(\w+)", (?!OPENER_SERVER)/gm)].map((m) => m[1]);
  assert.ok(names.length >= 15);
  for (const name of names.filter((n) => n !== "sign_up")) assert.ok(actions[name]?.waits && actions[name].wants, name);
  assert.equal(wordsOf("something_new").waits, "A change is waiting");
});

test("a line of growth stays inside its frame", () => {
  assert.equal(path([[0, 0], [10, 50], [20, 100]]), "M0.0 120.0L300.0 64.0L600.0 8.0");
  assert.equal(path([[5, 0]]), "M600.0 120.0");
});
