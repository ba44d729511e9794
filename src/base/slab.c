/*
 * slab - objects of one size; freed ones are kept for the next.
 *
 * Before each object lies a head that says whether it is alive and whose it is,
 * so that giving one back twice, or to another slab, stops at once. Sanitizer
 * builds hand the oldest freed object out again, and only while more than
 * QUARANTINE of them rest; others the newest, which is still in the cache.
 */
#include "sp/base/slab.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef SP_SAN
#include <sanitizer/asan_interface.h>
#define QUARANTINE 256U
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define QUARANTINE 0U
#endif

struct head {
	struct head *next; /* in the free list */
	uintptr_t mark; /* mark_of(slab) while alive, its complement while free */
	alignas(max_align_t) char object[];
};

struct sp_slab {
	const char *name; /* borrowed: a literal */
	size_t size, limit;
	size_t alive, made, resting;
	struct head *first; /* owned: the free list */
	struct head *last; /* of it, while there is a first */
};

struct sp_slab *sp_slab_new(const char *name, size_t size, size_t limit)
{
	struct sp_slab *slab;

	SP_ASSERT(size > 0 && size < SIZE_MAX / 2);
	slab = calloc(1, sizeof(*slab));
	if (slab == NULL)
		return NULL;
	slab->name = name;
	slab->size = size;
	slab->limit = limit;
	return slab;
}

static void free_first(struct sp_slab *slab)
{
	struct head *head = slab->first;

	slab->first = head->next;
	slab->resting--;
	ASAN_UNPOISON_MEMORY_REGION(head->object, slab->size);
	free(head);
}

void sp_slab_free(struct sp_slab *slab)
{
	if (slab == NULL)
		return;
	SP_ASSERT(slab->alive == 0);
	while (slab->first != NULL)
		free_first(slab);
	free(slab);
}

void sp_slab_trim(struct sp_slab *slab)
{
	while (slab->resting > slab->alive + QUARANTINE)
		free_first(slab);
}

static uintptr_t mark_of(const struct sp_slab *slab)
{
	return (uintptr_t)slab;
}

static struct head *reuse(struct sp_slab *slab)
{
	struct head *head = slab->first;

	if (head == NULL || slab->resting <= QUARANTINE)
		return NULL;
	SP_ASSERT(head->mark == ~mark_of(slab));
	slab->first = head->next;
	slab->resting--;
	ASAN_UNPOISON_MEMORY_REGION(head->object, slab->size);
	return head;
}

static void rest(struct sp_slab *slab, struct head *head)
{
	slab->resting++;
	head->next = NULL;
	if (slab->first == NULL) {
		slab->first = slab->last = head;
	} else if (QUARANTINE > 0) {
		slab->last->next = head;
		slab->last = head;
	} else {
		head->next = slab->first;
		slab->first = head;
	}
}

void *sp_slab_take(struct sp_slab *slab)
{
	struct head *head;

	if (slab->limit != 0 && slab->alive >= slab->limit)
		return NULL;
	head = reuse(slab);
	if (head == NULL) {
		head = malloc(sizeof(*head) + slab->size);
		if (head == NULL)
			return NULL;
		slab->made++;
	}
	head->next = NULL;
	head->mark = mark_of(slab);
	slab->alive++;
	return head->object;
}

void sp_slab_put(struct sp_slab *slab, void *object)
{
	struct head *head = SP_HOLDER(object, struct head, object);

	SP_ASSERT(head->mark == mark_of(slab));
	head->mark = ~mark_of(slab);
	slab->alive--;
	/* An object's magic goes first: SP_OBJ on a stale pointer must not find it. */
	memset(object, 0, slab->size < sizeof(uint32_t) ? slab->size : sizeof(uint32_t));
	ASAN_POISON_MEMORY_REGION(object, slab->size);
	rest(slab, head);
}

size_t sp_slab_alive(const struct sp_slab *slab)
{
	return slab->alive;
}

size_t sp_slab_made(const struct sp_slab *slab)
{
	return slab->made;
}
