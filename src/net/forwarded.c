#include "sp/net/forwarded.h"

#include <string.h>

#define LINE_MAX_V1 107U /* with CR LF: the longest that the specification's own worst case needs */
#define HEAD_V2 16U
#define CRC_TYPE 0x03
#define CRC_BYTES 4U

static const uint8_t sign_v1[6] = { 'P', 'R', 'O', 'X', 'Y', ' ' };
static const uint8_t sign_v2[12] = { '\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };

/* ---- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 50000 443" CR LF */

static bool take_port(struct sp_str text, uint16_t *port)
{
	uint64_t value;

	if (text.n == 0 || text.n > 5 || (text.p[0] == '0' && text.n > 1) || !sp_str_u64(text, UINT16_MAX, &value))
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool take_ip(struct sp_str text, enum sp_addr_family family, struct sp_addr *out)
{
	if (text.n == 0 || text.p[0] == '[' || !sp_addr_parse_ip(text, out) || out->family != family)
		return false;
	return true;
}

static bool take_line(struct sp_str line, struct sp_forwarded *out)
{
	struct sp_str rest = line, protocol, source, destination, port;
	enum sp_addr_family family;
	struct sp_addr from, to;

	(void)sp_str_split(&rest, ' ', &protocol);
	if (sp_str_eq(protocol, SP_STR("UNKNOWN")))
		return true; /* whatever follows up to the end of the line is to be ignored */
	if (sp_str_eq(protocol, SP_STR("TCP4")))
		family = SP_ADDR_V4;
	else if (sp_str_eq(protocol, SP_STR("TCP6")))
		family = SP_ADDR_V6;
	else
		return false;
	if (!sp_str_split(&rest, ' ', &source) || !sp_str_split(&rest, ' ', &destination) ||
	    !sp_str_split(&rest, ' ', &port))
		return false;
	if (!take_ip(source, family, &from) || !take_ip(destination, family, &to))
		return false;
	if (!take_port(port, &from.port) || !take_port(rest, &to.port))
		return false;
	out->has_addresses = true;
	out->source = sp_addr_fold(&from);
	out->destination = sp_addr_fold(&to);
	return true;
}

static enum sp_forwarded_rc read_v1(const uint8_t *bytes, size_t n, struct sp_forwarded *out)
{
	size_t at = sizeof(sign_v1);

	while (at < n && at < LINE_MAX_V1 - 2 && bytes[at] >= ' ' && bytes[at] <= '~')
		at++;
	if (at == n)
		return SP_FORWARDED_MORE;
	if (bytes[at] != '\r')
		return SP_FORWARDED_BAD;
	if (at + 1 == n)
		return SP_FORWARDED_MORE;
	if (bytes[at + 1] != '\n' ||
	    !take_line(sp_str_of((const char *)bytes + sizeof(sign_v1), at - sizeof(sign_v1)), out))
		return SP_FORWARDED_BAD;
	out->length = at + 2;
	return SP_FORWARDED_DONE;
}

/* ---- version 2: signature, version and command, family and protocol, length; addresses; TLVs */

static uint16_t get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t add_crc32c(uint32_t crc, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
	}
	return crc;
}

/* The checksum at `at` is that of all the header with zeros in its own place. */
static bool is_crc_right(const uint8_t *header, size_t length, size_t at)
{
	static const uint8_t zeros[CRC_BYTES];
	uint32_t crc = add_crc32c(UINT32_MAX, header, at);

	crc = add_crc32c(crc, zeros, CRC_BYTES);
	crc = ~add_crc32c(crc, header + at + CRC_BYTES, length - at - CRC_BYTES);
	return crc == ((uint32_t)get_u16(header + at) << 16 | get_u16(header + at + 2));
}

/* They are skipped, but they must fill their room exactly, and a checksum must be right. */
static bool are_tlvs_good(const uint8_t *header, size_t at, size_t length)
{
	size_t crc_at = 0;

	while (at < length) {
		size_t n;

		if (length - at < 3)
			return false;
		n = get_u16(header + at + 1);
		if (n > length - at - 3)
			return false;
		if (header[at] == CRC_TYPE) {
			if (n != CRC_BYTES || crc_at != 0)
				return false;
			crc_at = at + 3;
		}
		at += 3 + n;
	}
	return crc_at == 0 || is_crc_right(header, length, crc_at);
}

static struct sp_addr get_addr(const uint8_t *ip, size_t n, const uint8_t *port)
{
	struct sp_addr addr = { .family = n == 4 ? SP_ADDR_V4 : SP_ADDR_V6, .port = get_u16(port) };

	memcpy(addr.ip, ip, n);
	return sp_addr_fold(&addr);
}

/* Streams alone: a datagram or an unknown family has no business in front of one. -1: not acceptable. */
static int size_of_ip(uint8_t family_and_protocol, size_t *addresses)
{
	switch (family_and_protocol) {
	case 0x00: *addresses = 0; return 0;
	case 0x11: *addresses = 12; return 4;
	case 0x21: *addresses = 36; return 16;
	case 0x31: *addresses = 216; return 0; /* two paths: no address that a rule could be about */
	default: return -1;
	}
}

static bool take_proxied(const uint8_t *header, size_t length, struct sp_forwarded *out)
{
	const uint8_t *at = header + HEAD_V2;
	size_t addresses = 0, n;
	int ip = size_of_ip(header[13], &addresses);

	if (ip < 0 || length < HEAD_V2 + addresses || !are_tlvs_good(header, HEAD_V2 + addresses, length))
		return false;
	if (ip == 0)
		return true;
	n = (size_t)ip;
	out->has_addresses = true;
	out->source = get_addr(at, n, at + 2 * n);
	out->destination = get_addr(at + n, n, at + 2 * n + 2);
	return true;
}

static enum sp_forwarded_rc read_v2(const uint8_t *bytes, size_t n, struct sp_forwarded *out)
{
	size_t length;

	if (n > 12 && bytes[12] != 0x20 && bytes[12] != 0x21)
		return SP_FORWARDED_BAD;
	if (n < HEAD_V2)
		return SP_FORWARDED_MORE;
	length = HEAD_V2 + get_u16(bytes + 14);
	if (length > SP_FORWARDED_MAX)
		return SP_FORWARDED_BAD;
	if (n < length)
		return SP_FORWARDED_MORE;
	/* LOCAL is the balancer itself, a health check: family and all behind it are to be ignored. */
	if (bytes[12] == 0x21 && !take_proxied(bytes, length, out))
		return SP_FORWARDED_BAD;
	out->length = length;
	return SP_FORWARDED_DONE;
}

static bool begins_with(const uint8_t *bytes, size_t n, const uint8_t *sign, size_t sign_n)
{
	return memcmp(bytes, sign, n < sign_n ? n : sign_n) == 0;
}

enum sp_forwarded_rc sp_forwarded_read(const uint8_t *bytes, size_t n, struct sp_forwarded *out)
{
	*out = (struct sp_forwarded){ 0 };
	if (n == 0)
		return SP_FORWARDED_MORE;
	if (begins_with(bytes, n, sign_v1, sizeof(sign_v1)))
		return n < sizeof(sign_v1) ? SP_FORWARDED_MORE : read_v1(bytes, n, out);
	if (begins_with(bytes, n, sign_v2, sizeof(sign_v2)))
		return n < sizeof(sign_v2) ? SP_FORWARDED_MORE : read_v2(bytes, n, out);
	return SP_FORWARDED_NONE;
}
