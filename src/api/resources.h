/* Every handler of the contract, for the table of routes. */
#ifndef TOCSIN_API_RESOURCES_H
#define TOCSIN_API_RESOURCES_H

#include "api/call.h"

http_handler attempts_open, attempts_show, attempts_list, attempts_prove, attempts_code, attempts_code_show,
    attempts_approve, attempts_commit, attempts_deny, attempts_passkey;
http_handler session_show, session_verify, sessions_check, session_end_own, sessions_list, sessions_end_one,
    sessions_end_rest;
http_handler alerts_list, alerts_stream, alerts_answer, alerts_answer_link, alerts_seen;
http_handler push_key, push_subscribe, push_list, push_unsubscribe, push_test;
http_handler devices_list, devices_rename, contacts_list;
http_handler exports_fetch;
http_handler health, ready, metrics, openapi, change_password_redirect, security_txt, passkey_endpoints, jwks;
http_handler passkeys_list;
http_handler password_strength, checkup_show;
http_handler backups_list, backup_token_make, backup_read, backup_write, backup_delete;
http_handler devmail_list, devmail_show;

/* The members that need more than a line to read. False: answered 400. */
bool member_credential(struct http_request *req, json_t *body, bool is_registration, struct str *ret);
bool member_payload(struct http_request *req, json_t *body, struct str *ret);
json_t *json_passkey(const uint8_t id[ID_BYTES], struct str name, int64_t made_ms);

#endif
