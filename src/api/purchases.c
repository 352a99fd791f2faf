/* What is bought: read, bounded, and put into the one form that is shown, signed and receipted (RFC 8785). */
#include "api/resources.h"
#include "base/jcs.h"
#include "base/jws.h"

#define PAYLOAD_MEMBERS   5
#define PAYLOAD_BYTES_MAX 2048

static const struct payload_member {
    const char *name;
    size_t bytes_max;
    bool is_needed;
} payload_members[PAYLOAD_MEMBERS] = { { "merchant", 200, true },
                                       { "amount", 20, true },
                                       { "currency", 3, true },
                                       { "description", 500, false },
                                       { "reference", 100, false } };

/* "129.90": digits, and perhaps a point and up to four more; no sign, no blank, no leading zero but one. */
static bool is_amount(struct str s) {
    size_t whole = 0, part = 0;
    while (whole < s.n && s.p[whole] >= '0' && s.p[whole] <= '9') whole++;
    if (whole == 0 || whole > 12 || (whole > 1 && s.p[0] == '0')) return false;
    if (whole == s.n) return true;
    if (s.p[whole] != '.') return false;
    while (whole + 1 + part < s.n && s.p[whole + 1 + part] >= '0' && s.p[whole + 1 + part] <= '9') part++;
    return part > 0 && part <= 4 && whole + 1 + part == s.n;
}

static bool is_currency(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z') return false;
    return s.n == 3;
}

static bool read_member(json_t *payload, const struct payload_member *m, struct str *ret, bool *ret_is_there) {
    json_t *v = json_object_get(payload, m->name);
    *ret_is_there = v != NULL;
    if (!v) return !m->is_needed;
    if (!json_is_string(v) || json_string_length(v) > m->bytes_max) return false;
    *ret = str_bytes(json_string_value(v), json_string_length(v));
    if (m->is_needed && ret->n == 0) return false;
    return text_is_fair(*ret, m->bytes_max); /* a person reads it before they sign */
}

static bool refuse(struct http_request *req, const char *what) {
    bad_request(req, what);
    return false;
}

bool member_payload(struct http_request *req, json_t *body, struct str *ret) {
    static const char *const allowed[] = { "merchant", "amount", "currency", "description", "reference", NULL };
    json_t *payload = json_object_get(body, "payload");
    struct jcs_member members[PAYLOAD_MEMBERS];
    struct buf out;
    size_t n = 0;
    bool is_there;
    if (!json_is_object(payload)) return refuse(req, "\"payload\" is missing.");
    if (!http_json_members(req, payload, allowed)) return false;
    for (size_t i = 0; i < PAYLOAD_MEMBERS; i++) {
        struct str value = STR("");
        if (!read_member(payload, &payload_members[i], &value, &is_there))
            return refuse(req, "A member of \"payload\" is missing, too long, or can't be shown.");
        if (strcmp(payload_members[i].name, "amount") == 0 && !is_amount(value))
            return refuse(req, "\"amount\" is a decimal number as text, like \"129.90\".");
        if (strcmp(payload_members[i].name, "currency") == 0 && !is_currency(value))
            return refuse(req, "\"currency\" is a code of ISO 4217, like \"EUR\".");
        if (is_there) members[n++] = (struct jcs_member){ str_from(payload_members[i].name), value };
    }
    buf_init(&out, PAYLOAD_BYTES_MAX);
    if (jcs_object(members, n, &out) == OK) *ret = arena_dup(http_arena(req), buf_str(&out));
    buf_release(&out);
    return ret->n > 0 ? true : refuse(req, "\"payload\" is too long.");
}

/* The keys that receipts are verified with. */
void jwks(struct http_request *req, void *app) {
    const struct api *api = app;
    struct buf out;
    uint8_t points[1][P256_POINT_BYTES];
    memcpy(points[0], api->receipt_public, sizeof points[0]);
    buf_init(&out, 4096);
    jwks_add(&out, (const uint8_t(*)[P256_POINT_BYTES])points, 1);
    http_reply(req, 200, "application/json", buf_str(&out));
    buf_release(&out);
}
