/* S3. */
#include "backup/blobs_priv.h"

enum err blobs_open_s3(const struct s3_options *o, struct blobs **ret) {
    (void)o;
    (void)ret;
    return ERR_UNSUPPORTED;
}
