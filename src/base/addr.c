/*
 * addr - an IPv4 or IPv6 address with port, or a Unix path, as bytes and as text.
 */
#include "sp/base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* ::ffff:0:0/96 */

static size_t ip_bytes(const struct sp_addr *addr)
{
	switch (addr->family) {
	case SP_ADDR_V4: return 4;
	case SP_ADDR_V6: return 16;
	case SP_ADDR_NONE:
	case SP_ADDR_UNIX: break;
	}
	return 0;
}

/* family is the only one accepted. */
static bool parse_family(struct sp_str text, enum sp_addr_family family, struct sp_addr *out)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n) != NULL)
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	*out = (struct sp_addr){ .family = family };
	return inet_pton(family == SP_ADDR_V4 ? AF_INET : AF_INET6, copy, out->ip) == 1;
}

bool sp_addr_parse_ip(struct sp_str text, struct sp_addr *out)
{
	if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		return parse_family(sp_str_of(text.p + 1, text.n - 2), SP_ADDR_V6, out);
	return parse_family(text, SP_ADDR_V4, out) || parse_family(text, SP_ADDR_V6, out);
}

static bool parse_path(struct sp_str path, struct sp_addr *out)
{
	if (path.n == 0 || path.n >= sizeof(out->path))
		return false;
	for (size_t i = 0; i < path.n; i++) {
		unsigned char c = (unsigned char)path.p[i];

		if (c < 0x20 || c == 0x7f)
			return false;
	}
	*out = (struct sp_addr){ .family = SP_ADDR_UNIX };
	memcpy(out->path, path.p, path.n);
	return true;
}

/* text is empty, or ":" and a port from 1 to 65535 as one writes it. */
static bool parse_port(struct sp_str text, uint16_t default_port, uint16_t *out)
{
	uint64_t port;

	if (text.n == 0) {
		*out = default_port;
		return default_port != 0;
	}
	if (text.n < 2 || text.p[0] != ':' || text.p[1] == '0')
		return false;
	if (!sp_str_u64(sp_str_of(text.p + 1, text.n - 1), UINT16_MAX, &port))
		return false;
	*out = (uint16_t)port;
	return true;
}

/* A bare "::1:80" could be an address or an address and a port: IPv6 needs its brackets here. */
bool sp_addr_parse(struct sp_str text, uint16_t default_port, struct sp_addr *out)
{
	const struct sp_str unix_prefix = SP_STR("unix:");
	enum sp_addr_family family = SP_ADDR_V4;
	struct sp_str host, rest;
	const char *end;
	uint16_t port;

	if (sp_str_starts(text, unix_prefix))
		return parse_path(sp_str_of(text.p + unix_prefix.n, text.n - unix_prefix.n), out);
	if (text.n == 0)
		return false;
	if (text.p[0] == '[') {
		family = SP_ADDR_V6;
		text = sp_str_of(text.p + 1, text.n - 1);
		end = memchr(text.p, ']', text.n);
		if (end == NULL)
			return false;
		host = sp_str_of(text.p, (size_t)(end - text.p));
		rest = sp_str_of(end + 1, text.n - host.n - 1);
	} else {
		end = memchr(text.p, ':', text.n);
		host = sp_str_of(text.p, end != NULL ? (size_t)(end - text.p) : text.n);
		rest = sp_str_of(text.p + host.n, text.n - host.n);
	}
	if (!parse_port(rest, default_port, &port) || !parse_family(host, family, out))
		return false;
	out->port = port;
	return true;
}

const char *sp_addr_ip_text(const struct sp_addr *addr, char text[static SP_ADDR_TEXT])
{
	switch (addr->family) {
	case SP_ADDR_V4: inet_ntop(AF_INET, addr->ip, text, SP_ADDR_TEXT); break;
	case SP_ADDR_V6: inet_ntop(AF_INET6, addr->ip, text, SP_ADDR_TEXT); break;
	case SP_ADDR_UNIX: snprintf(text, SP_ADDR_TEXT, "unix:%.107s", addr->path); break;
	case SP_ADDR_NONE: snprintf(text, SP_ADDR_TEXT, "-"); break;
	}
	return text;
}

const char *sp_addr_text(const struct sp_addr *addr, char text[static SP_ADDR_TEXT])
{
	char ip[SP_ADDR_TEXT];

	sp_addr_ip_text(addr, ip);
	switch (addr->family) {
	case SP_ADDR_V4: snprintf(text, SP_ADDR_TEXT, "%.45s:%u", ip, (unsigned)addr->port); break;
	case SP_ADDR_V6: snprintf(text, SP_ADDR_TEXT, "[%.45s]:%u", ip, (unsigned)addr->port); break;
	case SP_ADDR_UNIX:
	case SP_ADDR_NONE: memcpy(text, ip, SP_ADDR_TEXT); break;
	}
	return text;
}

struct sp_addr sp_addr_fold(const struct sp_addr *addr)
{
	struct sp_addr v4 = { .family = SP_ADDR_V4, .port = addr->port };

	if (addr->family != SP_ADDR_V6 || memcmp(addr->ip, mapped, sizeof(mapped)) != 0)
		return *addr;
	memcpy(v4.ip, addr->ip + sizeof(mapped), 4);
	return v4;
}

bool sp_addr_same_ip(const struct sp_addr *a, const struct sp_addr *b)
{
	size_t n = ip_bytes(a);

	return n > 0 && a->family == b->family && memcmp(a->ip, b->ip, n) == 0;
}

bool sp_addr_eq(const struct sp_addr *a, const struct sp_addr *b)
{
	if (a->family != b->family || a->port != b->port)
		return false;
	if (a->family == SP_ADDR_UNIX)
		return strncmp(a->path, b->path, sizeof(a->path)) == 0;
	return a->family == SP_ADDR_NONE || sp_addr_same_ip(a, b);
}

/* A peer without a name, or with one outside the file system, has an empty path. */
static bool from_unix(const struct sockaddr *sa, socklen_t n, struct sp_addr *out)
{
	const char *path = (const char *)sa + offsetof(struct sockaddr_un, sun_path);
	size_t room = n - offsetof(struct sockaddr_un, sun_path);
	size_t len = strnlen(path, room);

	if (len >= sizeof(out->path))
		return false;
	*out = (struct sp_addr){ .family = SP_ADDR_UNIX };
	memcpy(out->path, path, len);
	return true;
}

bool sp_addr_from_sockaddr(const struct sockaddr *sa, socklen_t n, struct sp_addr *out)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	struct sp_addr addr = { .family = SP_ADDR_NONE };

	if (n < sizeof(sa->sa_family))
		return false;
	if (sa->sa_family == AF_UNIX)
		return from_unix(sa, n, out);
	if (sa->sa_family == AF_INET && n >= sizeof(in4)) {
		memcpy(&in4, sa, sizeof(in4));
		addr.family = SP_ADDR_V4;
		addr.port = ntohs(in4.sin_port);
		memcpy(addr.ip, &in4.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6 && n >= sizeof(in6)) {
		memcpy(&in6, sa, sizeof(in6));
		addr.family = SP_ADDR_V6;
		addr.port = ntohs(in6.sin6_port);
		memcpy(addr.ip, &in6.sin6_addr, 16);
	} else {
		return false;
	}
	*out = sp_addr_fold(&addr);
	return true;
}

socklen_t sp_addr_to_sockaddr(const struct sp_addr *addr, struct sockaddr_storage *out)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(addr->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(addr->port) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	memset(out, 0, sizeof(*out));
	switch (addr->family) {
	case SP_ADDR_V4:
		memcpy(&in4.sin_addr, addr->ip, 4);
		memcpy(out, &in4, sizeof(in4));
		return sizeof(in4);
	case SP_ADDR_V6:
		memcpy(&in6.sin6_addr, addr->ip, 16);
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	case SP_ADDR_UNIX:
		memcpy(un.sun_path, addr->path, sizeof(un.sun_path));
		memcpy(out, &un, sizeof(un));
		return sizeof(un);
	case SP_ADDR_NONE: break;
	}
	return 0;
}
