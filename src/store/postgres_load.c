/* libpq and the thirty libraries behind it cost memory and time that SQLite has no use for: loaded where they are used.
 */
#include <dlfcn.h>

#include "store/postgres_priv.h"

struct libpq libpq;

static const struct {
    const char *name;
    void **at;
} wanted[] = {
#define X(name) { #name, (void **)&libpq.name },
    LIBPQ(X)
#undef X
};

enum err postgres_load(void) {
    void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL); /* for as long as the process lives */
    if (!library) return ERR_UNSUPPORTED;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!(*wanted[i].at = dlsym(library, wanted[i].name))) return ERR_UNSUPPORTED;
    return OK;
}
