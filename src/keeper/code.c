/* Codes at rest. AES-256-GCM binds each to its account, attempt and way, so that a row moved elsewhere opens nowhere.
 */
#include "keeper/code.h"

#include <assert.h>
#include <sodium.h>

#include "base/secret.h"

#define NONCE_BYTES 12
#define TAG_BYTES   16

extern const struct store_stmt CODE_LOAD, CODE_PUT, CODE_USE, CODE_DROP;

const struct store_stmt CODE_LOAD = {
    .name = "keeper_code_load",
    .in = "bbi",
    .out = "bii",
    .sql = "SELECT digits, is_used, expires_ms FROM code WHERE account_id = ?1 AND attempt_id = ?2 AND way = ?3",
};
const struct store_stmt CODE_PUT = {
    .name = "keeper_code_put",
    .in = "bbibi",
    .out = "",
    .sql = "INSERT INTO code (account_id, attempt_id, way, digits, is_used, expires_ms) VALUES (?1, ?2, ?3, ?4, 0, ?5)"
           " ON CONFLICT (account_id, attempt_id, way) DO UPDATE SET digits = ?4, is_used = 0, expires_ms = ?5",
};
const struct store_stmt CODE_USE = {
    .name = "keeper_code_use",
    .in = "bbi",
    .out = "",
    .sql = "UPDATE code SET is_used = 1 WHERE account_id = ?1 AND attempt_id = ?2 AND way = ?3",
};
const struct store_stmt CODE_DROP = {
    .name = "keeper_code_drop",
    .in = "bb",
    .out = "",
    .sql = "DELETE FROM code WHERE account_id = ?1 AND attempt_id = ?2",
};

struct bound_to {
    struct account_id account;
    struct attempt_id attempt;
    uint8_t way;
} __attribute__((packed));

static struct bound_to binding(const struct step *s, enum code_way way) {
    return (struct bound_to){ .account = s->j->q.account, .attempt = s->j->q.attempt, .way = (uint8_t)way };
}

static enum err open_digits(const struct step *s, enum code_way way, struct str sealed, struct code *c) {
    if (sealed.n < NONCE_BYTES + TAG_BYTES + 1 || sealed.n > NONCE_BYTES + TAG_BYTES + CODE_DIGITS_MOST)
        return ERR_CORRUPT;
    struct bound_to aad = binding(s, way);
    c->n = sealed.n - NONCE_BYTES - TAG_BYTES;
    return crypto_gcm_open(str_bytes(s->k->keys->code, KEY_BYTES), (const uint8_t *)sealed.p,
                           str_bytes(&aad, sizeof aad), str_skip(sealed, NONCE_BYTES), (uint8_t *)c->digits);
}

enum err code_load(struct store_tx *tx, const struct step *s, enum code_way way, struct code *ret) {
    const struct keeper_message_ask *q = &s->j->q;
    struct store_val col[3];
    *ret = (struct code){ 0 };
    enum err r = store_one(tx, &CODE_LOAD, S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(way)), s->arena, col);
    if (r == ERR_NOT_FOUND) return OK;
    if (r != OK) return r;
    ret->is_used = col[1].i != 0;
    ret->expires_ms = col[2].i;
    ret->is_alive = ret->expires_ms > s->now_ms;
    return open_digits(s, way, col[0].s, ret);
}

enum err code_make(struct store_tx *tx, const struct step *s, enum code_way way, const struct code *c) {
    const struct keeper_message_ask *q = &s->j->q;
    uint8_t sealed[NONCE_BYTES + CODE_DIGITS_MOST + TAG_BYTES];
    struct bound_to aad = binding(s, way);
    int64_t changed;
    crypto_random(sealed, NONCE_BYTES);
    enum err r = crypto_gcm_seal(str_bytes(s->k->keys->code, KEY_BYTES), sealed, str_bytes(&aad, sizeof aad),
                                 (struct str){ c->digits, c->n }, sealed + NONCE_BYTES);
    if (r != OK) return r;
    return store_exec(tx, &CODE_PUT,
                      S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(way),
                           S_S(str_bytes(sealed, NONCE_BYTES + c->n + TAG_BYTES)), S_I(c->expires_ms)),
                      &changed);
}

enum err code_use(struct store_tx *tx, const struct step *s, enum code_way way) {
    const struct keeper_message_ask *q = &s->j->q;
    int64_t changed;
    return store_exec(tx, &CODE_USE, S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(way)), &changed);
}

enum err codes_drop(struct store_tx *tx, const struct step *s) {
    const struct keeper_message_ask *q = &s->j->q;
    int64_t changed;
    return store_exec(tx, &CODE_DROP, S_IN(S_B(q->account.b), S_B(q->attempt.b)), &changed);
}

void code_random(struct code *c, size_t digits) {
    assert(digits <= CODE_DIGITS_MOST);
    memset(c->digits, 0, sizeof c->digits);
    for (size_t i = 0; i < digits; i++) c->digits[i] = (char)('0' + randombytes_uniform(10));
    c->n = digits;
}

/* The digits that were typed, or none when anything else was. */
static size_t read_digits(struct str typed, char out[CODE_DIGITS_MOST + 1]) {
    size_t n = 0;
    for (size_t i = 0; i < typed.n; i++) {
        char c = typed.p[i];
        if (c == ' ' || c == '-') continue;
        if (c < '0' || c > '9' || n >= CODE_DIGITS_MOST) return 0;
        out[n++] = c;
    }
    return n;
}

bool code_is(const struct code *c, struct str typed) {
    char plain[CODE_DIGITS_MOST + 1] = { 0 };
    size_t n = read_digits(typed, plain);
    bool is_same = bytes_eq_secret(plain, c->digits, sizeof plain);
    bytes_wipe(plain, sizeof plain);
    return n > 0 && n == c->n && is_same;
}
