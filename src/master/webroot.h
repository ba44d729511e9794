/*
 * webroot - the folders of acme_webroot: watched, read, and handed down to the
 * workers as packs in sealed memory (proxy/challenge.h).
 *
 * A folder is an ACME client's and may be written by another user: nothing in it
 * is followed, waited for, or read beyond its bound. What is no plain small file
 * with a challenge's name is passed over.
 */
#ifndef SP_MASTER_WEBROOT_H
#define SP_MASTER_WEBROOT_H

#include <event2/event_struct.h>

#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/conf/read.h"
#include "sp/ipc/channel.h"
#include "sp/net/deadline.h"
#include "sp/net/loop.h"

struct sp_webroot;

struct sp_webroots {
	struct sp_webroot *items; /* owned */
	size_t count;
	struct sp_loop *loop; /* borrowed */
	int inotify_fd; /* owned; -1: none, then they are polled alone */
	struct event inotify_event;
	struct sp_deadline soon, poll;
	void (*on_change)(struct sp_webroots *roots, const struct sp_ipc_message *message);
};

/* Reads all that there is now; later changes come to on_change. Without an acme_webroot it does nothing. */
SP_MUST_USE bool sp_webroots_open(struct sp_webroots *roots, const struct sp_conf *conf, struct sp_loop *loop,
				  struct sp_err *err);
void sp_webroots_close(struct sp_webroots *roots); /* also after a failed open, or of a zeroed one */

/* For a worker that is new: the message of each folder that has something. *i = 0 at first; false: no more. */
bool sp_webroots_next(const struct sp_webroots *roots, size_t *i, struct sp_ipc_message *message);

/* Warns of a folder that is not there. */
void sp_webroots_vet(const struct sp_conf *conf, struct sp_conf_report *report);

#endif
