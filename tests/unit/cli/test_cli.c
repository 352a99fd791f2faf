/* The command line's parts: the reader of event streams, what reaches a terminal, origins and ids. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/sse.h"
#include "cli/terminal.h"

/* ---- server-sent events ---- */

static void note(void *ctx, const struct sse_event *e) {
    buf_addf(ctx, "[%.*s|%.*s]", STR_FMT(e->type), STR_FMT(e->data));
}

/* Fed in pieces of `piece` bytes. */
static enum err read_stream(struct str stream, size_t piece, struct buf *out, struct sse *s) {
    enum err r = OK;
    sse_init(s, note, out);
    for (size_t i = 0; i < stream.n && r == OK; i += piece)
        r = sse_feed(s, (struct str){ stream.p + i, stream.n - i < piece ? stream.n - i : piece });
    return r;
}

static const struct {
    const char *stream, *events, *last_id;
} streams[] = {
    { "data: a\n\n", "[message|a]", "" },
    { "event: alert\nid: A-b_9\ndata: {}\n\n", "[alert|{}]", "A-b_9" },
    { "event: alert\r\nid: 1\r\ndata: {}\r\n\r\n", "[alert|{}]", "1" },
    { "event: alert\rid: 1\rdata: {}\r\r", "[alert|{}]", "1" },
    { "data: a\r\n\rdata: b\n\r\n", "[message|a][message|b]", "" },
    { ": hello\n\n:\n\ndata: a\n\n", "[message|a]", "" },
    { "\xef\xbb\xbf"
      "data: a\n\n",
      "[message|a]", "" },
    { "data\n\n", "[message|]", "" },
    { "data: one\ndata:two\ndata:  three\n\n", "[message|one\ntwo\n three]", "" },
    { "event: x\n\ndata: a\n\n", "[message|a]", "" },
    { "data: a\nevent: x\n\ndata: b\n\n", "[x|a][message|b]", "" },
    { "id: 1\n\n", "", "1" },
    { "id: 1\ndata: a\n\nid: 2\ndata: unfinished\n", "[message|a]", "1" },
    { "id: 1\ndata: a\n\nid\ndata: b\n\n", "[message|a][message|b]", "1" },
    { "id: a b\nid: ../x\nid: 1:2\ndata: a\n\n", "[message|a]", "" },
    { "id: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\ndata: a\n\n", "[message|a]", "" },
    { "other: x\nData: y\n data: z\ndata: a\n\n", "[message|a]", "" },
    { "data: unfinished", "", "" },
    { "\n\n\r\r\n\n", "", "" },
};

static void streams_are_read_however_they_are_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        for (size_t piece = 1; piece < 40; piece++) {
            struct buf out;
            struct sse s;
            buf_init(&out, 10000);
            assert_int_equal(read_stream(str_from(streams[i].stream), piece, &out, &s), OK);
            buf_add_c(&out, 0);
            assert_string_equal(out.p, streams[i].events);
            assert_string_equal(s.last_id, streams[i].last_id);
            sse_release(&s);
            buf_release(&out);
        }
}

static void an_id_with_nul_is_none(void **state) {
    struct buf out;
    struct sse s;
    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(read_stream(str_bytes("id: a\0b\ndata: x\n\n", 17), 5, &out, &s), OK);
    assert_string_equal(s.last_id, "");
    sse_release(&s);
    buf_release(&out);
}

static void the_wait_is_bounded(void **state) {
    static const struct {
        const char *stream;
        int64_t ms;
    } waits[] = { { "retry: 1500\n", 1500 }, { "retry: 60000\n", 60000 }, { "retry: 60001\n", 0 },
                  { "retry: -1\n", 0 },      { "retry: x\n", 0 },         { "retry:\n", 0 } };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        struct buf out;
        struct sse s;
        buf_init(&out, 1000);
        assert_int_equal(read_stream(str_from(waits[i].stream), 3, &out, &s), OK);
        assert_int_equal(s.retry_ms, waits[i].ms);
        sse_release(&s);
        buf_release(&out);
    }
}

static void what_is_too_long_is_refused(void **state) {
    static char line[SSE_LINE_BYTES_MAX + 2];
    struct buf out;
    struct sse s;
    (void)state;
    buf_init(&out, SSE_DATA_BYTES_MAX * 2);
    memset(line, 'x', sizeof line);
    assert_int_equal(read_stream(str_bytes(line, SSE_LINE_BYTES_MAX), 1000, &out, &s), OK);
    assert_int_equal(sse_feed(&s, STR("x")), ERR_TOO_LARGE);
    assert_int_equal(sse_feed(&s, STR("\n\ndata: a\n\n")), ERR_TOO_LARGE);
    assert_int_equal(out.n, 0);
    sse_restart(&s);
    assert_int_equal(sse_feed(&s, STR("data: a\n\n")), OK);
    assert_int_equal(out.n, strlen("[message|a]"));
    memcpy(line, "data:", 5);
    for (size_t n = 0; n < SSE_DATA_BYTES_MAX / (SSE_LINE_BYTES_MAX - 5); n++) {
        assert_int_equal(sse_feed(&s, str_bytes(line, SSE_LINE_BYTES_MAX)), OK);
        assert_int_equal(sse_feed(&s, STR("\n")), OK);
    }
    assert_int_equal(sse_feed(&s, str_bytes(line, SSE_LINE_BYTES_MAX)), OK);
    assert_int_equal(sse_feed(&s, STR("\n")), ERR_TOO_LARGE);
    sse_release(&s);
    buf_release(&out);
}

static void an_unfinished_event_ends_with_its_connection(void **state) {
    struct buf out;
    struct sse s;
    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(read_stream(STR("id: 1\ndata: a\n\nid: 2\ndata: half\n"), 7, &out, &s), OK);
    sse_restart(&s);
    assert_string_equal(s.last_id, "1");
    assert_int_equal(sse_feed(&s, STR("\ndata: b\n\n")), OK);
    buf_add_c(&out, 0);
    assert_string_equal(out.p, "[message|a][message|b]");
    assert_string_equal(s.last_id, "1");
    sse_release(&s);
    buf_release(&out);
}

/* ---- the terminal ---- */

static const struct {
    const char *in, *utf8, *ascii;
} shown[] = {
    { "plain (text), 100%!", "plain (text), 100%!", "plain (text), 100%!" },
    { "Zo\xc3\xab \xf0\x9f\x94\x94", "Zo\xc3\xab \xf0\x9f\x94\x94", "Zo\\u{eb} \\u{1f514}" },
    { "\x1b[2J\x07\t\r\n\x7f", "\\x1b[2J\\x07\\x09\\x0d\\x0a\\x7f", "\\x1b[2J\\x07\\x09\\x0d\\x0a\\x7f" },
    { "\xc2\x9b"
      "31m",
      "\\u{9b}31m", "\\u{9b}31m" },
    { "a\xe2\x80\xae"
      "b",
      "a\\u{202e}b", "a\\u{202e}b" },
    { "\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf", "\\u{2066}\\u{200b}\\u{feff}", "\\u{2066}\\u{200b}\\u{feff}" },
    { "\xe2\x80\xa8", "\\u{2028}", "\\u{2028}" },
    { "\x9b"
      "31m",
      "\\x9b31m", "\\x9b31m" },
    { "\xc3", "\\xc3", "\\xc3" },
    { "\xc0\xaf\xed\xa0\x80", "\\xc0\\xaf\\xed\\xa0\\x80", "\\xc0\\xaf\\xed\\xa0\\x80" },
    { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80" },
    { "", "", "" },
};

static void nothing_steers_a_terminal(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        for (int is_utf8 = 0; is_utf8 < 2; is_utf8++) {
            struct buf b;
            buf_init(&b, 1000);
            terminal_escape(&b, str_from(shown[i].in), is_utf8);
            buf_add_c(&b, 0);
            assert_int_equal(buf_err(&b), OK);
            assert_string_equal(b.p, is_utf8 ? shown[i].utf8 : shown[i].ascii);
            buf_release(&b);
        }
}

static void every_single_byte_is_escaped_or_printable(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char in = (char)c;
        struct buf b;
        buf_init(&b, 100);
        terminal_escape(&b, str_bytes(&in, 1), true);
        for (size_t i = 0; i < b.n; i++) assert_in_range((uint8_t)b.p[i], 0x20, 0x7e);
        buf_release(&b);
    }
}

static void a_format_escapes_what_it_is_given(void **state) {
    char text[400] = "";
    FILE *f = fmemopen(text, sizeof text, "w");
    (void)state;
    assert_non_null(f);
    say(f, "%d%% of %s\n", -7, "a\x1b\nb");
    say_padded(f, "\x1b", 6);
    say_wrapped(f, "  ", "one two\nthree  \x07");
    say_time(f, "not\x1b a time");
    (void)fclose(f);
    assert_string_equal(text, "-7% of a\\x1b\\x0ab\n\\x1b     one two\\x0athree \\x07\nnot\\x1b a time");
}

static void long_text_is_broken_at_blanks(void **state) {
    char text[1000] = "", body[600];
    FILE *f = fmemopen(text, sizeof text, "w");
    size_t column = 0, lines = 0;
    (void)state;
    assert_non_null(f);
    for (size_t i = 0; i < sizeof body; i++) body[i] = i % 7 == 6 ? ' ' : 'x';
    body[sizeof body - 1] = 0;
    say_wrapped(f, "    ", body);
    (void)fclose(f);
    for (char *p = text; *p; p++) {
        if (column == 0) assert_memory_equal(p, "    x", 5);
        column = *p == '\n' ? 0 : column + 1;
        lines += *p == '\n';
        assert_true(column <= 78);
    }
    assert_true(lines >= 7);
}

/* ---- origins and ids ---- */

static void only_safe_origins_are_called(void **state) {
    static const char *const good[][2] = { { "https://id.example.org", "https://id.example.org" },
                                           { "https://id.example.org:8443/", "https://id.example.org:8443" },
                                           { "http://localhost:8420", "http://localhost:8420" },
                                           { "http://127.0.0.1:1", "http://127.0.0.1:1" },
                                           { "http://[::1]:8420/", "http://[::1]:8420" } };
    static const char *const bad[] = { "",
                                       "id.example.org",
                                       "http://id.example.org",
                                       "ftp://localhost",
                                       "file:///etc/passwd",
                                       "https://a:b@id.example.org",
                                       "https://id.example.org/x",
                                       "https://id.example.org/?q",
                                       "https://id.example.org/#f",
                                       "http://localhost.example.org",
                                       "http://127.0.0.1.example.org",
                                       "https://",
                                       "https://a b" };
    char out[310];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(origin_check(good[i][0], out, sizeof out));
        assert_string_equal(out, good[i][1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) assert_false(origin_check(bad[i], out, sizeof out));
}

static void ids_are_plain(void **state) {
    char longest[66];
    (void)state;
    memset(longest, 'a', sizeof longest);
    longest[64] = 0;
    assert_true(is_id("AZaz09_-") && is_id(longest));
    longest[64] = 'a';
    longest[65] = 0;
    assert_false(is_id(longest) || is_id("") || is_id("a/b") || is_id("..") || is_id("a?b") || is_id("\xc3\xab"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_read_however_they_are_cut),
        cmocka_unit_test(an_id_with_nul_is_none),
        cmocka_unit_test(the_wait_is_bounded),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(an_unfinished_event_ends_with_its_connection),
        cmocka_unit_test(nothing_steers_a_terminal),
        cmocka_unit_test(every_single_byte_is_escaped_or_printable),
        cmocka_unit_test(a_format_escapes_what_it_is_given),
        cmocka_unit_test(long_text_is_broken_at_blanks),
        cmocka_unit_test(only_safe_origins_are_called),
        cmocka_unit_test(ids_are_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
