/* Inside web/: the pages that the server writes itself. */
#ifndef TOCSIN_WEB_WEB_PRIV_H
#define TOCSIN_WEB_WEB_PRIV_H

#include "api/call.h"

void alert_page_show(struct http_request *req, void *app);
void alert_page_answer(struct http_request *req, void *app);

#define RETURN_BYTES_MAX 2000
/* May a sign-in send the browser there? A path of ours, our origin, or one that the configuration names. */
bool web_may_return(const struct config *config, struct str place);

struct alert_form {
    bool is_me, tell_security_team;
    struct str note; /* lives in the arena */
};
/* A posted form, strictly: known names, each once, good escapes, UTF-8. ERR_INPUT, ERR_NOMEM. */
enum err form_read(struct str body, struct arena *a, struct alert_form *ret) MUST_CHECK;

#endif
