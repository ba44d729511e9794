#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sp/base/log.h"
#include "sp/base/str.h"

#define TEXT_MAX 512

bool sp_notify_address(const char *socket, struct sockaddr_un *to, socklen_t *n, struct sp_err *err)
{
	size_t length = strlen(socket);

	memset(to, 0, sizeof(*to));
	to->sun_family = AF_UNIX;
	if (socket[0] != '/' && socket[0] != '@')
		return sp_err_set(err, "NOTIFY_SOCKET is neither a path nor an abstract name");
	if (length < 2 || length >= sizeof(to->sun_path))
		return sp_err_set(err, "NOTIFY_SOCKET has a length that no socket has");
	memcpy(to->sun_path, socket, length);
	*n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	if (socket[0] == '@')
		to->sun_path[0] = '\0';
	else
		*n += 1;
	return true;
}

void sp_notify_open(struct sp_notify *notify, const char *socket_name)
{
	struct sp_err err = { .text = "" };

	notify->fd = -1;
	if (socket_name == NULL || socket_name[0] == '\0')
		return;
	if (!sp_notify_address(socket_name, &notify->to, &notify->to_n, &err)) {
		sp_warn("notify_failed", SP_KV_TEXT("why", err.text));
		return;
	}
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (notify->fd < 0)
		sp_warn("notify_failed", SP_KV_ERRNO("why", errno));
}

void sp_notify_close(struct sp_notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

void sp_notify_send(const struct sp_notify *notify, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;
	int n;

	if (notify->fd < 0)
		return;
	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text))
		return;
	if (sendto(notify->fd, text, (size_t)n, MSG_NOSIGNAL, (const struct sockaddr *)&notify->to, notify->to_n) < 0)
		sp_warn("notify_failed", SP_KV_ERRNO("why", errno));
}

uint64_t sp_notify_watchdog_ms(const char *usec, const char *pid, pid_t self)
{
	uint64_t us, whose;

	if (usec == NULL || !sp_str_u64(sp_str(usec), UINT64_MAX, &us) || us < 2000)
		return 0;
	if (pid != NULL && (!sp_str_u64(sp_str(pid), INT32_MAX, &whose) || (pid_t)whose != self))
		return 0;
	return us / 2000;
}
