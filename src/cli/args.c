#include "args.h"

#include <string.h>

#include "sp/conf/units.h"

enum {
	SECOND_MS = 1000,
	CONFIRM_MOST_MS = 24 * 3600 * SECOND_MS,
	INTERVAL_LEAST_MS = 100,
	INTERVAL_MOST_MS = 3600 * SECOND_MS,
	COUNT_MOST = 1000000,
};

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

static bool is_option(const char *arg, const char *name)
{
	const size_t n = strlen(name);

	return strncmp(arg, name, n) == 0 && (arg[n] == '\0' || arg[n] == '=');
}

/* The value of --name VALUE, --name=VALUE, -n VALUE or -nVALUE, and in *next how many arguments that is. NULL: it is
 * another option, or (*next = 0) it has no value. */
static const char *value_of(char *const *argv, const char *name, int *next)
{
	const size_t n = strlen(name);
	const char *rest = argv[0] + n;

	*next = 1;
	if (strncmp(argv[0], name, n) != 0)
		return NULL;
	if (*rest == '\0') {
		*next = argv[1] == NULL ? 0 : 2;
		return argv[1];
	}
	if (name[1] == '-')
		return *rest == '=' ? rest + 1 : NULL;
	return rest;
}

static bool take_confirm(char *const *argv, struct sp_args *out, int *next, struct sp_err *err)
{
	const char *text = value_of(argv, "--confirm", next), *why;
	uint64_t ms;

	if (text == NULL)
		return sp_err_set(err, "--confirm needs a time, as 2m");
	if (!sp_units_duration(sp_str(text), &ms, &why))
		return sp_err_set(err, "--confirm %.40s: %s", text, why);
	if (ms < SECOND_MS || ms > CONFIRM_MOST_MS || ms % SECOND_MS != 0)
		return sp_err_set(err, "--confirm %.40s: whole seconds, from 1s to 24h", text);
	out->confirm_ms = ms;
	return true;
}

static bool take_interval(char *const *argv, struct sp_args *out, int *next, struct sp_err *err)
{
	const char *text = value_of(argv, "--interval", next), *why;

	if (text == NULL)
		return sp_err_set(err, "--interval needs a time, as 2s");
	if (!sp_units_duration(sp_str(text), &out->interval_ms, &why))
		return sp_err_set(err, "--interval %.40s: %s", text, why);
	return (out->interval_ms >= INTERVAL_LEAST_MS && out->interval_ms <= INTERVAL_MOST_MS) ||
	       sp_err_set(err, "--interval %.40s: from 100ms to 1h", text);
}

static bool take_count(char *const *argv, struct sp_args *out, int *next, struct sp_err *err)
{
	const char *text = value_of(argv, "--count", next);

	if (text == NULL)
		return sp_err_set(err, "--count needs a number");
	return (sp_str_u64(sp_str(text), COUNT_MOST, &out->count) && out->count > 0) ||
	       sp_err_set(err, "--count %.40s: a number from 1 to %d", text, COUNT_MOST);
}

/* ---- the request of `explain` */

static bool add_field(struct sp_args *out, const char *text, struct sp_err *err)
{
	size_t i = 0;

	while (i < SP_ARG_FIELDS_MOST && out->fields[i] != NULL)
		i++;
	if (i == SP_ARG_FIELDS_MOST)
		return sp_err_set(err, "more than %d times -H", SP_ARG_FIELDS_MOST);
	out->fields[i] = text;
	return true;
}

/* false with an empty *err: it is none of these. */
static bool take_request(char *const *argv, struct sp_args *out, int *next, struct sp_err *err)
{
	static const char *const names[] = { "--from", "--listener", "-X", "-H" };
	const char **const texts[] = { &out->from, &out->listener, &out->method, NULL };

	for (size_t i = 0; i < SP_COUNT(names); i++) {
		const char *text = value_of(argv, names[i], next);

		if (text == NULL && *next == 0)
			return sp_err_set(err, "%s needs a value", names[i]);
		if (text == NULL)
			continue;
		if (texts[i] == NULL)
			return add_field(out, text, err);
		if (*texts[i] != NULL)
			return sp_err_set(err, "%s is given twice", names[i]);
		*texts[i] = text;
		return true;
	}
	return false;
}

static void add_word(struct sp_args *out, const char *word)
{
	size_t i = 0;

	while (out->words[i] != NULL)
		i++;
	out->words[i] = word;
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
	if ((allowed & SP_ARG_REQUEST) != 0 && (take_request(argv, out, next, err) || err->text[0] != '\0'))
		return err->text[0] == '\0';
	*next = 1;
	if (is_option(argv[0], "--confirm") && (allowed & SP_ARG_CONFIRM) != 0)
		return take_confirm(argv, out, next, err);
	if (is_option(argv[0], "--interval") && (allowed & SP_ARG_TIMES) != 0)
		return take_interval(argv, out, next, err);
	if (is_option(argv[0], "--count") && (allowed & SP_ARG_TIMES) != 0)
		return take_count(argv, out, next, err);
	if (strcmp(argv[0], "--strict") == 0 && (allowed & SP_ARG_STRICT) != 0)
		out->is_strict = true;
	else if (strcmp(argv[0], "--online") == 0 && (allowed & SP_ARG_ONLINE) != 0)
		out->is_online = true;
	else if (strcmp(argv[0], "--json") == 0 && (allowed & SP_ARG_JSON) != 0)
		out->is_json = true;
	else if (argv[0][0] != '-' && out->what == NULL && (allowed & SP_ARG_WHAT) != 0)
		out->what = argv[0];
	else if (argv[0][0] != '-' && (allowed & SP_ARG_WORDS) != 0 && out->words[SP_ARG_WORDS_MOST - 1] == NULL)
		add_word(out, argv[0]);
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
