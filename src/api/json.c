/* The contract's shapes. */
#include "api/call.h"
#include "base/clock.h"
#include "base/enc.h"

json_t *json_str(struct str s) { return json_stringn(s.p ? s.p : "", s.n); }

json_t *json_id(const uint8_t id[ID_BYTES]) {
    char text[ID_TEXT_SIZE];
    id_text(id, text);
    return json_string(text);
}

json_t *json_time(int64_t ms) {
    char text[CLOCK_TEXT_SIZE];
    if (ms == 0) return json_null();
    clock_text(ms, text);
    return json_string(text);
}

json_t *json_proofs(unsigned proofs) {
    json_t *list = json_array();
    for (int i = 0; i < PROOF_COUNT; i++)
        if (proofs & (1U << i)) (void)json_array_append_new(list, json_string(proof_name((enum proof)(1U << i))));
    return list;
}

static json_t *json_from(struct str ip, struct str place, struct str device, bool is_known) {
    return json_pack("{s:o,s:o,s:o,s:b}", "ip", json_str(ip), "place", place.n ? json_str(place) : json_null(),
                     "device", json_str(device), "known_device", is_known);
}

/* What it is about, in the words of its opening. */
static void add_about(json_t *o, const struct attempt_view *a) {
    json_t *about = json_object();
    switch (action_rules[a->action].takes) {
    case TAKES_NOTHING: break;
    case TAKES_EMAIL:
        if (action_rules[a->action].opener == OPENER_SESSION)
            (void)json_object_set_new(about, "email", json_str(a->email));
        break;
    case TAKES_FROM_DEVICE: (void)json_object_set_new(about, "from_device", json_id(a->subject.b)); break;
    case TAKES_DEVICE: (void)json_object_set_new(about, "device", json_id(a->subject.b)); break;
    case TAKES_PASSKEY: (void)json_object_set_new(about, "passkey", json_id(a->subject.b)); break;
    case TAKES_PAYLOAD:
        (void)json_object_set_new(about, "payload", json_loadb(a->detail.p, a->detail.n, 0, NULL));
        break;
    }
    (void)json_object_set_new(o, "about", about);
}

/* An address that must be shown to be one's own is needed besides the rest. */
static void add_also(json_t *o, struct need need) {
    if (need.also) (void)json_object_set_new(json_object_get(o, "needs"), "and", json_proofs(need.also));
}

json_t *json_attempt(const struct attempt_view *a) {
    json_t *o = json_pack("{s:o,s:s,s:s,s:{s:i,s:o,s:o},s:o,s:o,s:o,s:o}", "id", json_id(a->id.b), "action",
                          action_rules[a->action].name, "state", attempt_state_name(a->state), "needs", "count",
                          (int)a->need.count, "of", json_proofs(a->need.of), "or", json_proofs(a->need.sufficient),
                          "proved", json_proofs(a->proved), "opened_at", json_time(a->opened_ms), "expires_at",
                          json_time(a->expires_ms), "hold_until", json_time(a->hold_until_ms));
    add_also(o, a->need);
    if (a->hold_ms > 0) (void)json_object_set_new(o, "hold_seconds", json_integer((json_int_t)(a->hold_ms / 1000)));
    if (a->is_owner_view) {
        add_about(o, a);
        (void)json_object_set_new(o, "from", json_from(a->ip, a->place, a->device, a->is_known_device));
        (void)json_object_set_new(o, "code_alive", json_boolean(a->is_code_alive));
        (void)json_object_set_new(o, "own_device", json_boolean(a->is_own_device));
    }
    return o;
}

static json_t *json_deliveries(const struct alert *a) {
    static const char *const channels[] = { "", "email", "push", "webhook", "live" };
    json_t *list = json_array();
    for (size_t i = 0; i < a->delivery_n; i++) {
        const struct alert_delivery *d = &a->deliveries[i];
        (void)json_array_append_new(list, json_pack("{s:s,s:o,s:o,s:o,s:I}", "channel", channels[d->channel], "to",
                                                    json_str(d->to), "state", json_str(d->state), "at",
                                                    json_time(d->at_ms), "tries", (json_int_t)d->tries));
    }
    return list;
}

json_t *json_alert(const struct alert *a) {
    return json_pack("{s:o,s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:o}", "id", json_id(a->id.b), "attempt",
                     json_id(a->attempt.b), "action", action_rules[a->action].name, "kind", alert_kind_name(a->kind),
                     "title", json_str(a->title), "body", json_str(a->body), "at", json_time(a->at_ms), "from",
                     json_from(a->ip, a->place, a->device, a->is_known_device), "answer",
                     a->answer.n ? json_str(a->answer) : json_null(), "answered_at", json_time(a->answered_ms), "count",
                     (json_int_t)a->count, "deliveries", json_deliveries(a));
}

json_t *json_device(const struct device *d) {
    return json_pack("{s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:b}", "id", json_id(d->id.b), "name", json_str(d->name), "platform",
                     json_str(d->platform), "trusted", d->trusted_ms != 0, "first_seen", json_time(d->first_seen_ms),
                     "last_seen", json_time(d->last_seen_ms), "place", d->place.n ? json_str(d->place) : json_null(),
                     "push", d->has_push);
}

/* The service alone: whoever has the whole address could push to it. */
json_t *json_push(const struct push_subscription *p) {
    struct str rest = str_skip(p->endpoint, str_starts(p->endpoint, STR("https://")) ? 8 : 7), host;
    (void)str_cut(rest, '/', &host);
    return json_pack("{s:o,s:o,s:o,s:o}", "id", json_id(p->id.b), "device", json_id(p->device.b), "service",
                     json_str(host), "added_at", json_time(p->added_ms));
}
