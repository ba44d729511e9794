#include "metrics_text.h"

#include <stdio.h>

#include "sp/board/metrics.h"

void sp_family(struct sp_metrics_text *t, const char *name, enum sp_family is, const char *help)
{
	static const char *const types[] = { "counter", "gauge", "histogram", "counter" };
	static const char *const open_types[] = { "counter", "gauge", "histogram", "unknown" };
	struct sp_str family = sp_str(name);

	/* OpenMetrics names the family without what its one sample has behind it. */
	if (t->is_open && is == SP_FAMILY_COUNTER)
		family.n -= sizeof("_total") - 1;
	t->name = name;
	sp_buf_printf(t->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", SP_STR_ARG(family), help, SP_STR_ARG(family),
		      t->is_open ? open_types[is] : types[is]);
}

void sp_sample(struct sp_metrics_text *t, const char *suffix)
{
	sp_buf_printf(t->out, "%s%s", t->name, suffix);
	t->labels = 0;
}

void sp_label(struct sp_metrics_text *t, const char *name, struct sp_str value)
{
	sp_buf_printf(t->out, "%s%s=\"", t->labels++ == 0 ? "{" : ",", name);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\\' || value.p[i] == '"')
			sp_buf_put(t->out, SP_STR("\\"));
		sp_buf_put(t->out, value.p[i] == '\n' ? SP_STR("\\n") : sp_str_of(&value.p[i], 1));
	}
	sp_buf_put(t->out, SP_STR("\""));
}

void sp_value(struct sp_metrics_text *t, uint64_t value)
{
	sp_buf_printf(t->out, "%s %llu\n", t->labels > 0 ? "}" : "", (unsigned long long)value);
}

void sp_value_us(struct sp_metrics_text *t, uint64_t us)
{
	sp_buf_printf(t->out, "%s %llu.%06llu\n", t->labels > 0 ? "}" : "", (unsigned long long)(us / 1000000),
		      (unsigned long long)(us % 1000000));
}

/* "0.0005", "0.01", "1.0": the shortest with a point, so that both formats have the same series. */
static void bound_text(uint32_t us, char text[static 24])
{
	int n = snprintf(text, 24, "%u.%06u", us / 1000000, us % 1000000);

	while (n > 2 && text[n - 1] == '0' && text[n - 2] != '.')
		text[--n] = '\0';
}

void sp_histogram(struct sp_metrics_text *t, const uint64_t *cells, const char *label, struct sp_str value)
{
	uint64_t count = 0;
	char bound[24];

	for (unsigned i = 0; i <= SP_HISTOGRAM_BOUNDS; i++) {
		count += cells[i];
		sp_sample(t, "_bucket");
		if (label != NULL)
			sp_label(t, label, value);
		if (i < SP_HISTOGRAM_BOUNDS)
			bound_text(sp_histogram_us[i], bound);
		sp_label(t, "le", i < SP_HISTOGRAM_BOUNDS ? sp_str(bound) : SP_STR("+Inf"));
		sp_value(t, count);
	}
	sp_sample(t, "_sum");
	if (label != NULL)
		sp_label(t, label, value);
	sp_value_us(t, cells[SP_HISTOGRAM_SUM]);
	sp_sample(t, "_count");
	if (label != NULL)
		sp_label(t, label, value);
	sp_value(t, count);
}
