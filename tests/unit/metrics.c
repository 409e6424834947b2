// links: daemon/metrics.c
/* Counting and writing: what was never set is not shown, buckets are cumulative, unknown values of labels count as "other". */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "metrics.h"

static char *
print(void)
{
    char *page = NULL;
    size_t length;
    FILE *out = open_memstream(&page, &length);

    assert_non_null(out);
    metrics_print(out);
    fclose(out);
    return page;
}

static void
assert_line(const char *line, int there)
{
    char *page = print(), wanted[300];

    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if ((strstr(page, wanted) != NULL) != there)
        fail_msg("%s: %s", there ? "not there" : "there", line);
    free(page);
}

static void
test_counters(void **state)
{
    (void) state;
    metrics_reset();
    assert_line("crmd_deliveries_total{outcome=\"retry\",kind=\"slack\"} 0", 1);
    metrics_add(METRIC_DELIVERIES, 1, "retry", "slack");
    metrics_add(METRIC_DELIVERIES, 2, "retry", "slack");
    metrics_add(METRIC_DELIVERIES, 1, "delivered", "webhook");
    metrics_add(METRIC_DELIVERIES, 1, "dead", "of another time");
    assert_line("crmd_deliveries_total{outcome=\"retry\",kind=\"slack\"} 3", 1);
    assert_line("crmd_deliveries_total{outcome=\"delivered\",kind=\"webhook\"} 1", 1);
    assert_line("crmd_deliveries_total{outcome=\"dead\",kind=\"other\"} 1", 1);
    assert_line("crmd_deliveries_total{outcome=\"delivered\",kind=\"slack\"} 0", 1);
    metrics_add(METRIC_FOLDED_CHANGES, 8999999999999000.0, NULL, NULL);
    metrics_add(METRIC_FOLDED_CHANGES, 992, NULL, NULL);
    assert_line("crmd_folded_changes_total 8999999999999992", 1);
    metrics_reset();
    assert_line("crmd_folded_changes_total 0", 1);
}

static void
test_gauges(void **state)
{
    (void) state;
    metrics_reset();
    assert_line("crmd_queue_lag_seconds 0", 0);
    metrics_set(METRIC_QUEUE_LAG, 0, NULL, NULL);
    assert_line("crmd_queue_lag_seconds 0", 1);
    metrics_set(METRIC_QUEUE_LAG, 12.5, NULL, NULL);
    assert_line("crmd_queue_lag_seconds 12.5", 1);
    metrics_set(METRIC_CONNECTION_UP, 1, "outbox", NULL);
    assert_line("crmd_connection_up{connection=\"outbox\"} 1", 1);
    assert_line("crmd_connection_up{connection=\"act\"} 0", 0);
    metrics_unset(METRIC_QUEUE_LAG);
    assert_line("crmd_queue_lag_seconds 12.5", 0);
}

static void
test_histogram(void **state)
{
    (void) state;
    metrics_reset();
    metrics_observe(METRIC_POST, 0.001); /* a bound belongs to its bucket */
    metrics_observe(METRIC_POST, 0.002);
    metrics_observe(METRIC_POST, 3);
    metrics_observe(METRIC_POST, 100);
    assert_line("crmd_post_duration_seconds_bucket{le=\"0.001\"} 1", 1);
    assert_line("crmd_post_duration_seconds_bucket{le=\"0.0025\"} 2", 1);
    assert_line("crmd_post_duration_seconds_bucket{le=\"1.0\"} 2", 1);
    assert_line("crmd_post_duration_seconds_bucket{le=\"5.0\"} 3", 1);
    assert_line("crmd_post_duration_seconds_bucket{le=\"60.0\"} 3", 1);
    assert_line("crmd_post_duration_seconds_bucket{le=\"+Inf\"} 4", 1);
    assert_line("crmd_post_duration_seconds_count 4", 1);
    assert_line("crmd_post_duration_seconds_sum 103.003", 1);
}

static void
test_frame(void **state)
{
    char *page;

    (void) state;
    metrics_reset();
    metrics_versions("0.1.0", "7.88.1", 150020);
    page = print();
    assert_ptr_equal(strstr(page, "# TYPE crmd_build info\n"), page);
    assert_string_equal(page + strlen(page) - strlen("\n# EOF\n"), "\n# EOF\n");
    free(page);
    assert_line("crmd_build_info{version=\"0.1.0\",libcurl=\"7.88.1\",libpq=\"15.20\"} 1", 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_gauges),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_frame),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
