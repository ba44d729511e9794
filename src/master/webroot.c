#include "webroot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp/base/check.h"
#include "sp/base/log.h"
#include "sp/master/master.h"
#include "sp/proxy/challenge.h"

enum {
	LEVELS = 3, /* the webroot, .well-known, acme-challenge */
	LOOK_MAX = 1024, /* names looked at, of which the newest are taken */
	SOON_MS = 20, /* from a change to a look: what comes together is read together */
	POLL_MS = 1000, /* where no change is told: a network file system, a folder that came later */
};

struct sp_webroot {
	uint32_t listener; /* of conf->listeners */
	struct sp_str name; /* borrowed: of that listener */
	struct sp_str path; /* borrowed: ends with NUL, as all of conf */
	int watches[LEVELS]; /* -1 = none */
	char *pack; /* owned: what was handed down last */
	size_t pack_n;
	size_t passed_over; /* files, then */
	int trouble; /* why the folder could not be opened, then; 0 = it could, or is not there */
	int fd; /* owned: the pack in sealed memory; -1: nothing was ever there */
};

struct found {
	char name[SP_CHALLENGE_NAME_MAX + 1];
	struct timespec changed;
};

struct look { /* into one folder */
	struct found *found;
	size_t count, passed_over;
	char *pack;
	size_t pack_n, packed;
};

/* ---- the folder ---- */

/* By the descriptor, so that what is watched is what is read. */
static void watch(const struct sp_webroots *roots, int folder, int *wd)
{
	char path[32];
	int now = -1;

	if (roots->inotify_fd < 0)
		return;
	if (folder >= 0) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", folder);
		now = inotify_add_watch(roots->inotify_fd, path,
					IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
						IN_DELETE_SELF | IN_MOVE_SELF);
	}
	if (*wd >= 0 && *wd != now)
		(void)inotify_rm_watch(roots->inotify_fd, *wd);
	*wd = now;
}

static void note_trouble(struct sp_webroot *root, const char *folder, int why)
{
	if (why == ENOENT)
		why = 0; /* an ACME client makes it when it needs it, and takes it away again */
	if (why != 0 && why != root->trouble)
		sp_warn("acme_webroot_unreadable", SP_KV_STR("listener", root->name), SP_KV_TEXT("folder", folder),
			SP_KV_ERRNO("why", why));
	root->trouble = why;
}

/* -1: not there, or not to be opened; below the webroot no link is followed. */
static int open_folder(const struct sp_webroots *roots, struct sp_webroot *root)
{
	static const char *const names[LEVELS] = { NULL, ".well-known", "acme-challenge" };
	int folder = AT_FDCWD, level, why = 0;

	for (level = 0; level < LEVELS && folder != -1; level++) {
		int above = folder, flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (level > 0 ? O_NOFOLLOW : 0);
		const char *name = level > 0 ? names[level] : root->path.p;

		SP_ASSERT(name != NULL);
		folder = openat(above, name, flags);
		if (folder < 0)
			note_trouble(root, name, why = errno);
		if (above >= 0)
			close(above);
		watch(roots, folder, &root->watches[level]);
	}
	for (; level < LEVELS; level++)
		watch(roots, -1, &root->watches[level]);
	if (why == 0)
		root->trouble = 0;
	return folder;
}

static void find(int folder, struct look *look)
{
	int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (dir == NULL) {
		if (copy >= 0)
			close(copy);
		return;
	}
	while (look->count + look->passed_over < LOOK_MAX && (entry = readdir(dir)) != NULL) {
		struct found *found = &look->found[look->count];
		struct sp_str name = sp_str(entry->d_name);
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!sp_challenge_is_name(name) || fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			look->passed_over++;
			continue;
		}
		memcpy(found->name, name.p, name.n + 1);
		found->changed = st.st_mtim;
		look->count++;
	}
	(void)closedir(dir);
}

/* What an ACME client left behind long ago must not stand in the way of what it asks for now. */
static int newest_first(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->changed.tv_sec != y->changed.tv_sec)
		return x->changed.tv_sec < y->changed.tv_sec ? 1 : -1;
	if (x->changed.tv_nsec != y->changed.tv_nsec)
		return x->changed.tv_nsec < y->changed.tv_nsec ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* ---- its files ---- */

/* A second name of it may be one outside the folder, by which its writer makes us read what only we can. */
static bool is_plain(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size <= SP_CHALLENGE_TEXT_MAX;
}

/* Bytes read into text, which has room for one more than a file may have; 0: none, or no file for us. */
static size_t read_text(int folder, const char *name, char *text)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0)
		return 0;
	if (is_plain(fd))
		while (n <= SP_CHALLENGE_TEXT_MAX && (got = read(fd, text + n, SP_CHALLENGE_TEXT_MAX + 1 - n)) > 0)
			n += (size_t)got;
	close(fd);
	return got < 0 || n > SP_CHALLENGE_TEXT_MAX ? 0 : n;
}

static void pack_files(int folder, struct look *look)
{
	static char text[SP_CHALLENGE_TEXT_MAX + 1];

	for (size_t i = 0; i < look->count; i++) {
		const char *name = look->found[i].name;
		size_t n = look->packed < SP_CHALLENGE_COUNT_MAX ? read_text(folder, name, text) : 0;

		if (n == 0) {
			look->passed_over++;
			continue;
		}
		look->pack_n += sp_challenge_pack(look->pack + look->pack_n, sp_str(name), sp_str_of(text, n));
		look->packed++;
	}
}

/* ---- handing down ---- */

static int seal(const char *bytes, size_t n)
{
	int fd = memfd_create("acme challenges", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if ((n == 0 || write(fd, bytes, n) == (ssize_t)n) &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
		return fd;
	close(fd);
	return -1;
}

static struct sp_ipc_message message_of(const struct sp_webroot *root)
{
	return (struct sp_ipc_message){ .type = SP_IPC_CHALLENGES,
					.body.challenges.listener = root->listener,
					.fd = root->fd };
}

/* Takes look->pack over when it is another than before. */
static bool take(struct sp_webroot *root, struct look *look)
{
	int fd;

	if (look->pack_n == root->pack_n && (look->pack_n == 0 || memcmp(look->pack, root->pack, look->pack_n) == 0))
		return false;
	fd = seal(look->pack, look->pack_n);
	if (fd < 0) {
		sp_error("acme_challenges_not_handed_down", SP_KV_ERRNO("why", errno));
		return false;
	}
	if (root->fd >= 0)
		close(root->fd);
	root->fd = fd;
	free(root->pack);
	root->pack = look->pack;
	root->pack_n = look->pack_n;
	look->pack = NULL;
	return true;
}

/* All that is there now; look->pack is the caller's either way. false: no memory. */
static bool look_at(const struct sp_webroots *roots, struct sp_webroot *root, struct look *look)
{
	int folder = open_folder(roots, root);
	bool has_room;

	*look = (struct look){ .found = calloc(LOOK_MAX, sizeof(struct found)), .pack = malloc(SP_CHALLENGE_PACK_MAX) };
	has_room = look->found != NULL && look->pack != NULL;
	if (has_room && folder >= 0) {
		find(folder, look);
		qsort(look->found, look->count, sizeof(*look->found), newest_first);
		pack_files(folder, look);
	}
	if (folder >= 0)
		close(folder);
	free(look->found);
	return has_room;
}

static void look_into(struct sp_webroots *roots, struct sp_webroot *root)
{
	struct look look;
	bool has_changed;

	if (!look_at(roots, root, &look))
		goto out; /* at the next look perhaps */
	has_changed = take(root, &look);
	if (has_changed || look.passed_over != root->passed_over)
		sp_info("acme_challenges", SP_KV_STR("listener", root->name), SP_KV_U64("files", look.packed),
			SP_KV_U64("passed_over", look.passed_over));
	root->passed_over = look.passed_over;
	if (has_changed && roots->on_change != NULL) {
		struct sp_ipc_message message = message_of(root);

		roots->on_change(roots, &message);
	}
out:
	free(look.pack);
}

struct sp_challenges *sp_master_challenges(const struct sp_conf_listener *listener)
{
	static const struct sp_webroots unwatched = { .inotify_fd = -1 };
	struct sp_webroot root = { .name = listener->section.name,
				   .path = listener->acme_webroot,
				   .watches = { -1, -1, -1 },
				   .fd = -1 };
	struct sp_challenges *set = NULL;
	struct look look = { .pack = NULL };

	if (listener->acme_webroot.n > 0 && look_at(&unwatched, &root, &look))
		set = sp_challenges_new(sp_str_of(look.pack, look.pack_n));
	free(look.pack);
	return set;
}

/* ---- when to look ---- */

static void look_into_all(struct sp_webroots *roots);

static void on_soon(struct sp_deadline *deadline)
{
	look_into_all(SP_HOLDER(deadline, struct sp_webroots, soon));
}

static void on_poll(struct sp_deadline *deadline)
{
	look_into_all(SP_HOLDER(deadline, struct sp_webroots, poll));
}

static void look_into_all(struct sp_webroots *roots)
{
	for (size_t i = 0; i < roots->count; i++)
		look_into(roots, &roots->items[i]);
	sp_deadline_set(&roots->poll, sp_loop_deadlines(roots->loop, POLL_MS), on_poll);
}

static void on_told(evutil_socket_t fd, short what, void *arg)
{
	struct sp_webroots *roots = arg;
	char waste[4096] __attribute__((aligned(8)));

	(void)what;
	sp_loop_woke(roots->loop);
	while (read(fd, waste, sizeof(waste)) > 0)
		continue;
	if (!sp_deadline_is_set(&roots->soon))
		sp_deadline_set(&roots->soon, sp_loop_deadlines(roots->loop, SOON_MS), on_soon);
}

/* ---- its life ---- */

static bool add_roots(struct sp_webroots *roots, const struct sp_conf *conf)
{
	roots->items = calloc(conf->listener_count + 1, sizeof(*roots->items));
	if (roots->items == NULL)
		return false;
	for (size_t i = 0; i < conf->listener_count; i++) {
		if (conf->listeners[i].acme_webroot.n == 0)
			continue;
		roots->items[roots->count++] = (struct sp_webroot){ .listener = (uint32_t)i,
								    .name = conf->listeners[i].section.name,
								    .path = conf->listeners[i].acme_webroot,
								    .watches = { -1, -1, -1 },
								    .fd = -1 };
	}
	return true;
}

bool sp_webroots_open(struct sp_webroots *roots, const struct sp_conf *conf, struct sp_loop *loop, struct sp_err *err)
{
	roots->loop = loop;
	roots->inotify_fd = -1;
	sp_deadline_init(&roots->soon);
	sp_deadline_init(&roots->poll);
	if (!add_roots(roots, conf))
		return sp_err_set(err, "no memory for acme_webroot");
	if (roots->count == 0)
		return true;
	roots->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (roots->inotify_fd < 0) {
		sp_warn("acme_webroot_polled", SP_KV_ERRNO("why", errno));
	} else if (event_assign(&roots->inotify_event, sp_loop_base(loop), roots->inotify_fd, EV_READ | EV_PERSIST,
				on_told, roots) != 0 ||
		   event_add(&roots->inotify_event, NULL) != 0) {
		return sp_err_set(err, "cannot wait for changes in acme_webroot");
	}
	look_into_all(roots);
	return true;
}

void sp_webroots_close(struct sp_webroots *roots)
{
	if (roots->loop == NULL)
		return;
	sp_deadline_clear(&roots->soon);
	sp_deadline_clear(&roots->poll);
	if (roots->inotify_fd >= 0) {
		(void)event_del(&roots->inotify_event);
		close(roots->inotify_fd);
		roots->inotify_fd = -1;
	}
	for (size_t i = 0; i < roots->count; i++) {
		if (roots->items[i].fd >= 0)
			close(roots->items[i].fd);
		free(roots->items[i].pack);
	}
	free(roots->items);
	roots->items = NULL;
	roots->count = 0;
}

bool sp_webroots_next(const struct sp_webroots *roots, size_t *i, struct sp_ipc_message *message)
{
	for (; *i < roots->count; ++*i) {
		if (roots->items[*i].fd < 0)
			continue;
		*message = message_of(&roots->items[(*i)++]);
		return true;
	}
	return false;
}

void sp_webroots_vet(const struct sp_conf *conf, struct sp_conf_report *report)
{
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct sp_conf_listener *l = &conf->listeners[i];
		struct stat st;

		if (l->acme_webroot.n > 0 && (stat(l->acme_webroot.p, &st) != 0 || !S_ISDIR(st.st_mode)))
			sp_conf_report_add(report, SP_CONF_WARNING, sp_conf_at(&l->section, "acme_webroot"),
					   "acme_webroot = %.*s: no such folder; until there is one, challenges are "
					   "answered 404 [acme-webroot]",
					   SP_STR_ARG(l->acme_webroot));
	}
}
