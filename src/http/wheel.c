/* A hashed wheel of one level; what lies beyond its turn waits in the farthest slot and is put back. */
#include "http/wheel.h"

static size_t slot_of(int64_t tick) { return (size_t)tick % WHEEL_SLOTS; }

void wheel_init(struct wheel *w, int64_t now_ms) { *w = (struct wheel){ .tick = now_ms >> WHEEL_TICK_BITS }; }

static void link_at(struct wheel *w, struct wheel_entry *e) {
    int64_t tick = (e->due_ms >> WHEEL_TICK_BITS) + 1;
    size_t slot;
    if (tick <= w->tick) tick = w->tick + 1;
    if (tick >= w->tick + WHEEL_SLOTS) tick = w->tick + WHEEL_SLOTS - 1;
    slot = slot_of(tick);
    e->tick = tick;
    e->next = w->slots[slot];
    e->from = &w->slots[slot];
    if (e->next) e->next->from = &e->next;
    w->slots[slot] = e;
    w->used[slot / 64] |= (uint64_t)1 << (slot % 64);
}

void wheel_drop(struct wheel *w, struct wheel_entry *e) {
    size_t slot = slot_of(e->tick);
    if (!e->from) return;
    *e->from = e->next;
    if (e->next) e->next->from = e->from;
    e->from = NULL;
    if (!w->slots[slot]) w->used[slot / 64] &= ~((uint64_t)1 << (slot % 64));
}

void wheel_set(struct wheel *w, struct wheel_entry *e, int64_t due_ms) {
    e->due_ms = due_ms;
    if (e->from && (due_ms >> WHEEL_TICK_BITS) + 1 >= e->tick) return;
    wheel_drop(w, e);
    link_at(w, e);
}

struct wheel_entry *wheel_next_due(struct wheel *w, int64_t now_ms) {
    int64_t last = now_ms >> WHEEL_TICK_BITS;
    if (last - w->tick > WHEEL_SLOTS) w->tick = last - WHEEL_SLOTS;
    while (w->tick < last) {
        struct wheel_entry *e = w->slots[slot_of(w->tick + 1)];
        if (!e) {
            w->tick++;
            continue;
        }
        wheel_drop(w, e);
        if (e->due_ms <= now_ms) return e;
        link_at(w, e);
    }
    return NULL;
}

int wheel_wait_ms(const struct wheel *w, int64_t now_ms) {
    for (int64_t i = 1; i <= WHEEL_SLOTS; i++) {
        size_t slot = slot_of(w->tick + i);
        int64_t due = (w->tick + i) << WHEEL_TICK_BITS;
        if (slot % 64 == 0 && !w->used[slot / 64]) {
            i += 63;
            continue;
        }
        if (!w->slots[slot]) continue;
        return due > now_ms ? (int)(due - now_ms) : 0;
    }
    return -1;
}
