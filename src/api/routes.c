/* Every call of the contract, its lane and the largest body it takes. */
#include "api/resources.h"

#define V1   "/api/v1"
#define BODY 4096

const struct http_route api_routes[] = {
    { "GET", V1 "/session", HTTP_FAST, session_show, 0 },
    { "GET", V1 "/verify", HTTP_FAST, session_verify, 0 },
    { "POST", V1 "/sessions/check", HTTP_FAST, sessions_check, 16384 },
    { "DELETE", V1 "/session", HTTP_WORK, session_end_own, 16 },
    { "GET", V1 "/sessions", HTTP_WORK, sessions_list, 0 },
    { "DELETE", V1 "/sessions", HTTP_WORK, sessions_end_rest, 16 },
    { "DELETE", V1 "/sessions/{id}", HTTP_WORK, sessions_end_one, 16 },

    { "POST", V1 "/attempts", HTTP_WORK, attempts_open, BODY },
    { "GET", V1 "/attempts", HTTP_WORK, attempts_list, 0 },
    { "GET", V1 "/attempts/{id}", HTTP_WORK, attempts_show, 0 },
    { "POST", V1 "/attempts/{id}/proofs", HTTP_WORK, attempts_prove, 16384 },
    { "POST", V1 "/attempts/{id}/passkey", HTTP_WORK, attempts_passkey, BODY },
    { "POST", V1 "/attempts/{id}/code", HTTP_WORK, attempts_code, BODY },
    { "GET", V1 "/attempts/{id}/code", HTTP_WORK, attempts_code_show, 0 },
    { "POST", V1 "/attempts/{id}/approve", HTTP_WORK, attempts_approve, BODY },
    { "POST", V1 "/attempts/{id}/commit", HTTP_WORK, attempts_commit, 16384 },
    { "POST", V1 "/attempts/{id}/deny", HTTP_WORK, attempts_deny, BODY },

    { "GET", V1 "/alerts", HTTP_WORK, alerts_list, 0 },
    { "GET", V1 "/alerts/stream", HTTP_WORK, alerts_stream, 0 },
    { "POST", V1 "/alerts/answer", HTTP_WORK, alerts_answer_link, BODY },
    { "POST", V1 "/alerts/seen", HTTP_WORK, alerts_seen, BODY },
    { "POST", V1 "/alerts/{id}/answer", HTTP_WORK, alerts_answer, BODY },

    { "GET", V1 "/push/key", HTTP_FAST, push_key, 0 },
    { "GET", V1 "/push/subscriptions", HTTP_WORK, push_list, 0 },
    { "POST", V1 "/push/subscriptions", HTTP_WORK, push_subscribe, BODY },
    { "DELETE", V1 "/push/subscriptions/{id}", HTTP_WORK, push_unsubscribe, 16 },
    { "POST", V1 "/push/subscriptions/{id}/test", HTTP_WORK, push_test, BODY },

    { "GET", V1 "/devices", HTTP_WORK, devices_list, 0 },
    { "PATCH", V1 "/devices/{id}", HTTP_WORK, devices_rename, BODY },
    { "GET", V1 "/passkeys", HTTP_WORK, passkeys_list, 0 },
    { "GET", V1 "/contacts", HTTP_WORK, contacts_list, 0 },

    { "POST", V1 "/password/strength", HTTP_WORK, password_strength, BODY },
    { "GET", V1 "/checkup", HTTP_WORK, checkup_show, 0 },

    { "GET", V1 "/exports/{id}", HTTP_WORK, exports_fetch, 0 },

    { "POST", V1 "/devices/{id}/backup-token", HTTP_WORK, backup_token_make, BODY },
    { "GET", V1 "/backups", HTTP_WORK, backups_list, 0 },
    { "GET", "/backup/{device}/{path...}", HTTP_FAST, backup_read, 0 },
    { "POST", "/backup/{device}/{path...}", HTTP_WORK, backup_write, (size_t)BLOB_BYTES_MAX, .takes_pieces = true },
    { "DELETE", "/backup/{device}/{path...}", HTTP_WORK, backup_delete, 16 },

    { "GET", V1 "/openapi.yaml", HTTP_FAST, openapi, 0 },
    { "GET", "/healthz", HTTP_FAST, health, 0 },
    { "GET", "/readyz", HTTP_WORK, ready, 0 },
    { "GET", "/.well-known/change-password", HTTP_FAST, change_password_redirect, 0 },
    { "GET", "/.well-known/passkey-endpoints", HTTP_FAST, passkey_endpoints, 0 },
    { "GET", "/.well-known/security.txt", HTTP_FAST, security_txt, 0 },
    { "GET", "/.well-known/jwks.json", HTTP_FAST, jwks, 0 },
    { "GET", "/dev/mail", HTTP_WORK, devmail_list, 0 },
    { "GET", "/dev/mail/{name}", HTTP_WORK, devmail_show, 0 },
    { NULL, NULL, HTTP_FAST, NULL, 0 },
};

const struct http_route metrics_routes[] = {
    { "GET", "/metrics", HTTP_FAST, metrics, 0 },
    { "GET", "/healthz", HTTP_FAST, health, 0 },
    { NULL, NULL, HTTP_FAST, NULL, 0 },
};

const char *const api_headers[] = {
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options: nosniff",
    "Referrer-Policy: no-referrer",
    "Cross-Origin-Opener-Policy: same-origin",
    "Cross-Origin-Resource-Policy: same-origin",
    "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=(), "
    "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "Strict-Transport-Security: max-age=63072000",
    NULL,
};
const size_t api_header_https = 6;
