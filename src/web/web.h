/*
 * The pages: our own HTML, CSS and ES modules, embedded at build, and the alert page that works without a script. No
 * third party, no inline script or style.
 */
#ifndef TOCSIN_WEB_WEB_H
#define TOCSIN_WEB_WEB_H

#include "http/http.h"

/* Ended by method == NULL. The handlers' app is what api_routes' is: its first members are struct web_app (see web.c).
 */
extern const struct http_route web_routes[];
void web_missing(struct http_request *req, void *app); /* 404: a page for a browser, a problem for a program */

#endif
