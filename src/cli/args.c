#include "args.h"

#include <string.h>

static bool is_any(const char *arg, const char *a, const char *b)
{
	return strcmp(arg, a) == 0 || strcmp(arg, b) == 0;
}

/* -c FILE, -cFILE, --config FILE, --config=FILE. NULL: not that option; then *next is untouched. */
static const char *config_of(char *const *argv, int *next, bool *is_missing)
{
	static const char with_value[] = "--config=";

	if (is_any(argv[0], "-c", "--config")) {
		*is_missing = argv[1] == NULL;
		*next = 2;
		return argv[1];
	}
	*next = 1;
	if (strncmp(argv[0], with_value, sizeof(with_value) - 1) == 0)
		return argv[0] + sizeof(with_value) - 1;
	return argv[0][0] == '-' && argv[0][1] == 'c' ? argv[0] + 2 : NULL;
}

static bool take(char *const *argv, unsigned allowed, struct sp_args *out, int *next, struct sp_err *err)
{
	bool is_missing = false;
	const char *config = config_of(argv, next, &is_missing);

	if (is_missing || (config != NULL && config[0] == '\0'))
		return sp_err_set(err, "%s needs a file", argv[0]);
	if (config != NULL && (allowed & SP_ARG_CONFIG) != 0) {
		if (out->config != NULL)
			return sp_err_set(err, "-c is given twice");
		out->config = config;
		return true;
	}
	*next = 1;
	if (strcmp(argv[0], "--strict") == 0 && (allowed & SP_ARG_STRICT) != 0)
		out->is_strict = true;
	else if (strcmp(argv[0], "--online") == 0 && (allowed & SP_ARG_ONLINE) != 0)
		out->is_online = true;
	else if (argv[0][0] != '-' && out->what == NULL && (allowed & SP_ARG_WHAT) != 0)
		out->what = argv[0];
	else
		return sp_err_set(err, "unexpected argument \"%.100s\"", argv[0]);
	return true;
}

bool sp_args_parse(char *const *argv, unsigned allowed, struct sp_args *out, struct sp_err *err)
{
	*out = (struct sp_args){ .config = NULL };
	for (char *const *a = argv; *a != NULL; a++)
		out->wants_help |= is_any(*a, "-h", "--help");
	if (out->wants_help)
		return true;
	for (int next; *argv != NULL; argv += next)
		if (!take(argv, allowed, out, &next, err))
			return false;
	if (out->config == NULL)
		out->config = SP_CLI_DEFAULT_CONFIG;
	return true;
}
