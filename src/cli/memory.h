/* Memory of jansson and libcurl is wiped as it is freed: passwords and tokens pass through both. And no core dumps. */
#ifndef TOCSIN_CLI_MEMORY_H
#define TOCSIN_CLI_MEMORY_H

#include <stdbool.h>

bool memory_begin(void); /* before anything else of the two; false: libcurl can't be started */
void memory_end(void);
void memory_free(void *p); /* for what jansson gave out; NULL is fine */

#endif
