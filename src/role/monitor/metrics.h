/*
 * metrics - what Prometheus reads: text 0.0.4, or OpenMetrics 1.0 to who asks for it.
 *
 * Names begin with sallyport_ (but process_*, which have names of their own everywhere), units are seconds and bytes,
 * labels hold names of the configuration and words of the program, never a peer's bytes.
 */
#ifndef SP_ROLE_MONITOR_METRICS_H
#define SP_ROLE_MONITOR_METRICS_H

#include "facts.h"
#include "sp/base/buf.h"

#define SP_METRICS_TEXT "text/plain; version=0.0.4; charset=utf-8"
#define SP_METRICS_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* accept: the field's value. */
bool sp_metrics_is_open_asked(struct sp_str accept);
/* facts->figures are summed before. */
void sp_metrics_write(const struct sp_facts *facts, bool is_open, struct sp_buf *out);

#endif
