#include "page.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp/base/log.h"
#include "sp/net/listen.h"
#include "takeover.h"

static bool is_listening(int fd)
{
	int listens = 0;
	socklen_t size = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

/* -1: the program before had none there. */
static int handed(const struct sp_addr *addr)
{
	struct sp_handed_row *row;
	char text[SP_ADDR_TEXT];

	for (size_t at = 0; (row = sp_takeover_next(SP_HANDED_PAGE, &at)) != NULL;) {
		int fd = row->fd;

		if (strcmp(row->is.page.place, sp_addr_text(addr, text)) != 0 || fd < 0 || !is_listening(fd))
			continue;
		row->fd = -1;
		return fd;
	}
	return -1;
}

/* Nobody asked for the default, and two gateways on one machine both have it. */
static bool refuse(const struct sp_conf *conf, const char *why, struct sp_err *err)
{
	struct sp_conf_at at = sp_conf_at(&conf->admin.section, "bind");
	char text[SP_ADDR_TEXT];

	if (at.file != NULL && !sp_takeover_is())
		return sp_err_set(err, "%s:%d: error: bind = %s: %s", at.file, at.line,
				  sp_addr_text(&conf->admin.bind, text), why);
	sp_warn("no_status_page", SP_KV_TEXT("bind", sp_addr_text(&conf->admin.bind, text)), SP_KV_TEXT("why", why));
	return true;
}

bool sp_page_open(struct sp_page_socket *page, const struct sp_conf *conf, const struct sp_page_socket *before,
		  struct sp_err *err)
{
	struct sp_err why = { .text = "" };

	*page = (struct sp_page_socket){ .fd = -1, .addr = conf->admin.bind };
	if (page->addr.family == SP_ADDR_NONE)
		return true;
	if (before != NULL && before->fd >= 0 && sp_addr_eq(&before->addr, &page->addr)) {
		*page = *before;
		page->is_kept = true;
		return true;
	}
	if (before == NULL)
		page->fd = handed(&page->addr);
	if (page->fd < 0)
		page->fd = sp_listen_bind(&page->addr, false, &why);
	return page->fd >= 0 || refuse(conf, why.text, err);
}

void sp_page_hand(const struct sp_page_socket *page, struct sp_handing *handing)
{
	struct sp_handed_row *row;
	char text[SP_ADDR_TEXT];

	_Static_assert(sizeof(text) <= SP_HANDOVER_PLACE, "an address fits");
	if (page->fd < 0)
		return;
	row = sp_handing_add(handing, SP_HANDED_PAGE, page->fd);
	(void)snprintf(row->is.page.place, sizeof(row->is.page.place), "%s", sp_addr_text(&page->addr, text));
}

void sp_page_close(struct sp_page_socket *page)
{
	if (page->fd >= 0 && !page->is_kept)
		(void)close(page->fd);
	page->fd = -1;
}

void sp_page_replace(struct sp_page_socket *page, struct sp_page_socket *by)
{
	if (!by->is_kept)
		sp_page_close(page);
	*page = *by;
	page->is_kept = false;
	by->fd = -1;
}
