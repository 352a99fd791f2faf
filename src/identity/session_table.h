/*
 * All live sessions in memory, for the fast lane. Readers (the epoll loops) take no lock and share no written cache
 * line; writers take a shard's mutex. What a reader found stays valid until it says quiescent at the end of its loop's
 * turn (or of its batch).
 *
 * On SQLite the table is complete, so a miss is final. On PostgreSQL a miss, or an entry older than 2 s without word
 * from the other nodes, is read again on the work lane.
 */
#ifndef TOCSIN_IDENTITY_SESSION_TABLE_H
#define TOCSIN_IDENTITY_SESSION_TABLE_H

#include "identity/identity.h"

struct session_table;

struct session_entry { /* immutable once published */
    struct session session;
    bool is_trusted; /* its device */
    uint32_t json_n;
    struct str email, name; /* for /verify; inside the entry */
    char json[];            /* the whole answer of GET /session, ready to send */
};

enum session_is { SESSION_UNKNOWN = 0, SESSION_ALIVE, SESSION_ENDED, SESSION_STALE };

/*
 * is_complete: the table holds all sessions there are, so that a miss is final (SQLite). idle_ms: a session ends that
 * was not used for so long, give or take a twelfth, by which use is noted; 0: use is not looked at.
 */
enum err session_table_new(bool is_complete, int64_t idle_ms, struct session_table **ret) MUST_CHECK;
void session_table_free(struct session_table *t);
/* Loads every live session, or those of one account (after a change or word from another node; it replaces what was
 * there). */
enum err session_table_load(struct session_table *t, struct store *store, int64_t now_ms) MUST_CHECK;
enum err session_table_refresh(struct session_table *t, struct store *store, struct account_id account,
                               int64_t now_ms) MUST_CHECK;

/* Writes down which sessions were used since the last call. Cheap when none was. */
enum err session_table_flush(struct session_table *t, struct store *store) MUST_CHECK;

/* Each reading thread registers once, and calls quiescent regularly while it holds no entry. */
struct session_reader;
struct session_reader *session_reader_new(struct session_table *t);
void session_reader_quiescent(struct session_reader *r);
enum session_is session_find(struct session_reader *r, struct str token, int64_t now_ms,
                             const struct session_entry **ret_entry);

/*
 * For tokens that session_find is going to be asked for, at the very places where they stand now: hashes them and
 * fetches the memory that it will look at. A hint. At most SESSION_AHEAD_MAX; the reader holds nothing afterwards.
 */
#define SESSION_AHEAD_MAX 8
void session_ahead(struct session_reader *r, const struct str *tokens, size_t n);

/* The same for up to 64 tokens at once, with the memory fetched ahead. Entries are NULL where there is none. */
void session_find_many(struct session_reader *r, const struct str *tokens, size_t n, int64_t now_ms,
                       const struct session_entry **ret_entries);
/* True when that session is in the table and not past its end. Takes the writers' lock: not for the fast lane. */
bool session_table_has(struct session_table *t, struct account_id account, struct session_id id, int64_t now_ms);
int64_t session_table_count(const struct session_table *t);

#endif
