/* tocsin-courier: wires the delivery process together. */
#include "base/log.h"
#include "courier/courier.h"
#include "tocsind/child.h"

int main(void) {
    static struct child child;
    enum err r = child_begin(SANDBOX_COURIER, &child);
    if (r != OK) return 1;
    child_ready();
    r = courier_run(
        &(struct courier_options){ .config = &child.config,
                                   .front_fd = CHILD_FD_COURIER,
                                   .link_key = child.keys->link_key,
                                   .vapid_scalar = child.keys->vapid_scalar,
                                   .box_public = child.keys->box_public,
                                   .box_secret = child.keys->box_secret,
                                   .smtp_password = str_bytes(child.keys->smtp_password, child.keys->smtp_password_n),
                                   .objects_fd = config_store_is_s3(&child.config) ? CHILD_FD_OBJECTS : -1,
                                   .s3_secret_key = str_bytes(child.keys->s3_secret_key, child.keys->s3_secret_key_n),
                                   .mail_directory_fd = child.mail_fd,
                                   .stop = &child.stop });
    if (r != OK) log_err(r, "courier");
    child_end(&child);
    return r == OK ? 0 : 1;
}
