/*
 * Plays a scenario: a text file, one sentence a line or several with ';', '#' begins a comment, quotes keep blanks
 * together. On SQLite, and on PostgreSQL where TOCSIN_TEST_POSTGRES names one. See README.md for the sentences.
 */
#include "runner.h"

const struct store_stmt *const crash_statements[] = { NULL };

static int play(const char *file, bool is_postgres) {
    static struct scene s;
    char line[LINE_MAX_BYTES];
    FILE *f = fopen(file, "r");
    if (!f) {
        fprintf(stderr, "%s can't be read\n", file);
        return 2;
    }
    memset(&s, 0, sizeof s);
    s.file = file;
    s.arena = arena_new(8 * 1024 * 1024);
    house_open(&s.house, is_postgres);
    while (fgets(line, sizeof line, f)) {
        s.line++;
        line[strcspn(line, "\n")] = 0;
        scene_play(&s, line);
    }
    fclose(f);
    house_close(&s.house);
    arena_free(s.arena);
    return 0;
}

int main(int argc, char **argv) {
    process_maybe_be_keeper(argc, argv);
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE.tst\n", argv[0]);
        return 2;
    }
    fake_clock_begin();
    int failed = play(argv[1], false);
    if (failed == 0 && world_postgres()) failed = play(argv[1], true);
    if (failed == 0 && !world_postgres()) printf("skipped on PostgreSQL: TOCSIN_TEST_POSTGRES is not set\n");
    fake_clock_end();
    return failed;
}
