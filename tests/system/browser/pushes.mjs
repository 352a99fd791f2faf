// A push service of our own: the server encrypts for it and posts to it; what it decrypts is given to the page's real
// service worker, as a browser does when a push arrives.
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { origin, until } from "./tools.mjs";

const derive = (secret, salt, info, n) => Buffer.from(hkdfSync("sha256", secret, salt, info, n));

// RFC 8291: one record of RFC 8188, keyed by an agreement of the two public keys.
function decrypt(body, ecdh, auth) {
  const [salt, id_n] = [body.subarray(0, 16), body[20]];
  const theirs = body.subarray(21, 21 + id_n);
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), ecdh.getPublicKey(), theirs]);
  const ikm = derive(ecdh.computeSecret(theirs), auth, info, 32);
  const key = derive(ikm, salt, "Content-Encoding: aes128gcm\0", 16);
  const nonce = derive(ikm, salt, "Content-Encoding: nonce\0", 12);
  const sealed = body.subarray(21 + id_n);
  const open = createDecipheriv("aes-128-gcm", key, nonce);
  open.setAuthTag(sealed.subarray(-16));
  const plain = Buffer.concat([open.update(sealed.subarray(0, -16)), open.final()]);
  return plain.subarray(0, plain.lastIndexOf(2)).toString();
}

export async function pushService() {
  const ecdh = createECDH("prime256v1");
  ecdh.generateKeys();
  const auth = randomBytes(16);
  const got = [];
  const http = createServer((req, res) => {
    const parts = [];
    req.on("data", (d) => parts.push(d));
    req.on("end", () => {
      got.push(decrypt(Buffer.concat(parts), ecdh, auth));
      res.writeHead(201).end();
    });
  });
  await new Promise((r) => http.listen(0, "127.0.0.1", r));
  return {
    subscription: {
      endpoint: `http://127.0.0.1:${http.address().port}/one`,
      keys: { p256dh: ecdh.getPublicKey("base64url"), auth: auth.toString("base64url") },
    },
    // The next message that fits, as text and read.
    async next(what, fits) {
      const text = await until(what, () => got.find((t) => fits(JSON.parse(t))));
      got.splice(got.indexOf(text), 1);
      return { text, ...JSON.parse(text) };
    },
    stop: () => (http.closeAllConnections(), http.close()),
  };
}

// Subscribes this page's device, and gives what hands a message to its worker.
export async function subscribe(page, subscription) {
  await page.browserContext().overridePermissions(origin, ["notifications"]);
  const status = await page.evaluate(async (s) => {
    await navigator.serviceWorker.register("/sw.js");
    const { active } = await navigator.serviceWorker.ready;
    while (active.state !== "activated") await new Promise((r) => setTimeout(r, 20)); // before, a push handed over here is lost
    const headers = { "Content-Type": "application/json" };
    return (await fetch("/api/v1/push/subscriptions", { method: "POST", headers, body: JSON.stringify({ subscription: s }) })).status;
  }, subscription);
  const cdp = await page.createCDPSession();
  const seen = [];
  cdp.on("ServiceWorker.workerRegistrationUpdated", (e) => seen.push(...e.registrations));
  await cdp.send("ServiceWorker.enable");
  const { registrationId } = await until("the worker's registration", () => seen.find((r) => r.scopeURL.startsWith(origin)));
  return { status, deliver: (text) => cdp.send("ServiceWorker.deliverPushMessage", { origin, registrationId, data: text }) };
}

// Of a push that says who it is for. Told again when nothing comes of it: a worker that is just being stopped loses what it is told.
export async function shownBy(page, worker, message) {
  let told = 0;
  return until("the code's notification", async () => {
    if (Date.now() - told > 5000) {
      told = Date.now();
      await worker.deliver(message.text);
    }
    return (await notifications(page)).find((n) => n.navigate === message.notification.navigate);
  });
}

export function notifications(page) {
  return page.evaluate(async () => {
    const list = await (await navigator.serviceWorker.ready).getNotifications();
    return list.map((n) => ({ title: n.title, body: n.body, navigate: n.data.navigate, icon: n.icon }));
  });
}
