#include "scan.h"

#include <string.h>

#include "bytes.h"
#include "field.h"

/*
 * A state says what the byte at `seen` belongs to. Requests begin at EMPTY, answers at STATUS_LINE:
 *
 *   EMPTY -> METHOD -> TARGET -> VERSION -+
 *                         STATUS_LINE ----+-> LINE <-> NAME -> BLANK -> VALUE
 *                                               `-> END
 */
enum state { EMPTY, METHOD, TARGET, VERSION, STATUS_LINE, LINE, NAME, BLANK, VALUE, END };

enum { EMPTY_LINES_MAX = 2, VERSION_MAX = 16, STATUS_LINE_MAX = 1024 };

enum odd { ODD_UNDERSCORE = 1, ODD_OTHER = 2 };

struct scan {
	const char *base, *p, *end; /* end: no further than head_max */
	struct sp_h1_reader *r;
	struct sp_head *head;
	bool is_cut; /* end is head_max: nothing more will be read */
};

static bool refuse(struct scan *s, enum sp_refuse why)
{
	s->r->why = why;
	return false;
}

/* The bytes ran out in the state that r->state says. */
static bool want_more(struct scan *s)
{
	if (!s->is_cut)
		return false;
	return refuse(s, s->r->state == TARGET ? SP_REFUSE_TARGET_TOO_LONG : SP_REFUSE_HEAD_TOO_LARGE);
}

static void enter(struct scan *s, enum state state)
{
	s->r->state = (uint8_t)state;
	s->r->at = (uint32_t)(s->p - s->base);
}

static struct sp_str token_under_way(const struct scan *s)
{
	const char *from = s->base + s->r->at;

	return sp_str_of(from, (size_t)(s->p - from));
}

/* s->p is at CR, LF or a byte that may not stand there. true: a CRLF was passed. */
static bool pass_line_end(struct scan *s, enum sp_refuse else_why)
{
	char c = *s->p;

	if (c == '\r') {
		if (s->p + 1 == s->end)
			return want_more(s);
		if (s->p[1] != '\n')
			return refuse(s, SP_REFUSE_LINE_END);
		s->p += 2;
		return true;
	}
	if (c == '\n')
		return refuse(s, SP_REFUSE_LINE_END);
	return refuse(s, sp_byte_is(c, SP_BYTE_VALUE) ? else_why : SP_REFUSE_CONTROL);
}

/* Is one of these eight bytes below 0x20, or DEL? The usual borrow trick: exact about "any", which is all we ask. */
static inline bool has_control(uint64_t eight)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t del = eight ^ (ones * 0x7f);

	return ((((eight - ones * 0x20) & ~eight) | ((del - ones) & ~del)) & tops) != 0;
}

static inline const char *skip_value_bytes(const char *p, const char *end)
{
	uint64_t eight;

	for (;;) {
		while (end - p >= 8) {
			memcpy(&eight, p, sizeof(eight));
			if (has_control(eight))
				break;
			p += 8;
		}
		while (p < end && sp_byte_is(*p, SP_BYTE_VALUE) && *p != '\t')
			p++;
		if (p == end || *p != '\t')
			return p;
		p++;
	}
}

/* RFC 9112 2.2: an empty line before a request line is ignored; two are enough for any old client. */
static bool step_empty(struct scan *s)
{
	while (s->p < s->end && *s->p == '\r') {
		if (s->r->skipped == EMPTY_LINES_MAX)
			return refuse(s, SP_REFUSE_START_LINE);
		if (!pass_line_end(s, SP_REFUSE_START_LINE))
			return false;
		s->r->skipped++;
	}
	if (s->p == s->end)
		return want_more(s);
	enter(s, METHOD);
	return true;
}

static bool step_method(struct scan *s)
{
	struct sp_str method;

	while (s->p < s->end && sp_byte_is(*s->p, SP_BYTE_TOKEN))
		s->p++;
	method = token_under_way(s);
	if (method.n > SP_SCAN_METHOD_MAX)
		return refuse(s, SP_REFUSE_METHOD);
	if (s->p == s->end)
		return want_more(s);
	if (*s->p != ' ' || method.n == 0) {
		if (*s->p == '\r')
			return refuse(s, SP_REFUSE_START_LINE);
		return pass_line_end(s, SP_REFUSE_METHOD);
	}
	s->head->method_text = method;
	s->p++;
	enter(s, TARGET);
	return true;
}

static bool step_target(struct scan *s)
{
	struct sp_str target;

	while (s->p < s->end && sp_byte_is(*s->p, SP_BYTE_URI))
		s->p++;
	target = token_under_way(s);
	if (target.n > s->r->limits->target_max)
		return refuse(s, SP_REFUSE_TARGET_TOO_LONG);
	if (s->p == s->end)
		return want_more(s);
	if (*s->p != ' ') {
		if (*s->p == '\r') /* HTTP/0.9 */
			return refuse(s, SP_REFUSE_START_LINE);
		return pass_line_end(s, SP_REFUSE_TARGET);
	}
	if (target.n == 0)
		return refuse(s, SP_REFUSE_START_LINE);
	s->head->target = target;
	s->p++;
	enter(s, VERSION);
	return true;
}

static bool is_http_1(struct sp_str text)
{
	return text.n == 8 && memcmp(text.p, "HTTP/1.", 7) == 0 && (text.p[7] == '0' || text.p[7] == '1');
}

static bool looks_like_version(struct sp_str text)
{
	return text.n >= 6 && memcmp(text.p, "HTTP/", 5) == 0 && sp_byte_is(text.p[5], SP_BYTE_DIGIT);
}

static enum sp_refuse judge_version(const struct scan *s, struct sp_str version)
{
	if (is_http_1(version))
		return SP_REFUSE_NONE;
	if (sp_str_eq(s->head->method_text, SP_STR("PRI")) && sp_str_eq(s->head->target, SP_STR("*")) &&
	    sp_str_eq(version, SP_STR("HTTP/2.0")))
		return SP_REFUSE_PREFACE;
	return looks_like_version(version) ? SP_REFUSE_VERSION : SP_REFUSE_START_LINE;
}

static inline bool is_visible(char c)
{
	return (uint8_t)c > 0x20 && (uint8_t)c < 0x7f;
}

static bool step_version(struct scan *s)
{
	struct sp_str version;
	enum sp_refuse why;

	while (s->p < s->end && is_visible(*s->p))
		s->p++;
	version = token_under_way(s);
	if (version.n > VERSION_MAX)
		return refuse(s, SP_REFUSE_START_LINE);
	if (s->p == s->end)
		return want_more(s);
	if (*s->p == '\r' && (why = judge_version(s, version)) != SP_REFUSE_NONE)
		return refuse(s, why);
	if (!pass_line_end(s, SP_REFUSE_START_LINE))
		return false;
	s->head->minor = (uint8_t)(version.p[7] - '0');
	enter(s, LINE);
	return true;
}

/* HTTP/1.x SP 3digit SP [reason]. RFC 9112 4 wants the second space even when the reason is empty. */
static enum sp_refuse judge_status_line(struct sp_head *head, struct sp_str line)
{
	struct sp_str digits;
	unsigned status;

	if (line.n < 8 || !is_http_1(sp_str_of(line.p, 8)))
		return line.n >= 8 && looks_like_version(line) ? SP_REFUSE_VERSION : SP_REFUSE_START_LINE;
	if (line.n < 13 || line.p[8] != ' ')
		return SP_REFUSE_START_LINE;
	digits = sp_str_of(line.p + 9, 3);
	if (!sp_bytes_are(digits, SP_BYTE_DIGIT) || line.p[12] != ' ')
		return SP_REFUSE_START_LINE;
	status = (unsigned)(digits.p[0] - '0') * 100 + (unsigned)(digits.p[1] - '0') * 10 +
		 (unsigned)(digits.p[2] - '0');
	if (status < 100 || status > 599)
		return SP_REFUSE_STATUS;
	head->minor = (uint8_t)(line.p[7] - '0');
	head->status = (uint16_t)status;
	head->reason = line.n > 13 ? sp_str_of(line.p + 13, line.n - 13) : SP_STR_NONE;
	return SP_REFUSE_NONE;
}

static bool step_status_line(struct scan *s)
{
	struct sp_str line;
	enum sp_refuse why;

	s->p = skip_value_bytes(s->p, s->end);
	line = token_under_way(s);
	if (line.n > STATUS_LINE_MAX)
		return refuse(s, SP_REFUSE_START_LINE);
	if (s->p == s->end)
		return want_more(s);
	if (!pass_line_end(s, SP_REFUSE_CONTROL))
		return false;
	why = judge_status_line(s->head, line);
	if (why != SP_REFUSE_NONE)
		return refuse(s, why);
	enter(s, LINE);
	return true;
}

/* *odd: what kinds of bytes beside letters, digits and "-" there are. */
static inline const char *skip_name_bytes(const char *p, const char *end, uint8_t *odd)
{
	for (;;) {
		while (p < end && sp_byte_is(*p, SP_BYTE_PLAIN_NAME))
			p++;
		if (p == end || !sp_byte_is(*p, SP_BYTE_TOKEN))
			return p;
		*odd |= *p == '_' ? ODD_UNDERSCORE : ODD_OTHER;
		p++;
	}
}

static bool step_name(struct scan *s)
{
	const char *p;
	size_t length;

	s->p = p = skip_name_bytes(s->p, s->end, &s->r->odd);
	length = (size_t)(p - s->base) - s->r->at;
	if (length > SP_SCAN_NAME_MAX)
		return refuse(s, SP_REFUSE_FIELD_NAME);
	if (p == s->end)
		return want_more(s);
	if (*p != ':' || length == 0) {
		if (*p == '\r' && p + 1 < s->end && p[1] == '\n') /* a line without a colon */
			return refuse(s, SP_REFUSE_FIELD_NAME);
		return pass_line_end(s, SP_REFUSE_FIELD_NAME);
	}
	s->r->name_at = s->r->at;
	s->r->name_length = (uint32_t)length;
	s->p++;
	enter(s, BLANK);
	return true;
}

static bool step_blank(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
		s->p++;
	if (s->p == s->end)
		return want_more(s);
	enter(s, VALUE);
	return true;
}

static enum sp_refuse judge_odd_name(const struct scan *s, struct sp_field *f)
{
	bool is_request = s->head->is_request;

	/* A backend that hands fields on as environment variables would take `X.Forwarded-For` for the real one. */
	if (is_request && (s->r->odd & ODD_OTHER) != 0 && sp_field_is_alias(f->name))
		return SP_REFUSE_FIELD_NAME;
	if (!is_request || (s->r->odd & ODD_UNDERSCORE) == 0)
		return SP_REFUSE_NONE;
	switch (s->r->limits->underscore) {
	case SP_NAME_UNDERSCORE_REJECT: return SP_REFUSE_UNDERSCORE;
	case SP_NAME_UNDERSCORE_PASS: return sp_field_is_alias(f->name) ? SP_REFUSE_UNDERSCORE : SP_REFUSE_NONE;
	case SP_NAME_UNDERSCORE_DROP: f->is_dropped = true; break;
	}
	return SP_REFUSE_NONE;
}

static inline bool add_field(struct scan *s, struct sp_str name, struct sp_str value)
{
	struct sp_field *f = sp_head_push(s->head, s->r->arena);
	enum sp_refuse why;

	if (f == NULL)
		return refuse(s, SP_REFUSE_MEMORY);
	while (value.n > 0 && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
		value.n--;
	f->name = name;
	f->value = value;
	f->id = sp_field_id_of_token(name);
	f->is_dropped = false;
	s->head->present |= UINT64_C(1) << f->id;
	if (s->r->odd == 0)
		return true;
	why = judge_odd_name(s, f);
	return why == SP_REFUSE_NONE ? true : refuse(s, why);
}

static bool step_value(struct scan *s)
{
	struct sp_str name = sp_str_of(s->base + s->r->name_at, s->r->name_length), value;

	s->p = skip_value_bytes(s->p, s->end);
	if (s->p == s->end)
		return want_more(s);
	value = token_under_way(s);
	if (!pass_line_end(s, SP_REFUSE_FIELD_VALUE) || !add_field(s, name, value))
		return false;
	enter(s, LINE);
	return true;
}

/*
 * Nearly every line is a whole field without a fault. Those are read here in
 * one go; at anything else the line is left as it was, for the steps to read
 * on or to say what is wrong with it.
 */
static bool take_good_line(struct scan *s)
{
	const char *name = s->p, *colon, *value, *p;

	s->r->odd = 0;
	colon = p = skip_name_bytes(name, s->end, &s->r->odd);
	if (p == s->end || *p != ':' || p == name || p - name > SP_SCAN_NAME_MAX)
		return false;
	for (p++; p < s->end && (*p == ' ' || *p == '\t'); p++)
		continue;
	value = p;
	p = skip_value_bytes(value, s->end);
	if (s->end - p < 2 || p[0] != '\r' || p[1] != '\n' || s->head->field_count >= s->r->limits->field_max)
		return false;
	s->p = p + 2;
	return add_field(s, sp_str_of(name, (size_t)(colon - name)), sp_str_of(value, (size_t)(p - value)));
}

/* The first byte of a line behind the start line. */
static bool step_line(struct scan *s)
{
	while (take_good_line(s))
		continue;
	if (s->r->why != SP_REFUSE_NONE)
		return false;
	if (s->p == s->end)
		return want_more(s);
	if (*s->p == '\r') {
		if (!pass_line_end(s, SP_REFUSE_LINE_END))
			return false;
		enter(s, END);
		return true;
	}
	if (*s->p == ' ' || *s->p == '\t')
		return refuse(s, SP_REFUSE_FOLD);
	if (s->head->field_count >= s->r->limits->field_max)
		return refuse(s, SP_REFUSE_TOO_MANY_FIELDS);
	s->r->odd = 0;
	enter(s, NAME);
	return true;
}

static bool step(struct scan *s)
{
	switch ((enum state)s->r->state) {
	case EMPTY: return step_empty(s);
	case METHOD: return step_method(s);
	case TARGET: return step_target(s);
	case VERSION: return step_version(s);
	case STATUS_LINE: return step_status_line(s);
	case LINE: return step_line(s);
	case NAME: return step_name(s);
	case BLANK: return step_blank(s);
	case VALUE: return step_value(s);
	case END: break;
	}
	return false;
}

static enum sp_scan_rc scan(struct sp_h1_reader *r, struct sp_str bytes, struct sp_head *head)
{
	size_t max = r->limits->head_max;
	struct scan s = { .base = bytes.p, .p = bytes.p + r->seen, .r = r, .head = head, .is_cut = bytes.n >= max };

	s.end = bytes.p + (s.is_cut ? max : bytes.n);
	SP_ASSERT(s.p <= s.end);
	while (step(&s))
		continue;
	r->seen = (uint32_t)(s.p - s.base);
	if (r->why != SP_REFUSE_NONE)
		return SP_SCAN_BAD;
	return r->state == END ? SP_SCAN_DONE : SP_SCAN_MORE;
}

enum sp_scan_rc sp_scan_request(struct sp_h1_reader *r, struct sp_str bytes, struct sp_head *head)
{
	return scan(r, bytes, head);
}

enum sp_scan_rc sp_scan_response(struct sp_h1_reader *r, struct sp_str bytes, struct sp_head *head)
{
	if (r->state == EMPTY)
		r->state = STATUS_LINE;
	return scan(r, bytes, head);
}
