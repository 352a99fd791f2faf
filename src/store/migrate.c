/* Migrations: numbered SQL files, one text for both engines, applied in order and never changed afterwards. */
#include <ctype.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "store/store_priv.h"

struct word {
    const char *from, *to;
};

static const struct word sqlite_words[] = { { "BIGINT", "INTEGER" },
                                            { "BYTEA", "BLOB" },
                                            { "@strict", "STRICT" },
                                            { "FOR UPDATE SKIP LOCKED", "" },
                                            { "FOR UPDATE", "" } };
static const struct word postgres_words[] = { { "INTEGER", "BIGINT" }, { "BLOB", "BYTEA" }, { "@strict", "" } };

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* The replacement for the word that stands at p, or NULL. */
static const struct word *word_at(const char *p, const char *start, bool is_postgres) {
    const struct word *words = is_postgres ? postgres_words : sqlite_words;
    size_t n = is_postgres ? ARRAY_LEN(postgres_words) : ARRAY_LEN(sqlite_words);
    if (p > start && is_word(p[-1])) return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(words[i].from);
        if (strncmp(p, words[i].from, len) == 0 && !is_word(p[len])) return &words[i];
    }
    return NULL;
}

char *store_sql(const char *sql, bool is_postgres) {
    size_t size = strlen(sql) * 2 + 1, n = 0;
    char *out = malloc(size);
    bool is_quoted = false, is_comment = false;
    if (!out) return NULL;
    for (const char *p = sql; *p; p++) {
        const struct word *w = is_quoted || is_comment ? NULL : word_at(p, sql, is_postgres);
        if (!is_quoted && p[0] == '-' && p[1] == '-') is_comment = true;
        if (*p == '\n') is_comment = false;
        if (*p == '\'' && !is_comment) is_quoted = !is_quoted;
        if (w) {
            size_t len = strlen(w->to);
            memcpy(out + n, w->to, len);
            n += len;
            p += strlen(w->from) - 1;
            continue;
        }
        out[n++] = *p == '?' && is_postgres && !is_quoted ? '$' : *p;
    }
    out[n] = 0;
    return out;
}

static const char create_table[] =
    "CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL,"
    " checksum TEXT NOT NULL, at_ms BIGINT NOT NULL)";

static void checksum_of(const char *sql, char out[17]) {
    uint8_t hash[HASH_BYTES];
    crypto_sha256(str_from(sql), hash);
    (void)enc_hex(hash, 8, out);
}

/* Leaves out the lines between "-- @only ENGINE" and "-- @end" that are for the other engine. */
static char *for_engine(const char *sql, bool is_postgres) {
    const char *other = is_postgres ? "-- @only sqlite" : "-- @only postgres";
    char *mapped = store_sql(sql, is_postgres), *w = mapped;
    bool is_skipping = false;
    if (!mapped) return NULL;
    for (char *p = mapped; *p;) {
        size_t n = strcspn(p, "\n");
        if (p[n] == '\n') n++;
        if (strncmp(p, other, strlen(other)) == 0) is_skipping = true;
        if (!is_skipping) {
            memmove(w, p, n);
            w += n;
        }
        if (strncmp(p, "-- @end", 7) == 0) is_skipping = false;
        p += n;
    }
    *w = 0;
    return mapped;
}

static enum err apply(const struct migrator *m, const struct store_migration *x, struct store_problem *p) {
    char checksum[17], record[400];
    char *sql = for_engine(x->sql, m->is_postgres);
    enum err r = sql ? m->run(m->ctx, sql) : ERR_NOMEM;
    free(sql);
    if (r != OK) return store_fail(r, p, "migration %s/%s failed; nothing was changed", x->set, x->name);
    checksum_of(x->sql, checksum);
    (void)snprintf(record, sizeof record,
                   "INSERT INTO migration (number, name, checksum, at_ms) VALUES (%lld, '%s', '%s', %lld)",
                   (long long)x->number, x->name, checksum, (long long)clock_wall_ms());
    r = m->run(m->ctx, record);
    return r == OK ? OK : store_fail(r, p, "migration %s/%s could not be recorded", x->set, x->name);
}

enum err store_migrate(const struct migrator *m, const char *set, struct store_problem *p) {
    int64_t newest = 0, known = 0;
    enum err r;
    for (size_t i = 0; i < store_migration_n; i++)
        if (strcmp(store_migrations[i].set, set) == 0) known = store_migrations[i].number;
    if ((r = m->run(m->ctx, create_table)) != OK || (r = m->newest(m->ctx, &newest)) != OK)
        return store_fail(r, p, "the database's list of migrations can't be read");
    if (newest > known)
        return store_fail(
            ERR_NEWER, p,
            "the database was made by a newer tocsin (its schema is %lld, this one knows %lld); install that "
            "version again, or restore a backup from before the upgrade",
            (long long)newest, (long long)known);
    for (size_t i = 0; i < store_migration_n; i++) {
        const struct store_migration *x = &store_migrations[i];
        char have[17] = "", want[17];
        if (strcmp(x->set, set) != 0) continue;
        r = m->applied(m->ctx, x->number, have);
        if (r == ERR_NOT_FOUND) {
            if ((r = apply(m, x, p)) != OK) return r;
            continue;
        }
        if (r != OK) return store_fail(r, p, "the database's list of migrations can't be read");
        checksum_of(x->sql, want);
        if (strcmp(have, want) != 0)
            return store_fail(
                ERR_CORRUPT, p,
                "the database's schema is not this tocsin's (migration %s differs); use the version that made "
                "it, or restore a backup",
                x->name);
    }
    return OK;
}
