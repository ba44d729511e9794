/*
 * names - backends that are given by name: looked up by their TTL, every address
 * held to the egress rules, the last good answer kept.
 */
#ifndef SP_ROLE_MONITOR_NAMES_H
#define SP_ROLE_MONITOR_NAMES_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lookup.h"
#include "sp/conf/conf.h"
#include "watched.h"

struct sp_name;

struct sp_name_list {
	struct sp_lookup_env env;
	struct sp_egress egress; /* borrows from the configuration */
	struct sp_watch_list *list; /* borrowed */
	struct sp_name *names; /* owned */
	size_t count;
	struct event timer;
	void (*on_change)(void *arg); /* some backend has other addresses */
	void *arg;
	bool is_begun;
};

/* All is borrowed but what it makes; env without its on_done. false with *err. */
SP_MUST_USE bool sp_name_list_init(struct sp_name_list *names, const struct sp_conf *conf, struct sp_watch_list *list,
				   const struct sp_lookup_env *env, struct sp_err *err);
void sp_name_list_begin(struct sp_name_list *names); /* all at once */
void sp_name_list_stop(struct sp_name_list *names); /* nothing is under way behind it; it may be begun anew */
void sp_name_list_fini(struct sp_name_list *names);

#endif
