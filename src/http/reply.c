#include "sp/http/reply.h"

#include <string.h>

#include "bytes.h"
#include "field.h"

static const struct {
	uint16_t status;
	struct sp_str reason;
} reasons[] = {
#define REASON(status, text)                                                                                           \
	{                                                                                                              \
		status,                                                                                                \
		{                                                                                                      \
			text, sizeof(text) - 1                                                                         \
		}                                                                                                      \
	}
	REASON(100, "Continue"),
	REASON(101, "Switching Protocols"),
	REASON(103, "Early Hints"),
	REASON(200, "OK"),
	REASON(201, "Created"),
	REASON(202, "Accepted"),
	REASON(203, "Non-Authoritative Information"),
	REASON(204, "No Content"),
	REASON(205, "Reset Content"),
	REASON(206, "Partial Content"),
	REASON(300, "Multiple Choices"),
	REASON(301, "Moved Permanently"),
	REASON(302, "Found"),
	REASON(303, "See Other"),
	REASON(304, "Not Modified"),
	REASON(307, "Temporary Redirect"),
	REASON(308, "Permanent Redirect"),
	REASON(400, "Bad Request"),
	REASON(401, "Unauthorized"),
	REASON(402, "Payment Required"),
	REASON(403, "Forbidden"),
	REASON(404, "Not Found"),
	REASON(405, "Method Not Allowed"),
	REASON(406, "Not Acceptable"),
	REASON(407, "Proxy Authentication Required"),
	REASON(408, "Request Timeout"),
	REASON(409, "Conflict"),
	REASON(410, "Gone"),
	REASON(411, "Length Required"),
	REASON(412, "Precondition Failed"),
	REASON(413, "Content Too Large"),
	REASON(414, "URI Too Long"),
	REASON(415, "Unsupported Media Type"),
	REASON(416, "Range Not Satisfiable"),
	REASON(417, "Expectation Failed"),
	REASON(418, "I'm a teapot"),
	REASON(421, "Misdirected Request"),
	REASON(422, "Unprocessable Content"),
	REASON(425, "Too Early"),
	REASON(426, "Upgrade Required"),
	REASON(428, "Precondition Required"),
	REASON(429, "Too Many Requests"),
	REASON(431, "Request Header Fields Too Large"),
	REASON(451, "Unavailable For Legal Reasons"),
	REASON(500, "Internal Server Error"),
	REASON(501, "Not Implemented"),
	REASON(502, "Bad Gateway"),
	REASON(503, "Service Unavailable"),
	REASON(504, "Gateway Timeout"),
	REASON(505, "HTTP Version Not Supported"),
	REASON(507, "Insufficient Storage"),
	REASON(511, "Network Authentication Required"),
#undef REASON
};

struct sp_str sp_status_reason(unsigned status)
{
	for (size_t i = 0; i < SP_COUNT(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return SP_STR("Unknown");
}

enum { Q_ONE = 1000, Q_BAD = -1 };

/* "0.25" to 250 (RFC 9110 12.4.2); what is no weight counts as not acceptable. */
static int read_weight(struct sp_str text)
{
	int q, scale = 100;

	if (text.n == 0 || text.n > 5 || (text.p[0] != '0' && text.p[0] != '1') || (text.n > 1 && text.p[1] != '.'))
		return Q_BAD;
	q = (text.p[0] - '0') * Q_ONE;
	for (size_t i = 2; i < text.n; i++, scale /= 10) {
		if (!sp_byte_is(text.p[i], SP_BYTE_DIGIT))
			return Q_BAD;
		q += (text.p[i] - '0') * scale;
	}
	return q > Q_ONE ? Q_BAD : q;
}

static int weight_of(struct sp_str parameters)
{
	struct sp_str one;

	while (sp_str_split(&parameters, ';', &one)) {
		one = sp_str_trim(one);
		if (one.n >= 2 && sp_lower(one.p[0]) == 'q' && one.p[1] == '=')
			return read_weight(sp_str_of(one.p + 2, one.n - 2));
	}
	return Q_ONE;
}

/* The weight that the most specific matching range of `accept` gives to type/subtype; 0: not acceptable. */
static int weigh(struct sp_str accept, struct sp_str type, struct sp_str any_of_type)
{
	struct sp_str item, range;
	int best = 0, best_rank = 0;

	while (sp_list_next(&accept, &item)) {
		int rank = 0, q;

		if (!sp_str_split(&item, ';', &range))
			continue;
		range = sp_str_trim(range);
		if (sp_str_eq_nocase(range, type))
			rank = 3;
		else if (sp_str_eq_nocase(range, any_of_type))
			rank = 2;
		else if (sp_str_eq(range, SP_STR("*/*")))
			rank = 1;
		if (rank == 0 || rank < best_rank)
			continue;
		q = weight_of(item);
		if (rank > best_rank || q > best)
			best = q;
		best_rank = rank;
	}
	return best;
}

/* Only who prefers JSON to text gets it: "any" is for people at a terminal. */
bool sp_reply_wants_json(struct sp_str accept)
{
	int json = weigh(accept, SP_STR("application/json"), SP_STR("application/*"));
	int text = weigh(accept, SP_STR("text/plain"), SP_STR("text/*"));
	int html = weigh(accept, SP_STR("text/html"), SP_STR("text/*"));

	return json > 0 && json > text && json > html;
}

/* Text in a JSON string: controls, quotes and backslashes escaped, bytes above ASCII too, as Latin-1 has them. */
static size_t json_escape(struct sp_str s, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t b = (uint8_t)s.p[i];

		if (b >= 0x20 && b < 0x7f && b != '"' && b != '\\') {
			out[n++] = (char)b;
			continue;
		}
		memcpy(out + n, "\\u00", 4);
		out[n + 4] = digits[b >> 4];
		out[n + 5] = digits[b & 15];
		n += 6;
	}
	return n;
}

static struct sp_str escaped(struct sp_arena *arena, struct sp_str s)
{
	char *text = sp_arena_alloc(arena, s.n * 6 + 1);

	return text == NULL ? SP_STR_NONE : sp_str_of(text, json_escape(s, text));
}

static const char *json_body(struct sp_arena *arena, unsigned status, struct sp_str sentence, struct sp_str id)
{
	struct sp_str error = escaped(arena, sentence), id_text = escaped(arena, id);

	if (error.p == NULL || id_text.p == NULL)
		return NULL;
	if (id.n == 0)
		return sp_arena_printf(arena, "{\"status\":%u,\"error\":\"%.*s\"}\n", status, SP_STR_ARG(error));
	return sp_arena_printf(arena, "{\"status\":%u,\"error\":\"%.*s\",\"id\":\"%.*s\"}\n", status, SP_STR_ARG(error),
			       SP_STR_ARG(id_text));
}

static const char *text_body(struct sp_arena *arena, unsigned status, struct sp_str text, struct sp_str id)
{
	struct sp_str reason = sp_status_reason(status);
	const char *line = text.n > 0 ? sp_arena_printf(arena, "%.*s", SP_STR_ARG(text))
				      : sp_arena_printf(arena, "%u %.*s", status, SP_STR_ARG(reason));

	if (line == NULL)
		return NULL;
	if (id.n == 0)
		return sp_arena_printf(arena, "%s\n", line);
	return sp_arena_printf(arena, "%s\n%.*s\n", line, SP_STR_ARG(id));
}

bool sp_reply_make(struct sp_head *head, struct sp_arena *arena, unsigned status, bool is_json, struct sp_str text,
		   struct sp_str request_id, struct sp_str *body)
{
	struct sp_str sentence = text.n > 0 ? text : sp_status_reason(status);
	const char *bytes = is_json ? json_body(arena, status, sentence, request_id)
				    : text_body(arena, status, text, request_id);

	if (bytes == NULL)
		return false;
	*body = sp_str(bytes);
	sp_head_init(head, false);
	head->status = (uint16_t)status;
	head->reason = sp_status_reason(status);
	head->framing = SP_BODY_LENGTH;
	head->has_length = true;
	head->length = body->n;
	head->is_keep_alive = true;
	if (!sp_head_add_date(head, arena) ||
	    !sp_head_add_id(head, arena, SP_F_CONTENT_TYPE,
			    is_json ? SP_STR("application/json") : SP_STR("text/plain; charset=utf-8")) ||
	    !sp_head_add_id(head, arena, SP_F_CACHE_CONTROL, SP_STR("no-store")))
		return false;
	return request_id.n == 0 || sp_head_add_id(head, arena, SP_F_X_REQUEST_ID, request_id);
}
