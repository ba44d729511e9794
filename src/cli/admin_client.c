#include "admin_client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "sp/base/json.h"
#include "sp/conf/read.h"

enum {
	TRIES = 3, /* a monitor that is just being replaced closes whom it has not heard yet */
	AGAIN_US = 200000,
};

struct asking {
	const char *command; /* for messages */
	char path[108]; /* as long as a socket's name can be */
	bool is_raw, has_outcome;
	const struct sp_admin_to *to;
	struct sp_admin_answer *answer;
};

/* ---- where */

static bool find_socket(struct asking *a, const char *config)
{
	struct sp_conf_report report;
	bool is_found;

	sp_conf_report_init(&report);
	is_found = sp_conf_find_socket(config, a->path, sizeof(a->path), &report);
	if (!is_found)
		sp_conf_report_print(&report, config, a->to->err);
	sp_conf_report_fini(&report);
	if (is_found && strcmp(a->path, "off") == 0) {
		fprintf(a->to->err, "sallyport %s: [admin] socket = off in %s: there is no way to the gateway\n",
			a->command, config);
		return false;
	}
	return is_found;
}

/* -1, with the reason printed. */
static int reach(const struct asking *a)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sa.sun_path, a->path, strnlen(a->path, sizeof(sa.sun_path) - 1));
	if (fd >= 0 && a->to->patience_s > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = a->to->patience_s }, sizeof(struct timeval));
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		fprintf(a->to->err, "sallyport %s: no gateway listens on %s: is it running?\n", a->command, a->path);
	else
		fprintf(a->to->err, "sallyport %s: %s: %s%s\n", a->command, a->path, strerror(errno),
			errno == EACCES ? ": root and the gateway's user may ask" : "");
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* ---- the answer */

/* Text of the gateway: what a terminal may be shown. */
static void print_text(FILE *to, struct sp_str text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		(void)fputc(c < ' ' || c == 0x7f ? '?' : c, to);
	}
	(void)fputc('\n', to);
}

static uint64_t number_of(const struct sp_json *doc, const char *name)
{
	const struct sp_json_member *m = sp_json_find(doc, name);

	return m != NULL && m->is_number ? m->number : 0;
}

static void take_outcome(struct asking *a, const struct sp_json *doc, const struct sp_json_member *outcome)
{
	const struct sp_json_member *why = sp_json_find(doc, "why");

	a->has_outcome = true;
	a->answer->is_done = sp_str_eq(outcome->text, SP_STR("done"));
	a->answer->generation = number_of(doc, "generation");
	a->answer->confirm_s = number_of(doc, "confirm_s");
	if (why == NULL || why->is_number)
		return;
	fprintf(a->to->err, "sallyport %s: ", a->command);
	print_text(a->to->err, why->text);
}

static void take_line(struct asking *a, struct sp_str line, char *room)
{
	const struct sp_json_member *m;
	struct sp_json doc;

	if (sp_json_read(line, room, &doc) != NULL) {
		if (a->is_raw)
			fprintf(a->to->out, "%.*s\n", SP_STR_ARG(line));
	} else if ((m = sp_json_find(&doc, "outcome")) != NULL && !m->is_number) {
		take_outcome(a, &doc, m);
	} else if ((m = sp_json_find(&doc, "line")) != NULL && !m->is_number) {
		print_text(a->to->out, m->text);
	} else if ((m = sp_json_find(&doc, "reason")) != NULL && !m->is_number) {
		print_text(a->to->err, m->text);
	}
}

/* false: nothing came at all. */
static bool read_answer(struct asking *a, FILE *from)
{
	char *line = NULL, *room = NULL;
	size_t size = 0;
	bool is_any = false;
	ssize_t n;

	while ((n = getline(&line, &size, from)) > 0) {
		char *more = realloc(room, size);

		if (more == NULL)
			break;
		room = more;
		is_any = true;
		if (line[n - 1] == '\n')
			take_line(a, sp_str_of(line, (size_t)n - 1), room);
	}
	free(line);
	free(room);
	return is_any;
}

/* ---- asking */

/* fd is taken over. false: nothing was answered, so nothing was done. */
static bool ask(struct asking *a, int fd, const char *request)
{
	FILE *from;
	bool is_any = false;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request) &&
	    send(fd, "\n", 1, MSG_NOSIGNAL) == 1) {
		from = fdopen(fd, "r");
		if (from != NULL) {
			is_any = read_answer(a, from);
			(void)fclose(from);
			return is_any;
		}
	}
	(void)close(fd);
	return false;
}

bool sp_admin_ask_to(const struct sp_args *args, const char *command, const char *request, bool is_raw,
		     const struct sp_admin_to *to, struct sp_admin_answer *answer)
{
	struct asking a = { .command = command, .is_raw = is_raw, .to = to, .answer = answer };
	bool is_any = false;

	*answer = (struct sp_admin_answer){ .is_done = false };
	if (!find_socket(&a, args->config))
		return false;
	for (int i = 0; i < TRIES && !is_any; i++) {
		int fd;

		if (i > 0)
			(void)usleep(AGAIN_US);
		fd = reach(&a);
		if (fd < 0)
			return false;
		is_any = ask(&a, fd, request);
	}
	(void)fflush(to->out);
	if (a.has_outcome)
		return true;
	fprintf(to->err, "sallyport %s: %s\n", command,
		is_any ? "the gateway ended before it said what came of it"
		       : "the gateway closed the connection: root and the gateway's user may ask");
	return false;
}

bool sp_admin_ask(const struct sp_args *args, const char *command, const char *request, bool is_raw,
		  struct sp_admin_answer *answer)
{
	const struct sp_admin_to to = { .out = stdout, .err = stderr };

	return sp_admin_ask_to(args, command, request, is_raw, &to, answer);
}
