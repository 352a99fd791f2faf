/* tocsin-keeper: wires the credential process together. */
#include "base/log.h"
#include "keeper/keeper.h"
#include "tocsind/child.h"

static const struct store_stmt *const *const statements[] = { keeper_statements, NULL };

int main(void) {
    static struct child child;
    struct store *store = NULL;
    struct store_problem problem = { "" };
    enum err r = child_begin(SANDBOX_KEEPER, &child);
    if (r != OK) return 1;
    r = store_open(&(struct store_options){ .database = child.database,
                                            .migrations = "keeper",
                                            .statements = statements,
                                            .connections = (int)child.config.keeper_connections },
                   &store, &problem);
    if (r != OK) {
        log_event(LOG_LEVEL_ERROR, "sys_startup_fail", LOG_Z("reason", problem.text), LOG_Z("error", err_name(r)));
        child_fail(&child, r);
    }
    child_ready();
    r = keeper_run(&(struct keeper_options){ .config = &child.config,
                                             .store = store,
                                             .front_fd = CHILD_FD_KEEPER,
                                             .pepper = child.keys->pepper,
                                             .link_key = child.keys->link_key,
                                             .receipt_scalar = child.keys->receipt_scalar,
                                             .courier_box_public = child.keys->box_public,
                                             .stop = &child.stop });
    if (r != OK) log_err(r, "keeper");
    store_close(store);
    child_end(&child);
    return r == OK ? 0 : 1;
}
