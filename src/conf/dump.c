#include "sp/conf/dump.h"

#include "doc.h"
#include "keys.h"
#include "sp/conf/units.h"

/* ---- the configuration ---- */

struct origin { /* of the line above: said again only when it changes */
	const char *file;
	int line;
	bool is_said;
};

static void say_origin(struct origin *said, struct sp_conf_at at, const char *default_note, FILE *to)
{
	if (said->is_said && said->file == at.file && said->line == at.line)
		return;
	*said = (struct origin){ .file = at.file, .line = at.line, .is_said = true };
	if (at.file == NULL)
		(void)fprintf(to, "# default%s\n", default_note);
	else
		(void)fprintf(to, "# %s:%d\n", at.file, at.line);
}

/* The value that `behind` gave instead of the default; NULL: it gave none. */
static const char *preset_text(const struct sp_conf *conf, const struct sp_conf_section *section, const char *key,
			       char text[static SP_UNITS_TEXT])
{
	if (conf->gateway.behind == SP_BEHIND_NONE)
		return NULL;
	if (strcmp(section->type, "gateway") == 0 && strcmp(key, "drain_delay") == 0)
		return sp_units_duration_text(conf->gateway.drain_delay, text);
	for (size_t i = 0; i < conf->listener_count; i++) {
		if (strcmp(section->type, "listener") == 0 && strcmp(key, "client_idle") == 0 &&
		    sp_str_eq(conf->listeners[i].section.name, section->name))
			return sp_units_duration_text(conf->listeners[i].client_idle, text);
	}
	return NULL;
}

/* As it was read: made absolute, so that it is the same place from anywhere. */
static void dump_path(const struct sp_conf_section *section, const struct sp_conf_key *key, FILE *to)
{
	struct sp_str path;

	memcpy(&path, (const char *)section + key->offset, sizeof(path));
	(void)fprintf(to, "%s = %.*s\n", key->name, SP_STR_ARG(path));
}

static void dump_key(const struct sp_conf *conf, const struct sp_conf_section *section, const struct sp_conf_key *key,
		     struct origin *said, FILE *to)
{
	const struct sp_conf_at nowhere = { .file = NULL };
	char text[SP_UNITS_TEXT];
	const char *preset;
	bool is_set = false;

	for (size_t i = 0; i < section->set_count; i++) {
		const struct sp_conf_set *set = &section->sets[i];

		if (strcmp(set->key, key->name) != 0)
			continue;
		is_set = true;
		say_origin(said, set->at, "", to);
		(void)fprintf(to, "%s%s = %.*s\n", key->kind == SP_CONF_INCLUDE ? "# read already: " : "", key->name,
			      SP_STR_ARG(set->text));
	}
	if (is_set || key->def == NULL)
		return;
	preset = preset_text(conf, section, key->name, text);
	if (preset != NULL)
		said->is_said = false;
	say_origin(said, nowhere, preset != NULL ? " for what it is behind" : "", to);
	if (preset != NULL || !sp_conf_kind_is_path(key->kind))
		(void)fprintf(to, "%s = %s\n", key->name, preset != NULL ? preset : key->def);
	else
		dump_path(section, key, to);
	if (preset != NULL)
		said->is_said = false;
}

static void dump_section(const struct sp_conf *conf, const struct sp_conf_section *section, FILE *to)
{
	const struct sp_conf_type *type = sp_conf_type_find(sp_str(section->type));
	struct origin said = { .is_said = false };
	const char *comma = "# not set: ";

	(void)fprintf(to, "\n[%s%s%.*s]\n", section->type, section->name.n > 0 ? ":" : "", SP_STR_ARG(section->name));
	for (size_t i = 0; i < type->key_count; i++) {
		if (!type->keys[i].is_later)
			dump_key(conf, section, &type->keys[i], &said, to);
	}
	for (size_t i = 0; i < type->key_count; i++) {
		const struct sp_conf_key *key = &type->keys[i];

		if (key->is_later || key->def != NULL || sp_conf_at(section, key->name).file != NULL)
			continue;
		(void)fprintf(to, "%s%s", comma, key->name);
		comma = ", ";
	}
	if (strcmp(comma, ", ") == 0)
		(void)fputc('\n', to);
}

void sp_conf_dump(const struct sp_conf *conf, FILE *to)
{
	(void)fprintf(to, "# %s with its includes: every value, and where it was set\n", conf->main_file);
	for (size_t i = 0; i < conf->section_count; i++)
		dump_section(conf, conf->sections[i], to);
}

/* ---- the tables ---- */

static const char *join_words(const struct sp_conf_word *words, char *text, size_t room)
{
	size_t n = 0;

	text[0] = '\0';
	for (; words != NULL && words->text != NULL; words++) {
		int put = snprintf(text + n, room - n, "%s%s%s", n > 0 ? ", " : "", words->text,
				   words->is_later ? " (not in this build)" : "");

		if (put < 0 || (size_t)put >= room - n)
			break;
		n += (size_t)put;
	}
	return text;
}

bool sp_conf_key_info(size_t i, struct sp_conf_key_info *out)
{
	static char words[400];
	const struct sp_conf_type *const *types;
	size_t count, t = 0;

	types = sp_conf_types(&count);
	while (t < count && i >= types[t]->key_count)
		i -= types[t++]->key_count;
	if (t == count)
		return false;
	*out = (struct sp_conf_key_info){
		.section = types[t]->name,
		.is_section_named = types[t]->is_named,
		.key = types[t]->keys[i].name,
		.kind = sp_conf_kind_name(types[t]->keys[i].kind),
		.words = join_words(types[t]->keys[i].words, words, sizeof(words)),
		.def = types[t]->keys[i].def,
		.help = types[t]->keys[i].help,
		.is_list = sp_conf_kind_is_list(types[t]->keys[i].kind),
		.is_required = types[t]->keys[i].is_required,
		.needs_restart = types[t]->keys[i].needs_restart,
		.is_built = !types[t]->keys[i].is_later,
	};
	return true;
}

static void bound_text(const struct sp_conf_key *key, uint64_t n, char text[static SP_UNITS_TEXT])
{
	switch (key->kind) {
	case SP_CONF_SIZE: (void)sp_units_size_text(n, text); break;
	case SP_CONF_DURATION: (void)sp_units_duration_text(n, text); break;
	case SP_CONF_RATE: (void)sp_units_rate_text(n, text); break;
	default: (void)snprintf(text, SP_UNITS_TEXT, "%llu", (unsigned long long)n); break;
	}
}

static void print_value(const struct sp_conf_key *key, FILE *to)
{
	char low[SP_UNITS_TEXT], high[SP_UNITS_TEXT], words[400];

	if (key->words != NULL)
		(void)fprintf(to, "%s%s", join_words(key->words, words, sizeof(words)),
			      key->kind == SP_CONF_LOG_TO      ? " or a file"
			      : key->kind == SP_CONF_HOST_SENT ? " or a name"
							       : "");
	else
		(void)fprintf(to, "%s", sp_conf_kind_name(key->kind));
	if (key->none != NULL)
		(void)fprintf(to, " or %s", key->none);
	if (key->max == 0)
		return;
	bound_text(key, key->min, low);
	bound_text(key, key->max, high);
	(void)fprintf(to, ", %s%s to %s", key->kind == SP_CONF_NUMBER ? "-" : "", low, high);
}

static void print_row(const struct sp_conf_key *key, FILE *to)
{
	(void)fprintf(to, "| `%s` | ", key->name);
	print_value(key, to);
	if (key->def != NULL)
		(void)fprintf(to, " | `%s` | ", key->def);
	else
		(void)fprintf(to, " | %s | ", key->is_required ? "(required)" : "");
	if (key->is_later)
		(void)fprintf(to, "*Not in this build.* ");
	(void)fprintf(to, "%s%s%s |\n", key->help, sp_conf_kind_is_list(key->kind) ? " (list)" : "",
		      key->needs_restart ? " Needs a restart." : "");
}

void sp_conf_reference(FILE *to)
{
	size_t count;
	const struct sp_conf_type *const *types = sp_conf_types(&count);

	for (size_t i = 0; i < count; i++) {
		(void)fprintf(to, "%s### `[%s%s]`\n\n%s\n\n", i > 0 ? "\n" : "", types[i]->name,
			      types[i]->is_named ? ":NAME" : "", types[i]->help);
		(void)fprintf(to, "| key | value | default | what it is |\n|---|---|---|---|\n");
		for (size_t k = 0; k < types[i]->key_count; k++)
			print_row(&types[i]->keys[k], to);
	}
}
