/* What is good and what is not, what is most urgent first. */
import { call, explain } from "./api.js";
import { $, el, say } from "./dom.js";

const words = { good: "Good", todo: "To do", risk: "At risk" };

function item(i) {
  return el("li", { class: "row", "data-item": i.id, "data-state": i.state },
    el("div", {}, el("p", { class: `state ${i.state}` }, words[i.state] || i.state), el("h2", {}, i.title), el("p", { class: "quiet" }, i.why)),
    i.do && el("div", { class: "row-buttons" }, el("a", { class: `button small${i.state === "risk" ? "" : " quiet-button"}`, href: i.href }, i.do)));
}

function summary({ score, items }) {
  const good = items.filter((i) => i.state === "good").length;
  return [
    el("p", { class: "price" }, String(score), el("span", { class: "quiet" }, " of 100")),
    el("progress", { max: "100", value: String(score), "aria-label": "Score" }),
    el("p", {}, good === items.length ? "All of it is good. Look again when you get a new device." : `${good} of ${items.length} things are good. The first in the list helps most.`),
  ];
}

async function load() {
  const res = await call("GET", "/checkup");
  if (res.status === 401) return location.replace("/sign-in?return=/checkup");
  if (!res.ok) return say(explain(res));
  $("score").replaceChildren(...summary(res.data));
  $("list").replaceChildren(...res.data.items.map(item));
  $("score").hidden = $("list").hidden = false;
}

load();
