/*
 * args - the arguments of a command: -c FILE and a few options, nothing else.
 */
#ifndef SP_CLI_ARGS_H
#define SP_CLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/err.h"

#define SP_CLI_DEFAULT_CONFIG "/etc/sallyport/sallyport.ini"

enum { SP_ARG_CONFIG = 1, SP_ARG_STRICT = 2, SP_ARG_ONLINE = 4, SP_ARG_WHAT = 8, SP_ARG_JSON = 16, SP_ARG_CONFIRM = 32, SP_ARG_WORDS = 64, SP_ARG_REQUEST = 128,
       SP_ARG_TIMES = 256, SP_ARG_WORDS_MOST = 3, SP_ARG_FIELDS_MOST = 256 };

struct sp_args {
	const char *config; /* borrowed from argv */
	const char *what; /* the one argument that is no option, borrowed from argv; NULL: none */
	const char *words[SP_ARG_WORDS_MOST]; /* all of them, with SP_ARG_WORDS; NULL behind the last */
	bool is_strict, is_online, is_json;
	uint64_t confirm_ms; /* whole seconds; 0: not given */
	/* with SP_ARG_REQUEST; NULL: not given */
	const char *from, *listener, *method;
	const char *fields[SP_ARG_FIELDS_MOST + 1]; /* each -H as it stands there; NULL behind the last */
	uint64_t interval_ms, count; /* with SP_ARG_TIMES; 0: not given */
	bool wants_help; /* -h or --help: whatever else stands there */
};

/* argv without the program's and the command's name. allowed: SP_ARG_ bits. false with *err: wrong usage. */
SP_MUST_USE bool sp_args_parse(char *const *argv, unsigned allowed, struct sp_args *out, struct sp_err *err);

#endif
