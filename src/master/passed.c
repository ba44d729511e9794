#include "passed.h"

#include <stdint.h>

bool sp_passed_parse(const char *pid, const char *fds, const char *names, pid_t self, struct sp_passed *out,
		     struct sp_err *err)
{
	struct sp_str rest = names != NULL ? sp_str(names) : SP_STR_NONE;
	uint64_t n;

	out->count = 0;
	if (pid == NULL || fds == NULL)
		return true;
	if (!sp_str_u64(sp_str(pid), INT32_MAX, &n))
		return sp_err_set(err, "LISTEN_PID is not a process id");
	if ((pid_t)n != self)
		return true;
	if (!sp_str_u64(sp_str(fds), SP_PASSED_MAX, &n))
		return sp_err_set(err, "LISTEN_FDS is not a number up to %d", SP_PASSED_MAX);
	for (size_t i = 0; i < n; i++) {
		struct sp_str name;

		if (rest.p == NULL || !sp_str_split(&rest, ':', &name) || name.n == 0)
			name = SP_STR("unknown");
		out->names[i] = name;
	}
	if (names != NULL && n > 0 && rest.p != NULL)
		return sp_err_set(err, "LISTEN_FDNAMES has more names than LISTEN_FDS has descriptors");
	out->count = (size_t)n;
	return true;
}

bool sp_passed_is_of(size_t i, size_t k, size_t w, size_t n)
{
	return i < n ? w % k == i : i % n == w;
}
