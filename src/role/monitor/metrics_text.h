/*
 * metrics_text - one family after the other as text: what differs between Prometheus text 0.0.4 and OpenMetrics 1.0.
 */
#ifndef SP_ROLE_MONITOR_METRICS_TEXT_H
#define SP_ROLE_MONITOR_METRICS_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/buf.h"
#include "sp/base/str.h"

struct sp_metrics_text {
	struct sp_buf *out; /* borrowed */
	bool is_open; /* OpenMetrics */
	const char *name; /* of the family under way, in full */
	unsigned labels; /* of the sample under way */
};

enum sp_family { SP_FAMILY_COUNTER, SP_FAMILY_GAUGE, SP_FAMILY_HISTOGRAM, SP_FAMILY_UNKNOWN };

/* A counter's name ends with _total. SP_FAMILY_UNKNOWN: a counter whose name without _total is a family of its own,
 * which OpenMetrics does not allow. */
void sp_family(struct sp_metrics_text *t, const char *name, enum sp_family is, const char *help);

/* A sample: begun, its labels, its value. suffix: behind the name. */
void sp_sample(struct sp_metrics_text *t, const char *suffix);
void sp_label(struct sp_metrics_text *t, const char *name, struct sp_str value);
void sp_value(struct sp_metrics_text *t, uint64_t value);
void sp_value_us(struct sp_metrics_text *t, uint64_t us); /* as seconds */

/* cells as a histogram's in board/metrics.h; label: before le, NULL for none. */
void sp_histogram(struct sp_metrics_text *t, const uint64_t *cells, const char *label, struct sp_str value);

#endif
