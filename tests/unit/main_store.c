/* A database for a group of tests; see main_store.h. */
#include "main_store.h"

#include <ftw.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/enc.h"

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

/* A command to the server itself, in the database that is always there. */
static void command(const char *fmt, const char *name) {
    char url[300], sql[200];
    PGconn *pg;
    PGresult *res;
    (void)snprintf(url, sizeof url, "%spostgres", getenv("TOCSIN_TEST_POSTGRES"));
    (void)snprintf(sql, sizeof sql, "%s %s", fmt, name);
    pg = PQconnectdb(url);
    res = PQexec(pg, sql);
    if (PQresultStatus(res) != PGRES_COMMAND_OK) fail_msg("%s: %s", sql, PQerrorMessage(pg));
    PQclear(res);
    PQfinish(pg);
}

bool main_store_has_postgres(void) {
    if (getenv("TOCSIN_TEST_POSTGRES")) return true;
    (void)printf("skipped: TOCSIN_TEST_POSTGRES is not set\n");
    return false;
}

int main_store_open(void **state, bool is_postgres, const struct store_stmt *const *const *statements) {
    struct main_store *m = calloc(1, sizeof *m);
    struct store_problem problem;
    uint8_t random[8];
    char hex[17];
    assert_non_null(m);
    assert_int_equal(crypto_init(), OK);
    m->is_postgres = is_postgres;
    if (is_postgres) {
        crypto_random(random, sizeof random);
        (void)enc_hex(random, sizeof random, hex);
        (void)snprintf(m->name, sizeof m->name, "tocsin_test_%s", hex);
        command("CREATE DATABASE", m->name);
        (void)snprintf(m->database, sizeof m->database, "%s%s", getenv("TOCSIN_TEST_POSTGRES"), m->name);
    } else {
        (void)snprintf(m->directory, sizeof m->directory, "/tmp/tocsin-test.XXXXXX");
        assert_non_null(mkdtemp(m->directory));
        (void)snprintf(m->database, sizeof m->database, "%s/main.db", m->directory);
    }
    if (store_open(
            &(struct store_options){
                .database = m->database, .migrations = "main", .statements = statements, .connections = 4 },
            &m->store, &problem) != OK)
        fail_msg("%s", problem.text);
    m->arena = arena_new(16 * 1024 * 1024);
    *state = m;
    return 0;
}

int main_store_close(void **state) {
    struct main_store *m = *state;
    store_close(m->store);
    arena_free(m->arena);
    if (m->is_postgres) command("DROP DATABASE", m->name);
    if (m->directory[0]) assert_int_equal(nftw(m->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(m);
    return 0;
}

static enum err run_one(struct store_tx *tx, void *ctx) { return store_exec(tx, ctx, NULL, NULL); }

void main_store_run(struct main_store *m, const struct store_stmt *st) {
    union {
        const struct store_stmt *in;
        void *out;
    } u = { .in = st };
    assert_int_equal(store_write(m->store, run_one, u.out), OK);
}
