/*
 * fuzz_handover - the table that one program leaves to the next.
 *
 * What is read has the master's row first, descriptors that differ and lie above 2, texts that end; written again and
 * read again it is the same. Each reading has exactly its bytes in memory.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/master/handover.h"
#include "sp/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sp_handed_row *read_exactly(const uint8_t *data, size_t n, size_t *count)
{
	struct sp_err err = { .text = "" };
	uint8_t *copy = malloc(n + 1);
	struct sp_handed_row *rows;

	SP_ASSERT(copy != NULL);
	if (n > 0)
		memcpy(copy + 1, data, n);
	rows = sp_handover_read(copy + 1, n, count, &err);
	SP_ASSERT((rows == NULL) == (err.text[0] != '\0'));
	free(copy);
	return rows;
}

static void check_row(const struct sp_handed_row *row)
{
	SP_ASSERT(row->kind > SP_HANDED_NONE && row->kind < SP_HANDED_COUNT);
	SP_ASSERT(row->fd == -1 || row->fd > 2);
	if (row->kind == SP_HANDED_SOCKET)
		SP_ASSERT(strlen(row->is.socket.place) < SP_HANDOVER_PLACE);
	if (row->kind == SP_HANDED_CHILD)
		SP_ASSERT(strlen(row->is.child.name) < SP_HANDOVER_NAME && row->is.child.pid > 1 &&
			  row->is.child.stop_n <= SP_IPC_PACKED && row->is.child.finish_n <= SP_IPC_PACKED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count, again, n;
	struct sp_handed_row *rows = read_exactly(data, size, &count), *same;
	struct sp_err err = { .text = "" };
	uint8_t *bytes;

	if (rows == NULL)
		return 0;
	SP_ASSERT(count > 0 && rows[0].kind == SP_HANDED_MASTER);
	for (size_t i = 0; i < count; i++)
		check_row(&rows[i]);
	bytes = sp_handover_write(rows, count, &n, &err);
	SP_ASSERT(bytes != NULL && n <= size);
	same = read_exactly(bytes, n, &again);
	SP_ASSERT(same != NULL && again == count && memcmp(rows, same, count * sizeof(*rows)) == 0);
	free(same);
	free(bytes);
	free(rows);
	return 0;
}
