/*
 * A main database of its own for a group of tests: SQLite in a new directory, or a new database of the PostgreSQL that
 * TOCSIN_TEST_POSTGRES names. Every group runs on both.
 */
#ifndef TOCSIN_TESTS_MAIN_STORE_H
#define TOCSIN_TESTS_MAIN_STORE_H

#include <cmocka.h>

#include "base/arena.h"
#include "store/store.h"

struct main_store {
    struct store *store;
    struct arena *arena; /* emptied by main_store_clean */
    char directory[64], database[300], name[40];
    bool is_postgres;
};

/* Opens for a group; *state is the struct. Statements: a NULL-ended list of lists. */
int main_store_open(void **state, bool is_postgres, const struct store_stmt *const *const *statements);
int main_store_close(void **state);
/* Runs one statement without parameters in a transaction. */
void main_store_run(struct main_store *m, const struct store_stmt *st);
/* True when a PostgreSQL is there to test on; says so once when not. */
bool main_store_has_postgres(void);

#endif
