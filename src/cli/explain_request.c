#include "explain.h"

#include <string.h>

#define HTTP_PORT 80
#define HTTPS_PORT 443

static bool has_byte_to(struct sp_str s, char most)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] >= 0 && s.p[i] <= most) || s.p[i] == 0x7f)
			return true;
	return false;
}

/* ---- the URL */

static bool read_scheme(struct sp_str *url, struct sp_explain_request *out, struct sp_err *err)
{
	static const struct sp_str plain = { "http://", 7 }, tls = { "https://", 8 };
	struct sp_str begin = sp_str_of(url->p, url->n < tls.n ? url->n : tls.n);

	out->is_tls = sp_str_eq_nocase(begin, tls);
	if (!out->is_tls && !(url->n >= plain.n && sp_str_eq_nocase(sp_str_of(url->p, plain.n), plain)))
		return sp_err_set(err, "%.*s: a URL begins with http:// or https://", SP_STR_ARG(*url));
	*url = sp_str_of(url->p + (out->is_tls ? tls.n : plain.n), url->n - (out->is_tls ? tls.n : plain.n));
	return true;
}

/* "host", "host:8443", "[::1]:8443". */
static bool read_authority(struct sp_str text, struct sp_explain_request *out, struct sp_err *err)
{
	bool is_v6 = text.n > 0 && text.p[0] == '[';
	const char *end = text.n == 0 ? NULL : memchr(text.p, is_v6 ? ']' : ':', text.n);
	size_t n = end == NULL ? text.n : (size_t)(end - text.p) + is_v6;
	uint64_t port = 0;

	if (text.n > 0 && memchr(text.p, '@', text.n) != NULL)
		return sp_err_set(err, "%.*s: no user in the URL; write -H 'Authorization: ...'", SP_STR_ARG(text));
	if (n == 0 || (is_v6 && end == NULL))
		return sp_err_set(err, "the URL has no host");
	out->host = sp_str_of(text.p, n);
	if (n < text.n && (text.p[n] != ':' || !sp_str_u64(sp_str_of(text.p + n + 1, text.n - n - 1), UINT16_MAX, &port) ||
			   port == 0))
		return sp_err_set(err, "%.*s: a port is a number from 1 to 65535", SP_STR_ARG(text));
	out->port = (uint16_t)port;
	if (!sp_addr_parse_ip(out->host, &out->ip))
		out->ip.family = SP_ADDR_NONE;
	return true;
}

/* As clients send it: without a dot at its end, and none for an address (RFC 6066 3). */
static bool read_server_name(struct sp_explain_request *out, struct sp_err *err)
{
	size_t n = out->ip.family != SP_ADDR_NONE ? 0 : out->host.n;

	if (n > 1 && out->host.p[n - 1] == '.')
		n--;
	if (n >= sizeof(out->server_name))
		return sp_err_set(err, "the URL's host is longer than a name may be");
	for (size_t i = 0; i < n; i++)
		out->server_name[i] = sp_lower(out->host.p[i]);
	out->server_name[n] = '\0';
	return true;
}

/* What is asked for: the fragment stays with the client; OPTIONS without a path is OPTIONS * (RFC 9112 3.2.4). */
static struct sp_str target_of(struct sp_str text, const struct sp_explain_request *r)
{
	const char *mark = text.n == 0 ? NULL : memchr(text.p, '#', text.n);

	if (mark != NULL)
		text.n = (size_t)(mark - text.p);
	if (text.n > 0)
		return text;
	return sp_str_eq(r->method, SP_STR("OPTIONS")) ? SP_STR("*") : SP_STR("/");
}

static bool read_url(struct sp_str url, struct sp_explain_request *out, struct sp_err *err)
{
	size_t n = 0;

	if (has_byte_to(url, ' '))
		return sp_err_set(err, "a URL has no blanks and no control bytes; write them as %%20 and so on");
	if (!read_scheme(&url, out, err))
		return false;
	while (n < url.n && strchr("/?#", url.p[n]) == NULL)
		n++;
	out->target = target_of(sp_str_of(url.p + n, url.n - n), out);
	return read_authority(sp_str_of(url.p, n), out, err) && read_server_name(out, err);
}

/* ---- the head */

static bool is_host(const char *field)
{
	return sp_str_eq_nocase(sp_str_of(field, strcspn(field, ":")), SP_STR("host"));
}

static bool check_field(const char *field, struct sp_err *err)
{
	if (strchr(field, ':') == NULL)
		return sp_err_set(err, "-H %.100s: a field is written 'Name: value'", field);
	if (strpbrk(field, "\r\n") != NULL)
		return sp_err_set(err, "-H: a field is one line");
	return true;
}

/* As curl writes it: the Host of the URL, unless one is given, and its port where it is not the scheme's. */
static void put_head(const struct sp_args *args, struct sp_explain_request *r)
{
	bool has_host = false;

	for (size_t i = 0; args->fields[i] != NULL; i++)
		has_host |= is_host(args->fields[i]);
	sp_buf_printf(&r->head, "%.*s %s%.*s HTTP/1.1\r\n", SP_STR_ARG(r->method), r->target.p[0] == '?' ? "/" : "",
		      SP_STR_ARG(r->target));
	if (!has_host)
		sp_buf_printf(&r->head, "Host: %.*s", SP_STR_ARG(r->host));
	if (!has_host && r->port != 0 && r->port != (r->is_tls ? HTTPS_PORT : HTTP_PORT))
		sp_buf_printf(&r->head, ":%u", r->port);
	if (!has_host)
		sp_buf_put(&r->head, SP_STR("\r\n"));
	for (size_t i = 0; args->fields[i] != NULL; i++) {
		sp_buf_put(&r->head, sp_str(args->fields[i]));
		sp_buf_put(&r->head, SP_STR("\r\n"));
	}
	sp_buf_put(&r->head, SP_STR("\r\n"));
}

bool sp_explain_request_read(const struct sp_args *args, struct sp_explain_request *out, struct sp_err *err)
{
	*out = (struct sp_explain_request){ .method = sp_str(args->method != NULL ? args->method : "GET") };
	sp_buf_init(&out->head);
	if (args->what == NULL)
		return sp_err_set(err, "which request? a URL, as https://example.com/path");
	if (out->method.n == 0 || has_byte_to(out->method, ' '))
		return sp_err_set(err, "-X: a method is one word");
	for (size_t i = 0; args->fields[i] != NULL; i++)
		if (!check_field(args->fields[i], err))
			return false;
	if (!read_url(sp_str(args->what), out, err))
		return false;
	put_head(args, out);
	return !out->head.is_failed || sp_err_set(err, "no memory for the request");
}

void sp_explain_request_fini(struct sp_explain_request *request)
{
	sp_buf_fini(&request->head);
}
