#include "say.h"

#include <stdlib.h>
#include <unistd.h>

#define SAID_MOST 65536

char *sp_said(int fd, size_t *n)
{
	char *said = malloc(SAID_MOST);
	ssize_t got = said == NULL ? 0 : pread(fd, said, SAID_MOST, 0);

	(void)close(fd);
	*n = got > 0 ? (size_t)got : 0;
	if (got > 0)
		return said;
	free(said);
	return NULL;
}

void sp_say(enum sp_log_level level, const char *event, struct sp_str text)
{
	struct sp_str line;

	while (text.n > 0 && sp_str_split(&text, '\n', &line))
		if (line.n > 0 && sp_log_is_on(level))
			SP_LOG_CALL_(level, event, SP_KV_STR("text", line), (struct sp_kv){ .kind = SP_KV_END });
}
