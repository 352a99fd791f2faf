/* Shows the alarm that was pushed, says that it was shown, and opens its page. Digits stay out of what is visible. */
const plain = { title: "An alarm from your account", body: "Open tocsin to see what happened.", navigate: "/home" };

function read(data) {
  try {
    const message = data.json();
    return message.notification && message.notification.title ? message.notification : plain;
  } catch {
    return plain;
  }
}

async function seen(navigate) {
  const match = /\/a\/(tl_[A-Za-z0-9_-]+)/.exec(navigate || "");
  if (!match) return;
  await fetch("/api/v1/alerts/seen", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ link: match[1] }),
  }).catch(() => {});
}

async function show(event) {
  const n = read(event.data);
  await self.registration.showNotification(n.title, {
    body: n.body,
    tag: n.tag,
    icon: "/img/bell.svg",
    requireInteraction: true,
    data: { navigate: n.navigate },
  });
  await seen(n.navigate);
}

async function open(event) {
  event.notification.close();
  const to = new URL(event.notification.data?.navigate || "/home", self.location.origin);
  if (to.origin !== self.location.origin) return;
  await self.clients.openWindow(to.href);
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(show(event)));
self.addEventListener("notificationclick", (event) => event.waitUntil(open(event)));
