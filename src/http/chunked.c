#include "sp/http/chunked.h"

#include <stdbool.h>
#include <string.h>

#include "bytes.h"

enum { LINE_MAX = 64, DIGITS_MAX = 8, TRAILER_BYTES_MAX = 8192, TRAILER_FIELDS_MAX = 32, TRAILER_NAME_MAX = 128 };

/*
 *   SIZE -> (EXT -> EXT_NAME -> EXT_VALUE | QUOTED <-> ESCAPED -> QUOTE_END) -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 *   size 0: SIZE_LF -> TRAILER -> (TRAILER_NAME -> TRAILER_VALUE -> TRAILER_LF -> TRAILER) | LAST_LF -> OVER
 */
enum state {
	SIZE,
	EXT_START,
	EXT_NAME,
	EXT_VALUE_START,
	EXT_VALUE,
	QUOTED,
	ESCAPED,
	QUOTE_END,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF,
	OVER,
	BAD
};

void sp_chunked_init(struct sp_chunked *c)
{
	*c = (struct sp_chunked){ .state = SIZE };
}

static enum state bad(struct sp_chunked *c, enum sp_refuse why)
{
	c->why = why;
	return BAD;
}

static enum state take_digit(struct sp_chunked *c, char b)
{
	if (sp_byte_is(b, SP_BYTE_HEX)) {
		if (c->digits == DIGITS_MAX)
			return bad(c, SP_REFUSE_CHUNK);
		c->digits++;
		c->left = c->left << 4 | sp_hex_value(b);
		return SIZE;
	}
	if (c->digits == 0)
		return bad(c, SP_REFUSE_CHUNK);
	if (b == '\r')
		return SIZE_LF;
	return b == ';' ? EXT_START : bad(c, SP_REFUSE_CHUNK);
}

/* RFC 9112 7.1.1 without its "bad" blanks. Nobody acts on extensions; they are read only to be sure where they end. */
static enum state take_extension(struct sp_chunked *c, char b)
{
	enum state state = (enum state)c->state;
	bool is_token = sp_byte_is(b, SP_BYTE_TOKEN);

	switch (state) {
	case EXT_START: return is_token ? EXT_NAME : bad(c, SP_REFUSE_CHUNK);
	case EXT_VALUE_START:
		if (b == '"')
			return QUOTED;
		return is_token ? EXT_VALUE : bad(c, SP_REFUSE_CHUNK);
	case QUOTED:
		if (b == '"')
			return QUOTE_END;
		if (b == '\\')
			return ESCAPED;
		return b >= ' ' && b < 0x7f ? QUOTED : bad(c, SP_REFUSE_CHUNK);
	case ESCAPED: return b >= ' ' && b < 0x7f ? QUOTED : bad(c, SP_REFUSE_CHUNK);
	default: break;
	}
	if (is_token && state != QUOTE_END)
		return state;
	if (b == '=' && state == EXT_NAME)
		return EXT_VALUE_START;
	if (b == ';')
		return EXT_START;
	return b == '\r' ? SIZE_LF : bad(c, SP_REFUSE_CHUNK);
}

static enum state end_size(struct sp_chunked *c, char b)
{
	if (b != '\n')
		return bad(c, SP_REFUSE_CHUNK);
	c->line = 0;
	c->digits = 0;
	return c->left == 0 ? TRAILER : DATA;
}

static enum state take_trailer(struct sp_chunked *c, char b)
{
	if (++c->trailer_bytes > TRAILER_BYTES_MAX)
		return bad(c, SP_REFUSE_TRAILER);
	switch ((enum state)c->state) {
	case TRAILER:
		c->line = 1;
		if (b == '\r')
			return LAST_LF;
		if (!sp_byte_is(b, SP_BYTE_TOKEN) || ++c->trailer_fields > TRAILER_FIELDS_MAX)
			return bad(c, SP_REFUSE_TRAILER);
		return TRAILER_NAME;
	case TRAILER_NAME:
		if (b == ':')
			return TRAILER_VALUE;
		if (!sp_byte_is(b, SP_BYTE_TOKEN) || ++c->line > TRAILER_NAME_MAX)
			return bad(c, SP_REFUSE_TRAILER);
		return TRAILER_NAME;
	case TRAILER_VALUE:
		if (b == '\r')
			return TRAILER_LF;
		return sp_byte_is(b, SP_BYTE_VALUE) ? TRAILER_VALUE : bad(c, SP_REFUSE_TRAILER);
	case TRAILER_LF: return b == '\n' ? TRAILER : bad(c, SP_REFUSE_TRAILER);
	default: return b == '\n' ? OVER : bad(c, SP_REFUSE_TRAILER);
	}
}

/* One byte that is not data. */
static enum state take(struct sp_chunked *c, char b)
{
	switch ((enum state)c->state) {
	case SIZE:
	case EXT_START:
	case EXT_NAME:
	case EXT_VALUE_START:
	case EXT_VALUE:
	case QUOTED:
	case ESCAPED:
	case QUOTE_END:
		if (b != '\r' && ++c->line > LINE_MAX)
			return bad(c, SP_REFUSE_CHUNK);
		return c->state == SIZE ? take_digit(c, b) : take_extension(c, b);
	case SIZE_LF: return end_size(c, b);
	case DATA_CR: return b == '\r' ? DATA_LF : bad(c, SP_REFUSE_CHUNK);
	case DATA_LF: return b == '\n' ? SIZE : bad(c, SP_REFUSE_CHUNK);
	case TRAILER:
	case TRAILER_NAME:
	case TRAILER_VALUE:
	case TRAILER_LF:
	case LAST_LF: return take_trailer(c, b);
	case DATA:
	case OVER:
	case BAD: break;
	}
	return BAD;
}

enum sp_chunked_rc sp_chunked_decode(struct sp_chunked *c, uint8_t *bytes, size_t n, size_t *used, size_t *body)
{
	size_t in = 0, out = 0;

	while (in < n && c->state != OVER && c->state != BAD) {
		if (c->state == DATA) {
			size_t take_now = c->left < n - in ? (size_t)c->left : n - in;

			if (in != out)
				memmove(bytes + out, bytes + in, take_now);
			in += take_now;
			out += take_now;
			c->left -= take_now;
			if (c->left == 0)
				c->state = DATA_CR;
			continue;
		}
		c->state = (uint8_t)take(c, (char)bytes[in]);
		if (c->state != BAD)
			in++;
	}
	*used = in;
	*body = out;
	if (c->state == BAD)
		return SP_CHUNKED_BAD;
	return c->state == OVER ? SP_CHUNKED_END : SP_CHUNKED_MORE;
}

size_t sp_chunk_line(char out[static SP_CHUNK_LINE_MAX], uint32_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t length = 1;

	while (length < DIGITS_MAX && n >> (4 * length) != 0)
		length++;
	for (size_t i = 0; i < length; i++)
		out[i] = digits[n >> (4 * (length - 1 - i)) & 15];
	out[length] = '\r';
	out[length + 1] = '\n';
	return length + 2;
}
