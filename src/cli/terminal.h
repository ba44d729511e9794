/*
 * terminal - a whole terminal for a while: another screen, keys as they are pressed, and everything as it was before at
 * any end, signals included.
 */
#ifndef SP_CLI_TERMINAL_H
#define SP_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/buf.h"

/* Standard output is one that can move its cursor. */
bool sp_terminal_is(void);
void sp_terminal_enter(void);
void sp_terminal_leave(void); /* twice is harmless */
void sp_terminal_size(size_t *rows, size_t *columns); /* at least 1 */

/* The lines fill the screen: what does not fit is not there already. false: nobody looks any more. */
SP_MUST_USE bool sp_terminal_show(struct sp_str lines);

enum sp_terminal_event {
	SP_TERMINAL_TIME, /* so long nothing happened */
	SP_TERMINAL_KEY, /* in *key */
	SP_TERMINAL_RESIZED, /* the size is another, or the screen has to be drawn anew */
	SP_TERMINAL_END, /* a signal that ends us, or the terminal is gone */
};
/* Waits at most so long. */
enum sp_terminal_event sp_terminal_wait(uint64_t ms, char *key);
bool sp_terminal_is_over(void); /* a signal has come that ends us */
void sp_terminal_die(void); /* by that signal, if there was one; what was entered is left */

#endif
