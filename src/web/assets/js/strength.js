/*
 * Hints while a new password is typed. The server judges; this only helps to get there, by rules that need no list.
 * level: 0 will be refused, 1 weak, 2 fair, 3 good.
 */
const least = 8;
const most = 256;
const common = ["password", "passwort", "letmein", "welcome", "iloveyou", "qwerty", "azerty", "qwertz", "monkey", "dragon", "football", "sunshine", "princess", "admin", "tocsin"];
const rows = ["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

function isRun(text) {
  const back = [...text].reverse().join("");
  return rows.some((row) => row.includes(text) || row.includes(back));
}

/* "abcabcabc" is one "abc". */
function isRepeat(text) {
  return /^(.{1,6}?)\1+$/su.test(text);
}

function own(text, about) {
  return about.flatMap((s) => s.toLowerCase().split(/[^\p{L}\p{N}]+/u)).find((word) => word.length >= 4 && text.includes(word));
}

export function strength(password, about = []) {
  const n = [...password.normalize("NFC")].length;
  const text = password.toLowerCase();
  const letters = text.replace(/[^\p{L}]+/gu, "");
  const words = text.split(/[\s\-_.,]+/).filter((w) => w.length >= 3);
  if (n === 0) return { level: 0, hint: "Four or five words that don't belong together are strong and easy to remember." };
  if (n < least) return { level: 0, hint: least - n === 1 ? "One character more." : `${least - n} characters more.` };
  if (n > most) return { level: 0, hint: `At most ${most} characters, please.` };
  if (isRepeat(text) || isRun(text)) return { level: 0, hint: "A row or a repeat is tried first. Mix words that don't belong together." };
  if (common.includes(letters)) return { level: 0, hint: "That is a common password with a little around it. Thieves try those first." };
  if (own(text, about)) return { level: 1, hint: "Leave out your name and address: they are easy to find." };
  if (/^\p{N}+$/u.test(text)) return { level: 1, hint: "Digits alone are quick to guess. Add words." };
  if (new Set(words).size >= 4 || n >= 20) return { level: 3, hint: "Good. Long beats complicated." };
  if (n >= 14) return { level: 2, hint: "Fine. One word more makes it strong." };
  return { level: 1, hint: "Longer is better: add a word or two." };
}
