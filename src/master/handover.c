#include "handover.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x73706864U /* "sphd" */
#define FD_MOST 1048576 /* fs.nr_open as it is everywhere */

struct header {
	uint32_t magic, format, rows, reserved;
};

struct prefix { /* of a row */
	uint32_t kind;
	uint32_t size; /* of the body behind it; rows follow each other without gaps */
	int32_t fd;
	uint32_t reserved;
};

#define SIZE(member) sizeof(((union sp_handed_body *)0)->member)

typedef bool is_sane_body(const union sp_handed_body *body);

static bool is_text(const char *text, size_t n)
{
	return memchr(text, '\0', n) != NULL && text[0] != '\0';
}

static bool is_sane_master(const union sp_handed_body *body)
{
	return body->master.pid > 0 && body->master.generation > 0 && body->master.workers > 0;
}

static bool is_sane_socket(const union sp_handed_body *body)
{
	return is_text(body->socket.place, sizeof(body->socket.place));
}

static bool is_sane_page(const union sp_handed_body *body)
{
	return is_text(body->page.place, sizeof(body->page.place));
}

static bool is_sane_pipe(const union sp_handed_body *body)
{
	return body->pipe.log < SP_IPC_LOG_COUNT;
}

static bool is_sane_child(const union sp_handed_body *body)
{
	return body->child.pid > 1 && body->child.ends < SP_HANDED_ENDS &&
	       is_text(body->child.name, sizeof(body->child.name)) && body->child.finish_n <= SP_IPC_PACKED &&
	       body->child.stop_n > 0 && body->child.stop_n <= SP_IPC_PACKED;
}

static const struct {
	size_t size;
	bool has_fd;
	is_sane_body *is_sane; /* NULL: whatever it says */
} kinds[SP_HANDED_COUNT] = {
	[SP_HANDED_MASTER] = { SIZE(master), false, is_sane_master },
	[SP_HANDED_SECRETS] = { SIZE(secrets), false, NULL },
	[SP_HANDED_SOCKET] = { SIZE(socket), true, is_sane_socket },
	[SP_HANDED_BOARD] = { SIZE(board), true, NULL },
	[SP_HANDED_PIPE] = { SIZE(pipe), true, is_sane_pipe },
	[SP_HANDED_PAGE] = { SIZE(page), true, is_sane_page },
	[SP_HANDED_CHILD] = { SIZE(child), true, is_sane_child },
};

struct sp_handed_row *sp_handing_add(struct sp_handing *handing, enum sp_handed kind, int fd)
{
	struct sp_handed_row *row = &handing->nowhere;

	if (handing->count == handing->room && !handing->is_failed) {
		size_t room = 2 * handing->room + 64;
		struct sp_handed_row *grown = realloc(handing->rows, room * sizeof(*grown));

		handing->is_failed = grown == NULL;
		if (grown != NULL) {
			handing->rows = grown;
			handing->room = room;
		}
	}
	if (!handing->is_failed)
		row = &handing->rows[handing->count++];
	memset(row, 0, sizeof(*row));
	row->kind = kind;
	row->fd = fd;
	return row;
}

void sp_handing_free(struct sp_handing *handing)
{
	if (handing->rows != NULL)
		explicit_bzero(handing->rows, handing->room * sizeof(*handing->rows)); /* secrets */
	free(handing->rows);
	*handing = (struct sp_handing){ .rows = NULL };
}

uint8_t *sp_handover_write(const struct sp_handed_row *rows, size_t count, size_t *n, struct sp_err *err)
{
	const struct header header = { .magic = MAGIC, .format = SP_HANDOVER_FORMAT, .rows = (uint32_t)count };
	uint8_t *bytes, *at;

	*n = sizeof(header);
	for (size_t i = 0; i < count; i++)
		*n += sizeof(struct prefix) + kinds[rows[i].kind].size;
	bytes = count <= SP_HANDOVER_ROWS ? malloc(*n) : NULL;
	if (bytes == NULL) {
		sp_err_set(err, count <= SP_HANDOVER_ROWS ? "no memory for what is handed over"
							  : "too many sockets to hand over");
		return NULL;
	}
	memcpy(bytes, &header, sizeof(header));
	at = bytes + sizeof(header);
	for (size_t i = 0; i < count; i++) {
		const size_t size = kinds[rows[i].kind].size;
		const struct prefix prefix = { .kind = rows[i].kind, .size = (uint32_t)size, .fd = rows[i].fd };

		memcpy(at, &prefix, sizeof(prefix));
		memcpy(at + sizeof(prefix), &rows[i].is, size);
		at += sizeof(prefix) + size;
	}
	return bytes;
}

/* The next bytes; false: there are not that many. */
static bool take(const uint8_t **at, size_t *left, void *to, size_t n)
{
	if (*left < n)
		return false;
	memcpy(to, *at, n);
	*at += n;
	*left -= n;
	return true;
}

static bool take_row(const struct prefix *prefix, const uint8_t *body, struct sp_handed_row *row, struct sp_err *err)
{
	const bool has_fd = kinds[prefix->kind].has_fd;

	if (prefix->size != kinds[prefix->kind].size)
		return sp_err_set(err, "a row of kind %u has %u bytes", prefix->kind, prefix->size);
	if (has_fd ? prefix->fd <= STDERR_FILENO || prefix->fd > FD_MOST : prefix->fd != -1)
		return sp_err_set(err, "a row of kind %u has descriptor %d", prefix->kind, prefix->fd);
	*row = (struct sp_handed_row){ .kind = (enum sp_handed)prefix->kind, .fd = prefix->fd };
	memcpy(&row->is, body, prefix->size);
	if (kinds[prefix->kind].is_sane != NULL && !kinds[prefix->kind].is_sane(&row->is))
		return sp_err_set(err, "a row of kind %u makes no sense", prefix->kind);
	return true;
}

static bool take_rows(const uint8_t *at, size_t left, size_t announced, struct sp_handed_row *rows, size_t *count,
		      struct sp_err *err)
{
	struct prefix prefix;

	for (size_t i = 0; i < announced; i++) {
		if (!take(&at, &left, &prefix, sizeof(prefix)) || left < prefix.size)
			return sp_err_set(err, "it is cut");
		if (prefix.kind > SP_HANDED_NONE && prefix.kind < SP_HANDED_COUNT &&
		    !take_row(&prefix, at, &rows[(*count)++], err))
			return false;
		at += prefix.size;
		left -= prefix.size;
	}
	return left == 0 || sp_err_set(err, "bytes follow it");
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Two owners of one descriptor would close it twice. */
static bool are_different(const struct sp_handed_row *rows, size_t count, struct sp_err *err)
{
	int *fds = calloc(count + 1, sizeof(*fds));
	bool is_twice = false;

	if (fds == NULL)
		return sp_err_set(err, "no memory");
	for (size_t i = 0; i < count; i++)
		fds[i] = rows[i].fd;
	qsort(fds, count, sizeof(*fds), by_number);
	for (size_t i = 1; i < count; i++)
		is_twice |= fds[i] >= 0 && fds[i] == fds[i - 1];
	free(fds);
	return !is_twice || sp_err_set(err, "a descriptor comes twice");
}

static bool is_whole(const struct sp_handed_row *rows, size_t count, struct sp_err *err)
{
	size_t of[SP_HANDED_COUNT] = { 0 };

	for (size_t i = 0; i < count; i++)
		of[rows[i].kind]++;
	if (of[SP_HANDED_MASTER] != 1 || rows[0].kind != SP_HANDED_MASTER || of[SP_HANDED_SECRETS] > 1)
		return sp_err_set(err, "it does not say, once, who hands over");
	return are_different(rows, count, err);
}

struct sp_handed_row *sp_handover_read(const uint8_t *bytes, size_t n, size_t *count, struct sp_err *err)
{
	struct sp_handed_row *rows;
	struct header header;

	*count = 0;
	if (!take(&bytes, &n, &header, sizeof(header)) || header.magic != MAGIC) {
		sp_err_set(err, "it is no table of sallyport's");
		return NULL;
	}
	if (header.format != SP_HANDOVER_FORMAT) {
		sp_err_set(err, "it has format %u, this program knows %d: restart instead", header.format,
			   SP_HANDOVER_FORMAT);
		return NULL;
	}
	if (header.rows == 0 || header.rows > SP_HANDOVER_ROWS || header.rows > n / sizeof(struct prefix)) {
		sp_err_set(err, "it cannot have %u rows", header.rows);
		return NULL;
	}
	rows = calloc(header.rows, sizeof(*rows));
	if (rows == NULL) {
		sp_err_set(err, "no memory");
		return NULL;
	}
	if (take_rows(bytes, n, header.rows, rows, count, err) && is_whole(rows, *count, err))
		return rows;
	explicit_bzero(rows, header.rows * sizeof(*rows));
	free(rows);
	*count = 0;
	return NULL;
}
