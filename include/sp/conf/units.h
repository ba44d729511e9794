/*
 * units - sizes, durations and rates, from text and back.
 */
#ifndef SP_CONF_UNITS_H
#define SP_CONF_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/str.h"

/* false with *why: "a duration needs a unit, as 10s". */
SP_MUST_USE bool sp_units_size(struct sp_str text, uint64_t *bytes, const char **why); /* 64k */
SP_MUST_USE bool sp_units_duration(struct sp_str text, uint64_t *ms, const char **why); /* 1h30m */
SP_MUST_USE /* Nanoseconds between two events: 1,000 (a million a second) to 3,600,000,000,000 (one an hour). */
bool sp_units_pace(struct sp_str text, uint64_t *ns, const char **why);
bool sp_units_rate(struct sp_str text, uint64_t *per_second_x1000, const char **why); /* 5/m */

#define SP_UNITS_TEXT 48
const char *sp_units_size_text(uint64_t bytes, char text[static SP_UNITS_TEXT]);
const char *sp_units_duration_text(uint64_t ms, char text[static SP_UNITS_TEXT]);
/* Of sp_units_pace: "5/m". */
const char *sp_units_pace_text(uint64_t ns, char text[static SP_UNITS_TEXT]);
const char *sp_units_rate_text(uint64_t per_second_x1000, char text[static SP_UNITS_TEXT]);

#endif
