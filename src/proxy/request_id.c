#include "request_id.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>

enum {
	ID_MAX = 64,
	TRACE_ID_AT = 3, /* "00-" trace id "-" parent id "-" flags */
	TRACE_ID = 32,
	PARENT_AT = TRACE_ID_AT + TRACE_ID + 1,
	PARENT = 16,
	FLAGS_AT = PARENT_AT + PARENT + 1,
	TRACE = FLAGS_AT + 2,
};

bool sp_request_ids_init(struct sp_request_ids *ids, struct sp_err *err)
{
	ids->counter = 0;
	if (getrandom(&ids->key, sizeof(ids->key), 0) != (ssize_t)sizeof(ids->key))
		return sp_err_set(err, "no random bytes for request ids");
	return true;
}

/* ---- making ---- */

/* SipHash is a pseudo-random function: outputs for numbers that never repeat cannot be told from random ones. */
static uint64_t next_random(struct sp_request_ids *ids)
{
	uint64_t number = ids->counter++;

	return sp_siphash(&ids->key, &number, sizeof(number));
}

/* Eight digits at once: each half-byte gets a byte of its own, and those above nine are moved on to the letters. */
static char *put_hex_half(char *to, uint32_t value)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t x = value;

	x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
	x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
	x = (x | x << 4) & (ones * 15);
	x += ones * '0' + ((x + ones * 6) >> 4 & ones) * ('a' - '9' - 1);
	x = htobe64(x);
	memcpy(to, &x, sizeof(x));
	return to + sizeof(x);
}

static char *put_hex(char *to, uint64_t value)
{
	return put_hex_half(put_hex_half(to, (uint32_t)(value >> 32)), (uint32_t)value);
}

struct sp_str sp_request_id_make(struct sp_request_ids *ids, char text[static SP_REQUEST_ID_TEXT])
{
	char *end = put_hex(put_hex(text, next_random(ids)), next_random(ids));

	*end = '\0';
	return sp_str_of(text, SP_REQUEST_ID_TEXT - 1);
}

/* ---- judging ---- */

static bool is_id_char(char c)
{
	char lower = sp_lower(c);

	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

bool sp_request_id_is_valid(struct sp_str text)
{
	if (text.n == 0 || text.n > ID_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (!is_id_char(text.p[i]))
			return false;
	}
	return true;
}

static bool is_hex(const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!((at[i] >= '0' && at[i] <= '9') || (at[i] >= 'a' && at[i] <= 'f')))
			return false;
	}
	return true;
}

static bool is_all_zero(const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (at[i] != '0')
			return false;
	}
	return true;
}

bool sp_trace_is_valid(struct sp_str traceparent)
{
	const char *p = traceparent.p;
	bool is_first_version;

	if (traceparent.n < TRACE || !is_hex(p, 2) || memcmp(p, "ff", 2) == 0)
		return false;
	is_first_version = memcmp(p, "00", 2) == 0;
	if (traceparent.n > TRACE && (is_first_version || p[TRACE] != '-'))
		return false;
	return p[TRACE_ID_AT - 1] == '-' && is_hex(p + TRACE_ID_AT, TRACE_ID) &&
	       !is_all_zero(p + TRACE_ID_AT, TRACE_ID) && p[PARENT_AT - 1] == '-' && is_hex(p + PARENT_AT, PARENT) &&
	       !is_all_zero(p + PARENT_AT, PARENT) && p[FLAGS_AT - 1] == '-' && is_hex(p + FLAGS_AT, 2);
}

/* ---- on the way ---- */

/* Exactly one, and valid: two are no trace at all. */
static bool has_trace(const struct sp_head *request)
{
	const struct sp_field *first = sp_head_find(request, SP_F_TRACEPARENT);

	if (first == NULL || !sp_trace_is_valid(first->value))
		return false;
	for (const struct sp_field *f = first + 1; f < request->fields + request->field_count; f++) {
		if (f->id == SP_F_TRACEPARENT && !f->is_dropped)
			return false;
	}
	return true;
}

/* Never zero, which would be no id. */
static uint64_t next_id(struct sp_request_ids *ids)
{
	uint64_t id = next_random(ids);

	return id != 0 ? id : next_random(ids);
}

static char *put_text(char *to, struct sp_str s)
{
	memcpy(to, s.p, s.n);
	return to + s.n;
}

static bool start_trace(struct sp_head *request, struct sp_arena *arena, struct sp_request_ids *ids)
{
	char *text = sp_arena_alloc(arena, TRACE);
	char *to;

	if (text == NULL)
		return false;
	to = put_text(text, SP_STR("00-"));
	to = put_hex(put_hex(to, next_id(ids)), next_id(ids));
	to = put_text(to, SP_STR("-"));
	to = put_hex(to, next_id(ids));
	put_text(to, SP_STR("-01"));
	return sp_head_add_id(request, arena, SP_F_TRACEPARENT, sp_str_of(text, TRACE));
}

bool sp_trace_apply(struct sp_head *request, struct sp_arena *arena, enum sp_conf_trace mode,
		    struct sp_request_ids *ids)
{
	if (has_trace(request))
		return true;
	sp_head_drop(request, SP_F_TRACEPARENT);
	sp_head_drop(request, SP_F_TRACESTATE);
	return mode == SP_TRACE_PASS || start_trace(request, arena, ids);
}
