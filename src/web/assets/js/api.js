/* Calls of the contract. A browser's own cookies show who asks; an attempt's token stays in this page's memory. */
export async function call(method, path, body, token) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  const init = { method, headers, cache: "no-store" };
  if (method !== "GET") init.body = method === "DELETE" ? undefined : JSON.stringify(body ?? {});
  try {
    const res = await fetch(`/api/v1${path}`, init);
    const text = await res.text();
    return { ok: res.ok, status: res.status, data: text ? JSON.parse(text) : {}, wait: Number(res.headers.get("Retry-After")) };
  } catch {
    return { ok: false, status: 0, data: {} };
  }
}

const words = {
  wrong_proof: "That is not right. Check it and try again.",
  expired: "This took too long, or there were too many wrong tries. Start again.",
  denied: "This was stopped by the owner of the account. If that was you by mistake, start again.",
  not_proved: "One more proof is needed first.",
  weak_password: "That password is too easy to guess. Take a longer one.",
  breached_password: "That password was found among stolen ones. Choose another.",
  locked_down: "This account is locked down. Take it back with your recovery key and a code.",
  unauthorized: "You are not signed in here any more. Sign in and do it again.",
  forbidden: "This can't be done from this device. Use another device that you have used before.",
  conflict: "This was done already, or something else came first.",
  not_found: "There is nothing here any more.",
};

function waiting(seconds) {
  if (!seconds) return "a while";
  if (seconds < 120) return `${seconds} seconds`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} minutes`;
  return `${Math.ceil(seconds / 3600)} hours`;
}

export function explain(res) {
  if (res.status === 0) return "We can't reach tocsin. Check your connection and try again.";
  if (res.status === 429) return `Too many tries. Wait ${waiting(res.wait)} and try again.`;
  if (res.status === 503) return "Too much to do right now. Try again in a moment.";
  const detail = res.data.detail || "That did not work. Load the page and try again.";
  if (res.data.code === "weak_password" || res.data.code === "breached_password") return detail;
  return words[res.data.code] || detail;
}

export function deviceName() {
  const ua = navigator.userAgent;
  const pick = (list) => list.find(([key]) => ua.includes(key))?.[1];
  const browser = pick([["Firefox", "Firefox"], ["Edg", "Edge"], ["OPR", "Opera"], ["Chrome", "Chrome"], ["Safari", "Safari"]]);
  const system = pick([["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Mac", "Mac"], ["Windows", "Windows"], ["Linux", "Linux"]]);
  return { name: `${browser || "Browser"} on ${system || "this device"}` };
}
