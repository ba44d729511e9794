#include "page.h"

#include <stdio.h>
#include <sys/random.h>

#include "form.h"
#include "metrics.h"
#include "figures.h"
#include "report.h"
#include "report_html.h"
#include "status.h"

#define HTML "text/html; charset=utf-8"

static bool make_secret(char text[static 2 * SP_PAGE_SECRET + 1])
{
	uint8_t bytes[SP_PAGE_SECRET];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

bool sp_page_init(struct sp_page *page, const struct sp_facts *facts, struct sp_ban_keeper *bans, struct sp_err *err)
{
	*page = (struct sp_page){ .facts = facts, .bans = bans };
	return make_secret(page->token) || sp_err_set(err, "no randomness for the status page");
}

/* ---- the page */

static void put_tables(const struct sp_page *page, struct sp_buf *to)
{
	struct sp_report report;

	sp_report_init_html(&report, page->token);
	sp_status_report(page->facts, &report);
	sp_buf_put(to, sp_report_end(&report));
	sp_report_fini(&report);
}

/* What stands between two "%%" is the name of a piece. */
static void put_piece(const struct sp_page *page, struct sp_str name, const char *nonce, struct sp_buf *to)
{
	if (sp_str_eq(name, SP_STR("nonce")))
		sp_buf_put(to, sp_str(nonce));
	else if (sp_str_eq(name, SP_STR("css")))
		sp_buf_put(to, sp_page_css());
	else if (sp_str_eq(name, SP_STR("js")))
		sp_buf_put(to, sp_page_js());
	else if (sp_str_eq(name, SP_STR("tables")))
		put_tables(page, to);
}

static void put_page(const struct sp_page *page, const char *nonce, struct sp_buf *to)
{
	struct sp_str rest = sp_page_html();

	for (bool is_piece = false; rest.p != NULL; is_piece = !is_piece) {
		const char *mark = memmem(rest.p, rest.n, "%%", 2);
		const struct sp_str text = mark == NULL ? rest : sp_str_of(rest.p, (size_t)(mark - rest.p));

		if (is_piece)
			put_piece(page, text, nonce, to);
		else
			sp_buf_put(to, text);
		rest = mark == NULL ? (struct sp_str){ NULL, 0 } : sp_str_of(mark + 2, rest.n - text.n - 2);
	}
}

static void answer_page(struct sp_page *page, struct sp_web_answer *a)
{
	char nonce[2 * SP_PAGE_SECRET + 1];

	if (!make_secret(nonce)) {
		a->status = 503;
		return;
	}
	a->status = 200;
	a->type = HTML;
	(void)snprintf(page->fields, sizeof(page->fields),
		       "Content-Security-Policy: default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; "
		       "img-src data:; "
		       "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n",
		       nonce, nonce);
	a->fields = page->fields;
	put_page(page, nonce, &a->body);
}

/* ---- beside it */

static void answer_tables(const struct sp_page *page, struct sp_web_answer *a)
{
	a->status = 200;
	a->type = HTML;
	a->fields = "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";
	put_tables(page, &a->body);
}

static void answer_json(const struct sp_page *page, struct sp_web_answer *a)
{
	struct sp_report report;

	a->status = 200;
	a->type = "application/json";
	sp_report_init(&report, true);
	sp_status_report(page->facts, &report);
	sp_buf_put(&a->body, sp_report_end(&report));
	sp_report_fini(&report);
}

static void answer_metrics(const struct sp_page *page, const struct sp_head *head, struct sp_web_answer *a)
{
	const struct sp_field *accept = sp_head_find(head, SP_F_ACCEPT);
	const bool is_open = accept != NULL && sp_metrics_is_open_asked(accept->value);

	if (page->facts->figures == NULL || page->facts->figures->sum == NULL) {
		a->status = 503;
		return;
	}
	a->status = 200;
	a->type = is_open ? SP_METRICS_OPEN : SP_METRICS_TEXT;
	a->fields = "Vary: Accept\r\n";
	sp_figures_sum(page->facts->figures, page->facts->board);
	sp_metrics_write(page->facts, is_open, &a->body);
}

/* ---- what can be done */

/* In a time that does not tell how much of it is right. */
static bool is_token(const struct sp_page *page, struct sp_str said)
{
	unsigned differs = 0;

	if (said.n != sizeof(page->token) - 1)
		return false;
	for (size_t i = 0; i < said.n; i++)
		differs |= (unsigned char)(said.p[i] ^ page->token[i]);
	return differs == 0;
}

static void answer_unban(const struct sp_page *page, struct sp_str body, struct sp_web_answer *a)
{
	char token_room[2 * SP_PAGE_SECRET], room[SP_ADDR_TEXT];
	struct sp_str token, text;
	struct sp_addr addr;
	const char *why;

	a->status = 403;
	if (!sp_form_find(body, "token", token_room, sizeof(token_room), &token) || !is_token(page, token)) {
		sp_buf_put(&a->body, SP_STR("the page is out of date: load it again\n"));
		return;
	}
	a->status = 400;
	if (!sp_form_find(body, "address", room, sizeof(room), &text) || !sp_addr_parse_ip(text, &addr)) {
		sp_buf_put(&a->body, SP_STR("address has to be an IPv4 or IPv6 address\n"));
		return;
	}
	why = sp_ban_lift(page->bans, &addr);
	if (why != NULL) {
		sp_buf_printf(&a->body, "%s\n", why);
		return;
	}
	a->status = 303;
	a->fields = "Location: /\r\n";
}

void sp_page_answer(struct sp_page *page, const struct sp_head *head, struct sp_str body, struct sp_web_answer *a)
{
	const bool is_post = head->method == SP_M_POST;

	if (sp_str_eq(head->path, SP_STR("/unban"))) {
		a->status = is_post ? 200 : 405;
		if (is_post)
			answer_unban(page, body, a);
	} else if (is_post) {
		a->status = 405;
	} else if (sp_str_eq(head->path, SP_STR("/"))) {
		answer_page(page, a);
	} else if (sp_str_eq(head->path, SP_STR("/tables"))) {
		answer_tables(page, a);
	} else if (sp_str_eq(head->path, SP_STR("/status.json"))) {
		answer_json(page, a);
	} else if (sp_str_eq(head->path, SP_STR("/metrics"))) {
		answer_metrics(page, head, a);
	}
}
