#include "demo.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "sp/build/generation.h"
#include "sp/conf/read.h"
#include "sp/master/master.h"

#define ORDINARY_USER "nobody" /* what a demo started as root runs as */

static const char what_to_try[] =
	"sallyport demo: a gateway, and an origin behind it on 127.0.0.1:%u\n"
	"\n"
	"  curl -k https://localhost:8443/                the page, over TLS\n"
	"  curl http://localhost:8080/echo -d hello       what the origin hears of a request\n"
	"  curl -kI https://localhost:8443/bytes/1000000  a head; without -I a megabyte\n"
	"  curl -kN https://localhost:8443/events         server-sent events\n"
	"  curl http://localhost:8080/healthz             what a balancer asks\n"
	"  curl http://localhost:8080/ -H 'Bad Name: x'   what never reaches the origin\n"
	"  curl http://localhost:9180/metrics             what Prometheus reads; in a browser: the status page, without /metrics\n"
	"\n"
	"A browser works too (the certificate was made a moment ago: it will warn). Ctrl-C ends everything.\n"
	"Access lines follow.\n"
	"\n";

static int listen_somewhere(unsigned *port, struct sp_err *err)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&sa, n) == 0 && listen(fd, 512) == 0 &&
	    getsockname(fd, (struct sockaddr *)&sa, &n) == 0) {
		*port = ntohs(sa.sin_port);
		return fd;
	}
	sp_err_set(err, "no loopback port for the origin: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

_Noreturn static void be_origin(int fd)
{
	const struct passwd *pw = geteuid() == 0 ? getpwnam(ORDINARY_USER) : NULL;

	(void)signal(SIGINT, SIG_IGN); /* Ctrl-C is meant for the gateway; we go with it */
	if (geteuid() == 0 && (pw == NULL || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0))
		_exit(1);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)prctl(PR_SET_NAME, "demo origin", 0, 0, 0);
	sp_demo_origin(fd);
}

static pid_t start_origin(unsigned *port, struct sp_err *err)
{
	int fd = listen_somewhere(port, err);
	pid_t pid;

	if (fd < 0)
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_origin(fd);
	close(fd);
	if (pid < 0)
		sp_err_set(err, "cannot fork: %s", strerror(errno));
	return pid;
}

static bool write_ini(const char *path, unsigned origin_port, struct sp_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (file == NULL) {
		if (fd >= 0)
			close(fd);
		return sp_err_set(err, "cannot write %s: %s", path, strerror(errno));
	}
	fprintf(file, "[gateway]\nworkers = 2\nmax_connections = 2000\n");
	if (geteuid() == 0)
		fprintf(file, "user = " ORDINARY_USER "\n");
	fprintf(file, "[egress]\nallow = 127.0.0.1/32:%u\n", origin_port);
	fprintf(file, "[log]\naccess = stdout\nformat = combined\nlevel = warn\n");
	fprintf(file, "[tls:demo]\ncert = demo.pem\nkey_file = demo.key\nhsts = off\n");
	fprintf(file, "[listener:https]\nbind = 127.0.0.1:8443\ntls = demo\n");
	fprintf(file, "[listener:http]\nbind = 127.0.0.1:8080\n");
	fprintf(file, "[route:all]\nhost = *\nto = 127.0.0.1:%u\nupgrade = websocket\n", origin_port);
	return fclose(file) == 0 || sp_err_set(err, "cannot write %s: %s", path, strerror(errno));
}

static struct sp_conf *read_ini(const char *path, struct sp_err *err)
{
	struct sp_conf_report report;
	struct sp_conf *conf;

	sp_conf_report_init(&report);
	conf = sp_conf_read(path, &report);
	if (conf == NULL || report.errors > 0) {
		sp_conf_report_print(&report, path, stderr);
		sp_err_set(err, "the demo's own configuration is refused");
	}
	sp_conf_report_fini(&report);
	return conf;
}

/* By a child, which alone holds the key until the keeper reads it. */
static bool make_cert(const char *chain, const char *key, struct sp_err *err)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		bool is_made = sp_demo_cert(chain, key, err);

		if (!is_made)
			fprintf(stderr, "sallyport demo: %s\n", err->text);
		_exit(is_made ? SP_EXIT_OK : SP_EXIT_FAILED);
	}
	if (pid < 0)
		return sp_err_set(err, "cannot fork: %s", strerror(errno));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status == 0 || sp_err_set(err, "no certificate was made");
}

/* Its files are needed while it is read and not any longer, so nothing stays behind however the demo ends. */
static struct sp_conf *make_conf(unsigned origin_port, struct sp_err *err)
{
	char folder[] = "/tmp/sallyport-demo-XXXXXX", chain[64], key[64], ini[64];
	struct sp_conf *conf = NULL;

	if (mkdtemp(folder) == NULL) {
		sp_err_set(err, "cannot make a folder in /tmp: %s", strerror(errno));
		return NULL;
	}
	snprintf(chain, sizeof(chain), "%s/demo.pem", folder);
	snprintf(key, sizeof(key), "%s/demo.key", folder);
	snprintf(ini, sizeof(ini), "%s/demo.ini", folder);
	if (make_cert(chain, key, err) && write_ini(ini, origin_port, err))
		conf = read_ini(ini, err);
	(void)unlink(chain);
	(void)unlink(key);
	(void)unlink(ini);
	(void)rmdir(folder);
	return conf;
}

int sp_command_demo(const struct sp_args *args)
{
	struct sp_err err = { .text = "" };
	struct sp_conf *conf = NULL;
	unsigned port = 0;
	pid_t origin = -1;
	bool ok = false;

	(void)args;
	if (!sp_master_clean_start(&err))
		goto out;
	origin = start_origin(&port, &err);
	if (origin > 0)
		conf = make_conf(port, &err);
	if (conf == NULL)
		goto out;
	printf(what_to_try, port);
	fflush(stdout);
	ok = sp_master_run(conf, NULL, &err);
out:
	if (origin > 0 && waitpid(origin, NULL, WNOHANG) == 0) {
		(void)kill(origin, SIGKILL);
		(void)waitpid(origin, NULL, 0);
	}
	if (!ok)
		fprintf(stderr, "sallyport demo: %s\n", err.text);
	return ok ? SP_EXIT_OK : SP_EXIT_FAILED;
}
