#include "sp/http/h1_write.h"

#include <string.h>

#include "field.h"

enum { PIECES_MAX = 8, DIGITS_MAX = 20 };

/*
 * A head is counted first and then written into exactly that much room of the
 * chain, so that nothing is put in part. Start line and framing are put by the
 * same code both times; fields are summed.
 */
struct writer {
	size_t total; /* bytes so far */
	char *at; /* NULL while counting */
	size_t left; /* in the piece under way */
	const struct iovec *next; /* the pieces behind it */
};

static void put_slowly(struct writer *w, const char *p, size_t n)
{
	while (n > 0) {
		size_t now;

		if (w->left == 0) {
			w->at = w->next->iov_base;
			w->left = w->next->iov_len;
			w->next++;
		}
		now = n < w->left ? n : w->left;
		memcpy(w->at, p, now);
		w->at += now;
		w->left -= now;
		p += now;
		n -= now;
	}
}

static inline void put(struct writer *w, const char *p, size_t n)
{
	w->total += n;
	if (w->at == NULL || n == 0)
		return;
	if (n > w->left) {
		put_slowly(w, p, n);
		return;
	}
	memcpy(w->at, p, n);
	w->at += n;
	w->left -= n;
}

static inline void put_str(struct writer *w, struct sp_str s)
{
	put(w, s.p, s.n);
}

#define PUT(w, literal) put((w), (literal), sizeof(literal) - 1)

static struct sp_str number(char text[static DIGITS_MAX], uint64_t value)
{
	size_t at = DIGITS_MAX;

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return sp_str_of(text + at, DIGITS_MAX - at);
}

static void put_length(struct writer *w, struct sp_str length)
{
	PUT(w, "Content-Length: ");
	put_str(w, length);
	PUT(w, "\r\n");
}

/* skipped: a bit for each id that the model writes itself. */
static inline bool is_skipped(const struct sp_field *f, uint64_t skipped)
{
	return f->is_dropped || (skipped >> f->id & 1) != 0;
}

static size_t count_fields(const struct sp_head *head, uint64_t skipped)
{
	size_t n = 2; /* the blank line */

	for (uint32_t i = 0; i < head->field_count; i++)
		if (!is_skipped(&head->fields[i], skipped))
			n += head->fields[i].name.n + head->fields[i].value.n + 4;
	return n;
}

static inline char *copy(char *to, struct sp_str s)
{
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

static void put_line(struct writer *w, const struct sp_field *f)
{
	size_t n = f->name.n + f->value.n + 4;
	char *at = w->at;

	if (n > w->left) {
		put_str(w, f->name);
		PUT(w, ": ");
		put_str(w, f->value);
		PUT(w, "\r\n");
		return;
	}
	SP_ASSERT(at != NULL); /* room for all was reserved */
	at = copy(at, f->name);
	*at++ = ':';
	*at++ = ' ';
	at = copy(at, f->value);
	*at++ = '\r';
	*at++ = '\n';
	w->at = at;
	w->left -= n;
}

static void put_fields(struct writer *w, const struct sp_head *head, uint64_t skipped)
{
	for (uint32_t i = 0; i < head->field_count; i++)
		if (!is_skipped(&head->fields[i], skipped))
			put_line(w, &head->fields[i]);
	PUT(w, "\r\n");
}

#define ID_BIT(id) (UINT64_C(1) << (id))
#define FRAMING_IDS (ID_BIT(SP_F_CONTENT_LENGTH) | ID_BIT(SP_F_TRANSFER_ENCODING))

/* RFC 9110 8.6: these three mean something with an empty body; who sees no length might wait for one. */
static bool needs_length(enum sp_method method)
{
	return method == SP_M_POST || method == SP_M_PUT || method == SP_M_PATCH;
}

#define REQUEST_SKIPS (FRAMING_IDS | ID_BIT(SP_F_HOST))
#define RESPONSE_SKIPS (FRAMING_IDS | ID_BIT(SP_F_CONNECTION))

static void put_request_start(struct writer *w, const struct sp_head *head, struct sp_str host, struct sp_str length)
{
	put_str(w, head->method_text);
	PUT(w, " ");
	put_str(w, head->path);
	put_str(w, head->query);
	PUT(w, " HTTP/1.1\r\nHost: ");
	put_str(w, host);
	PUT(w, "\r\n");
	if (head->framing == SP_BODY_CHUNKED)
		PUT(w, "Transfer-Encoding: chunked\r\n");
	else if (head->framing == SP_BODY_LENGTH)
		put_length(w, length);
	else if (needs_length(head->method))
		PUT(w, "Content-Length: 0\r\n");
}

static void put_connection(struct writer *w, enum sp_h1_connection connection)
{
	switch (connection) {
	case SP_H1_CONN_DEFAULT: break;
	case SP_H1_CONN_KEEP_ALIVE: PUT(w, "Connection: keep-alive\r\n"); break;
	case SP_H1_CONN_CLOSE: PUT(w, "Connection: close\r\n"); break;
	case SP_H1_CONN_UPGRADE: PUT(w, "Connection: upgrade\r\n"); break;
	}
}

static void put_response_start(struct writer *w, const struct sp_head *head, enum sp_h1_connection connection,
			       struct sp_str status, struct sp_str length)
{
	PUT(w, "HTTP/1.1 ");
	put_str(w, status);
	PUT(w, " ");
	put_str(w, head->reason);
	PUT(w, "\r\n");
	put_connection(w, connection);
	if (head->status < 200 ||
	    head->status == 204) /* RFC 9112 6.1, RFC 9110 8.6: no framing where there is no body */
		return;
	if (head->framing == SP_BODY_CHUNKED)
		PUT(w, "Transfer-Encoding: chunked\r\n");
	else if (head->framing == SP_BODY_LENGTH || (head->framing == SP_BODY_NONE && head->has_length))
		put_length(w, length);
}

/* Room for exactly `total` bytes, or none is taken. */
static bool reserve(struct sp_chain *to, size_t total, struct iovec v[PIECES_MAX])
{
	size_t room = 0;
	int pieces = sp_chain_reserve(to, total, v, PIECES_MAX);

	for (int i = 0; i < pieces; i++)
		room += v[i].iov_len;
	if (room >= total)
		return true;
	sp_chain_trim(to);
	return false;
}

static struct writer writer_at(const struct iovec *v)
{
	return (struct writer){ .at = v[0].iov_base, .left = v[0].iov_len, .next = v + 1 };
}

bool sp_h1_write_request(struct sp_chain *to, const struct sp_head *head, struct sp_str host)
{
	char digits[DIGITS_MAX];
	struct sp_str length = number(digits, head->length);
	struct writer w = { .total = count_fields(head, REQUEST_SKIPS) };
	struct iovec v[PIECES_MAX];
	size_t total;

	put_request_start(&w, head, host, length);
	total = w.total;
	if (!reserve(to, total, v))
		return false;
	w = writer_at(v);
	put_request_start(&w, head, host, length);
	put_fields(&w, head, REQUEST_SKIPS);
	sp_chain_commit(to, total);
	return true;
}

bool sp_h1_write_response(struct sp_chain *to, const struct sp_head *head, enum sp_h1_connection connection)
{
	char digits[DIGITS_MAX], status_digits[DIGITS_MAX];
	struct sp_str length = number(digits, head->length), status = number(status_digits, head->status);
	struct writer w = { .total = count_fields(head, RESPONSE_SKIPS) };
	struct iovec v[PIECES_MAX];
	size_t total;

	put_response_start(&w, head, connection, status, length);
	total = w.total;
	if (!reserve(to, total, v))
		return false;
	w = writer_at(v);
	put_response_start(&w, head, connection, status, length);
	put_fields(&w, head, RESPONSE_SKIPS);
	sp_chain_commit(to, total);
	return true;
}
