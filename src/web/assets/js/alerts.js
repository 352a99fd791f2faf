/* Every alarm, newest first, with its answer and the ways that it went. */
import { call, explain } from "./api.js";
import { $, button, dotted, el, facts, say, when } from "./dom.js";

const answers = { me: "It was me", not_me: "It wasn't me" };
const channels = { email: "Mail", push: "Push", live: "Open page", webhook: "Webhook" };
const states = { waiting: "on its way", sent: "sent", failed: "could not be delivered", seen: "shown on the screen" };

function delivery(d) {
  return el("li", {}, ...dotted(el("strong", {}, channels[d.channel] || d.channel), d.channel === "email" && d.to, states[d.state] || d.state, when(d.at)));
}

function item(a) {
  return el("li", { id: a.id },
    el("h2", {}, a.title),
    facts([["When", when(a.at)], ["Where", a.from.place || a.from.ip], ["Device", a.from.device], ["You said", answers[a.answer]],
      ["How often", a.count > 1 ? `${a.count} times` : ""]]),
    a.deliveries.length > 0 && el("details", {}, el("summary", {}, "Where we told you"), el("ul", { class: "ways" }, ...a.deliveries.map(delivery))));
}

async function load(before) {
  const res = await call("GET", `/alerts?limit=20${before ? `&before=${encodeURIComponent(before)}` : ""}`);
  if (res.status === 401) return location.replace("/sign-in?return=/alerts");
  if (!res.ok) return say(explain(res));
  const { alerts, next } = res.data;
  const items = alerts.map(item);
  $("list").append(...items);
  $("list").hidden = $("list").children.length === 0;
  if ($("list").hidden) say("There was no alarm yet. Good.", "good");
  $("more").replaceChildren(...(next ? [button("Show older ones", "quiet-button", () => load(next))] : []));
  if (!before || !items[0]) return;
  const head = items[0].querySelector("h2");
  head.tabIndex = -1;
  head.focus();
}

load();
