/* The list of a repository's objects of one type, as an answer in constant memory. */
#ifndef TOCSIN_API_BACKUP_LIST_H
#define TOCSIN_API_BACKUP_LIST_H

#include "backup/backup.h"
#include "http/http.h"

/* v2 when the caller accepts it (`{"name","size"}`), otherwise v1 (names). */
void backup_list_reply(struct http_request *req, struct backup *b, const struct repo_id *repo, enum blob_type type);

#endif
