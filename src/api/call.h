/* What the handlers share: who calls, the way to guard and back, and JSON. */
#ifndef TOCSIN_API_CALL_H
#define TOCSIN_API_CALL_H

#include "api/api.h"

struct api_call;
typedef void api_reply(struct http_request *req, struct api_call *call);

struct api_call {
    struct guard_call g;
    struct guard_caller caller;
    struct api *api;
    struct http_server *server;
    struct http_ticket ticket;
    void (*step)(struct guard_call *call);
    api_reply *reply;  /* after guard said OK (or HELD) */
    api_reply *refuse; /* after other says; NULL: they are answered by the table */
    bool is_browser;   /* a page of ours asks: cookies are set */
};

/* Finds out who calls. Answers 403 cross_site itself and returns NULL where a cookie may not be used. Lives in the
 * request's arena. */
struct api_call *call_begin(struct http_request *req, struct api *api);
/* For a posted form of our own pages: cookies count where the request is our own, and are not read otherwise. */
struct api_call *call_begin_form(struct http_request *req, struct api *api);
/* As call_begin, and a session is needed: otherwise answered 401. */
struct api_call *call_begin_session(struct http_request *req, struct api *api);
void call_run(struct http_request *req, struct api_call *call, api_reply *reply);
/* Answers a say that is not OK by the table. */
void call_refuse(struct http_request *req, const struct guard_answer *a);

struct str bearer_of(const struct http_request *req);
/* The session of a token, read again from the database where the table is not sure. Work lane. */
bool session_of(struct api *api, struct str token, struct session *ret, bool *ret_is_trusted);
struct session_reader *reader_of(struct api *api);                          /* this thread's */
bool request_is_own(const struct http_request *req, const struct api *api); /* its Origin or Sec-Fetch-Site is ours */
struct str cookie_session(const struct http_request *req, const struct api *api);
struct str cookie_device(const struct http_request *req, const struct api *api);
void set_cookies(struct http_request *req, const struct api *api, const struct guard_result *res);
void clear_session_cookie(struct http_request *req, const struct api *api);

/* Members of a body: text of at most `max` bytes; absent is empty. False when the type or size is wrong (answered 400).
 */
bool member_text(struct http_request *req, json_t *body, const char *name, size_t max, struct str *ret);
bool member_flag(struct http_request *req, json_t *body, const char *name, bool *ret);
bool param_id(struct http_request *req, const char *name, uint8_t ret_id[ID_BYTES]); /* false: answered 404 */
/* before= and limit=. False: answered 400. */
bool query_page(struct http_request *req, uint8_t ret_before[ID_BYTES], bool *ret_has_before, int *ret_limit);
void bad_request(struct http_request *req, const char *detail);
void fail_err(struct http_request *req, enum err r); /* a store's failure: 503, 404 … */

json_t *json_str(struct str s);
json_t *json_id(const uint8_t id[ID_BYTES]);
json_t *json_time(int64_t ms); /* null for 0 */
json_t *json_attempt(const struct attempt_view *a);
json_t *json_alert(const struct alert *a);
json_t *json_proofs(unsigned proofs);
json_t *json_device(const struct device *d);
json_t *json_push(const struct push_subscription *p);

#endif
