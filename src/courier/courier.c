/*
 * The loop: claims deliveries, keeps many under way with libcurl's multi interface, and reports each outcome. One
 * thread. What it holds when it dies comes back to it when the lease ends.
 */
#include "courier/courier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/secret.h"
#include "courier/courier_priv.h"
#include "courier/s3.h"

#define SLOTS            64
#define PER_HOST_MAX     16
#define CONNECT_S        10L
#define WHOLE_S          30L /* well under the lease */
#define ANSWER_BYTES_MAX (64 * 1024)
#define CLAIM_WAIT_MS    5000
#define LOOK_MS          1000
#define PAD_BYTES        2048
#define PAD_LARGE_BYTES  3900
#define URGENT_TTL_S     2419200

struct slot {
    bool is_used, is_short;
    struct outbox_delivery d;
    CURL *easy;
    struct curl_slist *headers, *recipients;
    struct buf message;    /* the mail, or the push body */
    size_t sent, answered; /* bytes */
};

struct courier {
    const struct courier_options *o;
    CURLM *multi;
    struct vapid *vapid;
    struct s3 *s3; /* NULL: backups do not lie there */
    struct letter letter;
    struct slot slots[SLOTS];
    size_t used;
    uint64_t next_request;
    bool has_claim, may_go_private;
    int64_t claimed_ms, look_ms; /* monotonic */
};

/* ---- telling the front ---- */

static void report(struct courier *c, const struct outbox_delivery *d, const struct outcome *out) {
    struct outbox_outcome m = {
        .h = { .bytes = sizeof m, .type = OUTBOX_OUTCOME, .version = IPC_VERSION, .request = ++c->next_request },
        .account = d->account,
        .row = d->row,
        .result = out->result,
        .status = out->status,
        .retry_ms = out->retry_ms
    };
    char row[ID_TEXT_SIZE];
    if (out->result != RESULT_SENT) {
        id_text(d->row.b, row);
        log_event(out->is_our_fault ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
                  out->is_our_fault ? "delivery_refused_our_fault" : "delivery_fail", LOG_Z("row", row),
                  LOG_Z("channel", d->channel == OUTBOX_EMAIL ? "email" : "push"), LOG_I("status", out->status),
                  LOG_I("tries", d->tries), LOG_Z("next", out->result == RESULT_RETRY ? "retry" : "none"));
    }
    if (ipc_send(c->o->front_fd, &m, sizeof m, true) != OK)
        log_err(ERR_CLOSED, "outcome"); /* the lease ends and it comes back */
}

static void claim(struct courier *c) {
    struct outbox_claim m = {
        .h = { .bytes = sizeof m, .type = OUTBOX_CLAIM, .version = IPC_VERSION, .request = ++c->next_request },
        .most = (uint16_t)(SLOTS - c->used)
    };
    if (c->has_claim || c->used == SLOTS) return;
    if (ipc_send(c->o->front_fd, &m, sizeof m, false) != OK) return;
    c->has_claim = true;
    c->claimed_ms = clock_mono_ms();
}

/* ---- slots ---- */

static struct slot *slot_take(struct courier *c) {
    for (size_t i = 0; i < SLOTS; i++) {
        if (c->slots[i].is_used) continue;
        c->slots[i].is_used = true;
        c->used++;
        return &c->slots[i];
    }
    return NULL;
}

/* The easy handle stays with its slot, and its connection with the multi handle. */
static void slot_clear(struct courier *c, struct slot *s) {
    curl_slist_free_all(s->headers);
    curl_slist_free_all(s->recipients);
    s->headers = s->recipients = NULL;
    buf_release(&s->message);
    if (s->easy) curl_easy_reset(s->easy);
    s->is_used = s->is_short = false;
    s->sent = s->answered = 0;
    c->used--;
}

static void end(struct courier *c, struct slot *s, const struct outcome *out) {
    report(c, &s->d, out);
    slot_clear(c, s);
}

static void end_simple(struct courier *c, struct slot *s, uint8_t result) {
    end(c, s, &(struct outcome){ .result = result });
}

static size_t on_answer(char *p, size_t size, size_t n, void *ctx) {
    struct slot *s = ctx;
    (void)p;
    s->answered += size * n;
    return s->answered > ANSWER_BYTES_MAX ? 0 : size * n; /* nobody needs to say that much */
}

static void set_common(struct slot *s) {
    (void)curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
    (void)curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    (void)curl_easy_setopt(s->easy, CURLOPT_TIMEOUT, WHOLE_S);
    (void)curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_answer);
    (void)curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
    (void)curl_easy_setopt(s->easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(s->easy, CURLOPT_PROXY, "");
}

static void make_words(struct courier *c, const struct slot *s, char digits[16], char link[400],
                       struct letter_words *ret) {
    uint8_t plain[OUTBOX_SEALED_MAX];
    char token[LINK_TEXT_SIZE];
    digits[0] = link[0] = 0;
    if (s->d.sealed_n > BOX_OVERHEAD_BYTES && s->d.sealed_n - BOX_OVERHEAD_BYTES < 16 &&
        crypto_unseal(str_bytes(s->d.sealed, s->d.sealed_n), c->o->box_public, c->o->box_secret, plain) == OK) {
        memcpy(digits, plain, s->d.sealed_n - BOX_OVERHEAD_BYTES);
        digits[s->d.sealed_n - BOX_OVERHEAD_BYTES] = 0;
        bytes_wipe(plain, sizeof plain);
    }
    if (s->d.letter == LETTER_ALERT && !id_is_zero(s->d.alert.b)) {
        link_make(c->o->link_key, s->d.account, s->d.alert, token);
        (void)snprintf(link, 400, "%s/a/%s", c->letter.origin, token);
    }
    *ret = (struct letter_words){ .d = &s->d, .digits = digits, .link = link, .now_ms = clock_wall_ms() };
}

/* ---- mail ---- */

static enum err write_file(int folder, const struct outbox_delivery *d, struct str text) {
    char id[ID_BYTES * 2 + 1], fresh[60], name[60];
    int fd;
    (void)enc_hex(d->row.b, ID_BYTES, id);
    (void)snprintf(fresh, sizeof fresh, "%s.new", id);
    (void)snprintf(name, sizeof name, "%s.eml", id);
    fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) return ERR_IO;
    if (write(fd, text.p, text.n) != (ssize_t)text.n || fsync(fd) != 0) {
        (void)close(fd);
        (void)unlinkat(folder, fresh, 0);
        return errno == ENOSPC ? ERR_FULL : ERR_IO;
    }
    (void)close(fd);
    return renameat(folder, fresh, folder, name) == 0 ? OK : ERR_IO;
}

static size_t on_read(char *p, size_t size, size_t n, void *ctx) {
    struct slot *s = ctx;
    size_t left = s->message.n - s->sent, take = size * n < left ? size * n : left;
    memcpy(p, s->message.p + s->sent, take);
    s->sent += take;
    return take;
}

static bool smtp_is_local(const char *url) {
    return strstr(url, "://127.0.0.1") != NULL || strstr(url, "://localhost") != NULL ||
           strstr(url, "://[::1]") != NULL;
}

static enum err begin_smtp(struct courier *c, struct slot *s) {
    const struct config *cfg = c->o->config;
    char from[300], to[OUTBOX_TO_MAX + 1], password[513];
    enum err r = letter_envelope(&c->letter, &s->d, from);
    if (r != OK) return r;
    memcpy(to, s->d.to, s->d.to_n);
    to[s->d.to_n] = 0;
    s->recipients = curl_slist_append(NULL, to);
    if (!s->recipients) return ERR_NOMEM;
    set_common(s);
    (void)curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)curl_easy_setopt(s->easy, CURLOPT_URL, cfg->mail_smtp);
    (void)curl_easy_setopt(s->easy, CURLOPT_USE_SSL,
                           (long)(smtp_is_local(cfg->mail_smtp) ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    if (smtp_is_local(cfg->mail_smtp)) { /* this machine itself: its certificate need not name localhost */
        (void)curl_easy_setopt(s->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(s->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    (void)curl_easy_setopt(s->easy, CURLOPT_MAIL_FROM, from);
    (void)curl_easy_setopt(s->easy, CURLOPT_MAIL_RCPT, s->recipients);
    (void)curl_easy_setopt(s->easy, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(s->easy, CURLOPT_READFUNCTION, on_read);
    (void)curl_easy_setopt(s->easy, CURLOPT_READDATA, s);
    if (cfg->mail_user[0] && str_to_z(c->o->smtp_password, password, sizeof password) == OK) {
        (void)curl_easy_setopt(s->easy, CURLOPT_USERNAME, cfg->mail_user);
        (void)curl_easy_setopt(s->easy, CURLOPT_PASSWORD, password);
        bytes_wipe(password, sizeof password);
    }
    return curl_multi_add_handle(c->multi, s->easy) == CURLM_OK ? OK : ERR_NOMEM;
}

static void begin_mail(struct courier *c, struct slot *s) {
    char digits[16], link[400];
    struct letter_words w;
    enum err r;
    make_words(c, s, digits, link, &w);
    buf_init(&s->message, MESSAGE_BYTES_MAX);
    r = letter_write(&c->letter, &w, &s->message);
    bytes_wipe(digits, sizeof digits);
    bytes_wipe(link, sizeof link);
    if (r != OK) {
        end_simple(c, s, r == ERR_INPUT ? RESULT_FAILED : RESULT_RETRY);
        return;
    }
    if (c->o->mail_directory_fd >= 0) {
        r = write_file(c->o->mail_directory_fd, &s->d, buf_str(&s->message));
        if (r != OK) log_err(r, "mail file");
        end_simple(c, s, r == OK ? RESULT_SENT : RESULT_RETRY);
        return;
    }
    if (begin_smtp(c, s) != OK) end_simple(c, s, RESULT_RETRY);
}

/* ---- push ---- */

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
    const struct courier *c = ctx;
    if (purpose == CURLSOCKTYPE_IPCXN && !c->may_go_private && !address_is_public(&address->addr))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static enum err encrypt(struct slot *s, struct str payload, size_t padded) {
    struct p256_key *key = NULL;
    uint8_t salt[16];
    size_t n = 0;
    enum err r;
    buf_init(&s->message, PUSH_BODY_MAX);
    if ((r = buf_reserve(&s->message, PUSH_BODY_MAX)) != OK) return r;
    if ((r = p256_generate(&key)) != OK) return r;
    crypto_random(salt, sizeof salt);
    r = webpush_encrypt(&(struct push_keys){ .p256dh = str_bytes(s->d.push_p256dh, sizeof s->d.push_p256dh),
                                             .auth = str_bytes(s->d.push_auth, sizeof s->d.push_auth),
                                             .ephemeral = key,
                                             .salt = salt },
                        payload, padded, (uint8_t *)s->message.p, &n);
    s->message.n = n;
    p256_free(key);
    return r;
}

static enum err push_headers(struct courier *c, struct slot *s, int64_t now_ms) {
    char line[800], topic[33];
    int64_t ttl_s = (s->d.expires_ms - now_ms) / 1000;
    static const char *const fixed[] = { "Content-Type: application/octet-stream", "Content-Encoding: aes128gcm",
                                         "Urgency: high", "Expect:" };
    enum err r = vapid_header(c->vapid, str_bytes(s->d.to, s->d.to_n), now_ms, line);
    if (r != OK) return r;
    s->headers = curl_slist_append(NULL, line);
    for (size_t i = 0; i < ARRAY_LEN(fixed) && s->headers; i++) (void)curl_slist_append(s->headers, fixed[i]);
    (void)snprintf(line, sizeof line, "TTL: %lld",
                   (long long)(ttl_s < 0              ? 0
                               : ttl_s > URGENT_TTL_S ? URGENT_TTL_S
                                                      : ttl_s));
    (void)curl_slist_append(s->headers, line);
    webpush_topic(c->o->link_key, &s->d, topic);
    (void)snprintf(line, sizeof line, "Topic: %s", topic);
    return s->headers && curl_slist_append(s->headers, line) ? OK : ERR_NOMEM;
}

static enum err begin_push_request(struct courier *c, struct slot *s, int64_t now_ms) {
    char url[OUTBOX_TO_MAX + 1];
    enum err r = push_headers(c, s, now_ms);
    if (r != OK) return r;
    memcpy(url, s->d.to, s->d.to_n);
    url[s->d.to_n] = 0;
    set_common(s);
    (void)curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, c->may_go_private ? "http,https" : "https");
    (void)curl_easy_setopt(s->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(s->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    (void)curl_easy_setopt(s->easy, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, s->message.p);
    (void)curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)s->message.n);
    (void)curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers);
    (void)curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    (void)curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETDATA, c);
    return curl_multi_add_handle(c->multi, s->easy) == CURLM_OK ? OK : ERR_NOMEM;
}

static void begin_push(struct courier *c, struct slot *s) {
    char digits[16], link[400];
    struct letter_words w;
    struct buf payload;
    enum err r;
    make_words(c, s, digits, link, &w);
    buf_init(&payload, PUSH_BODY_MAX);
    r = webpush_payload(&w, c->letter.origin, s->is_short, &payload);
    if (r == OK)
        r = encrypt(s, buf_str(&payload), s->is_short ? 1024 : payload.n > PAD_BYTES ? PAD_LARGE_BYTES : PAD_BYTES);
    if (r == OK) r = begin_push_request(c, s, w.now_ms);
    bytes_wipe(digits, sizeof digits);
    bytes_wipe(link, sizeof link);
    buf_release(&payload);
    if (r != OK) end_simple(c, s, r == ERR_NOMEM ? RESULT_RETRY : RESULT_FAILED);
}

/* ---- deliveries ---- */

static void begin(struct courier *c, const struct outbox_delivery *d) {
    struct slot *s = slot_take(c);
    if (!s) return; /* more than asked for: the lease brings it back */
    s->d = *d;
    if (!s->easy) s->easy = curl_easy_init();
    if (!s->easy) {
        end_simple(c, s, RESULT_RETRY);
        return;
    }
    if (d->expires_ms <= clock_wall_ms()) {
        end_simple(c, s, RESULT_FAILED); /* of no use any more */
        return;
    }
    if (d->channel == OUTBOX_EMAIL)
        begin_mail(c, s);
    else if (d->channel == OUTBOX_PUSH)
        begin_push(c, s);
    else
        end_simple(c, s, RESULT_FAILED);
}

static void finish_one(struct courier *c, CURLMsg *m) {
    struct slot *s = NULL;
    struct outcome out;
    long status = 0;
    curl_off_t retry_after_s = 0;
    CURLcode rc = m->data.result;
    (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
    (void)curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(m->easy_handle, CURLINFO_RETRY_AFTER, &retry_after_s);
    (void)curl_multi_remove_handle(c->multi, s->easy);
    if (s->d.channel == OUTBOX_EMAIL)
        outcome_of_smtp(rc, status, &out);
    else
        outcome_of_push(rc, status, retry_after_s, &out);
    if (out.is_too_large && !s->is_short) { /* once more, with less to say */
        struct outbox_delivery d = s->d;
        slot_clear(c, s);
        s->is_used = true;
        c->used++;
        s->d = d;
        s->is_short = true;
        begin_push(c, s);
        return;
    }
    end(c, s, &out);
}

static void on_nothing(struct courier *c, const struct outbox_nothing *m) {
    int64_t wait_ms = m->due_ms >= 0 && m->due_ms < LOOK_MS ? m->due_ms : LOOK_MS;
    c->has_claim = false;
    c->look_ms = clock_mono_ms() + (wait_ms < 5 ? 5 : wait_ms);
}

static void receive(struct courier *c, void *buffer) {
    const struct ipc_header *h = buffer;
    size_t n;
    for (;;) {
        enum err r = ipc_receive(c->o->front_fd, buffer, &n, 0);
        if (r == ERR_INPUT) continue;
        if (r != OK) return;
        if (outbox_check(buffer, n) != OK) continue;
        if (h->type == OUTBOX_WAKE) c->look_ms = 0;
        if (h->type == OUTBOX_NOTHING) on_nothing(c, buffer);
        if (h->type != OUTBOX_DELIVERY) continue;
        if (((const struct outbox_delivery *)buffer)->is_last) {
            c->has_claim = false;
            c->look_ms = 0; /* there may be more */
        }
        begin(c, buffer);
    }
}

static void turn(struct courier *c, void *buffer) {
    struct curl_waitfd extra = { .fd = c->o->front_fd, .events = CURL_WAIT_POLLIN };
    int64_t now_ms = clock_mono_ms(), wait_ms;
    int running = 0, left = 0;
    CURLMsg *m;
    if (c->has_claim && now_ms - c->claimed_ms > CLAIM_WAIT_MS)
        c->has_claim = false; /* its answer was lost with a front */
    if (c->look_ms <= now_ms) claim(c);
    wait_ms = c->has_claim || c->used == SLOTS ? LOOK_MS : c->look_ms - now_ms;
    (void)curl_multi_poll(c->multi, &extra, 1, wait_ms < 0 ? 20 : wait_ms > LOOK_MS ? LOOK_MS : (int)wait_ms, NULL);
    if (extra.revents) receive(c, buffer);
    (void)curl_multi_perform(c->multi, &running);
    while ((m = curl_multi_info_read(c->multi, &left)) != NULL)
        if (m->msg == CURLMSG_DONE) finish_one(c, m);
}

static enum err open_courier(struct courier *c) {
    enum err r;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return ERR_NOMEM;
    c->multi = curl_multi_init();
    if (!c->multi) return ERR_NOMEM;
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)PER_HOST_MAX);
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)SLOTS);
    letter_init(&c->letter, c->o->config);
    c->may_go_private = c->o->config->push_allow_private_networks;
    r = vapid_new(c->o->vapid_scalar, c->o->config, &c->vapid);
    if (r != OK || c->o->objects_fd < 0) return r;
    return s3_start(
        &(struct s3_options){ .config = c->o->config, .front_fd = c->o->objects_fd, .secret_key = c->o->s3_secret_key },
        &c->s3);
}

enum err courier_run(const struct courier_options *o) {
    struct courier *c = calloc(1, sizeof *c);
    void *buffer = malloc(IPC_MESSAGE_MAX);
    enum err r = c && buffer ? OK : ERR_NOMEM;
    if (r == OK) {
        c->o = o;
        r = open_courier(c);
    }
    while (r == OK && !*o->stop) turn(c, buffer);
    for (size_t i = 0; c && i < SLOTS; i++) {
        if (c->slots[i].is_used && c->multi) (void)curl_multi_remove_handle(c->multi, c->slots[i].easy);
        if (c->slots[i].is_used) slot_clear(c, &c->slots[i]);
        if (c->slots[i].easy) curl_easy_cleanup(c->slots[i].easy);
    }
    if (c) {
        s3_stop(c->s3);
        vapid_free(c->vapid);
        if (c->multi) (void)curl_multi_cleanup(c->multi);
    }
    free(buffer);
    free(c);
    return r;
}
