/*
 * clientDataJSON, and the object reader under it: what is taken holds our type, challenge and origin, is UTF-8, and
 * names no other site; every member that is found can be read out.
 */
#include "base/enc.h"
#include "base/jobject.h"
#include "keeper/webauthn_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(bool is_so) {
    if (!is_so) abort();
}

static void read_all(const struct jobject *o) {
    need(o->n <= JOBJECT_MEMBERS_MAX);
    for (size_t i = 0; i < o->n; i++) {
        struct buf b;
        char name[64];
        if (str_to_z(o->member[i].name, name, sizeof name) != OK) continue;
        need(jobject_kind(o, name) != JKIND_NONE);
        buf_init(&b, JOBJECT_BYTES_MAX);
        if (jobject_kind(o, name) == JKIND_STRING) {
            need(jobject_text(o, name, &b) == OK && str_is_utf8(buf_str(&b)));
            need(jobject_is(o, name, buf_str(&b)));
        }
        buf_release(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const struct str origins[] = { { "https://example.org", 19 }, { "http://localhost:8420", 21 } };
    const struct webauthn_expect e = { .rp_id = STR("example.org"),
                                       .origins = origins,
                                       .origins_n = ARRAY_LEN(origins),
                                       .challenge = STR("0123456789abcdef") };
    struct str in = str_bytes(data, n), bare = in;
    struct jobject o;
    if (jobject_read(in, &o) == OK) {
        need(str_is_utf8(in) && n <= JOBJECT_BYTES_MAX);
        read_all(&o);
    }
    if (client_data_check(in, &e, "webauthn.get") != WEBAUTHN_FINE) return 0;
    if (str_starts(in, STR("\xef\xbb\xbf"))) bare = str_skip(in, 3);
    need(n <= CLIENT_DATA_BYTES_MAX && jobject_read(bare, &o) == OK);
    need(jobject_is(&o, "type", STR("webauthn.get")) && jobject_is(&o, "challenge", STR("MDEyMzQ1Njc4OWFiY2RlZg")));
    need(jobject_is(&o, "origin", origins[0]) || jobject_is(&o, "origin", origins[1]));
    need(jobject_kind(&o, "crossOrigin") != JKIND_TRUE && jobject_kind(&o, "topOrigin") == JKIND_NONE);
    return 0;
}
