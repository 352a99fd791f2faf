/* The steps of both ceremonies in the standard's order: cheap ones first, the signature last. */
#include "keeper/webauthn.h"

#include "keeper/webauthn_priv.h"

/* The one place that allows. */
static struct webauthn_answer answer(enum webauthn_reason reason, const char *name) {
    struct webauthn_answer a = { .reason = reason, .name = name };
    if (reason == WEBAUTHN_FINE) a.verdict = WEBAUTHN_ALLOW;
    if (reason == WEBAUTHN_STORED || reason == WEBAUTHN_NOT_CHECKED) a.verdict = WEBAUTHN_UNKNOWN;
    return a;
}

enum err webauthn_signature(const struct cose_key *key, struct str data, const uint8_t hash[HASH_BYTES],
                            struct str sig) {
    uint8_t all[ATTESTATION_BYTES_MAX + HASH_BYTES];
    if (data.n > ATTESTATION_BYTES_MAX) return ERR_TOO_LARGE;
    memcpy(all, data.p, data.n);
    memcpy(all + data.n, hash, HASH_BYTES);
    return cose_verify(key, str_bytes(all, data.n + HASH_BYTES), sig);
}

static bool is_askable(const struct webauthn_expect *e) {
    return e->challenge.n >= WEBAUTHN_CHALLENGE_BYTES_MIN && e->challenge.n <= WEBAUTHN_CHALLENGE_BYTES_MAX &&
           e->rp_id.n > 0 && e->origins_n > 0;
}

/* What both ceremonies ask of the authenticator data. */
static enum webauthn_reason check_data(const struct webauthn_expect *e, const struct authenticator_data *d) {
    uint8_t hash[HASH_BYTES];
    crypto_sha256(e->rp_id, hash);
    if (!str_eq(d->rp_id_hash, str_bytes(hash, sizeof hash))) return WEBAUTHN_RP_ID;
    if (!(d->flags & FLAG_UP)) return WEBAUTHN_NOT_PRESENT;
    if (!(d->flags & FLAG_UV) && !e->is_verification_optional) return WEBAUTHN_NOT_VERIFIED;
    return (d->flags & FLAG_BS) && !(d->flags & FLAG_BE) ? WEBAUTHN_BACKUP_STATE : WEBAUTHN_FINE;
}

static enum webauthn_reason check_key(struct str public_key, struct cose_key *ret, const char **ret_name) {
    int64_t alg = 0;
    if (cose_key_alg(public_key, &alg) != OK) return WEBAUTHN_PUBLIC_KEY;
    if (!cose_is_offered(alg)) {
        *ret_name = cose_alg_name(alg);
        return WEBAUTHN_ALGORITHM;
    }
    return cose_key_read(public_key, ret) == OK ? WEBAUTHN_FINE : WEBAUTHN_PUBLIC_KEY;
}

static struct webauthn_credential credential_of(const struct authenticator_data *d, enum cose_alg alg) {
    struct webauthn_credential c = {
        .id = d->credential_id,
        .public_key = d->public_key,
        .alg = alg,
        .sign_count = d->sign_count,
        .is_backup_eligible = (d->flags & FLAG_BE) != 0,
        .is_backed_up = (d->flags & FLAG_BS) != 0,
        .is_verified = (d->flags & FLAG_UV) != 0,
    };
    memcpy(c.aaguid, d->aaguid.p, sizeof c.aaguid);
    return c;
}

static enum webauthn_reason check_registration(const struct webauthn_expect *e, const struct ceremony *c,
                                               struct webauthn_credential *ret_new, const char **ret_name) {
    uint8_t hash[HASH_BYTES];
    struct attestation a;
    struct authenticator_data d;
    struct cose_key key;
    enum webauthn_reason why;
    if (!is_askable(e)) return WEBAUTHN_NOT_CHECKED;
    if ((why = client_data_check(c->client_data, e, "webauthn.create")) != WEBAUTHN_FINE) return why;
    if (attestation_read(c->attestation_object, &a) != OK) return WEBAUTHN_ATTESTATION;
    enum err r = authenticator_data_read(a.authenticator_data, &d);
    if (r != OK || !d.has_credential) return WEBAUTHN_AUTHENTICATOR;
    if ((why = check_data(e, &d)) != WEBAUTHN_FINE) return why;
    if (!str_eq(d.credential_id, c->credential_id)) return WEBAUTHN_CREDENTIAL_ID;
    if ((why = check_key(d.public_key, &key, ret_name)) != WEBAUTHN_FINE) return why;
    crypto_sha256(c->client_data, hash);
    if ((why = attestation_check(&a, &d, hash, ret_name)) != WEBAUTHN_FINE) return why;
    *ret_new = credential_of(&d, key.alg);
    return WEBAUTHN_FINE;
}

struct webauthn_answer webauthn_register(const struct webauthn_expect *e, const struct ceremony *c,
                                         struct webauthn_credential *ret_new) {
    const char *name = NULL;
    enum webauthn_reason why = check_registration(e, c, ret_new, &name);
    return answer(why, name);
}

static bool is_owner(const struct webauthn_expect *e, struct str handle) {
    if (handle.n == 0) return e->is_user_identified;
    return str_eq(handle, e->user_handle);
}

static enum webauthn_reason check_assertion(const struct webauthn_expect *e, const struct webauthn_credential *stored,
                                            const struct ceremony *c, struct webauthn_use *ret_use) {
    uint8_t hash[HASH_BYTES];
    struct authenticator_data d;
    struct cose_key key;
    enum webauthn_reason why;
    if (!is_askable(e)) return WEBAUTHN_NOT_CHECKED;
    if (stored->id.n == 0 || !str_eq(stored->id, c->credential_id)) return WEBAUTHN_CREDENTIAL_ID;
    if (!is_owner(e, c->user_handle)) return WEBAUTHN_USER_HANDLE;
    if ((why = client_data_check(c->client_data, e, "webauthn.get")) != WEBAUTHN_FINE) return why;
    if (authenticator_data_read(c->authenticator_data, &d) != OK || d.has_credential) return WEBAUTHN_AUTHENTICATOR;
    if ((why = check_data(e, &d)) != WEBAUTHN_FINE) return why;
    if (((d.flags & FLAG_BE) != 0) != stored->is_backup_eligible) return WEBAUTHN_BACKUP_CHANGED;
    if (cose_key_read(stored->public_key, &key) != OK || key.alg != stored->alg) return WEBAUTHN_STORED;
    crypto_sha256(c->client_data, hash);
    if (webauthn_signature(&key, c->authenticator_data, hash, c->signature) != OK) return WEBAUTHN_SIGNATURE;
    *ret_use = (struct webauthn_use){
        .sign_count = d.sign_count,
        .is_backed_up = (d.flags & FLAG_BS) != 0,
        .is_count_behind = (d.sign_count != 0 || stored->sign_count != 0) && d.sign_count <= stored->sign_count,
    };
    return WEBAUTHN_FINE;
}

struct webauthn_answer webauthn_assert(const struct webauthn_expect *e, const struct webauthn_credential *stored,
                                       const struct ceremony *c, struct webauthn_use *ret_use) {
    return answer(check_assertion(e, stored, c, ret_use), NULL);
}

void webauthn_explain(struct webauthn_answer a, char out[WEBAUTHN_TEXT_SIZE]) {
    static const char *const texts[] = {
        [WEBAUTHN_NOT_CHECKED] = "it could not be checked",
#define X(name, text) [WEBAUTHN_##name] = text,
#include "keeper/webauthn.def"
#undef X
        [WEBAUTHN_FINE] = "it holds",
    };
    (void)snprintf(out, WEBAUTHN_TEXT_SIZE, "%s%s%s", texts[a.reason], a.name ? " " : "", a.name ? a.name : "");
}
