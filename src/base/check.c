/*
 * check - a broken invariant: say where, then stop at once.
 */
#include "sp/base/check.h"

#include <stdlib.h>

#include "sp/base/log.h"

/* What this calls must not assert: log, clock and addr do not. */
_Noreturn void sp_check_failed(const char *what, const char *file, int line)
{
	sp_error("broken_rule", SP_KV_TEXT("what", what), SP_KV_TEXT("file", file), SP_KV_I64("line", line));
	abort();
}
