/*
 * healthcheck - asks the gateway on this machine what its balancer asks. Where every listener is one that cannot be asked
 * from here (a passed socket, whose port is in no file; one for balancers with a PROXY header or clients with a
 * certificate), it asks the monitor whether there is a worker, and no drain.
 */
#include "admin_client.h"
#include "command.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "sp/base/addr.h"
#include "sp/base/err.h"
#include "sp/conf/read.h"

#define TIMEOUT_S 3 /* for each step */

struct target {
	struct sp_addr addr;
	bool is_tls;
};

/* It wants what only its clients have. */
static bool is_for_others(const struct sp_conf_listener *l)
{
	return (l->tls_count > 0 && l->tls[0]->client_verify == SP_VERIFY_REQUIRED) ||
	       l->proxy_protocol == SP_PROXY_REQUIRED;
}

/* The first address that we can reach by ourselves. */
static bool find_target(const struct sp_conf *conf, struct target *out)
{
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct sp_conf_listener *l = &conf->listeners[i];

		for (size_t k = 0; k < l->bind_count && !is_for_others(l); k++) {
			if (l->binds[k].kind == SP_BIND_FD)
				continue;
			*out = (struct target){ .addr = l->binds[k].addr, .is_tls = l->tls_count > 0 };
			return true;
		}
	}
	return false;
}

/* 0.0.0.0 and :: are where it listens; we go by loopback. */
static void aim(struct sp_addr *addr)
{
	static const uint8_t any[16];

	if (memcmp(addr->ip, any, sizeof(any)) != 0)
		return;
	if (addr->family == SP_ADDR_V4)
		memcpy(addr->ip, (const uint8_t[]){ 127, 0, 0, 1 }, 4);
	else if (addr->family == SP_ADDR_V6)
		addr->ip[15] = 1;
}

static int reach(const struct sp_addr *addr, struct sp_err *err)
{
	const struct timeval patience = { .tv_sec = TIMEOUT_S };
	struct sockaddr_storage sa;
	socklen_t n = sp_addr_to_sockaddr(addr, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[SP_ADDR_TEXT];

	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, n) == 0)
		return fd;
	sp_err_set(err, "%s: %s", sp_addr_text(addr, text), strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static size_t ask_plain(int fd, const char *request, char *answer, size_t room)
{
	size_t n = 0;
	ssize_t got;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return 0;
	while (n < room && (got = recv(fd, answer + n, room - n, 0)) > 0)
		n += (size_t)got;
	return n;
}

/* The certificate is not looked at: the question is whether the gateway answers, and it is our own machine. */
static size_t ask_tls(int fd, const char *request, char *answer, size_t room)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;
	size_t n = 0;
	int got;

	if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1 &&
	    SSL_write(ssl, request, (int)strlen(request)) > 0)
		while (n < room && (got = SSL_read(ssl, answer + n, (int)(room - n))) > 0)
			n += (size_t)got;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return n;
}

/* Of a status line: what a terminal may be shown. */
static int status_length(const char *answer)
{
	int n = 0;

	while (n < 40 && answer[n] >= ' ' && answer[n] <= '~')
		n++;
	return n;
}

static bool is_healthy(const struct sp_conf *conf, struct target *target, struct sp_err *err)
{
	static const char good[] = "HTTP/1.1 200 ";
	char request[1024], answer[1024 + 1];
	struct sp_str path = conf->gateway.health_path;
	size_t n;
	int fd, length;

	length = snprintf(request, sizeof(request), "GET %.*s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
			  SP_STR_ARG(path));
	if (length < 0 || (size_t)length >= sizeof(request))
		return sp_err_set(err, "health_path is too long");
	aim(&target->addr);
	fd = reach(&target->addr, err);
	if (fd < 0)
		return false;
	n = target->is_tls ? ask_tls(fd, request, answer, sizeof(answer) - 1)
			  : ask_plain(fd, request, answer, sizeof(answer) - 1);
	answer[n] = '\0';
	close(fd);
	if (n < sizeof(good) - 1)
		return sp_err_set(err, "no answer");
	if (memcmp(answer, good, sizeof(good) - 1) != 0)
		return sp_err_set(err, "it answers \"%.*s\"", status_length(answer), answer);
	return true;
}

static bool is_healthy_by_monitor(const struct sp_args *args)
{
	struct sp_admin_answer answer;

	return sp_admin_ask(args, "healthcheck", "{\"command\":\"health\"}", false, &answer) && answer.is_done;
}

int sp_command_healthcheck(const struct sp_args *args)
{
	struct sp_conf_report report;
	struct sp_err err = { .text = "" };
	struct target target = { .is_tls = false };
	struct sp_conf *conf;
	bool ok = false;

	(void)signal(SIGPIPE, SIG_IGN); /* of a gateway that closes while we ask */
	sp_conf_report_init(&report);
	conf = sp_conf_read(args->config, &report);
	if (conf == NULL)
		sp_conf_report_print(&report, args->config, stderr);
	else if (find_target(conf, &target))
		ok = is_healthy(conf, &target, &err);
	else
		ok = is_healthy_by_monitor(args);
	if (conf != NULL && !ok && err.text[0] != '\0')
		fprintf(stderr, "sallyport healthcheck: %s\n", err.text);
	sp_conf_free(conf);
	sp_conf_report_fini(&report);
	return ok ? SP_EXIT_OK : SP_EXIT_FAILED;
}
