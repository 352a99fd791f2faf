/* Names and sentences of err.def, for logs and for people. */
#include "base/err.h"

#include <stddef.h>

static const struct {
    enum err e;
    const char *name, *text;
} errors[] = {
#define X(name, number, text) { name, #name, text },
#include "base/err.def"
#undef X
};

const char *err_name(enum err e) {
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (errors[i].e == e) return errors[i].name;
    return "ERR_?";
}

const char *err_text(enum err e) {
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (errors[i].e == e) return errors[i].text;
    return "unknown error";
}
