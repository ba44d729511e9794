#include "report_html.h"

#include "sp/base/clock.h"

void sp_html_put(struct sp_buf *to, struct sp_str text)
{
	for (size_t i = 0; i < text.n; i++) {
		switch (text.p[i]) {
		case '&': sp_buf_put(to, SP_STR("&amp;")); break;
		case '<': sp_buf_put(to, SP_STR("&lt;")); break;
		case '>': sp_buf_put(to, SP_STR("&gt;")); break;
		case '"': sp_buf_put(to, SP_STR("&quot;")); break;
		case '\'': sp_buf_put(to, SP_STR("&#39;")); break;
		default: sp_buf_put(to, sp_str_of(&text.p[i], 1)); break;
		}
	}
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* As the clock writes it: 2026-11-26T19:58:49.892Z. */
static bool is_time(const char *text)
{
	return strlen(text) == SP_CLOCK_RFC3339 - 1 && text[4] == '-' && text[10] == 'T' && text[23] == 'Z';
}

/* A time without what nobody reads aloud; the whole of it is in its datetime. */
static void put_value(struct sp_buf *to, const char *text)
{
	if (is_time(text))
		sp_buf_printf(to, "<time datetime=\"%s\">%.10s %.8s</time>", text, text, text + 11);
	else
		sp_html_put(to, sp_str(text));
}

static bool is_word(const char *text)
{
	size_t n = 0;

	while (is_letter(text[n]) || is_digit(text[n]) || text[n] == '_')
		n++;
	return n > 0 && n <= 24 && text[n] == '\0';
}

/* "12"; "0.5s" and "7.1M" too: a unit of one letter behind what is measured. */
static bool is_number(const char *text)
{
	size_t n = 0;

	while (is_digit(text[n]))
		n++;
	if (n > 0 && text[n] == '.') {
		for (n++; is_digit(text[n]);)
			n++;
		n += is_letter(text[n]) ? 1 : 0;
	}
	return n > 0 && text[n] == '\0';
}

/* A column's title, "in flight", as "in-flight". */
static void put_id(struct sp_buf *to, const char *title)
{
	for (; *title != '\0'; title++)
		sp_buf_put(to, *title == ' ' || *title == '_' ? SP_STR("-") : sp_str_of(title, 1));
}

static void put_button(const struct sp_report *r, struct sp_buf *to, const char *action, const char *first)
{
	sp_buf_printf(to,
		      "<td class=\"k-action\"><form method=\"post\" action=\"/%s\"><input type=\"hidden\" "
		      "name=\"token\" value=\"%s\">"
		      "<input type=\"hidden\" name=\"address\" value=\"",
		      action, r->token);
	sp_html_put(to, sp_str(first));
	sp_buf_printf(to, "\"><button aria-label=\"%s ", action);
	sp_html_put(to, sp_str(first));
	sp_buf_printf(to, "\">%s</button></form></td>", action);
}

static void put_cell(const struct sp_report *r, struct sp_buf *to, const char *title, const char *cell,
		     const char *first)
{
	const char *tag = cell == first ? "th" : "td";

	if (cell[0] == SP_REPORT_ACTION) {
		put_button(r, to, cell + 1, first);
		return;
	}
	sp_buf_printf(to, "<%s%s class=\"k-", tag, cell == first ? " scope=\"row\"" : "");
	put_id(to, title);
	if (is_number(cell))
		sp_buf_put(to, cell[0] == '0' && cell[1] == '\0' ? SP_STR(" number zero") : SP_STR(" number"));
	else if (is_word(cell))
		sp_buf_printf(to, " v-%s", cell);
	sp_buf_put(to, SP_STR("\">"));
	put_value(to, cell);
	sp_buf_printf(to, "</%s>", tag);
}

static void put_table(struct sp_report *r)
{
	const size_t columns = r->column_count;
	const char *cell = r->cells.p, *first = cell;

	SP_ASSERT(columns > 0);
	sp_buf_put(&r->out, SP_STR("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\""));
	sp_html_put(&r->out, sp_str(r->name));
	sp_buf_put(&r->out, SP_STR("\"><table><thead><tr>"));
	for (size_t i = 0; i < columns; i++, cell += strlen(cell) + 1)
		sp_buf_printf(&r->out, "<th scope=\"col\"%s>%s</th>", is_number(cell) ? " class=\"number\"" : "",
			      r->columns[i]);
	cell = first;
	sp_buf_put(&r->out, SP_STR("</tr></thead><tbody>"));
	for (size_t i = 0; i < r->cell_count; i++, cell += strlen(cell) + 1) {
		if (i % columns == 0) {
			first = cell;
			sp_buf_put(&r->out, SP_STR("<tr>"));
		}
		put_cell(r, &r->out, r->columns[i % columns], cell, first);
		if (i % columns == columns - 1)
			sp_buf_put(&r->out, SP_STR("</tr>"));
	}
	sp_buf_put(&r->out, SP_STR("</tbody></table></div>"));
}

/* Pairs of a title and a value. */
static void put_pairs(struct sp_report *r)
{
	const char *cell = r->cells.p;

	sp_buf_put(&r->out, SP_STR("<dl>"));
	for (size_t i = 0; i + 1 < r->cell_count; i += 2) {
		const char *title = cell, *value = cell + strlen(cell) + 1;

		sp_buf_printf(&r->out, "<div><dt>%s</dt><dd class=\"k-", title);
		put_id(&r->out, title);
		if (is_word(value))
			sp_buf_printf(&r->out, " v-%s", value);
		sp_buf_put(&r->out, SP_STR("\">"));
		put_value(&r->out, value);
		sp_buf_put(&r->out, SP_STR("</dd></div>"));
		cell = value + strlen(value) + 1;
	}
	sp_buf_put(&r->out, SP_STR("</dl>"));
}

void sp_report_html_section(struct sp_report *r)
{
	sp_buf_printf(&r->out, "<section id=\"%s\"><h2>%s</h2>", r->name, r->name);
	if (r->cells.is_failed || r->cell_count == 0 || r->column_count == 0)
		sp_buf_put(&r->out, SP_STR("<p class=\"none\">none</p>"));
	else if (r->is_table)
		put_table(r);
	else
		put_pairs(r);
	sp_buf_put(&r->out, SP_STR("</section>\n"));
}
