/* Cards that a person acts on: an attempt that wants a code, and an alarm. */
import { call, explain } from "./api.js";
import { button, digitsField, dotted, el, facts, form, say, when } from "./dom.js";

const names = {
  sign_in: "Somebody wants to sign in",
  change_password: "Somebody wants to change your password",
  recover_password: "Somebody wants to recover your account",
};

export function showDigits(digits, place) {
  place.replaceChildren(
    el("p", { class: "big-digits" }, digits),
    el("p", { class: "notice" }, `Type them on your own other device, at ${location.origin}, and nowhere else. Don't read them to anyone.`),
  );
}

async function reveal(attempt, place) {
  const res = await call("GET", `/attempts/${attempt.id}/code`);
  if (!res.ok) return say(res.status === 404 ? "There are no digits right now. Ask for them on the other device." : explain(res));
  showDigits(res.data.digits, place);
}

function typeHere(attempt, place, changed) {
  const f = digitsField("The digits that your other device shows");
  place.replaceChildren(
    form("", f.nodes, "That is me", async () => {
      const res = await call("POST", `/attempts/${attempt.id}/approve`, { digits: f.input.value.trim() });
      if (!res.ok) return say(explain(res));
      say("Done. Go on at your other device.", "good");
      changed();
    }),
  );
  f.input.focus();
}

export function attemptCard(attempt, changed) {
  const place = el("div", { "aria-live": "polite" });
  return el("article", { class: "card ask", "data-attempt": attempt.id },
    el("h2", {}, names[attempt.action] || "Somebody wants something with your account"),
    facts([["Device", attempt.from?.device], ["Where", attempt.from?.place || attempt.from?.ip], ["When", when(attempt.opened_at)]]),
    el("p", {}, "Only go on if you are doing this yourself, right now, with that device in your hands."),
    place,
    el("div", { class: "buttons" },
      button("It isn't me: stop it", "danger", async () => {
        const res = await call("POST", `/attempts/${attempt.id}/deny`);
        say(res.ok ? "Stopped. They are not in." : explain(res), res.ok ? "good" : "bad");
        changed();
      }),
      button("Show the digits", "quiet-button", () => reveal(attempt, place)),
      button("Type digits from there", "quiet-button", () => typeHere(attempt, place, changed))));
}

function afterAnswer(res, answer) {
  if (!res.ok) return say(explain(res));
  if (answer === "me") return say("Good to know that this was you.", "good");
  if (res.data.account.state !== "locked_down") return say("Stopped. They are not in.", "good");
  say("Your account is locked down: the password that they had opens nothing any more. Choose a new one now.", "good");
}

export function alarmCard(alert, changed) {
  const tell = el("input", { type: "checkbox", id: `tell-${alert.id}` });
  const send = (answer) => async () => {
    const res = await call("POST", `/alerts/${alert.id}/answer`, { answer, tell_security_team: tell.checked });
    afterAnswer(res, answer);
    changed();
  };
  return el("article", { class: "card alarm", "data-alert": alert.id },
    el("h2", {}, alert.title),
    el("p", {}, alert.body.split("\n\n")[0]),
    facts([["When", when(alert.at)], ["Where", alert.from.place || alert.from.ip], ["Device", alert.from.device],
      ["How often", alert.count > 1 ? `${alert.count} times` : ""]]),
    el("div", { class: "buttons" }, button("It wasn't me", "danger", send("not_me")), button("It was me", "quiet-button", send("me"))),
    el("label", { class: "check", for: tell.id }, tell, el("span", {}, "Also tell the security team")));
}

export function pastItem(alert) {
  const answer = { me: "You said: it was me", not_me: "You said: it wasn't me" }[alert.answer] || "Nothing to answer";
  return el("li", {}, el("h3", {}, alert.title), el("p", { class: "quiet" }, ...dotted(when(alert.at), alert.from.device, answer)));
}
