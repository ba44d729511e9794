#include "sp/base/title.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct {
	char *from;
	size_t n;
} room;

/* The strings lie behind each other on the stack; whatever does not is somebody's own. */
static char *end_of(char **strings, char *end)
{
	for (; *strings != NULL; strings++)
		if (*strings == end)
			end += strlen(*strings) + 1;
	return end;
}

void sp_title_keep(int argc, char **argv)
{
	if (argc < 1)
		return;
	room.from = argv[0];
	room.n = (size_t)(end_of(environ, end_of(argv, argv[0])) - argv[0]);
}

void sp_title_set(const char *name)
{
	char comm[16];

	snprintf(comm, sizeof(comm), "sp %s", name);
	(void)prctl(PR_SET_NAME, comm, 0, 0, 0);
	if (room.n == 0)
		return;
	explicit_bzero(room.from, room.n);
	snprintf(room.from, room.n, "sallyport: %s", name);
}
