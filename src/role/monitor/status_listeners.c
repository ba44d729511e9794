#include "status.h"

#include <stdio.h>

#include "sp/base/addr.h"
#include "sp/board/counters.h"

static void report_connections(const struct sp_facts *facts, const struct sp_conf_listener *listener,
			       struct sp_report *report)
{
	uint32_t most = (uint32_t)facts->conf->gateway.max_connections, slot;

	if (facts->board == NULL ||
	    !sp_board_slot(facts->board, SP_NAME_LISTENER, SP_STR(""), listener->section.name, &slot))
		sp_report_text(report, "connections", SP_STR(""));
	else
		sp_report_count(report, "connections", sp_counters_listener(facts->board, slot, most));
}

/* "127.0.0.1:443, unix:/run/web.sock" */
static void put_binds(struct sp_buf *to, const struct sp_conf_listener *listener)
{
	char text[SP_ADDR_TEXT];

	for (size_t i = 0; i < listener->bind_count; i++) {
		const struct sp_conf_bind *bind = &listener->binds[i];

		if (i > 0)
			sp_buf_put(to, SP_STR(", "));
		if (bind->kind == SP_BIND_FD)
			sp_buf_printf(to, "fd:%.*s", SP_STR_ARG(bind->fd_name));
		else
			sp_buf_put(to, sp_str(sp_addr_text(&bind->addr, text)));
	}
}

void sp_status_listeners(const struct sp_facts *facts, struct sp_report *report)
{
	const struct sp_conf *conf = facts->conf;

	sp_report_table(report, "listeners");
	for (size_t i = 0; i < conf->listener_count; i++) {
		struct sp_buf binds;

		sp_buf_init(&binds);
		put_binds(&binds, &conf->listeners[i]);
		sp_report_row(report);
		sp_report_text(report, "listener", conf->listeners[i].section.name);
		report_connections(facts, &conf->listeners[i], report);
		sp_report_text(report, "bind", sp_buf_str(&binds));
		sp_buf_fini(&binds);
	}
}
