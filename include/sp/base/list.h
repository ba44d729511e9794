/*
 * list - intrusive, doubly linked, with a head node. A node that is in no list
 * points at itself, so unlinking twice is harmless.
 */
#ifndef SP_BASE_LIST_H
#define SP_BASE_LIST_H

#include <stdbool.h>

#include "sp/base/check.h"

struct sp_list {
	struct sp_list *next, *prev;
};

static inline void sp_list_init(struct sp_list *l)
{
	l->next = l->prev = l;
}

static inline bool sp_list_is_empty(const struct sp_list *l)
{
	return l->next == l;
}

static inline bool sp_list_is_linked(const struct sp_list *n)
{
	return n->next != n;
}

static inline void sp_list_unlink(struct sp_list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = n;
}

static inline void sp_list_push(struct sp_list *l, struct sp_list *n)           /* at the end */
{
	n->prev = l->prev;
	n->next = l;
	l->prev->next = n;
	l->prev = n;
}

static inline void sp_list_push_front(struct sp_list *l, struct sp_list *n)
{
	sp_list_push(l->next, n);
}

static inline void sp_list_move_all(struct sp_list *from, struct sp_list *to)   /* `to` is empty */
{
	if (sp_list_is_empty(from)) {
		sp_list_init(to);
		return;
	}
	*to = *from;
	to->next->prev = to;
	to->prev->next = to;
	sp_list_init(from);
}

#endif
