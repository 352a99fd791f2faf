/* What a person is told about a password while it is typed: one sentence on what is wrong with it, and what to do. */
#ifndef TOCSIN_AWARENESS_ADVICE_H
#define TOCSIN_AWARENESS_ADVICE_H

#include "core/password.h"

#define ADVICE_SUGGESTIONS_MAX 2

struct advice {
    const char *warning; /* empty where there is none; lives as long as the judgement */
    const char *suggestions[ADVICE_SUGGESTIONS_MAX];
    size_t n;
};
void advise(const struct password_judgement *j, struct advice *ret);

#endif
