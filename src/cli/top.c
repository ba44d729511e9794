/*
 * top - the status, again and again: on a terminal as one screen that follows its size, elsewhere as lines.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin_client.h"
#include "command.h"
#include "sp/base/clock.h"
#include "terminal.h"
#include "top_draw.h"

enum { INTERVAL_MS = 1000, PATIENCE_S = 5 };

struct sample {
	struct sp_arena arena; /* owned: where the status lies */
	struct sp_top_status status;
	bool is_there;
};

struct top {
	const struct sp_args *args;
	uint64_t interval_ms, left; /* left: frames; 0: as many as may be */
	bool is_screen, has_colour;
	struct sample samples[2];
	struct sample *now, *before; /* of samples */
	char *trouble; /* owned: why there is none of late, a line; NULL: there is */
};

/* ---- asking */

static void forget(struct sample *sample)
{
	sp_arena_fini(&sample->arena);
	sample->is_there = false;
}

/* The last line of what the client said. */
static void take_trouble(struct top *top, const char *said)
{
	size_t n = strlen(said);
	const char *line = said;

	while (n > 0 && said[n - 1] == '\n')
		n--;
	for (size_t i = 0; i < n; i++)
		if (said[i] == '\n')
			line = said + i + 1;
	free(top->trouble);
	top->trouble = strndup(line, n - (size_t)(line - said));
}

/* Into the older sample; the other becomes the one before. false: top->trouble says why. */
static bool ask(struct top *top)
{
	struct sp_admin_answer answer;
	char *said = NULL, *wrong = NULL;
	size_t said_n = 0, wrong_n = 0;
	struct sp_admin_to to = { .out = open_memstream(&said, &said_n), .err = open_memstream(&wrong, &wrong_n), .patience_s = PATIENCE_S };
	struct sample *next = top->before;
	bool ok = to.out != NULL && to.err != NULL &&
		  sp_admin_ask_to(top->args, "top", "{\"command\":\"status\"}", true, &to, &answer) && answer.is_done;

	if (to.out != NULL)
		(void)fclose(to.out);
	if (to.err != NULL)
		(void)fclose(to.err);
	sp_clock_tick();
	if (ok) {
		forget(next);
		next->is_there = sp_top_read(sp_str_of(said, said_n), &next->arena, &next->status);
		next->status.at_us = sp_now_us();
		ok = next->is_there;
	}
	if (ok) {
		top->before = top->now;
		top->now = next;
		free(top->trouble);
		top->trouble = NULL;
	} else {
		take_trouble(top, wrong != NULL && wrong[0] != '\0' ? wrong : "sallyport top: the answer is no status");
	}
	free(said);
	free(wrong);
	return ok;
}

/* ---- showing */

/* false: nobody looks any more. */
static bool show(struct top *top)
{
	struct sp_arena arena;
	const struct sp_top_pair pair = { .now = &top->now->status,
					  .before = top->before->is_there ? &top->before->status : NULL,
					  .arena = &arena };
	struct sp_top_frame frame = { .has_colour = top->has_colour, .trouble = top->trouble };
	struct sp_buf out;
	bool ok;

	sp_arena_init(&arena, NULL, 0, 0);
	sp_buf_init(&out);
	if (top->is_screen)
		sp_terminal_size(&frame.rows, &frame.columns);
	sp_top_draw(&pair, &frame, &out);
	if (top->is_screen)
		ok = sp_terminal_show(sp_buf_str(&out));
	else
		ok = fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
	sp_buf_fini(&out);
	sp_arena_fini(&arena);
	return ok;
}

/* Until it is time for the next frame. false: it is the end. */
static bool rest(struct top *top)
{
	const uint64_t due_us = sp_now_us() + top->interval_ms * 1000;

	for (;;) {
		uint64_t now_us = sp_now_us();
		char key = '\0';

		if (now_us >= due_us)
			return true;
		switch (sp_terminal_wait((due_us - now_us + 999) / 1000, &key)) {
		case SP_TERMINAL_END: return false;
		case SP_TERMINAL_RESIZED:
			if (!show(top))
				return false;
			break;
		case SP_TERMINAL_KEY:
			if (key == 'q' || key == 'Q')
				return false;
			if (key == ' ')
				return true;
			break;
		case SP_TERMINAL_TIME: break;
		}
		sp_clock_tick();
	}
}

/* The first frame has its rates, too. */
static bool rest_in_pipe(const struct top *top)
{
	const struct timespec interval = { (time_t)(top->interval_ms / 1000), (long)(top->interval_ms % 1000) * 1000000 };

	return nanosleep(&interval, NULL) == 0;
}

static bool is_last(struct top *top)
{
	return top->left > 0 && --top->left == 0;
}

/* ---- the two ways */

static int run_on_screen(struct top *top)
{
	bool is_on = true;

	sp_terminal_enter();
	while (is_on && show(top) && !is_last(top)) {
		is_on = rest(top);
		if (is_on)
			(void)ask(top); /* what is wrong is shown, and tried again */
		is_on = is_on && !sp_terminal_is_over();
	}
	sp_terminal_die();
	return SP_EXIT_OK;
}

static int run_in_pipe(struct top *top)
{
	bool is_first = true;

	if (top->left == 0)
		top->left = 1;
	do {
		if (!rest_in_pipe(top))
			return SP_EXIT_FAILED;
		if (!ask(top)) {
			fprintf(stderr, "%s\n", top->trouble != NULL ? top->trouble : "sallyport top: no memory");
			return SP_EXIT_FAILED;
		}
		if ((!is_first && fputc('\n', stdout) == EOF) || !show(top))
			return SP_EXIT_FAILED;
		is_first = false;
	} while (!is_last(top));
	return SP_EXIT_OK;
}

int sp_command_top(const struct sp_args *args)
{
	struct top top = { .args = args,
			   .interval_ms = args->interval_ms > 0 ? args->interval_ms : INTERVAL_MS,
			   .left = args->count,
			   .is_screen = sp_terminal_is() };
	int code = SP_EXIT_FAILED;

	top.has_colour = top.is_screen && getenv("NO_COLOR") == NULL;
	top.now = &top.samples[0];
	top.before = &top.samples[1];
	for (size_t i = 0; i < SP_COUNT(top.samples); i++)
		sp_arena_init(&top.samples[i].arena, NULL, 0, 0);
	/* Who may not ask, or asks nobody, is told where he stands. */
	if (ask(&top))
		code = top.is_screen ? run_on_screen(&top) : run_in_pipe(&top);
	else
		fprintf(stderr, "%s\n", top.trouble != NULL ? top.trouble : "sallyport top: no memory");
	forget(&top.samples[0]);
	forget(&top.samples[1]);
	free(top.trouble);
	return code;
}
