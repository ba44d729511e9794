/*
 * plan - what the load is asked to do: its options, and the request that they make.
 */
#ifndef SP_BENCH_PLAN_H
#define SP_BENCH_PLAN_H

#include <getopt.h>
#include <string.h>

#include "net.h"

enum { REQUEST_MAX = 8192 };
enum tls { TLS_OFF, TLS_KEEP, TLS_FULL, TLS_RESUME };

static const char *const tls_name[] = { "off", "keep", "full", "resume" };

static struct {
	uint16_t port;
	long connections, spread, many, abort_percent, opening;
	double seconds, rate;
	uint64_t requests, body, tunnel;
	enum tls tls;
	bool is_idle, is_varied, is_ready_told;
	const char *path, *method, *host;
	char fields[REQUEST_MAX], text[REQUEST_MAX]; /* the request, or what one is made of */
	size_t text_len;
} plan = { .connections = 1,
	   .spread = 0,
	   .many = 1,
	   .opening = 128,
	   .seconds = 1,
	   .path = "/b/1024",
	   .method = "GET",
	   .host = "localhost" };

/* The request of that number into `to` (REQUEST_MAX bytes): {n} and {ip} in path and fields are filled in. Its length. */
static inline size_t plan_fill(char *to, uint64_t number)
{
	static const char hole[] = "{n}", address[] = "{ip}";
	const char *from = plan.text;
	size_t len = 0;

	while (*from != '\0' && len < REQUEST_MAX - 32) {
		if (strncmp(from, hole, sizeof(hole) - 1) == 0) {
			len += (size_t)snprintf(to + len, 24, "%llu", (unsigned long long)number);
			from += sizeof(hole) - 1;
		} else if (strncmp(from, address, sizeof(address) - 1) == 0) {
			len += (size_t)snprintf(to + len, 24, "10.%u.%u.%u", (unsigned)(number >> 16 & 0xff),
						(unsigned)(number >> 8 & 0xff), (unsigned)(number & 0xff));
			from += sizeof(address) - 1;
		} else {
			to[len++] = *from++;
		}
	}
	return len;
}

static inline void make_text(void)
{
	int len = snprintf(plan.text, sizeof(plan.text), "%s %s HTTP/1.1\r\nHost: %s\r\n%s", plan.method, plan.path,
			   plan.host, plan.fields);

	if (plan.body > 0)
		len += snprintf(plan.text + len, sizeof(plan.text) - (size_t)len, "Content-Length: %llu\r\n",
				(unsigned long long)plan.body);
	if (plan.tunnel > 0)
		len += snprintf(plan.text + len, sizeof(plan.text) - (size_t)len,
				"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
	len += snprintf(plan.text + len, sizeof(plan.text) - (size_t)len, "\r\n");
	if ((size_t)len >= sizeof(plan.text)) {
		fprintf(stderr, "loadgen: the request is too long\n");
		exit(2);
	}
	plan.text_len = (size_t)len;
	plan.is_varied = strstr(plan.text, "{n}") != NULL || strstr(plan.text, "{ip}") != NULL;
}

static inline void add_field(const char *text)
{
	size_t len = strlen(plan.fields);

	(void)snprintf(plan.fields + len, sizeof(plan.fields) - len, "%s\r\n", text);
}

static inline enum tls tls_of(const char *name)
{
	for (enum tls i = TLS_OFF; i <= TLS_RESUME; i++)
		if (strcmp(name, tls_name[i]) == 0)
			return i;
	fprintf(stderr, "loadgen: --tls off, keep, full or resume\n");
	exit(2);
}

/* Ends the program, with 2, where one is wrong. */
static inline void plan_read(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", 1, NULL, 'p' },     { "connections", 1, NULL, 'c' }, { "seconds", 1, NULL, 's' },
		{ "requests", 1, NULL, 'n' }, { "rate", 1, NULL, 'r' },        { "tls", 1, NULL, 't' },
		{ "path", 1, NULL, 'u' },     { "host", 1, NULL, 'h' },        { "field", 1, NULL, 'f' },
		{ "post", 1, NULL, 'b' },     { "many", 1, NULL, 'm' },        { "idle", 0, NULL, 'i' },
		{ "spread", 1, NULL, 'x' },   { "abort", 1, NULL, 'a' },       { "tunnel", 1, NULL, 'w' },
		{ "ready", 0, NULL, 'y' },    { "opening", 1, NULL, 'o' },     { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p': plan.port = port_of(optarg); break;
		case 'c': plan.connections = atol(optarg); break;
		case 's': plan.seconds = atof(optarg); break;
		case 'n': plan.requests = strtoull(optarg, NULL, 10); break;
		case 'r': plan.rate = atof(optarg); break;
		case 't': plan.tls = tls_of(optarg); break;
		case 'u': plan.path = optarg; break;
		case 'h': plan.host = optarg; break;
		case 'f': add_field(optarg); break;
		case 'b':
			plan.body = strtoull(optarg, NULL, 10);
			plan.method = "POST";
			break;
		case 'm': plan.many = atol(optarg); break;
		case 'i': plan.is_idle = true; break;
		case 'y': plan.is_ready_told = true; break;
		case 'x': plan.spread = atol(optarg); break;
		case 'a': plan.abort_percent = atol(optarg); break;
		case 'w': plan.tunnel = strtoull(optarg, NULL, 10); break;
		case 'o': plan.opening = atol(optarg); break;
		default: exit(2);
		}
	}
	if (plan.port == 0 || optind != argc || plan.connections < 1 || plan.many < 1 || plan.opening < 1) {
		fprintf(stderr, "loadgen: --port, and numbers above 0\n");
		exit(2);
	}
	make_text();
}

#endif
