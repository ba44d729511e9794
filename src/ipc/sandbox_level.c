/*
 * sandbox_level - what was reached, in words; and whether it is enough.
 */
#include "sandbox_int.h"

#include <stdio.h>
#include <string.h>

#include "sp/base/log.h"

#define LIST_MOST 900 /* bytes of a list of layers in the log: a field holds 1024 */

static const char *const layer_names[SP_LAYER_COUNT] = {
	[SP_LAYER_DESCRIPTORS] = "descriptors",
	[SP_LAYER_RLIMITS] = "rlimits",
	[SP_LAYER_BOUNDING] = "bounding_set",
	[SP_LAYER_ROOT] = "empty_root",
	[SP_LAYER_IDS] = "own_ids",
	[SP_LAYER_CAPS] = "capabilities",
	[SP_LAYER_DUMP] = "not_dumpable",
	[SP_LAYER_DEATH] = "dies_with_master",
	[SP_LAYER_PRIVS] = "no_new_privs",
	[SP_LAYER_EXEC_GAIN] = "no_exec_gain",
	[SP_LAYER_FILES] = "landlock_files",
	[SP_LAYER_PORTS] = "landlock_ports",
	[SP_LAYER_SCOPE] = "landlock_scope",
	[SP_LAYER_CALLS] = "seccomp",
};

static const char *const lack_texts[SP_LACK_COUNT] = {
	[SP_LACK_NONE] = "not tried",
	[SP_LACK_KERNEL] = "this kernel has none",
	[SP_LACK_REFUSED] = "refused",
	[SP_LACK_OFF] = "sandbox = off",
	[SP_LACK_SANITIZER] = "sanitizer build",
	[SP_LACK_ROLE] = "this role needs what it forbids",
	[SP_LACK_NOT_ROOT] = "not started as root",
	[SP_LACK_NOT_ASKED] = "not asked for",
};

static void set(struct sp_sandbox_level *level, enum sp_layer layer, enum sp_layer_state state, enum sp_lack lack,
		int error)
{
	level->layer[layer] = (struct sp_sandbox_layer){ (uint8_t)state, (uint8_t)lack, (uint16_t)error };
}

void sp_layer_in_force(struct sp_sandbox_level *level, enum sp_layer layer)
{
	set(level, layer, SP_LAYER_IN_FORCE, SP_LACK_NONE, 0);
}

void sp_layer_missing(struct sp_sandbox_level *level, enum sp_layer layer, enum sp_lack lack, int error)
{
	set(level, layer, SP_LAYER_MISSING, lack, error);
}

void sp_layer_not_meant(struct sp_sandbox_level *level, enum sp_layer layer, enum sp_lack lack)
{
	set(level, layer, SP_LAYER_NOT_MEANT, lack, 0);
}

bool sp_sandbox_holds(const struct sp_sandbox_level *level, enum sp_layer layer)
{
	return level->layer[layer].state == SP_LAYER_IN_FORCE;
}

bool sp_sandbox_level_is_sane(const struct sp_sandbox_level *level)
{
	for (unsigned i = 0; i < SP_LAYER_COUNT; i++)
		if (level->layer[i].state > SP_LAYER_NOT_MEANT || level->layer[i].lack >= SP_LACK_COUNT)
			return false;
	return level->role < SP_ROLE_COUNT;
}

const char *sp_sandbox_role_name(enum sp_role role)
{
	return (unsigned)role < SP_ROLE_COUNT ? sp_role_rows[role].name : "unknown";
}

const char *sp_sandbox_layer_name(enum sp_layer layer)
{
	return (unsigned)layer < SP_LAYER_COUNT ? layer_names[layer] : "unknown";
}

static const char *why(const struct sp_sandbox_layer *layer)
{
	return layer->lack < SP_LACK_COUNT ? lack_texts[layer->lack] : "unknown";
}

const char *sp_sandbox_layer_text(const struct sp_sandbox_layer *layer, char text[static SP_SANDBOX_TEXT])
{
	const char *error = NULL;

	if (layer->state == SP_LAYER_IN_FORCE) {
		snprintf(text, SP_SANDBOX_TEXT, "yes");
		return text;
	}
	if (layer->error != 0)
		error = strerrorname_np(layer->error);
	snprintf(text, SP_SANDBOX_TEXT, "%s: %s%s%s", layer->state == SP_LAYER_NOT_MEANT ? "not meant" : "no",
		 why(layer), error != NULL ? ", " : "", error != NULL ? error : "");
	return text;
}

bool sp_sandbox_judge(const struct sp_sandbox_level *level, enum sp_demand demand, struct sp_err *err)
{
	static const uint32_t needed[] = {
		[SP_DEMAND_AUTO] = 0,
		[SP_DEMAND_REQUIRE] = SP_BIT(SP_LAYER_PRIVS) | SP_BIT(SP_LAYER_CAPS) | SP_BIT(SP_LAYER_FILES) |
				      SP_BIT(SP_LAYER_CALLS),
		[SP_DEMAND_REQUIRE_ALL] = SP_BIT(SP_LAYER_COUNT) - 1,
		[SP_DEMAND_OFF] = 0,
	};
	char text[SP_SANDBOX_TEXT];

	for (unsigned i = 0; i < SP_LAYER_COUNT; i++) {
		const struct sp_sandbox_layer *layer = &level->layer[i];

		if ((needed[demand] & SP_BIT(i)) == 0 || layer->state == SP_LAYER_IN_FORCE ||
		    layer->state == SP_LAYER_NOT_MEANT)
			continue;
		return sp_err_set(err, "sandbox = %s: the %s cannot have %s (%s)",
				  demand == SP_DEMAND_REQUIRE ? "require" : "require-all",
				  sp_sandbox_role_name(level->role), layer_names[i],
				  sp_sandbox_layer_text(layer, text));
	}
	return true;
}

/* Appends "name" or "name (why)". What does not fit any more is left away. */
static void append(char list[static LIST_MOST], const struct sp_sandbox_level *level, unsigned i, bool with_why)
{
	size_t n = strlen(list);
	const char *comma = n > 0 ? ", " : "";

	if (with_why)
		snprintf(list + n, LIST_MOST - n, "%s%s (%s)", comma, layer_names[i], why(&level->layer[i]));
	else
		snprintf(list + n, LIST_MOST - n, "%s%s", comma, layer_names[i]);
}

/* Who left it out on purpose has been told so once, by the master. */
static bool is_on_purpose(const struct sp_sandbox_layer *layer)
{
	return layer->lack == SP_LACK_OFF || layer->lack == SP_LACK_SANITIZER;
}

void sp_sandbox_log(const struct sp_sandbox_level *level)
{
	char in_force[LIST_MOST] = "", missing[LIST_MOST] = "";
	bool is_less = false;

	for (unsigned i = 0; i < SP_LAYER_COUNT; i++) {
		if (level->layer[i].state == SP_LAYER_IN_FORCE)
			append(in_force, level, i, false);
		else if (level->layer[i].state != SP_LAYER_NOT_MEANT)
			append(missing, level, i, true);
		is_less = is_less || (level->layer[i].state == SP_LAYER_MISSING && !is_on_purpose(&level->layer[i]));
	}
	if (missing[0] == '\0')
		snprintf(missing, sizeof(missing), "none");
	if (is_less)
		sp_warn("sandbox", SP_KV_TEXT("role", sp_sandbox_role_name(level->role)),
			SP_KV_TEXT("missing", missing), SP_KV_TEXT("in_force", in_force),
			SP_KV_U64("landlock_abi", level->landlock_abi));
	else
		sp_info("sandbox", SP_KV_TEXT("role", sp_sandbox_role_name(level->role)),
			SP_KV_TEXT("missing", missing), SP_KV_TEXT("in_force", in_force),
			SP_KV_U64("landlock_abi", level->landlock_abi));
}
