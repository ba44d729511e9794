#include "facts.h"

static void take_process(struct sp_facts *facts, const struct sp_ipc_message *message)
{
	uint32_t index = message->body.process.index, count = message->body.process.count;

	if (count > SP_FACTS_PROCESSES || index >= count || !sp_sandbox_level_is_sane(&message->body.process.level))
		return;
	facts->process_count = count;
	facts->processes[index] = *message;
}

bool sp_facts_take(struct sp_facts *facts, const struct sp_ipc_message *message)
{
	switch (message->type) {
	case SP_IPC_GATEWAY: facts->gateway = *message; return true;
	case SP_IPC_PROCESS: take_process(facts, message); return true;
	default: return false;
	}
}
