#include "facts.h"

#include <time.h>

static void take_process(struct sp_facts *facts, const struct sp_ipc_message *message)
{
	uint32_t index = message->body.process.index, count = message->body.process.count;

	if (count > SP_FACTS_PROCESSES || index >= count || !sp_sandbox_level_is_sane(&message->body.process.level))
		return;
	facts->process_count = count;
	facts->processes[index] = *message;
}

/* The clock of another process; 0: it is gone. */
static uint64_t cpu_us(int32_t pid)
{
	struct timespec time;
	clockid_t clock;

	if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
		return 0;
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static uint64_t get(const _Atomic uint64_t *cell)
{
	return atomic_load_explicit(cell, memory_order_relaxed);
}

void sp_facts_usage(const struct sp_facts *facts, size_t row, struct sp_usage *usage)
{
	const struct sp_ipc_message *p = &facts->processes[row];
	const struct sp_processes *all =
		facts->board == NULL ? NULL : sp_board_read(facts->board, SP_BLOCK_PROCESSES, 0);

	*usage = (struct sp_usage){ .cpu_us = 0 };
	if (p->type == SP_IPC_NONE || p->body.process.pid <= 0)
		return;
	usage->cpu_us = cpu_us(p->body.process.pid);
	if (all == NULL)
		return;
	usage->resident = get(&all->of[row].resident);
	usage->size = get(&all->of[row].size);
	usage->fds = get(&all->of[row].fds);
	usage->fds_max = get(&all->of[row].fds_max);
}

bool sp_facts_take(struct sp_facts *facts, const struct sp_ipc_message *message)
{
	switch (message->type) {
	case SP_IPC_GATEWAY: facts->gateway = *message; return true;
	case SP_IPC_PROCESS: take_process(facts, message); return true;
	default: return false;
	}
}
