/*
 * log - events: a fixed name and escaped fields, one write a line.
 *
 * Nothing here asserts or allocates: check.c speaks through it when memory or
 * rules are broken.
 */
#include "sp/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sp/base/clock.h"

#define LINE_MOST 4096U /* PIPE_BUF: a line that long reaches a pipe whole, between other writers' lines */
#define FIELD_MOST 1024U /* bytes of one value, escaped; what is longer ends in "..." */
#define TAIL 16U /* kept for what ends a line that is too long */

static struct {
	int fd;
	enum sp_log_level least;
	char who[32];
	uint64_t lost; /* lines, since that was told */
} speaker = { .fd = STDERR_FILENO, .least = SP_LOG_INFO };

struct line {
	size_t n;
	bool is_cut; /* a field did not fit */
	char text[LINE_MOST];
};

void sp_log_to(int fd)
{
	speaker.fd = fd;
}

void sp_log_level(enum sp_log_level least)
{
	speaker.least = least;
}

bool sp_log_is_on(enum sp_log_level level)
{
	return level >= speaker.least;
}

void sp_log_as(const char *who)
{
	snprintf(speaker.who, sizeof(speaker.who), "%s", who != NULL ? who : "");
}

static size_t room_of(const struct line *line)
{
	return sizeof(line->text) - TAIL - line->n;
}

static void put_raw(struct line *line, const char *p, size_t n)
{
	memcpy(line->text + line->n, p, n);
	line->n += n;
}

static bool is_bare(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

static bool is_all_bare(struct sp_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_bare((unsigned char)s.p[i]))
			return false;
	}
	return s.n > 0;
}

/* The bytes that stand for c inside quotes; returns their number, at most 4. */
static size_t escape(unsigned char c, char out[static 4])
{
	static const char hex[] = "0123456789abcdef";

	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (c >= ' ' && c < 0x7f) {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '\\';
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15U];
	return 4;
}

/* The caller has checked that the room holds more than two quotes and the dots. */
static void put_quoted(struct line *line, struct sp_str s)
{
	size_t most = room_of(line) - sizeof("\"...\"");
	size_t end = line->n + (most < FIELD_MOST ? most : FIELD_MOST);
	char escaped[4];

	put_raw(line, "\"", 1);
	for (size_t i = 0; i < s.n; i++) {
		size_t n = escape((unsigned char)s.p[i], escaped);

		if (line->n + n > end) {
			put_raw(line, "...", 3);
			break;
		}
		put_raw(line, escaped, n);
	}
	put_raw(line, "\"", 1);
}

static void put_value(struct line *line, struct sp_str s)
{
	if (s.n <= FIELD_MOST && s.n < room_of(line) && is_all_bare(s))
		put_raw(line, s.p, s.n);
	else
		put_quoted(line, s);
}

/* The value of a field that is no text as text in `scratch`. */
static struct sp_str value_text(const struct sp_kv *kv, char scratch[static SP_ADDR_TEXT])
{
	const char *name;

	switch (kv->kind) {
	case SP_KV_IS_STR: return kv->str;
	case SP_KV_IS_U64: snprintf(scratch, SP_ADDR_TEXT, "%llu", (unsigned long long)kv->u64); break;
	case SP_KV_IS_I64: snprintf(scratch, SP_ADDR_TEXT, "%lld", (long long)kv->i64); break;
	case SP_KV_IS_ADDR: return kv->addr != NULL ? sp_str(sp_addr_text(kv->addr, scratch)) : SP_STR("-");
	case SP_KV_IS_ERRNO:
		name = strerrorname_np((int)kv->i64);
		if (name != NULL)
			return sp_str(name);
		snprintf(scratch, SP_ADDR_TEXT, "%lld", (long long)kv->i64);
		break;
	case SP_KV_END: return SP_STR_NONE;
	}
	return sp_str(scratch);
}

static void put_field(struct line *line, const struct sp_kv *kv)
{
	char scratch[SP_ADDR_TEXT];
	size_t key = strlen(kv->key);

	if (line->is_cut || room_of(line) < key + 2 * TAIL) {
		line->is_cut = true;
		return;
	}
	put_raw(line, " ", 1);
	put_raw(line, kv->key, key);
	put_raw(line, "=", 1);
	put_value(line, value_text(kv, scratch));
}

/* One write: a line is never mixed with another's. What a full pipe or disk does not take is lost, and counted. */
static bool write_line(const struct line *line)
{
	ssize_t n;

	do {
		n = write(speaker.fd, line->text, line->n);
	} while (n < 0 && errno == EINTR);
	return n >= 0;
}

/* With the first line that is taken again. */
static void tell_lost(void)
{
	uint64_t lost = speaker.lost;

	speaker.lost = 0;
	sp_warn("log_lines_dropped", SP_KV_TEXT("log", "error"), SP_KV_U64("lines", lost));
	if (speaker.lost > 0)
		speaker.lost += lost; /* not even that was taken */
}

void sp_log_event(enum sp_log_level level, const char *event, const struct sp_kv *kv)
{
	static const char *const names[] = { " debug", " info", " warn", " error" };
	int saved = errno;
	struct line line;

	if (!sp_log_is_on(level))
		return;
	line.n = 0;
	line.is_cut = false;
	sp_clock_rfc3339(sp_wall_ms(), line.text);
	line.n = SP_CLOCK_RFC3339 - 1;
	put_raw(&line, names[level], strlen(names[level]));
	put_field(&line, &SP_KV_TEXT("event", event));
	if (speaker.who[0] != '\0')
		put_field(&line, &SP_KV_TEXT("who", speaker.who));
	for (; kv->kind != SP_KV_END; kv++)
		put_field(&line, kv);
	if (line.is_cut)
		put_raw(&line, " cut=1", 6);
	put_raw(&line, "\n", 1);
	if (!write_line(&line))
		speaker.lost++;
	else if (speaker.lost > 0)
		tell_lost();
	errno = saved;
}
