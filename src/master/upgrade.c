#include "upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "elders.h"
#include "reload.h"
#include "say.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "takeover.h"

enum {
	REHEARSAL_MS = 60000, /* generous: a machine may be busy, and what is served goes on meanwhile */
	NOT_EXECUTED = 127,
	NUMBER = 16, /* bytes of a descriptor as text */
};

struct sp_upgrade {
	struct sp_master *m; /* borrowed */
	const char *file; /* borrowed */
	char *program; /* owned; absolute; NULL: unknown */
	pid_t rehearsal; /* 0: none */
	int said_fd; /* owned: memory that it writes to; -1 */
	bool is_remembered; /* a signal came when it could not begin */
	struct sp_deadline patience;
};

/* ---- the path by which we were started */

static bool is_this_program(const char *path)
{
	struct stat there, here;

	return stat(path, &there) == 0 && stat("/proc/self/exe", &here) == 0 && there.st_dev == here.st_dev &&
	       there.st_ino == here.st_ino;
}

static char *joined(struct sp_str folder, const char *name)
{
	char *path;

	return asprintf(&path, "%.*s/%s", SP_STR_ARG(folder), name) < 0 ? NULL : path;
}

static char *path_in(struct sp_str folder, const char *name)
{
	char *path = joined(folder, name);

	if (path != NULL && is_this_program(path))
		return path;
	free(path);
	return NULL;
}

static char *path_in_any(const char *folders, const char *name)
{
	struct sp_str rest = sp_str(folders != NULL ? folders : ""), folder;
	char *path = NULL;

	while (path == NULL && sp_str_split(&rest, ':', &folder))
		if (folder.n > 0 && folder.p[0] == '/')
			path = path_in(folder, name);
	return path;
}

/* Links in it are not followed now but when it is executed: a link may be what is changed. Only a name under which we
 * cannot be found is given up for what the kernel executed; the program before us has found it, and may itself be
 * followed there already. */
static char *find_program(const char *name)
{
	char here[4096];
	char *path = NULL;
	ssize_t n;

	if (name[0] == '/' && sp_takeover_is())
		path = strdup(name);
	else if (name[0] == '/')
		path = path_in(SP_STR(""), name + 1);
	else if (strchr(name, '/') != NULL && getcwd(here, sizeof(here)) != NULL)
		path = path_in(sp_str(here), name);
	else
		path = path_in_any(getenv("PATH"), name);
	if (path != NULL)
		return path;
	n = readlink("/proc/self/exe", here, sizeof(here) - 1);
	if (n <= 0)
		return NULL;
	here[n] = '\0';
	return strdup(here);
}

/* ---- how it ends */

static void tell_supervisor(const struct sp_master *m)
{
	sp_notify_send(&m->notify, "READY=1\nSTATUS=upgrade refused, serving with %u workers, generation %u",
		       m->workers, m->edition->number);
}

static void end_rehearsal(struct sp_upgrade *u)
{
	sp_deadline_clear(&u->patience);
	if (u->rehearsal > 0)
		(void)kill(u->rehearsal, SIGKILL); /* reaped as a child that nobody knows */
	u->rehearsal = 0;
	if (u->said_fd >= 0)
		(void)close(u->said_fd);
	u->said_fd = -1;
}

/* Nothing has changed; what came meanwhile has its turn. */
static void refuse(struct sp_upgrade *u, const char *why)
{
	sp_error("upgrade_refused", SP_KV_TEXT("why", why), SP_KV_U64("generation", u->m->edition->number));
	end_rehearsal(u);
	tell_supervisor(u->m);
	sp_reload_begin_remembered(u->m);
	sp_upgrade_begin_remembered(u->m);
}

/* ---- what is handed over */

/* What the next program does with a process of this one. */
static enum sp_handed_end end_of(enum sp_ipc_role role)
{
	switch (role) {
	case SP_IPC_WORKER: return SP_HANDED_WORKS;
	case SP_IPC_KEEPER:
	case SP_IPC_DIALER: return SP_HANDED_SERVES;
	case SP_IPC_MONITOR:
	case SP_IPC_LOGGER: return SP_HANDED_YIELDS;
	case SP_IPC_MASTER: break;
	}
	SP_ASSERT(false);
	return SP_HANDED_ENDS;
}

static void hand_child(const struct sp_slot *slot, struct sp_handing *handing)
{
	const struct sp_master *m = slot->master;
	struct sp_handed_row *row = sp_handing_add(handing, SP_HANDED_CHILD, slot->channel.fd);
	char name[32];

	_Static_assert(sizeof(name) <= SP_HANDOVER_NAME, "the name of a process fits");
	sp_slot_name(slot, name);
	memcpy(row->is.child.name, name, sizeof(name));
	row->is.child.pid = slot->pid;
	row->is.child.set = m->set;
	row->is.child.ends = end_of(slot->role);
	row->is.child.part = slot->worker == 0 ? SP_HANDED_NO_PART
					       : (uint32_t)sp_board_part_of(m->board, slot->worker - 1);
	row->is.child.stop_n = (uint32_t)sp_ipc_pack(SP_IPC_STOP, row->is.child.stop);
	if (slot->role == SP_IPC_WORKER)
		row->is.child.finish_n = (uint32_t)sp_ipc_pack(SP_IPC_FINISH, row->is.child.finish);
}

/* One whose channel is gone is about to end; nobody has to be told. */
static void hand_children(const struct sp_master *m, struct sp_handing *handing)
{
	for (unsigned i = 0; i < SP_ROLES + m->workers; i++)
		if (m->slots[i]->pid > 0 && m->slots[i]->channel.fd >= 0)
			hand_child(m->slots[i], handing);
	sp_elders_hand(m, handing);
}

static void hand_board(const struct sp_master *m, struct sp_handing *handing)
{
	static int fds[SP_BOARD_FDS_MAX];
	size_t count = sp_board_fds(m->board, fds);

	for (size_t i = 0; i < count; i++)
		sp_handing_add(handing, SP_HANDED_BOARD, fds[i])->is.board.index = (uint32_t)i;
}

static void hand_pipes(const struct sp_logs *logs, struct sp_handing *handing)
{
	for (unsigned which = 0; which < SP_IPC_LOG_COUNT; which++) {
		if (logs->from[which] < 0)
			continue; /* a journal that could not be opened */
		sp_handing_add(handing, SP_HANDED_PIPE, logs->from[which])->is.pipe.log = which;
		struct sp_handed_row *to = sp_handing_add(handing, SP_HANDED_PIPE, logs->to[which]);

		to->is.pipe.log = which;
		to->is.pipe.is_write = 1;
	}
}

static void hand_secrets(struct sp_handing *handing)
{
	struct sp_handed_row *row = sp_handing_add(handing, SP_HANDED_SECRETS, -1);

	row->is.secrets.hash = *sp_siphash_process_key();
	sp_tls_tickets_get(row->is.secrets.tickets);
}

static void hand_master(const struct sp_master *m, struct sp_handing *handing)
{
	sp_handing_add(handing, SP_HANDED_MASTER, -1)->is = (union sp_handed_body){
		.master = { .pid = getpid(),
			    .set = m->set,
			    .generation = m->edition->number,
			    .workers = m->workers,
			    .bank = sp_board_bank(m->board),
			    .is_sealed = m->is_sealed,
			    .is_drained = m->is_drained },
	};
}

static bool gather(const struct sp_master *m, bool with_secrets, struct sp_handing *handing, struct sp_err *err)
{
	hand_master(m, handing);
	if (with_secrets)
		hand_secrets(handing);
	sp_binds_hand(&m->binds, handing);
	sp_page_hand(&m->page, handing);
	hand_board(m, handing);
	hand_pipes(&m->logs, handing);
	hand_children(m, handing);
	return !handing->is_failed || sp_err_set(err, "no memory for what is handed over");
}

/* Sealed memory with the table; -1 with *err. */
static int seal_table(const struct sp_handing *handing, struct sp_err *err)
{
	size_t n = 0;
	uint8_t *bytes = sp_handover_write(handing->rows, handing->count, &n, err);
	int fd = bytes == NULL ? -1 : memfd_create("handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (write(fd, bytes, n) != (ssize_t)n ||
			fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)) {
		(void)close(fd);
		fd = -1;
	}
	if (bytes != NULL)
		explicit_bzero(bytes, n);
	free(bytes);
	if (fd < 0)
		sp_err_set(err, "no memory file for what is handed over: %s", strerror(errno));
	return fd;
}

/* ---- executing it */

static void set_inherited(const struct sp_handing *handing, bool is_inherited)
{
	for (size_t i = 0; i < handing->count; i++)
		if (handing->rows[i].fd >= 0)
			(void)fcntl(handing->rows[i].fd, F_SETFD, is_inherited ? 0 : FD_CLOEXEC);
}

static bool name_table(const char *variable, int fd)
{
	char number[NUMBER];

	(void)snprintf(number, sizeof(number), "%d", fd);
	return fcntl(fd, F_SETFD, 0) == 0 && setenv(variable, number, 1) == 0;
}

static void execute(const struct sp_upgrade *u, const char *command)
{
	char *const argv[] = { u->program, (char *)(uintptr_t)command, (char *)(uintptr_t) "-c",
			       (char *)(uintptr_t)u->file, NULL };

	(void)execve(u->program, argv, environ);
}

/* Returns only when it failed: then all is as it was. Signals that come meanwhile stay blocked, and are the next one's. */
static void execute_in_place(struct sp_upgrade *u, struct sp_err *err)
{
	struct sp_handing handing = { .rows = NULL };
	int fd = gather(u->m, true, &handing, err) ? seal_table(&handing, err) : -1;

	if (fd >= 0) {
		set_inherited(&handing, true);
		if (name_table(SP_TAKEOVER_VARIABLE, fd)) {
			sp_info("upgrade_executes", SP_KV_TEXT("program", u->program));
			execute(u, "run");
		}
		sp_err_set(err, "%s cannot be executed: %s", u->program, strerror(errno));
		(void)unsetenv(SP_TAKEOVER_VARIABLE);
		set_inherited(&handing, false);
		(void)close(fd);
	}
	sp_handing_free(&handing);
}

/* ---- the rehearsal */

/* Dies with us, and has nothing of ours but the table. */
_Noreturn static void be_rehearsal(const struct sp_upgrade *u, int table, pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() == parent && dup2(u->said_fd, STDOUT_FILENO) >= 0 && dup2(u->said_fd, STDERR_FILENO) >= 0 &&
	    name_table(SP_REHEARSAL_VARIABLE, table)) {
		execute(u, "rehearse");
		(void)dprintf(STDERR_FILENO, "%s: %s\n", u->program, strerror(errno));
	}
	_exit(NOT_EXECUTED);
}

static void on_late(struct sp_deadline *deadline)
{
	refuse(SP_HOLDER(deadline, struct sp_upgrade, patience), "its rehearsal takes too long");
}

static bool rehearse(struct sp_upgrade *u, struct sp_err *err)
{
	struct sp_handing handing = { .rows = NULL };
	int table = gather(u->m, false, &handing, err) ? seal_table(&handing, err) : -1;
	pid_t parent = getpid();

	sp_handing_free(&handing);
	if (table < 0)
		return false;
	u->said_fd = memfd_create("rehearsal", MFD_CLOEXEC);
	if (u->said_fd >= 0) {
		(void)fflush(NULL);
		u->rehearsal = fork();
		if (u->rehearsal == 0)
			be_rehearsal(u, table, parent);
	}
	(void)close(table);
	if (u->said_fd < 0 || u->rehearsal < 0) {
		u->rehearsal = 0;
		return sp_err_set(err, "it cannot be tried: %s", strerror(errno));
	}
	sp_deadline_set(&u->patience, sp_loop_deadlines(u->m->loop, REHEARSAL_MS), on_late);
	return true;
}

/* Another program than ours may well end with 0 whatever it is asked. */
static bool has_answered(struct sp_str said)
{
	const struct sp_str answer = SP_STR(SP_HANDOVER_ANSWER "\n");

	return said.n >= answer.n && memcmp(said.p + said.n - answer.n, answer.p, answer.n) == 0;
}

static void on_rehearsed(struct sp_upgrade *u, int status)
{
	struct sp_err err = { .text = "" };
	size_t n;
	char *said = sp_said(u->said_fd, &n);
	bool is_fine = WIFEXITED(status) && WEXITSTATUS(status) == 0 && has_answered(sp_str_of(said, n));

	u->said_fd = -1;
	sp_deadline_clear(&u->patience);
	sp_say(is_fine ? SP_LOG_INFO : SP_LOG_ERROR, "upgrade_says", sp_str_of(said, n));
	free(said);
	if (is_fine)
		execute_in_place(u, &err);
	else if (WIFSIGNALED(status))
		sp_err_set(&err, "its rehearsal ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == NOT_EXECUTED)
		sp_err_set(&err, "%s cannot be executed", u->program);
	else if (WEXITSTATUS(status) == 0)
		sp_err_set(&err, "%s is no sallyport that can take over", u->program);
	else
		sp_err_set(&err, "its rehearsal failed (exit %d)", WEXITSTATUS(status));
	refuse(u, err.text);
}

/* ---- its beginning */

static bool is_possible(const struct sp_upgrade *u, struct sp_err *err)
{
	struct sp_master *m = u->m;

	if (u->file == NULL || u->program == NULL)
		return sp_err_set(err, "only `run` can be executed in place");
	if (sp_reload_confirmation_waits(m))
		return sp_err_set(err, "a reload waits for its confirmation");
	return (sp_elders_banks(m) & SP_BIT((sp_board_bank(m->board) + 1) % SP_BOARD_BANKS)) == 0 ||
	       sp_err_set(err, "workers of %d programs before are still finishing their connections",
			  SP_BOARD_BANKS - 1);
}

static void begin(struct sp_upgrade *u)
{
	struct sp_err err = { .text = "" };

	u->is_remembered = false;
	sp_info("upgrade_begins", SP_KV_TEXT("program", u->program != NULL ? u->program : "unknown"));
	sp_notify_send(&u->m->notify, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)sp_now_us());
	if (!is_possible(u, &err) || !rehearse(u, &err))
		refuse(u, err.text);
}

static bool can_begin(const struct sp_master *m)
{
	return sp_reload_is_idle(m) || (m->state == SP_MASTER_STARTING && m->is_stuck);
}

void sp_upgrade_by_signal(struct sp_master *m)
{
	struct sp_upgrade *u = m->upgrade;

	if (u->rehearsal > 0 || m->state > SP_MASTER_SERVING)
		sp_warn("upgrade_ignored",
			SP_KV_TEXT("why", u->rehearsal > 0 ? "one is under way" : "the gateway ends"));
	else if (can_begin(m))
		begin(u);
	else
		u->is_remembered = true;
}

void sp_upgrade_begin_remembered(struct sp_master *m)
{
	if (m->upgrade != NULL && m->upgrade->is_remembered && m->upgrade->rehearsal == 0 && can_begin(m))
		begin(m->upgrade);
}

bool sp_upgrade_is_under_way(const struct sp_master *m)
{
	return m->upgrade != NULL && m->upgrade->rehearsal > 0;
}

/* ---- its life */

bool sp_upgrade_on_exit(struct sp_master *m, pid_t pid, int status)
{
	struct sp_upgrade *u = m->upgrade;

	if (u == NULL || u->rehearsal == 0 || pid != u->rehearsal)
		return false;
	u->rehearsal = 0;
	on_rehearsed(u, status);
	return true;
}

void sp_upgrade_cancel(struct sp_master *m)
{
	m->upgrade->is_remembered = false;
	if (m->upgrade->rehearsal > 0)
		refuse(m->upgrade, "the gateway ends");
}

bool sp_upgrade_open(struct sp_master *m, const char *file, struct sp_err *err)
{
	struct sp_upgrade *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return sp_err_set(err, "no memory for upgrades");
	*u = (struct sp_upgrade){ .m = m, .file = file, .said_fd = -1 };
	if (file != NULL)
		u->program = find_program(program_invocation_name);
	sp_deadline_init(&u->patience);
	m->upgrade = u;
	return true;
}

void sp_upgrade_close(struct sp_master *m)
{
	struct sp_upgrade *u = m->upgrade;

	if (u == NULL)
		return;
	end_rehearsal(u);
	free(u->program);
	free(u);
	m->upgrade = NULL;
}
