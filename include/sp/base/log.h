/*
 * log - events: a fixed name and escaped fields, one write a line.
 *
 * `2026-11-24T16:20:00.123Z warn event=backend_connect_failed backend=api why=ECONNREFUSED`
 * No byte of a peer gets in raw: every field is escaped by its type.
 * error wakes somebody, warn is for the operator today, info is one line a
 * change of state, debug is for us.
 */
#ifndef SP_BASE_LOG_H
#define SP_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/str.h"

enum sp_log_level { SP_LOG_DEBUG, SP_LOG_INFO, SP_LOG_WARN, SP_LOG_ERROR };

enum sp_kv_kind { SP_KV_END, SP_KV_IS_STR, SP_KV_IS_U64, SP_KV_IS_I64, SP_KV_IS_ADDR, SP_KV_IS_ERRNO };

struct sp_kv {
	const char *key;        /* literal, [a-z_]+ */
	enum sp_kv_kind kind;
	struct sp_str str;
	uint64_t u64;
	int64_t i64;
	const struct sp_addr *addr;
};

#define SP_KV_TEXT(k, v) ((struct sp_kv){ .key = (k), .kind = SP_KV_IS_STR, .str = sp_str(v) })
#define SP_KV_STR(k, v) ((struct sp_kv){ .key = (k), .kind = SP_KV_IS_STR, .str = (v) })
#define SP_KV_U64(k, v) ((struct sp_kv){ .key = (k), .kind = SP_KV_IS_U64, .u64 = (uint64_t)(v) })
#define SP_KV_I64(k, v) ((struct sp_kv){ .key = (k), .kind = SP_KV_IS_I64, .i64 = (int64_t)(v) })
#define SP_KV_ADDR(k, v) ((struct sp_kv){ .key = (k), .kind = SP_KV_IS_ADDR, .addr = (v) })
#define SP_KV_ERRNO(k, v) ((struct sp_kv){ .key = (k), .kind = SP_KV_IS_ERRNO, .i64 = (v) })

/* The process's log: where lines go (default descriptor 2), from which level, and who speaks ("master", "worker 1"). */
void sp_log_to(int fd);
void sp_log_level(enum sp_log_level least);
bool sp_log_is_on(enum sp_log_level level);
void sp_log_as(const char *who);

void sp_log_event(enum sp_log_level level, const char *event, const struct sp_kv *kv);

/* Arguments: the event, then any number of SP_KV_… fields. */
#define SP_LOG_(level, ...)                                                            \
	do {                                                                           \
		if (sp_log_is_on(level))                                               \
			SP_LOG_CALL_(level, __VA_ARGS__, (struct sp_kv){ .kind = SP_KV_END }); \
	} while (0)
#define SP_LOG_CALL_(level, event, ...) sp_log_event((level), (event), (const struct sp_kv[]){ __VA_ARGS__ })
#define sp_debug(...) SP_LOG_(SP_LOG_DEBUG, __VA_ARGS__)
#define sp_info(...) SP_LOG_(SP_LOG_INFO, __VA_ARGS__)
#define sp_warn(...) SP_LOG_(SP_LOG_WARN, __VA_ARGS__)
#define sp_error(...) SP_LOG_(SP_LOG_ERROR, __VA_ARGS__)

#endif
