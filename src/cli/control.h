/* The operator's way to the running server: one JSON object each way over the Unix socket in the data directory. */
#ifndef TOCSIN_CLI_CONTROL_H
#define TOCSIN_CLI_CONTROL_H

#include <jansson.h>

#include "config/config.h"

/* `question` is taken. The server's answer when it says "ok", owned by the caller; otherwise NULL, and said why. */
json_t *control_ask(const struct config *config, json_t *question);

#endif
