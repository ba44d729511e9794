/*
 * err - a start-up error as text: set once, printed once, at the top.
 */
#include "sp/base/err.h"

#include <stdarg.h>
#include <stdio.h>

bool sp_err_set(struct sp_err *err, const char *fmt, ...)
{
	va_list args;

	if (err->text[0] != '\0')
		return false; /* the first cause is the one to tell */
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return false;
}
