#include "sp/http/h1_read.h"

#include <http_parser.h>

#include "gate.h"
#include "scan.h"

void sp_h1_reader_init(struct sp_h1_reader *r, const struct sp_h1_limits *limits, struct sp_arena *arena)
{
	*r = (struct sp_h1_reader){ .limits = limits, .arena = arena };
}

/*
 * The second opinion. http-parser reads the bytes of a request head that ours
 * has accepted, and must have seen the same: no more, no less. It never decides
 * that something is fine, and its own limit on heads, which is one for the
 * process, is out of the way.
 */
struct opinion {
	const struct sp_head *head; /* borrowed */
	uint32_t names; /* seen by http-parser */
	bool differs, is_complete;
};

static int on_name(http_parser *parser, const char *at, size_t n)
{
	struct opinion *o = parser->data;
	const struct sp_field *f = &o->head->fields[o->names];

	if (o->names == o->head->field_count || at != f->name.p || n != f->name.n)
		o->differs = true;
	else
		o->names++;
	return o->differs;
}

/* Its value runs to the line end, ours without the blanks there. */
static int on_value(http_parser *parser, const char *at, size_t n)
{
	struct opinion *o = parser->data;
	const struct sp_field *f;

	if (o->names == 0)
		return 1;
	f = &o->head->fields[o->names - 1];
	if ((f->value.n > 0 && at != f->value.p) || n < f->value.n)
		o->differs = true;
	for (size_t i = f->value.n; i < n && !o->differs; i++)
		o->differs = at[i] != ' ' && at[i] != '\t';
	return o->differs;
}

static int on_target(http_parser *parser, const char *at, size_t n)
{
	struct opinion *o = parser->data;

	o->differs |= at != o->head->target.p || n != o->head->target.n;
	return o->differs;
}

static int on_complete(http_parser *parser)
{
	struct opinion *o = parser->data;

	o->is_complete = true;
	return 0;
}

static bool agrees_on_meaning(const http_parser *parser, const struct sp_head *head)
{
	bool is_chunked = (parser->flags & F_CHUNKED) != 0;
	uint64_t length = head->framing == SP_BODY_LENGTH ? head->length : UINT64_MAX;

	/* Ours ignores some Upgrades that http-parser does not. That it sees none means nothing: it stops reading a
	 * Connection list at a tab or an empty item, which RFC 9110 5.6.1 has us read over. */
	if (parser->http_major != 1 || parser->http_minor != head->minor ||
	    (parser->upgrade != 0 && head->upgrade.n == 0))
		return false;
	if (is_chunked != (head->framing == SP_BODY_CHUNKED) || (!is_chunked && parser->content_length != length))
		return false;
	return sp_str_eq(sp_str(http_method_str((enum http_method)parser->method)), head->method_text);
}

static bool second_opinion_agrees(const struct sp_head *head, struct sp_str bytes)
{
	static const http_parser_settings settings = { .on_url = on_target,
						       .on_header_field = on_name,
						       .on_header_value = on_value,
						       .on_headers_complete = on_complete };
	struct opinion opinion = { .head = head };
	http_parser parser;
	size_t n;

	http_parser_set_max_header_size(UINT32_MAX);
	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &opinion;
	n = http_parser_execute(&parser, &settings, bytes.p, bytes.n);
	if (HTTP_PARSER_ERRNO(&parser) != HPE_OK || n != bytes.n || opinion.differs || !opinion.is_complete)
		return false;
	return opinion.names == head->field_count && agrees_on_meaning(&parser, head);
}

static enum sp_h1_rc refuse(struct sp_h1_reader *r, enum sp_refuse why)
{
	r->why = why;
	return SP_H1_REFUSED;
}

static void begin(const struct sp_h1_reader *r, struct sp_head *head, bool is_request)
{
	if (r->seen == 0)
		sp_head_init(head, is_request);
}

enum sp_h1_rc sp_h1_read_request(struct sp_h1_reader *r, const char *bytes, size_t n, struct sp_head *head,
				 size_t *used)
{
	size_t start;
	enum sp_refuse why;

	begin(r, head, true);
	switch (sp_scan_request(r, sp_str_of(bytes, n), head)) {
	case SP_SCAN_MORE: return SP_H1_MORE;
	case SP_SCAN_BAD: return SP_H1_REFUSED;
	case SP_SCAN_DONE: break;
	}
	why = sp_gate_request(head, r->arena);
	if (why != SP_REFUSE_NONE)
		return refuse(r, why);
	start = (size_t)(head->method_text.p - bytes);
	if (!second_opinion_agrees(head, sp_str_of(bytes + start, r->seen - start)))
		return refuse(r, SP_REFUSE_SECOND_OPINION);
	head->bytes = r->seen;
	*used = r->seen;
	return SP_H1_HEAD;
}

enum sp_h1_rc sp_h1_read_response(struct sp_h1_reader *r, const char *bytes, size_t n, enum sp_method method,
				  struct sp_head *head, size_t *used)
{
	enum sp_refuse why;

	begin(r, head, false);
	switch (sp_scan_response(r, sp_str_of(bytes, n), head)) {
	case SP_SCAN_MORE: return SP_H1_MORE;
	case SP_SCAN_BAD: return SP_H1_REFUSED;
	case SP_SCAN_DONE: break;
	}
	why = sp_gate_response(head, method);
	if (why != SP_REFUSE_NONE)
		return refuse(r, why);
	head->bytes = r->seen;
	*used = r->seen;
	return SP_H1_HEAD;
}
