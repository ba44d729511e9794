/*
 * The sandbox of each process, as it told the master: what is asked for most by
 * name, and whatever is missing with its reason. Every layer is in the JSON.
 */
#include "status.h"

#include <stdio.h>

#include "sp/ipc/sandbox.h"

static const enum sp_layer shown[] = { SP_LAYER_PRIVS, SP_LAYER_CAPS, SP_LAYER_CALLS,
				       SP_LAYER_FILES, SP_LAYER_ROOT, SP_LAYER_IDS };

/* "no_exec_gain (this kernel has none), …" */
static void put_missing(struct sp_buf *to, const struct sp_sandbox_level *level)
{
	char text[SP_SANDBOX_TEXT];

	for (unsigned i = 0; i < SP_LAYER_COUNT; i++) {
		const struct sp_sandbox_layer *layer = &level->layer[i];

		if (layer->state != SP_LAYER_MISSING)
			continue;
		sp_buf_printf(to, "%s%s (%s)", to->n > 0 ? ", " : "", sp_sandbox_layer_name((enum sp_layer)i),
			      sp_sandbox_layer_text(layer, text) + sizeof("no: ") - 1);
	}
}

static struct sp_str word_of(const struct sp_sandbox_layer *layer)
{
	switch (layer->state) {
	case SP_LAYER_IN_FORCE: return SP_STR("yes");
	case SP_LAYER_MISSING: return SP_STR("no");
	default: return SP_STR("-"); /* not meant for this role, or not told yet */
	}
}

static void put_layers(struct sp_report *report, const struct sp_sandbox_level *level)
{
	char text[SP_SANDBOX_TEXT];

	for (size_t i = 0; report->is_json && i < SP_LAYER_COUNT; i++)
		sp_report_text(report, sp_sandbox_layer_name((enum sp_layer)i), sp_str(sp_sandbox_layer_text(&level->layer[i], text)));
	for (size_t i = 0; !report->is_json && i < SP_COUNT(shown); i++)
		sp_report_text(report, sp_sandbox_layer_name(shown[i]), word_of(&level->layer[shown[i]]));
}

void sp_status_sandbox(const struct sp_facts *facts, struct sp_report *report)
{
	char name[32];

	sp_report_table(report, "sandbox");
	for (size_t i = 0; i < facts->process_count; i++) {
		const struct sp_ipc_message *p = &facts->processes[i];
		struct sp_buf missing;

		if (p->type == SP_IPC_NONE || p->body.process.pid == 0)
			continue;
		sp_buf_init(&missing);
		put_missing(&missing, &p->body.process.level);
		sp_report_row(report);
		sp_report_text(report, "process", sp_str(sp_status_process_name(p, name)));
		sp_report_count(report, "landlock_abi", p->body.process.level.landlock_abi);
		put_layers(report, &p->body.process.level);
		sp_report_text(report, "missing", missing.n > 0 ? sp_buf_str(&missing) : SP_STR("nothing"));
		sp_buf_fini(&missing);
	}
}
