/* Passkeys: the options a browser asks its authenticator with, its answers on their way to the keeper, and the list. */
#include "api/resources.h"
#include "base/enc.h"
#include "keeper/ceremony.h"

#define TIMEOUT_MS     300000
#define MEMBER_CHARS   (B64URL_LEN(ATTESTATION_BYTES_MAX))
#define CREDENTIAL_MAX CEREMONY_BYTES_MAX

/* ---- options ---- */

static json_t *json_bytes(struct str s) {
    char text[B64URL_LEN(CREDENTIAL_ID_BYTES_MAX) + 1];
    size_t n = s.n <= CREDENTIAL_ID_BYTES_MAX ? enc_b64url(s.p, s.n, text) : 0;
    return json_stringn(text, n);
}

static json_t *json_host(const struct api_call *c) { return json_str(config_origin_host(c->api->config)); }

static json_t *json_excluded(const struct guard_challenge *ch) {
    json_t *list = json_array();
    for (size_t i = 0; i < ch->exclude_n; i++)
        (void)json_array_append_new(list,
                                    json_pack("{s:s,s:o}", "type", "public-key", "id", json_bytes(ch->exclude[i])));
    return list;
}

static json_t *json_algorithms(void) {
    static const int offered[] = { -8, -7, -257 };
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(offered); i++)
        (void)json_array_append_new(list, json_pack("{s:s,s:i}", "type", "public-key", "alg", offered[i]));
    return list;
}

static json_t *json_creation(const struct api_call *c, const struct guard_challenge *ch) {
    return json_pack("{s:{s:o,s:s},s:{s:o,s:o,s:o},s:o,s:o,s:i,s:o,s:{s:s,s:b,s:s},s:s}", "rp", "id", json_host(c),
                     "name", "tocsin", "user", "id", json_bytes(str_bytes(ch->account.b, sizeof ch->account.b)), "name",
                     json_str(ch->email), "displayName", json_str(ch->name), "challenge",
                     json_bytes(str_bytes(ch->bytes, sizeof ch->bytes)), "pubKeyCredParams", json_algorithms(),
                     "timeout", TIMEOUT_MS, "excludeCredentials", json_excluded(ch), "authenticatorSelection",
                     "residentKey", "required", "requireResidentKey", 1, "userVerification", "required", "attestation",
                     "none");
}

static json_t *json_request(const struct api_call *c, const struct guard_challenge *ch) {
    return json_pack("{s:o,s:i,s:o,s:[],s:s}", "challenge", json_bytes(str_bytes(ch->bytes, sizeof ch->bytes)),
                     "timeout", TIMEOUT_MS, "rpId", json_host(c), "allowCredentials", "userVerification", "required");
}

static void reply_challenge(struct http_request *req, struct api_call *c) {
    const struct guard_challenge *ch = &c->g.answer.challenge;
    http_reply_json(req, 200,
                    json_pack("{s:o}", "publicKey", ch->is_creation ? json_creation(c, ch) : json_request(c, ch)));
}

void attempts_passkey(struct http_request *req, void *app) {
    static const char *const allowed[] = { NULL };
    struct api_call *c = call_begin(req, app);
    json_t *body = c ? http_json(req) : NULL;
    if (!body || !http_json_members(req, body, allowed) || !param_id(req, "id", c->g.attempt.b)) return;
    c->g.verb = GUARD_CHALLENGE;
    call_run(req, c, reply_challenge);
}

/* ---- what the browser answers ---- */

/* A base64url member, decoded into the arena; absent or null is empty. */
static bool read_bytes(struct http_request *req, json_t *from, const char *name, struct str *ret) {
    json_t *v = json_object_get(from, name);
    size_t n = json_string_length(v), got = 0;
    char *bytes;
    *ret = STR("");
    if (!v || json_is_null(v)) return true;
    bytes = json_is_string(v) && n <= MEMBER_CHARS ? arena_alloc(http_arena(req), n + 1) : NULL;
    if (!bytes || dec_b64url(str_bytes(json_string_value(v), n), bytes, n, &got) != OK) return false;
    *ret = str_bytes(bytes, got);
    return true;
}

/* PublicKeyCredential.toJSON(): what browsers add to it is theirs, and only what the ceremony needs is read. */
static bool read_ceremony(struct http_request *req, json_t *credential, struct ceremony *ret) {
    json_t *response = json_object_get(credential, "response");
    const char *type = json_string_value(json_object_get(credential, "type"));
    return json_is_object(response) && type && strcmp(type, "public-key") == 0 &&
           read_bytes(req, credential, "rawId", &ret->credential_id) &&
           read_bytes(req, response, "clientDataJSON", &ret->client_data) &&
           read_bytes(req, response, "authenticatorData", &ret->authenticator_data) &&
           read_bytes(req, response, "signature", &ret->signature) &&
           read_bytes(req, response, "userHandle", &ret->user_handle) &&
           read_bytes(req, response, "attestationObject", &ret->attestation_object);
}

bool member_credential(struct http_request *req, json_t *body, bool is_registration, struct str *ret) {
    json_t *credential = json_object_get(body, "credential");
    struct ceremony c = { .credential_id = STR("") };
    struct buf packed;
    if (!credential) return true;
    buf_init(&packed, CREDENTIAL_MAX);
    if (json_is_object(credential) && read_ceremony(req, credential, &c)) {
        /* A new credential repeats in clear what its attestation holds, a used one never has one. */
        if (is_registration) c.authenticator_data = c.signature = c.user_handle = STR("");
        if (ceremony_pack(&c, &packed) == OK) *ret = arena_dup(http_arena(req), buf_str(&packed));
    }
    buf_release(&packed);
    if (ret->n > 0) return true;
    bad_request(req, "\"credential\" is not what a browser makes of a passkey.");
    return false;
}

/* ---- the list ---- */

struct listing {
    struct api_call *c;
    json_t *list;
};

json_t *json_passkey(const uint8_t id[ID_BYTES], struct str name, int64_t made_ms) {
    return json_pack("{s:o,s:o,s:o}", "id", json_id(id), "name", json_str(name), "created_at", json_time(made_ms));
}

static enum err on_passkey(void *ctx, const struct passkey *p) {
    struct listing *l = ctx;
    (void)json_array_append_new(l->list, json_passkey(p->id.b, p->name, p->made_ms));
    return OK;
}

static enum err list_tx(struct store_tx *tx, void *ctx) {
    struct listing *l = ctx;
    (void)json_array_clear(l->list);
    return passkey_each(tx, l->c->caller.session.account, on_passkey, l);
}

void passkeys_list(struct http_request *req, void *app) {
    struct listing l = { .c = call_begin_session(req, app) };
    enum err r;
    if (!l.c) return;
    l.list = json_array();
    r = store_read(l.c->api->store, list_tx, &l);
    if (r == OK) {
        http_reply_json(req, 200, json_pack("{s:o}", "passkeys", l.list));
        return;
    }
    json_decref(l.list);
    fail_err(req, r);
}

void passkey_endpoints(struct http_request *req, void *app) {
    const struct api *api = app;
    http_reply_json(req, 200,
                    json_pack("{s:o,s:o}", "enroll", json_sprintf("%s/security", api->config->server_origin), "manage",
                              json_sprintf("%s/security", api->config->server_origin)));
}
