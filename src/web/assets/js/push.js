/* Alarms on this device even when no page is open. */
import { call, explain } from "./api.js";
import { button, el, say } from "./dom.js";

function bytes(text) {
  const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

async function turnOn(box) {
  if ((await Notification.requestPermission()) !== "granted")
    return say("This browser does not let us show alarms. You can allow it in its settings for this site.");
  const key = await call("GET", "/push/key");
  if (!key.ok) return say(explain(key));
  try {
    const worker = await navigator.serviceWorker.register("/sw.js");
    await navigator.serviceWorker.ready;
    const s = (await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key.data.public_key) })).toJSON();
    const res = await call("POST", "/push/subscriptions", { subscription: { endpoint: s.endpoint, keys: { p256dh: s.keys.p256dh, auth: s.keys.auth } } });
    if (!res.ok) return say(explain(res));
    say("Alarms are on. Try it with the test.", "good");
  } catch {
    say("This browser could not turn them on. Alarms still reach you by mail and on this page.");
  }
  await pushBox(box);
}

async function turnOff(box, id) {
  const worker = await navigator.serviceWorker.getRegistration("/");
  await (await worker?.pushManager.getSubscription())?.unsubscribe();
  await call("DELETE", `/push/subscriptions/${id}`);
  await pushBox(box);
}

async function test(id) {
  const res = await call("POST", `/push/subscriptions/${id}/test`);
  say(res.ok ? "A test is on its way." : explain(res), res.ok ? "good" : "bad");
}

export async function pushBox(box) {
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window))
    return box.replaceChildren(el("p", {}, "This browser can't show alarms by itself. They reach you by mail and on this page."));
  const res = await call("GET", "/push/subscriptions");
  const mine = res.ok && res.data.subscriptions.find((s) => s.current);
  if (mine)
    return box.replaceChildren(el("p", {}, "Alarms are shown on this device, even when no page is open."),
      el("div", { class: "buttons" }, button("Send a test", "small", () => test(mine.id)), button("Turn off", "quiet-button small", () => turnOff(box, mine.id))));
  box.replaceChildren(el("p", {}, "Let this device ring even when no page is open. Your notice of an alarm is then a matter of seconds."),
    el("div", { class: "buttons" }, button("Turn alarms on", "small", () => turnOn(box))));
}
