/*
 * page - what is answered at [admin] bind: the status page, its tables, status.json, metrics; and the one thing that can be
 * done there: a ban is lifted.
 *
 * The page is one document that needs nothing else: its style and script stand in it under a nonce, and its policy lets
 * no other run. Who posts has to know the token that the page shows; another site's page cannot read it.
 */
#ifndef SP_ROLE_MONITOR_PAGE_H
#define SP_ROLE_MONITOR_PAGE_H

#include "bans.h"
#include "facts.h"
#include "web.h"

enum { SP_PAGE_SECRET = 16 }; /* bytes of randomness */

struct sp_page {
	const struct sp_facts *facts; /* borrowed */
	struct sp_ban_keeper *bans; /* borrowed */
	char token[2 * SP_PAGE_SECRET + 1]; /* as long as this monitor lives */
	char fields[512]; /* of the answer under way */
};

SP_MUST_USE bool sp_page_init(struct sp_page *page, const struct sp_facts *facts, struct sp_ban_keeper *bans,
			      struct sp_err *err);
void sp_page_answer(struct sp_page *page, const struct sp_head *head, struct sp_str body, struct sp_web_answer *answer);

/* page_data.c: the files in page/, as they were when the program was built. */
struct sp_str sp_page_html(void), sp_page_css(void), sp_page_js(void);

#endif
