/*
 * A real Firefox as the owner's device: opens the server's own page, signs in by the session it is given, subscribes with the page's own
 * service worker, and then acknowledges what arrives. Usage: firefox.mjs ORIGIN SESSION SECONDS; prints JSON lines.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";
import { autopush } from "./autopush.mjs";

const [origin, session, seconds] = process.argv.slice(2);
const say = (o) => process.stdout.write(JSON.stringify(o) + "\n");
const service = await autopush(say);
const profile = mkdtempSync(join(tmpdir(), "tocsin-firefox-"));
const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: "/usr/bin/firefox-esr",
    headless: true,
    userDataDir: profile,
    extraPrefsFirefox: {
        "dom.push.serverURL": `ws://127.0.0.1:${service.port}/`,
        "dom.push.testing.allowInsecureServerURL": true,
        "dom.push.enabled": true,
        "dom.push.connection.enabled": true,
        "dom.push.testing.ignorePermission": true,
        "permissions.default.desktop-notification": 1,
        "dom.serviceWorkers.testing.enabled": true,
        "alerts.useSystemBackend": false, // there is no desktop to show it on; Firefox draws it itself
        "dom.webnotifications.requireinteraction.count": 100, // how many stand at once until somebody has closed one
        "network.captive-portal-service.enabled": false,
        "network.connectivity-service.enabled": false,
        "app.update.enabled": false,
        "browser.safebrowsing.downloads.remote.enabled": false,
        "datareporting.policy.dataSubmissionEnabled": false,
        "services.settings.server": "data:,#remote-settings-dummy/v1",
    },
});
const end = async (code) => {
    await browser.close().catch(() => {});
    service.stop();
    rmSync(profile, { recursive: true, force: true });
    process.exit(code);
};
try {
    const page = await browser.newPage();
    await page.goto(origin + "/healthz").catch(() => {}); // nothing to show: only to be somewhere
    await page.goto(origin + "/sign-in", { waitUntil: "load" });
    await browser.setCookie({ name: "tocsin_session", value: session, domain: "localhost", path: "/", httpOnly: true, secure: false, sameSite: "Lax" });
    await page.goto(origin + "/home", { waitUntil: "load" });
    const subscription = await page.evaluate(async () => {
        const registration = await navigator.serviceWorker.register("/sw.js");
        await navigator.serviceWorker.ready;
        const key = (await (await fetch("/api/v1/push/key")).json()).public_key;
        const bytes = Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
        const s = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes });
        const answer = await fetch("/api/v1/push/subscriptions", {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ subscription: s.toJSON() }),
        });
        return { status: answer.status, body: await answer.json() };
    });
    say({ event: "subscribed", ...subscription });
    const until = Date.now() + Number(seconds) * 1000;
    while (Date.now() < until) await new Promise((r) => setTimeout(r, 250));
    await end(0);
} catch (e) {
    say({ event: "broken", error: String(e), stack: e.stack });
    await end(1);
}
