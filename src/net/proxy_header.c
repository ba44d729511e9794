#include "sp/net/proxy_header.h"

#include <string.h>

#include "sp/base/check.h"

/* haproxy.org/download/2.9/doc/proxy-protocol.txt, 2.2 */
enum { VERSION_LOCAL = 0x20, VERSION_PROXY = 0x21, UNSPEC = 0x00, TCP4 = 0x11, TCP6 = 0x21, HEADER = 16 };

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

static size_t put_header(uint8_t *out, uint8_t command, uint8_t family, uint8_t length)
{
	memcpy(out, signature, sizeof(signature));
	out[12] = command;
	out[13] = family;
	out[14] = 0;
	out[15] = length;
	return HEADER;
}

static size_t put_ip(uint8_t *out, const struct sp_addr *addr, bool as_v6)
{
	if (!as_v6) {
		memcpy(out, addr->ip, 4);
		return 4;
	}
	if (addr->family == SP_ADDR_V6) {
		memcpy(out, addr->ip, 16);
		return 16;
	}
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, addr->ip, 4);
	return 16;
}

static size_t put_port(uint8_t *out, uint16_t port)
{
	out[0] = (uint8_t)(port >> 8);
	out[1] = (uint8_t)port;
	return 2;
}

static bool is_internet(const struct sp_addr *addr)
{
	return addr->family == SP_ADDR_V4 || addr->family == SP_ADDR_V6;
}

size_t sp_proxy_header_write(const struct sp_addr *source, const struct sp_addr *destination,
			     uint8_t out[static SP_PROXY_HEADER_MAX])
{
	bool as_v6 = source->family == SP_ADDR_V6 || destination->family == SP_ADDR_V6;
	size_t n;

	if (!is_internet(source) || !is_internet(destination))
		return put_header(out, VERSION_PROXY, UNSPEC, 0);
	n = put_header(out, VERSION_PROXY, as_v6 ? TCP6 : TCP4, as_v6 ? 36 : 12);
	n += put_ip(out + n, source, as_v6);
	n += put_ip(out + n, destination, as_v6);
	n += put_port(out + n, source->port);
	n += put_port(out + n, destination->port);
	SP_ASSERT(n <= SP_PROXY_HEADER_MAX);
	return n;
}

size_t sp_proxy_header_write_local(uint8_t out[static SP_PROXY_HEADER_MAX])
{
	return put_header(out, VERSION_LOCAL, UNSPEC, 0);
}
