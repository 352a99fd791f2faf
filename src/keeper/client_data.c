/* clientDataJSON: text that the browser wrote and the authenticator signed the hash of. */
#include "base/enc.h"
#include "base/jobject.h"
#include "keeper/webauthn_priv.h"

static bool is_one_of(const struct jobject *o, const char *name, const struct str *texts, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (jobject_is(o, name, texts[i])) return true;
    return false;
}

enum webauthn_reason client_data_check(struct str text, const struct webauthn_expect *e, const char *type) {
    char challenge[B64URL_LEN(WEBAUTHN_CHALLENGE_BYTES_MAX) + 1];
    struct jobject o;
    if (text.n > CLIENT_DATA_BYTES_MAX) return WEBAUTHN_CLIENT_DATA;
    if (str_starts(text, STR("\xef\xbb\xbf"))) text = str_skip(text, 3); /* "UTF-8 decode" drops one byte order mark */
    if (jobject_read(text, &o) != OK) return WEBAUTHN_CLIENT_DATA;
    if (jobject_kind(&o, "type") != JKIND_STRING || jobject_kind(&o, "challenge") != JKIND_STRING ||
        jobject_kind(&o, "origin") != JKIND_STRING)
        return WEBAUTHN_CLIENT_DATA;
    if (!jobject_is(&o, "type", str_from(type))) return WEBAUTHN_TYPE;
    size_t n = enc_b64url(e->challenge.p, e->challenge.n, challenge);
    if (!jobject_is(&o, "challenge", (struct str){ challenge, n })) return WEBAUTHN_CHALLENGE;
    if (!is_one_of(&o, "origin", e->origins, e->origins_n)) return WEBAUTHN_ORIGIN;
    switch (jobject_kind(&o, "crossOrigin")) {
    case JKIND_NONE:
    case JKIND_FALSE: break;
    case JKIND_TRUE: return WEBAUTHN_CROSS_ORIGIN;
    case JKIND_STRING:
    case JKIND_NUMBER:
    case JKIND_NULL:
    case JKIND_ARRAY:
    case JKIND_OBJECT: return WEBAUTHN_CLIENT_DATA;
    }
    return jobject_kind(&o, "topOrigin") == JKIND_NONE ? WEBAUTHN_FINE : WEBAUTHN_CROSS_ORIGIN;
}
