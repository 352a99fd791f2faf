/* Alarms that want an answer, one for each attempt: the newest says how it stands, and an answer is for all of them. */
const week_ms = 7 * 86400e3;

export function isNews(a) {
  return !a.answer && a.kind !== "denied" && Date.now() - new Date(a.at) < week_ms;
}

/* What a card shows of an alarm; its deliveries change often. */
function shown({ deliveries, ...rest }) {
  return rest;
}

/* By attempt. `alerts` newest first. */
export function newsOf(alerts, attempts) {
  const states = new Map(attempts.map((x) => [x.id, x.state]));
  const groups = new Map();
  for (const a of alerts.filter(isNews)) {
    const first = groups.get(a.attempt);
    if (first) first.ids.push(a.id);
    else groups.set(a.attempt, { ...shown(a), ids: [a.id], is_stopped: states.get(a.attempt) === "denied" });
  }
  return groups;
}
