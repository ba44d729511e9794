/*
 * page - the listening socket of the status page and the metrics: made by the master, served by the monitor of the day.
 *
 * One address, kept from generation to generation and from program to program while it is the same.
 */
#ifndef SP_MASTER_PAGE_H
#define SP_MASTER_PAGE_H

#include "handover.h"
#include "sp/base/addr.h"
#include "sp/base/err.h"
#include "sp/conf/conf.h"

struct sp_page_socket {
	int fd; /* owned; -1: none */
	bool is_kept; /* it is the one before, which owns it still */
	struct sp_addr addr;
};

/* before: what is served now, NULL at the start: then one that the program before has handed over is taken. An address
 * that nobody wrote down, and that is taken by others, is no error but warned of: then there is no page. The same for any
 * address while a program takes over. false with *err ("file:line: error: …"). */
SP_MUST_USE bool sp_page_open(struct sp_page_socket *page, const struct sp_conf *conf,
			      const struct sp_page_socket *before, struct sp_err *err);
void sp_page_hand(const struct sp_page_socket *page, struct sp_handing *handing);
void sp_page_close(struct sp_page_socket *page); /* unless it is kept; twice is harmless */
/* `by`, opened with this one before, takes its place. */
void sp_page_replace(struct sp_page_socket *page, struct sp_page_socket *by);

#endif
