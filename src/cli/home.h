/*
 * What this person's command line keeps: $XDG_CONFIG_HOME/tocsin (or ~/.config/tocsin), the folder 0700, each file 0600
 * and replaced in one step. A folder or file that others may read or that belongs to another is refused, not repaired.
 * The functions say themselves what is wrong.
 */
#ifndef TOCSIN_CLI_HOME_H
#define TOCSIN_CLI_HOME_H

#include "base/secret.h"

#define HOME_PATH_MAX    1024
#define ORIGIN_BYTES_MAX 300
#define ID_BYTES_MAX     64
#define LOGIN_EMAIL_MAX  254

/* The folder, made when it is not there; -1 when it can't be used. Close it. */
int home_open(void);
bool home_path(char *out, size_t size); /* where it is, for messages; false: no HOME */
/* ERR_NOT_FOUND (not said), ERR_REFUSED, ERR_TOO_LARGE (over 4 KiB), ERR_IO. */
enum err home_read(int home, const char *name, struct secret *ret) MUST_CHECK;
/* Durable when it returns OK. ERR_IO. */
enum err home_write(int home, const char *name, struct str bytes) MUST_CHECK;
enum err home_remove(int home, const char *name) MUST_CHECK;

/* Who is signed in here. */
struct login {
    char server[ORIGIN_BYTES_MAX + 1];
    char email[LOGIN_EMAIL_MAX + 1];
    char device[ID_BYTES_MAX + 1];
    struct secret session;      /* empty: signed out */
    struct secret device_token; /* empty: not known to the server */
};
void login_release(struct login *l);
/* ERR_NOT_FOUND (not said): nobody has signed in here. */
enum err login_load(struct login *ret) MUST_CHECK;
enum err login_save(const struct login *l) MUST_CHECK;
enum err login_forget(void) MUST_CHECK;
/* A login with a session. Otherwise says how to get one; false. */
bool login_need(struct login *ret);

#endif
