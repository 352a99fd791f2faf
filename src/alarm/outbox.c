/* What front and courier accept from each other: exact sizes, known types, every field in its bounds. */
#include "alarm/outbox.h"

static bool is_zero_from(const void *p, size_t used, size_t size) {
    const uint8_t *b = p;
    for (size_t i = used; i < size; i++)
        if (b[i] != 0) return false;
    return true;
}

static bool delivery_is_sound(const struct outbox_delivery *d) {
    if (d->channel != OUTBOX_EMAIL && d->channel != OUTBOX_PUSH && d->channel != OUTBOX_WEBHOOK) return false;
    if (d->letter < LETTER_ALERT || d->letter > LETTER_CASE) return false;
    if (d->action >= ACTION_COUNT || d->kind > ALERT_WRONG_PROOFS) return false;
    if (d->is_last > 1 || d->is_urgent > 1) return false;
    if (d->to_n == 0 || d->to_n > OUTBOX_TO_MAX || d->title_n > OUTBOX_TITLE_MAX || d->body_n > OUTBOX_BODY_MAX ||
        d->sealed_n > OUTBOX_SEALED_MAX)
        return false;
    return is_zero_from(d->to, d->to_n, sizeof d->to) && is_zero_from(d->title, d->title_n, sizeof d->title) &&
           is_zero_from(d->body, d->body_n, sizeof d->body) && is_zero_from(d->sealed, d->sealed_n, sizeof d->sealed);
}

static bool claim_is_sound(const struct outbox_claim *c) { return c->most >= 1 && c->most <= 64; }

static bool outcome_is_sound(const struct outbox_outcome *o) {
    return o->result >= RESULT_SENT && o->result <= RESULT_UNSUBSCRIBED && o->status <= 999 && o->retry_ms >= 0 &&
           o->retry_ms <= (int64_t)30 * 86400000;
}

enum err outbox_check(const void *message, size_t n) {
    const struct ipc_header *h = message;
    size_t want;
    bool is_sound = true;
    if (n < sizeof *h || h->bytes != n || h->version != IPC_VERSION) return ERR_INPUT;
    switch (h->type) {
    case OUTBOX_WAKE:
    case OUTBOX_RECORDED: want = sizeof *h; break;
    case OUTBOX_CLAIM: want = sizeof(struct outbox_claim); break;
    case OUTBOX_DELIVERY: want = sizeof(struct outbox_delivery); break;
    case OUTBOX_NOTHING: want = sizeof(struct outbox_nothing); break;
    case OUTBOX_OUTCOME: want = sizeof(struct outbox_outcome); break;
    default: return ERR_INPUT;
    }
    if (n != want) return ERR_INPUT;
    if (h->type == OUTBOX_CLAIM) is_sound = claim_is_sound(message);
    if (h->type == OUTBOX_DELIVERY) is_sound = delivery_is_sound(message);
    if (h->type == OUTBOX_OUTCOME) is_sound = outcome_is_sound(message);
    return is_sound ? OK : ERR_INPUT;
}
