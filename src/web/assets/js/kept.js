/*
 * What was started in this tab and waits: it survives that the page is loaded again, and ends with the tab, so that
 * nobody who uses this browser later finds it. The attempt's token opens nothing else, and goes when it is over.
 */
const key = "tocsin-waiting";

function read() {
  try {
    const list = JSON.parse(sessionStorage.getItem(key) || "[]");
    return Array.isArray(list) ? list.filter((x) => typeof x?.id === "string" && typeof x?.token === "string") : [];
  } catch {
    return []; // a browser that keeps nothing for us
  }
}

function write(list) {
  try {
    if (list.length > 0) sessionStorage.setItem(key, JSON.stringify(list));
    else sessionStorage.removeItem(key);
  } catch {
    // then the page has to stay open
  }
}

export const kept = read;
export const forgetAll = () => write([]); // at a sign-out: what waits here is nobody else's
export const keptOf = (id) => read().find((x) => x.id === id);
export const drop = (id) => write(read().filter((x) => x.id !== id));

export function keep({ attempt, token, email }) {
  const now = Date.now();
  const alive = read().filter((x) => x.id !== attempt.id && new Date(x.until).getTime() > now);
  write([...alive, { id: attempt.id, action: attempt.action, token, email, until: attempt.expires_at }]);
}
