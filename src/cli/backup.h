/* What backup and restore share: this device's repository and its password. */
#ifndef TOCSIN_CLI_BACKUP_H
#define TOCSIN_CLI_BACKUP_H

#include "cli/owner.h"
#include "cli/restic.h"

#define REPOSITORY_FILE "backup-repository"
#define PASSWORD_FILE   "backup-password"

struct backup {
    struct secret repository; /* rest:https://DEVICE:TOKEN@HOST/backup/DEVICE/ */
    struct secret password;
};

void backup_release(struct backup *b);
bool backup_load(struct backup *ret); /* false: said */
/* A new token for this device, as the repository's address. An exit status; what goes wrong is said. */
int backup_token(struct owner *o, struct secret *ret_repository);

#endif
