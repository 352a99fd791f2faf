/*
 * Counters and histograms of this process as Prometheus text (exposition format 0.0.4). A metric is a static object,
 * registered by metrics_register once; adding is one relaxed atomic. Labels are fixed at registration: no caller's text
 * becomes a label.
 */
#ifndef TOCSIN_BASE_METRICS_H
#define TOCSIN_BASE_METRICS_H

#include <stdatomic.h>

#include "base/buf.h"

struct metric {
    const char *name; /* "tocsin_alerts_total" */
    const char *help;
    const char *type;   /* "counter" or "gauge" */
    const char *labels; /* "channel=\"email\"" or NULL */
    _Atomic int64_t value;
    struct metric *next; /* ours */
};
#define METRIC_BUCKETS 14
struct metric_times { /* seconds, buckets 0.5 ms … 10 s */
    const char *name;
    const char *help;
    const char *labels;
    _Atomic int64_t bucket[METRIC_BUCKETS + 1];
    _Atomic int64_t sum_us, count;
    struct metric_times *next;
};

void metric_register(struct metric *m); /* twice is harmless; same names must be registered one after the other */
void metric_times_register(struct metric_times *m);
static inline void metric_add(struct metric *m, int64_t n) {
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}
static inline void metric_set(struct metric *m, int64_t n) {
    atomic_store_explicit(&m->value, n, memory_order_relaxed);
}
void metric_times_add(struct metric_times *m, int64_t us);
void metrics_write(struct buf *out);

#endif
