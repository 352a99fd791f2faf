/*
 * tocsin: the operator's command line. Talks to the running server over the Unix socket in the data directory; what
 * needs no server reads only the configuration.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/config.h"

enum { EXIT_NO = 1, EXIT_USAGE = 2 };

#define ANSWER_BYTES_MAX (256 * 1024)

static const char usage_text[] =
    "usage: tocsin [-c FILE] COMMAND\n"
    "  service add NAME      a token for a program that may check sessions\n"
    "  account show EMAIL    id, state and age of an account\n"
    "  account lock EMAIL    lock it down: sign everyone out, the password counts no more\n"
    "  config show           the configuration in use\n"
    "Exit status: 0 done, 1 no, 2 usage.\n";

static const struct command {
    const char *words[2];
    const char *argument; /* its name on the wire, or NULL */
} commands[] = { { { "service", "add" }, "name" },
                 { { "account", "show" }, "email" },
                 { { "account", "lock" }, "email" },
                 { { "account", "unlock" }, "email" },
                 { { "config", "show" }, NULL } };

static const struct command *find(int argc, char **argv) {
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const struct command *c = &commands[i];
        int want = c->argument ? 3 : 2;
        if (argc == want && strcmp(argv[0], c->words[0]) == 0 && strcmp(argv[1], c->words[1]) == 0) return c;
    }
    return NULL;
}

static int dial(const char *directory) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd;
    if (chdir(directory) != 0) return -1; /* so that a long path fits */
    (void)snprintf(a.sun_path, sizeof a.sun_path, "control.sock");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    if (fd >= 0) (void)close(fd);
    return -1;
}

static json_t *exchange(int fd, json_t *question) {
    char *text = json_dumps(question, JSON_COMPACT), *answer = malloc(ANSWER_BYTES_MAX);
    json_t *out = NULL;
    size_t n = 0;
    ssize_t got = 0;
    if (text && answer && send(fd, text, strlen(text), MSG_NOSIGNAL) > 0) {
        while (n < ANSWER_BYTES_MAX && (got = recv(fd, answer + n, ANSWER_BYTES_MAX - n, 0)) > 0) n += (size_t)got;
        out = json_loadb(answer, n, 0, NULL);
    }
    free(text);
    free(answer);
    return out;
}

static int run(const struct config *config, const struct command *c, char **argv) {
    json_t *question = json_object(), *answer;
    char name[40];
    int fd = dial(config->data_directory), status = EXIT_NO;
    const char *error;
    if (fd < 0) {
        (void)fprintf(
            stderr, "tocsin: no server answers at %s/control.sock: is tocsind running, and are you root or its user?\n",
            config->data_directory);
        json_decref(question);
        return EXIT_NO;
    }
    (void)snprintf(name, sizeof name, "%s %s", c->words[0], c->words[1]);
    (void)json_object_set_new(question, "command", json_string(name));
    if (c->argument) (void)json_object_set_new(question, c->argument, json_string(argv[2]));
    answer = exchange(fd, question);
    error = json_string_value(json_object_get(answer, "error"));
    if (json_is_true(json_object_get(answer, "ok")) || json_integer_value(json_object_get(answer, "ok")) == 1) {
        (void)printf("%s\n", json_string_value(json_object_get(answer, "output")));
        status = 0;
    } else {
        (void)fprintf(stderr, "tocsin: %s\n", error ? error : "the server did not answer");
    }
    json_decref(question);
    json_decref(answer);
    (void)close(fd);
    return status;
}

int main(int argc, char **argv) {
    static struct config config;
    struct config_problem problem;
    const char *path = NULL;
    const struct command *c;
    int letter;
    while ((letter = getopt(argc, argv, "+c:h")) != -1) {
        if (letter == 'c') path = optarg;
        if (letter == 'h') {
            (void)fputs(usage_text, stdout);
            return 0;
        }
        if (letter == '?') {
            (void)fputs(usage_text, stderr);
            return EXIT_USAGE;
        }
    }
    c = find(argc - optind, argv + optind);
    if (!c) {
        (void)fputs(usage_text, stderr);
        return EXIT_USAGE;
    }
    config_defaults(&config);
    if (path && config_read(&config, path, &problem) != OK) {
        (void)fprintf(stderr, "tocsin: %s\n", problem.text);
        return EXIT_NO;
    }
    return run(&config, c, argv + optind);
}
