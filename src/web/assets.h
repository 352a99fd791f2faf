/* What scripts/embed_web.py made of assets/ and pages/. */
#ifndef TOCSIN_WEB_ASSETS_H
#define TOCSIN_WEB_ASSETS_H

#include <stddef.h>

struct web_asset {
    const char *path; /* "/css/tocsin.css", or "page:home" */
    const char *content_type, *etag, *bytes;
    size_t n;
};
extern const struct web_asset web_assets[]; /* ended by path == NULL */
extern const char *const web_shell[3];      /* around a title and a body that the server writes */

#endif
