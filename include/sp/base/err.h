/*
 * err - a start-up error as text: set once, printed once, at the top.
 */
#ifndef SP_BASE_ERR_H
#define SP_BASE_ERR_H

#include <stdbool.h>

#include "sp/base/check.h"

struct sp_err {
	char text[768];         /* NUL-terminated; empty = no error yet */
};

/* Keeps the first text that was set; always returns false, so that failing is one line. */
bool sp_err_set(struct sp_err *err, const char *fmt, ...) SP_PRINTF(2, 3);

#endif
