/* The checks that stand between the socket and the first field read. Pure, fuzzed, used by both ends. */
#include "keeper/messages.h"

#define DIGITS_LEAST 4
#define DIGITS_MOST  8

#define OF_ATTEMPT .needs_account = true, .needs_attempt = true

const struct keeper_ask_shape keeper_ask_shapes[KEEPER_ASK_COUNT] = {
    [KEEPER_PROVE_PASSWORD] = { OF_ATTEMPT, .secret_bytes_max = KEEPER_PASSWORD_BYTES_MAX },
    [KEEPER_PROVE_CODE] = { OF_ATTEMPT, .secret_bytes_max = 64 },
    [KEEPER_PROVE_EMAIL_CODE] = { OF_ATTEMPT, .secret_bytes_max = 64 },
    [KEEPER_PROVE_RECOVERY_KEY] = { OF_ATTEMPT, .secret_bytes_max = 256 },
    [KEEPER_PROVE_PASSKEY] = { OF_ATTEMPT, .secret_bytes_max = KEEPER_SECRET_BYTES_MAX },
    [KEEPER_MAKE_CODE_THERE] = { OF_ATTEMPT, .needs_digits = true },
    [KEEPER_SHOW_CODE] = { OF_ATTEMPT },
    [KEEPER_MAKE_CODE_HERE] = { OF_ATTEMPT, .needs_digits = true },
    [KEEPER_APPROVE] = { OF_ATTEMPT, .secret_bytes_max = 64 },
    [KEEPER_MAKE_EMAIL_CODE] = { OF_ATTEMPT },
    [KEEPER_CHALLENGE] = { OF_ATTEMPT },
    [KEEPER_COMMIT] = { OF_ATTEMPT, .secret_bytes_max = KEEPER_SECRET_BYTES_MAX },
    [KEEPER_SETTLE] = { OF_ATTEMPT },
    [KEEPER_FATE] = { OF_ATTEMPT },
    [KEEPER_END] = { OF_ATTEMPT },
    [KEEPER_UNDO] = { OF_ATTEMPT },
    [KEEPER_LOCK_DOWN] = { .needs_account = true },
    [KEEPER_FORGET_DEVICE] = { .needs_account = true, .needs_device = true },
    [KEEPER_LINK] = { .secret_bytes_max = 128 },
    [KEEPER_PING] = { 0 },
    [KEEPER_PAIR] = { 0 },
};

void keeper_fill_ask(struct keeper_message_ask *m, const struct keeper_request *q, uint64_t request) {
    memset(m, 0, sizeof *m);
    m->h =
        (struct ipc_header){ .bytes = sizeof *m, .type = (uint16_t)q->ask, .version = IPC_VERSION, .request = request };
    m->account = q->account;
    m->attempt = q->attempt;
    m->device = q->device;
    m->by = q->by;
    m->subject = q->subject;
    m->attempt_expires_ms = q->attempt_expires_ms;
    m->action = (uint8_t)q->action;
    m->code_digits = q->code_digits;
    size_t most = keeper_ask_shapes[q->ask].secret_bytes_max;
    m->is_too_long = most > 0 && q->secret.n > most;
    m->secret_n = q->secret.n > most ? 0 : (uint16_t)q->secret.n;
    if (m->secret_n > 0) memcpy(m->secret, q->secret.p, m->secret_n);
}

static bool is_all_zero(const void *p, size_t n) {
    const uint8_t *b = p;
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) any |= b[i];
    return any == 0;
}

/* Text in a fixed array: ends with NUL, and nothing hides behind the first one. */
static bool is_padded_text(const char *p, size_t size) {
    size_t n = strnlen(p, size);
    return n < size && is_all_zero(p + n, size - n);
}

enum err keeper_check_ask(const void *message, size_t n) {
    const struct keeper_message_ask *q = message;
    if (n != sizeof *q || q->h.bytes != sizeof *q || q->h.version != IPC_VERSION) return ERR_INPUT;
    if (q->h.type < KEEPER_PROVE_PASSWORD || q->h.type >= KEEPER_ASK_COUNT || q->h.request == 0) return ERR_INPUT;
    const struct keeper_ask_shape *shape = &keeper_ask_shapes[q->h.type];
    if (q->secret_n > shape->secret_bytes_max || q->is_too_long > 1) return ERR_INPUT;
    if (q->is_too_long && (q->secret_n != 0 || shape->secret_bytes_max == 0)) return ERR_INPUT;
    if (!is_all_zero(q->secret + q->secret_n, sizeof q->secret - q->secret_n)) return ERR_INPUT;
    if (q->action >= ACTION_COUNT || q->code_digits > DIGITS_MOST || q->attempt_expires_ms < 0) return ERR_INPUT;
    if (shape->needs_digits && q->code_digits < DIGITS_LEAST) return ERR_INPUT;
    if (shape->needs_account && is_all_zero(q->account.b, ID_BYTES)) return ERR_INPUT;
    if (shape->needs_attempt && is_all_zero(q->attempt.b, ID_BYTES)) return ERR_INPUT;
    if (shape->needs_device && is_all_zero(q->device.b, ID_BYTES)) return ERR_INPUT;
    return OK;
}

static enum err check_hello(const void *message, size_t n) {
    const struct keeper_message_hello *m = message;
    return n == sizeof *m && m->h.request == 0 ? OK : ERR_INPUT;
}

enum err keeper_check_reply(const void *message, size_t n) {
    const struct keeper_message_reply *m = message;
    if (n < sizeof m->h || m->h.bytes != n || m->h.version != IPC_VERSION) return ERR_INPUT;
    if (m->h.type == KEEPER_TYPE_HELLO) return check_hello(message, n);
    if (m->h.type != KEEPER_TYPE_REPLY || n != sizeof *m || m->h.request == 0) return ERR_INPUT;
    if (m->say < KEEPER_RIGHT || m->say > KEEPER_DOWN || m->proved >= 1u << PROOF_COUNT) return ERR_INPUT;
    if (m->is_count_behind > 1 || m->holds_credentials > 1 || !is_padded_text(m->receipt, sizeof m->receipt))
        return ERR_INPUT;
    if (m->is_budget_just_spent > 1 || m->retry_ms < 0 || m->expires_ms < 0) return ERR_INPUT;
    if (m->sealed_n > sizeof m->sealed) return ERR_INPUT;
    if (!is_all_zero(m->sealed + m->sealed_n, sizeof m->sealed - m->sealed_n)) return ERR_INPUT;
    if (!is_padded_text(m->digits, sizeof m->digits)) return ERR_INPUT;
    if (!is_padded_text(m->recovery_key, sizeof m->recovery_key)) return ERR_INPUT;
    return is_padded_text(m->reason, sizeof m->reason) ? OK : ERR_INPUT;
}
