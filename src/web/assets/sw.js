/*
 * Shows the alarm that was pushed, says that it was shown, and opens its page. The digits of a code stay out of what is
 * visible: they wait, for as long as they are good, until their owner opens the page of that attempt (js/digits.js).
 */
const shell = "tocsin-shell-1";
const shell_files = ["/offline", "/css/tocsin.css", "/img/bell.svg"];
const digits = "tocsin-digits";
const digits_ms = 5 * 60 * 1000;
const plain = { title: "An alarm from your account", body: "Open tocsin to see what happened.", navigate: "/home" };

function read(data) {
  try {
    const { notification, tocsin } = data.json();
    return notification?.title ? { n: notification, code: tocsin?.code } : { n: plain };
  } catch {
    return { n: plain };
  }
}

function api(path, body) {
  return fetch(`/api/v1${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

async function seen(navigate) {
  const match = /\/a\/(tl_[A-Za-z0-9_-]+)/.exec(navigate || "");
  if (match) await api("/alerts/seen", { link: match[1] }).catch(() => {});
}

/* Kept under the path of the page that shows them. */
async function keep(code, navigate) {
  const store = await caches.open(digits);
  for (const old of await store.keys()) {
    const { until } = await (await store.match(old)).json();
    if (until < Date.now()) await store.delete(old);
  }
  if (code && navigate) await store.put(new URL(navigate, self.location.origin).pathname, Response.json({ digits: code, until: Date.now() + digits_ms }));
}

async function show(event) {
  const { n, code } = read(event.data);
  await keep(code, n.navigate).catch(() => {}); // a browser without storage still has the page, when signed in
  await self.registration.showNotification(n.title, {
    body: n.body,
    tag: n.tag,
    icon: "/img/bell-192.png",
    badge: "/img/badge-96.png",
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

/* The browser has replaced its address for pushes: the alarm must find the new one. */
async function resubscribe(event) {
  const key = await (await fetch("/api/v1/push/key")).json();
  const options = { userVisibleOnly: true, applicationServerKey: key.public_key };
  const s = (event.newSubscription || (await self.registration.pushManager.subscribe(options))).toJSON();
  await api("/push/subscriptions", { subscription: { endpoint: s.endpoint, keys: { p256dh: s.keys.p256dh, auth: s.keys.auth } } });
}

/* A browser that lets us keep nothing can still ring. */
async function install() {
  await self.skipWaiting();
  await caches.open(shell).then((store) => store.addAll(shell_files)).catch(() => {});
}

async function activate() {
  for (const name of await caches.keys().catch(() => [])) if (![shell, digits].includes(name)) await caches.delete(name);
  await self.clients.claim();
}

/* Everything comes from the server; without it, an honest page instead of the browser's own. */
function fetched(event) {
  const { request } = event;
  const path = new URL(request.url).pathname;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match("/offline")));
  else if (shell_files.includes(path)) event.respondWith(fetch(request).catch(() => caches.match(path)));
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", fetched);
self.addEventListener("push", (event) => event.waitUntil(show(event)));
self.addEventListener("notificationclick", (event) => event.waitUntil(open(event)));
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(resubscribe(event)));
