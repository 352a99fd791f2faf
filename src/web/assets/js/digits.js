/* Digits that a push brought to this device (sw.js keeps them): they need no session, so that a locked account has a way back. */
export async function pushedDigits(attempt) {
  try {
    const path = `/code/${attempt}`;
    const store = await caches.open("tocsin-digits");
    const kept = await (await store.match(path))?.json();
    if (!kept) return null;
    if (kept.until > Date.now()) return kept.digits;
    await store.delete(path);
  } catch {
    // this browser keeps nothing for us
  }
  return null;
}
