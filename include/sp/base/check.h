/*
 * check - invariants that hold in production too.
 *
 * SP_ASSERT is for our own rules only: a worker that broke one stops at once
 * and the master starts another. Nothing that a peer or a file says may reach
 * one. SP_OBJ gives a callback its type back and checks that the memory is
 * still that object (its first member is a uint32_t magic).
 */
#ifndef SP_BASE_CHECK_H
#define SP_BASE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define SP_MUST_USE __attribute__((warn_unused_result))
#define SP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SP_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SP_BIT(n) (1U << (n))

/* The object of `type` whose member `member` is at `ptr`. */
#define SP_HOLDER(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define SP_ASSERT(cond) ((cond) ? (void)0 : sp_check_failed(#cond, __FILE__, __LINE__))
#define SP_OBJ(ptr, type, magic) ((type *)sp_obj_check((ptr), (magic)))

_Noreturn void sp_check_failed(const char *what, const char *file, int line);

static inline void *sp_obj_check(void *ptr, uint32_t magic)
{
	SP_ASSERT(ptr != NULL);
	SP_ASSERT(*(const uint32_t *)ptr == magic);
	return ptr;
}

#endif
