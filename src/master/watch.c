#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reload.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/conf/diff.h"

#define LOOK_MS 1000U
#define AGAIN_MS 30000U
#define COARSE_MS 20U /* a file's time may lag behind the clock by a tick */

struct stamp { /* of what a name leads to; all zero: nothing, or not known */
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

struct unit { /* what is renewed together: a pair, or one file */
	char *paths[2]; /* owned; [1] NULL: there is one */
	struct stamp served[2], seen[2]; /* what was read; what was there at the last look */
	struct stamp doubted[2];
	uint64_t not_before_ms; /* it was refused for no fault of its own */
};

struct sp_watch {
	struct sp_master *master; /* borrowed */
	struct unit *units; /* owned */
	size_t count;
	const struct unit *offered; /* borrowed: is being renewed; NULL: none */
	struct stamp offer[2]; /* as it was then */
	struct sp_deadline look;
};

static bool is_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool are_stamps(const struct stamp a[2], const struct stamp b[2])
{
	return is_stamp(&a[0], &b[0]) && is_stamp(&a[1], &b[1]);
}

/* false: one is not there just now. */
static bool look_at(const struct unit *unit, struct stamp now[2])
{
	memset(now, 0, 2 * sizeof(*now));
	for (size_t i = 0; i < 2 && unit->paths[i] != NULL; i++) {
		struct stat st;

		if (stat(unit->paths[i], &st) != 0)
			return false;
		now[i] = (struct stamp){ st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim };
	}
	return true;
}

/* ---- what there is to watch */

static void free_units(struct unit *units, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(units[i].paths[0]);
		free(units[i].paths[1]);
	}
	free(units);
}

static bool is_unit_of(const struct unit *unit, struct sp_str first)
{
	return unit->paths[0] != NULL && sp_str_eq(sp_str(unit->paths[0]), first);
}

static void add_unit(struct sp_watch *w, struct sp_str first, struct sp_str second)
{
	struct unit *unit = &w->units[w->count];

	for (size_t i = 0; i < w->count; i++)
		if (is_unit_of(&w->units[i], first))
			return; /* one pair of two sections */
	unit->paths[0] = strndup(first.p, first.n);
	unit->paths[1] = second.n == 0 ? NULL : strndup(second.p, second.n);
	if (unit->paths[0] != NULL)
		w->count++;
}

static void list_units(struct sp_watch *w, const struct sp_conf *conf)
{
	struct sp_str path;
	size_t most = conf->cert_count;

	for (size_t i = 0; sp_conf_kept_file(conf, i, &path); i++)
		most++;
	w->units = calloc(most + 1, sizeof(*w->units));
	w->count = 0;
	if (w->units == NULL)
		return; /* nothing is watched until the next reload */
	for (size_t i = 0; i < conf->cert_count; i++)
		add_unit(w, conf->certs[i]->chain_path, conf->certs[i]->key_path);
	for (size_t i = 0; sp_conf_kept_file(conf, i, &path); i++)
		add_unit(w, path, SP_STR_NONE);
}

/* What changed since it was read is not what was read. */
static void forget_if_late(struct stamp *stamp, uint64_t read_ms)
{
	uint64_t changed = (uint64_t)stamp->changed.tv_sec * 1000 + (uint64_t)stamp->changed.tv_nsec / 1000000;

	if (changed + COARSE_MS >= read_ms)
		memset(stamp, 0, sizeof(*stamp));
}

static void begin_unit(struct unit *unit, const struct sp_conf *conf)
{
	if (!look_at(unit, unit->served))
		memset(unit->served, 0, sizeof(unit->served));
	forget_if_late(&unit->served[0], conf->read_ms);
	if (unit->paths[1] != NULL)
		forget_if_late(&unit->served[1], conf->read_ms);
}

/* ---- looking */

static void on_look(struct sp_deadline *deadline);

static void on_outcome(void *arg, const struct sp_reload_outcome *outcome)
{
	struct sp_master *m = arg;
	struct sp_watch *w = m->watch;
	struct unit *unit = NULL;

	for (size_t i = 0; i < w->count; i++)
		if (&w->units[i] == w->offered)
			unit = &w->units[i];
	w->offered = NULL;
	if (unit == NULL)
		return; /* another configuration is served meanwhile */
	if (outcome->is_done) {
		memcpy(unit->served, w->offer, sizeof(unit->served));
		return;
	}
	if (outcome->is_at_fault)
		memcpy(unit->doubted, w->offer, sizeof(unit->doubted));
	else
		unit->not_before_ms = sp_now_ms() + AGAIN_MS;
	sp_error(unit->paths[1] != NULL ? "certificate_not_renewed" : "file_not_renewed", SP_KV_TEXT("file", unit->paths[0]),
		 SP_KV_TEXT("what", outcome->is_at_fault ? "the one before stays" : "tried again later"));
}

/* Two looks alike: whoever writes a pair writes it file by file. */
static bool is_due(struct unit *unit, struct stamp now[2])
{
	bool has_settled;

	if (!look_at(unit, now))
		return false;
	has_settled = are_stamps(now, unit->seen);
	memcpy(unit->seen, now, sizeof(unit->seen));
	return has_settled && !are_stamps(now, unit->served) && !are_stamps(now, unit->doubted) &&
	       sp_now_ms() >= unit->not_before_ms;
}

static bool offer(struct sp_master *m, const struct unit *unit, const struct stamp now[2])
{
	const char *paths[2] = { unit->paths[0], unit->paths[1] };

	m->watch->offered = unit;
	memcpy(m->watch->offer, now, sizeof(m->watch->offer));
	if (sp_reload_renew(m, paths, paths[1] == NULL ? 1 : 2, on_outcome, m))
		return true;
	m->watch->offered = NULL;
	return false;
}

static void look(struct sp_master *m)
{
	struct sp_watch *w = m->watch;
	bool is_offered = w->offered != NULL;

	for (size_t i = 0; i < w->count && !is_offered; i++) {
		struct stamp now[2];

		if (is_due(&w->units[i], now))
			is_offered = offer(m, &w->units[i], now);
	}
	sp_deadline_set(&w->look, sp_loop_deadlines(m->loop, LOOK_MS), on_look);
}

static void on_look(struct sp_deadline *deadline)
{
	struct sp_watch *w = SP_HOLDER(deadline, struct sp_watch, look);

	look(w->master);
}

/* ---- its life */

/* What was known of a file is known still, but for the files that an order read anew. */
void sp_watch_follow(struct sp_master *m)
{
	struct sp_watch *w = m->watch;
	struct unit *before = w->units;
	const struct unit *offered = w->offered;
	size_t count = w->count;
	bool is_renewal = offered != NULL;

	w->offered = NULL;
	list_units(w, m->conf);
	for (size_t i = 0; i < w->count; i++) {
		struct unit *unit = &w->units[i];

		begin_unit(unit, m->conf);
		for (size_t k = 0; is_renewal && k < count; k++) {
			if (!is_unit_of(&before[k], sp_str(unit->paths[0])))
				continue;
			memcpy(unit->served, before[k].served, sizeof(unit->served));
			memcpy(unit->seen, before[k].seen, sizeof(unit->seen));
			memcpy(unit->doubted, before[k].doubted, sizeof(unit->doubted));
			if (&before[k] == offered)
				w->offered = unit;
		}
	}
	free_units(before, count);
}

bool sp_watch_open(struct sp_master *m, struct sp_err *err)
{
	m->watch = calloc(1, sizeof(*m->watch));
	if (m->watch == NULL)
		return sp_err_set(err, "no memory to watch certificates");
	m->watch->master = m;
	sp_deadline_init(&m->watch->look);
	sp_watch_follow(m);
	look(m);
	return true;
}

void sp_watch_close(struct sp_master *m)
{
	if (m->watch == NULL)
		return;
	sp_deadline_clear(&m->watch->look);
	free_units(m->watch->units, m->watch->count);
	free(m->watch);
	m->watch = NULL;
}
