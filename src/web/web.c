/* The pages' routes. */
#include "web/web.h"
const struct http_route web_routes[] = { { NULL, NULL, HTTP_FAST, NULL, 0 } };
