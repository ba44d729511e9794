/*
 * bundle - the notes of a reading as one sealed memory file.
 *
 * A magic number, then records: a header, the name, a NUL, the content, a NUL.
 * Whoever reads one checks every length against what is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source.h"

#define MAGIC "sallyport bundle 1\n"

struct header {
	uint32_t tag, name_n, content_n;
};

static bool put(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		at += put;
		n -= (size_t)put;
	}
	return true;
}

static bool put_note(int fd, const struct sp_source_note *note)
{
	const struct header header = { (uint32_t)note->tag, (uint32_t)note->name.n, (uint32_t)note->content.n };

	return note->name.n < UINT32_MAX && note->content.n < UINT32_MAX && put(fd, &header, sizeof(header)) &&
	       put(fd, note->name.p, note->name.n) && put(fd, "", 1) && put(fd, note->content.p, note->content.n) &&
	       put(fd, "", 1);
}

int sp_source_seal(const struct sp_source *source, struct sp_err *err)
{
	int fd = memfd_create("configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool is_fine = fd >= 0 && !source->is_failed && put(fd, MAGIC, sizeof(MAGIC));

	for (const struct sp_source_note *note = source->made.first; is_fine && note != NULL; note = note->next)
		is_fine = put_note(fd, note);
	if (is_fine && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
		return fd;
	sp_err_set(err, "cannot be bundled: %s", source->is_failed ? "no memory" : strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* A text of n bytes and its NUL; p == NULL: they are not there. */
static struct sp_str take(struct sp_str *rest, size_t n)
{
	struct sp_str text = sp_str_of(rest->p, n);

	if (rest->n <= n || rest->p[n] != '\0')
		return SP_STR_NONE;
	*rest = sp_str_of(rest->p + n + 1, rest->n - n - 1);
	return text;
}

static bool unpack_one(struct sp_source *source, struct sp_str *rest)
{
	struct sp_source_note *note = sp_arena_zalloc(source->arena, sizeof(*note));
	struct header header;

	if (note == NULL || rest->n < sizeof(header))
		return false;
	memcpy(&header, rest->p, sizeof(header));
	*rest = sp_str_of(rest->p + sizeof(header), rest->n - sizeof(header));
	note->tag = (enum sp_source_tag)header.tag;
	note->name = take(rest, header.name_n);
	if (note->name.p == NULL)
		return false;
	note->content = take(rest, header.content_n);
	if (note->content.p == NULL)
		return false;
	if (source->from.last == NULL)
		source->from.first = note;
	else
		source->from.last->next = note;
	source->from.last = note;
	return true;
}

bool sp_source_unpack(struct sp_source *source, struct sp_str bytes)
{
	if (bytes.n < sizeof(MAGIC) || memcmp(bytes.p, MAGIC, sizeof(MAGIC)) != 0)
		return false;
	bytes = sp_str_of(bytes.p + sizeof(MAGIC), bytes.n - sizeof(MAGIC));
	while (bytes.n > 0)
		if (!unpack_one(source, &bytes))
			return false;
	return true;
}
