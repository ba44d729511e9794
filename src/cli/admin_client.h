/*
 * admin_client - asks the running gateway by its admin socket, which the
 * configuration names, and shows the answer.
 */
#ifndef SP_CLI_ADMIN_CLIENT_H
#define SP_CLI_ADMIN_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "args.h"

struct sp_admin_answer {
	bool is_done; /* else refused; what stands against it is printed */
	uint64_t generation, confirm_s; /* 0: not said */
};

/* request: a JSON object without its newline. Lines of the answer go to standard output, reasons to standard error;
 * is_raw: JSON that is no line of either kind goes to standard output as it is. false: there was no answer; that is
 * printed, too. */
struct sp_admin_to { /* where the answer goes, both borrowed; and how long each piece of it may take, 0: as long as it does */
	FILE *out, *err;
	unsigned patience_s;
};
/* The same with the answer written there. */
SP_MUST_USE bool sp_admin_ask_to(const struct sp_args *args, const char *command, const char *request, bool is_raw,
				 const struct sp_admin_to *to, struct sp_admin_answer *answer);
SP_MUST_USE bool sp_admin_ask(const struct sp_args *args, const char *command, const char *request, bool is_raw,
			      struct sp_admin_answer *answer);

#endif
