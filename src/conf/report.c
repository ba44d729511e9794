/*
 * report - all that was wrong in one run, and its printed form.
 */
#include "sp/conf/read.h"

#include <stdarg.h>
#include <stdlib.h>

void sp_conf_report_init(struct sp_conf_report *report)
{
	*report = (struct sp_conf_report){ .first = NULL };
	sp_arena_init(&report->arena, NULL, 0, 0);
	report->last = &report->first;
}

void sp_conf_report_fini(struct sp_conf_report *report)
{
	sp_arena_fini(&report->arena);
	report->first = NULL;
	report->last = &report->first;
}

void sp_conf_report_add(struct sp_conf_report *report, enum sp_conf_severity severity, struct sp_conf_at at,
			const char *fmt, ...)
{
	struct sp_conf_message *message;
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (severity == SP_CONF_ERROR)
		report->errors++;
	else
		report->warnings++;
	message = sp_arena_zalloc(&report->arena, sizeof(*message));
	if (message == NULL)
		return; /* it counts all the same */
	message->severity = severity;
	message->text = sp_arena_copy(&report->arena, sp_str(text)).p;
	message->at.line = at.line;
	message->at.file = at.file == NULL ? NULL : sp_arena_copy(&report->arena, sp_str(at.file)).p;
	if (message->text == NULL)
		message->text = "no memory for this message";
	*report->last = message;
	report->last = &message->next;
}

struct place { /* a message and its turn: equal places stay in the order they came in */
	const struct sp_conf_message *message;
	const char *main_file;
	size_t turn;
};

static int compare_files(const struct place *a, const struct place *b)
{
	const char *fa = a->message->at.file, *fb = b->message->at.file;
	bool is_a_main = fa == NULL || strcmp(fa, a->main_file) == 0;
	bool is_b_main = fb == NULL || strcmp(fb, a->main_file) == 0;

	if (is_a_main || is_b_main)
		return (int)is_b_main - (int)is_a_main; /* the main file first */
	return strcmp(fa, fb);
}

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	int order = compare_files(a, b);

	if (order != 0)
		return order;
	if (a->message->at.line != b->message->at.line)
		return a->message->at.line < b->message->at.line ? -1 : 1;
	return a->turn < b->turn ? -1 : 1;
}

static void print_message(const struct sp_conf_message *message, const char *main_file, FILE *to)
{
	const char *file = message->at.file != NULL ? message->at.file : main_file;
	const char *severity = message->severity == SP_CONF_ERROR ? "error" : "warning";

	if (message->at.line > 0)
		(void)fprintf(to, "%s:%d: %s: %s\n", file, message->at.line, severity, message->text);
	else
		(void)fprintf(to, "%s: %s: %s\n", file, severity, message->text);
}

static void print_sorted(const struct sp_conf_report *report, const char *main_file, FILE *to)
{
	struct place *places = calloc(report->errors + report->warnings, sizeof(*places));
	size_t n = 0;

	for (const struct sp_conf_message *m = report->first; m != NULL; m = m->next) {
		if (places == NULL)
			print_message(m, main_file, to); /* unsorted is better than unsaid */
		else
			places[n] = (struct place){ .message = m, .main_file = main_file, .turn = n };
		n++;
	}
	if (places != NULL) {
		qsort(places, n, sizeof(*places), compare_places);
		for (size_t i = 0; i < n; i++)
			print_message(places[i].message, main_file, to);
	}
	free(places);
}

void sp_conf_report_print(const struct sp_conf_report *report, const char *main_file, FILE *to)
{
	if (report->errors + report->warnings == 0)
		return;
	print_sorted(report, main_file, to);
	(void)fprintf(to, "%s:", main_file);
	if (report->errors > 0)
		(void)fprintf(to, " %zu error%s%s", report->errors, report->errors == 1 ? "" : "s",
			      report->warnings > 0 ? "," : "");
	if (report->warnings > 0)
		(void)fprintf(to, " %zu warning%s", report->warnings, report->warnings == 1 ? "" : "s");
	(void)fputc('\n', to);
}
