/* Registration under a lock, adding without one, and the text format. */
#include "base/metrics.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *first, *last;
static struct metric_times *first_times, *last_times;

static const int64_t bounds_us[METRIC_BUCKETS] = { 500,    1000,   2500,   5000,    10000,   25000,   50000,
                                                   100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000 };

void metric_register(struct metric *m) {
    (void)pthread_mutex_lock(&lock);
    for (struct metric *x = first; x; x = x->next)
        if (x == m) goto out;
    if (last)
        last->next = m;
    else
        first = m;
    last = m;
out:
    (void)pthread_mutex_unlock(&lock);
}

void metric_times_register(struct metric_times *m) {
    (void)pthread_mutex_lock(&lock);
    for (struct metric_times *x = first_times; x; x = x->next)
        if (x == m) goto out;
    if (last_times)
        last_times->next = m;
    else
        first_times = m;
    last_times = m;
out:
    (void)pthread_mutex_unlock(&lock);
}

void metric_times_add(struct metric_times *m, int64_t us) {
    size_t i = 0;
    while (i < METRIC_BUCKETS && us > bounds_us[i]) i++;
    atomic_fetch_add_explicit(&m->bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->sum_us, us, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->count, 1, memory_order_relaxed);
}

static void write_head(struct buf *out, const char *name, const char *help, const char *type) {
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_times(struct buf *out, struct metric_times *m, bool has_head) {
    const char *labels = m->labels ? m->labels : "";
    const char *comma = m->labels ? "," : "";
    int64_t sum = 0, sum_us;
    if (!has_head) write_head(out, m->name, m->help, "histogram");
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        sum += atomic_load_explicit(&m->bucket[i], memory_order_relaxed);
        buf_addf(out, "%s_bucket{%s%sle=\"%g\"} %lld\n", m->name, labels, comma, (double)bounds_us[i] / 1e6,
                 (long long)sum);
    }
    sum += atomic_load_explicit(&m->bucket[METRIC_BUCKETS], memory_order_relaxed);
    buf_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %lld\n", m->name, labels, comma, (long long)sum);
    sum_us = atomic_load_explicit(&m->sum_us, memory_order_relaxed);
    buf_addf(out, "%s_sum%s%s%s %lld.%06lld\n", m->name, m->labels ? "{" : "", labels, m->labels ? "}" : "",
             (long long)(sum_us / 1000000), (long long)(sum_us % 1000000));
    buf_addf(out, "%s_count%s%s%s %lld\n", m->name, m->labels ? "{" : "", labels, m->labels ? "}" : "", (long long)sum);
}

void metrics_write(struct buf *out) {
    const char *name = "";
    (void)pthread_mutex_lock(&lock);
    for (struct metric *m = first; m; m = m->next) {
        if (strcmp(name, m->name) != 0) write_head(out, m->name, m->help, m->type);
        name = m->name;
        buf_add_z(out, m->name);
        if (m->labels) buf_addf(out, "{%s}", m->labels);
        buf_addf(out, " %lld\n", (long long)atomic_load_explicit(&m->value, memory_order_relaxed));
    }
    name = "";
    for (struct metric_times *m = first_times; m; m = m->next) {
        write_times(out, m, strcmp(name, m->name) == 0);
        name = m->name;
    }
    (void)pthread_mutex_unlock(&lock);
}
