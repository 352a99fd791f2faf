/* An object of another device's repository, as an answer that ends when the restore that allows it does. */
#ifndef TOCSIN_API_BACKUP_GUARDED_H
#define TOCSIN_API_BACKUP_GUARDED_H

#include "backup/backup.h"
#include "http/http.h"

#define BACKUP_OCTETS "application/octet-stream"

struct backup_passage {
    struct backup *backup;
    struct repo_id repo;    /* whose */
    struct device_id asker; /* who reads */
    struct attempt_id restore;
    bool is_near; /* on the loop, which does not wait */
};
/* Counts the request, and takes what `got` holds. 200 or 206, as the caller has found. False, of a near one alone:
 * nothing is answered, counted or taken. */
bool backup_guarded_reply(struct http_request *req, int status, const struct backup_passage *p,
                          const struct blob_got *got);

#endif
