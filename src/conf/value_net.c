/*
 * value_net - addresses: where to listen, whom to believe, where to connect.
 */
#include "value.h"

#include <stdio.h>

#include "near.h"

#define BAD_LINES_MOST 10U /* of one file that are told */

/* 10.1.2.3/8 -> 10.0.0.0/8: what the operator most likely meant. */
static bool clear_host_bits(struct sp_str text, struct sp_cidr *out)
{
	struct sp_str ip;
	uint64_t bits = 0;
	unsigned length;

	(void)sp_str_split(&text, '/', &ip);
	if (text.p == NULL || !sp_addr_parse_ip(ip, &out->addr))
		return false;
	length = out->addr.family == SP_ADDR_V4 ? 32 : 128;
	if (!sp_str_u64(text, length, &bits))
		return false;
	out->bits = (uint8_t)bits;
	for (unsigned i = 0; i < sizeof(out->addr.ip); i++) {
		unsigned from = i * 8;

		if (bits <= from)
			out->addr.ip[i] = 0;
		else if (bits < from + 8)
			out->addr.ip[i] &= (uint8_t)(0xff << (from + 8 - bits));
	}
	return true;
}

static bool parse_cidr(struct sp_value *v, struct sp_str text, struct sp_cidr *out)
{
	char near[SP_ADDR_TEXT];
	struct sp_cidr cleared = { .bits = 0 };

	if (sp_cidr_parse(text, out))
		return true;
	if (clear_host_bits(text, &cleared))
		return sp_value_bad(v, "bits are set behind the prefix; did you mean %s?",
				    sp_cidr_text(&cleared, near));
	return sp_value_bad(v, "not an address or CIDR, as 10.0.0.0/8 or fd00::/8");
}

/* The list that `@name` stands for; NULL, reported, when there is none. */
static const struct sp_conf_cidrs *find_addresses(struct sp_value *v, struct sp_str name)
{
	struct sp_near near = sp_near_to(name);
	struct sp_doc_part *part = sp_doc_find(v->doc, "addresses", name);
	char hint[SP_NEAR_TEXT];

	if (v->part != NULL && sp_str_eq(v->part->type, SP_STR("addresses"))) {
		(void)sp_value_bad(v, "a list of addresses cannot hold another");
		return NULL;
	}
	if (part != NULL && part->made != NULL) {
		part->is_used = true;
		return &((const struct sp_part_addresses *)part->made)->cidrs;
	}
	for (const struct sp_doc_part *p = v->doc->first; p != NULL; p = p->next) {
		if (sp_str_eq(p->type, SP_STR("addresses")))
			sp_near_offer(&near, p->name, p->at);
	}
	(void)sp_value_bad(v, "no [addresses:%.*s]%s", (int)(name.n < 48 ? name.n : 48), name.p,
			   sp_near_text(&near, hint));
	return NULL;
}

static bool add_cidr(struct sp_value *v, const struct sp_cidr *cidr)
{
	struct sp_cidr_at *item = sp_value_add(v, sizeof(*item));

	if (item == NULL)
		return false;
	*item = (struct sp_cidr_at){ .cidr = *cidr, .at = v->at };
	return true;
}

bool sp_value_cidrs(struct sp_value *v)
{
	const struct sp_conf_cidrs *named;
	struct sp_cidr cidr = { .bits = 0 };

	if (v->text.n == 0 || v->text.p[0] != '@')
		return parse_cidr(v, v->text, &cidr) && add_cidr(v, &cidr);
	named = find_addresses(v, sp_str_of(v->text.p + 1, v->text.n - 1));
	if (named == NULL)
		return false;
	for (size_t i = 0; i < named->count; i++) {
		if (!add_cidr(v, &named->items[i]))
			return false;
	}
	return true;
}

/* "10.0.0.0/8 # the office" without blanks and comment; often lists say "; SBL1234" behind an entry. */
static struct sp_str entry_of(struct sp_str line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '#' || line.p[i] == ';')
			return sp_str_trim(sp_str_of(line.p, i));
	return sp_str_trim(line.n > 0 && line.p[line.n - 1] == '\r' ? sp_str_of(line.p, line.n - 1) : line);
}

static bool take_line(struct sp_value *v)
{
	for (size_t i = 0; i < v->text.n; i++) {
		if ((unsigned char)v->text.p[i] >= ' ' && v->text.p[i] != 127)
			continue;
		v->shown = SP_STR("?");
		return sp_value_bad(v, "a control byte is no part of an address");
	}
	return sp_value_cidrs(v);
}

void sp_value_cidr_lines(struct sp_value *v, struct sp_str lines, const char *path)
{
	struct sp_str line;
	unsigned bad = 0;

	v->at = (struct sp_conf_at){ .file = path, .line = 0 };
	while (bad < BAD_LINES_MOST && sp_str_split(&lines, '\n', &line)) {
		v->at.line++;
		v->text = v->shown = entry_of(line);
		if (v->text.n > 0 && !take_line(v))
			bad++;
	}
	if (bad == BAD_LINES_MOST)
		(void)sp_value_bad(v, "the lines behind it are not looked at");
}

/* Takes ":80-90" off the end of "10.0.0.0/8:80-90", "[fd00::1]:80", "fd00::/8:80", "@apps:80". */
static struct sp_str split_ports(struct sp_str *text)
{
	const char *slash = memrchr(text->p, '/', text->n), *colon;
	struct sp_str ports = SP_STR_NONE;

	if (text->n > 0 && text->p[0] == '[') {
		const char *end = memchr(text->p, ']', text->n);

		if (end == NULL)
			return ports;
		if (end + 1 < text->p + text->n && end[1] == ':')
			ports = sp_str_of(end + 2, text->n - (size_t)(end - text->p) - 2);
		else if (end + 1 != text->p + text->n)
			return ports; /* junk: the brackets stay and the parser refuses them */
		*text = sp_str_of(text->p + 1, (size_t)(end - text->p) - 1);
		return ports;
	}
	colon = memrchr(text->p, ':', text->n);
	/* Without a slash, more than one colon is an IPv6 address and none of them a port's. */
	if (colon == NULL || (slash != NULL && colon < slash) ||
	    (slash == NULL && memchr(text->p, ':', text->n) != colon))
		return ports;
	ports = sp_str_of(colon + 1, text->n - (size_t)(colon - text->p) - 1);
	text->n = (size_t)(colon - text->p);
	return ports;
}

static bool parse_ports(struct sp_str ports, uint16_t *from, uint16_t *to)
{
	struct sp_str first;
	uint64_t low = 0, high = 0;

	*from = *to = 0;
	if (ports.p == NULL)
		return true;
	(void)sp_str_split(&ports, '-', &first);
	if (!sp_str_u64(first, 65535, &low) || low == 0)
		return false;
	high = low;
	if (ports.p != NULL && (!sp_str_u64(ports, 65535, &high) || high < low))
		return false;
	*from = (uint16_t)low;
	*to = (uint16_t)high;
	return true;
}

static bool add_rule(struct sp_value *v, struct sp_egress_rule rule)
{
	struct sp_rule_at *item = sp_value_add(v, sizeof(*item));

	if (item == NULL)
		return false;
	*item = (struct sp_rule_at){ .rule = rule, .at = v->at };
	return true;
}

void sp_value_cidr_ends(const struct sp_cidr *cidr, struct sp_addr *first, struct sp_addr *last)
{
	*first = *last = cidr->addr;
	first->port = last->port = 80;
	for (unsigned i = cidr->bits; i < (cidr->addr.family == SP_ADDR_V4 ? 32U : 128U); i++)
		last->ip[i / 8] |= (uint8_t)(0x80U >> (i % 8));
}

/* A rule must not lie wholly on the floor; and only `public = yes`, judged later, lets it reach beyond private ones. */
static bool vet_rule(struct sp_value *v, const struct sp_egress_rule *rule)
{
	struct sp_egress egress = { .allow = rule, .allow_count = 1, .has_allow = true, .is_public_ok = true };
	enum sp_egress_verdict low, high;
	struct sp_egress_rule any = *rule;
	struct sp_addr first, last;

	any.port_from = any.port_to = 0;
	egress.allow = &any;
	sp_value_cidr_ends(&rule->cidr, &first, &last);
	low = sp_egress_check(&egress, &first);
	high = sp_egress_check(&egress, &last);
	if (low != SP_EGRESS_OK && low == high)
		return sp_value_bad(v, "%s", sp_egress_text(low));
	return true;
}

static bool take_rule(struct sp_value *v, struct sp_egress_rule rule)
{
	return vet_rule(v, &rule) && add_rule(v, rule);
}

bool sp_value_egress(struct sp_value *v)
{
	struct sp_egress_rule rule = { .port_from = 0 };
	struct sp_str net = v->text, ports = split_ports(&net);
	const struct sp_conf_cidrs *named;
	bool is_good = true;

	if (!parse_ports(ports, &rule.port_from, &rule.port_to))
		return sp_value_bad(v, "not CIDR[:port[-port]] with ports from 1 to 65535");
	if (net.n == 0 || net.p[0] != '@')
		return parse_cidr(v, net, &rule.cidr) && take_rule(v, rule);
	named = find_addresses(v, sp_str_of(net.p + 1, net.n - 1));
	if (named == NULL)
		return false;
	for (size_t i = 0; i < named->count; i++) {
		rule.cidr = named->items[i];
		is_good = take_rule(v, rule) && is_good;
	}
	return is_good;
}

static bool parse_bind_addr(struct sp_value *v, struct sp_conf_bind *bind)
{
	if (sp_addr_parse(v->text, 0, &bind->addr))
		return true;
	if (v->text.n > 0 && v->text.p[0] == '*')
		return sp_value_bad(v, "not an address: every IPv4 address is 0.0.0.0, every IPv6 address [::]");
	if (sp_addr_parse_ip(v->text, &bind->addr))
		return sp_value_bad(v, "an address to listen on needs a port");
	if (v->key->kind == SP_CONF_BIND)
		return sp_value_bad(v, "not an address and a port, or %s", v->key->none);
	return sp_value_bad(v, "not an address, as 0.0.0.0:443, [::]:443, unix:path or fd:name");
}

static bool parse_bind_unix(struct sp_value *v, struct sp_conf_bind *bind)
{
	const char *path = sp_value_absolute(v->doc, v->folder, sp_str_of(v->text.p + 5, v->text.n - 5));

	bind->kind = SP_BIND_UNIX;
	if (v->text.n == 5)
		return sp_value_bad(v, "no path behind unix:");
	if (strlen(path) >= sizeof(bind->addr.path))
		return sp_value_bad(v, "its path %s is too long: at most %zu bytes", path, sizeof(bind->addr.path) - 1);
	bind->addr.family = SP_ADDR_UNIX;
	memcpy(bind->addr.path, path, strlen(path) + 1);
	return true;
}

static bool parse_bind_fd(struct sp_value *v, struct sp_conf_bind *bind)
{
	struct sp_str name = sp_str_of(v->text.p + 3, v->text.n - 3);

	bind->kind = SP_BIND_FD;
	bind->fd_name = name;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':')
			return sp_value_bad(v, "no name of a passed descriptor");
	}
	if (name.n == 0 || name.n > 255)
		return sp_value_bad(v, "the name of a passed descriptor has 1 to 255 bytes");
	return true;
}

bool sp_value_bind(struct sp_value *v)
{
	struct sp_conf_bind bind = { .kind = SP_BIND_ADDR };

	if (!sp_str_eq(v->text, sp_str(v->key->none)) && !parse_bind_addr(v, &bind))
		return false;
	if (bind.addr.family == SP_ADDR_UNIX)
		return sp_value_bad(v, "not an address and a port, or %s", v->key->none);
	*(struct sp_addr *)v->to = bind.addr;
	return true;
}

bool sp_value_binds(struct sp_value *v)
{
	struct sp_conf_bind bind = { .kind = SP_BIND_ADDR, .at = v->at }, *item;
	bool is_good;

	if (sp_str_starts(v->text, SP_STR("unix:")))
		is_good = parse_bind_unix(v, &bind);
	else if (sp_str_starts(v->text, SP_STR("fd:")))
		is_good = parse_bind_fd(v, &bind);
	else
		is_good = parse_bind_addr(v, &bind);
	if (!is_good)
		return false;
	item = sp_value_add(v, sizeof(*item));
	if (item == NULL)
		return false;
	*item = bind;
	return true;
}

/* Looks like a host name: letters, digits, "-" and ".", and its last label begins with a letter. */
static bool is_host_name(struct sp_str s)
{
	struct sp_str label = s;
	const char *dot = memrchr(s.p, '.', s.n);
	char first;

	for (size_t i = 0; i < s.n; i++) {
		char c = sp_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
			return false;
	}
	if (dot != NULL)
		label = sp_str_of(dot + 1, s.n - (size_t)(dot - s.p) - 1);
	first = label.n > 0 ? sp_lower(label.p[0]) : '\0';
	return first >= 'a' && first <= 'z';
}

/* RFC 1035 2.3.4: 253 bytes, labels of 63. A name of one label is one as it stands: no search list is asked. */
static bool parse_named(struct sp_value *v, struct sp_str text, struct sp_conf_backend *backend)
{
	struct sp_str port, host, rest, label;
	uint64_t number = 80;

	port = text;
	(void)sp_str_split(&port, ':', &host);
	if (port.p != NULL && (!sp_str_u64(port, 65535, &number) || number == 0))
		return sp_value_bad(v, "a port is a number from 1 to 65535");
	rest = host;
	while (rest.n > 0 && sp_str_split(&rest, '.', &label))
		if (label.n == 0 || label.n > 63)
			return sp_value_bad(v, "a label of a name has 1 to 63 bytes");
	if (host.n > 253)
		return sp_value_bad(v, "a name has at most 253 bytes");
	backend->host = host;
	backend->addr = (struct sp_addr){ .family = SP_ADDR_NONE, .port = (uint16_t)number };
	return true;
}

static bool parse_address(struct sp_value *v, struct sp_str text, struct sp_conf_backend *backend)
{
	const char *colon = memrchr(text.p, ':', text.n);

	backend->name = text;
	backend->host = text;
	backend->at = v->at;
	if (sp_addr_parse_ip(text, &backend->addr))
		backend->addr.port = 80;
	else if (sp_addr_parse(text, 80, &backend->addr) && backend->addr.family != SP_ADDR_UNIX) {
		if (colon != NULL && (text.p[0] != '[' || colon[-1] == ']'))
			backend->host.n = (size_t)(colon - text.p);
	} else if (sp_str_starts(text, SP_STR("unix:"))) {
		return sp_value_bad(v, "backends are IP addresses or names");
	} else if (is_host_name(sp_str_of(text.p, colon == NULL ? text.n : (size_t)(colon - text.p)))) {
		return parse_named(v, text, backend);
	} else {
		return sp_value_bad(v, "neither an address, as 10.0.1.10:8080 or [fd00::10]:8080, nor a name");
	}
	return true;
}

bool sp_value_backend(struct sp_value *v)
{
	struct sp_conf_backend *to = v->to, backend = { .weight = 1 };

	if (!parse_address(v, v->text, &backend))
		return false;
	*to = backend;
	return true;
}

bool sp_value_backends(struct sp_value *v)
{
	struct sp_conf_backend backend = { .weight = 1 }, *item;
	struct sp_str rest = v->text, address, option;

	if (!sp_value_word(&rest, &address))
		return sp_value_bad(v, "no address");
	while (sp_value_word(&rest, &option)) {
		if (!sp_str_starts(option, SP_STR("weight=")))
			return sp_value_bad(
				v, "behind the address stands at most weight=N; commas between several backends");
		if (!sp_str_u64(sp_str_of(option.p + 7, option.n - 7), 256, &backend.weight) || backend.weight == 0)
			return sp_value_bad(v, "a weight is from 1 to 256");
	}
	if (!parse_address(v, address, &backend))
		return false;
	item = sp_value_add(v, sizeof(*item));
	if (item == NULL)
		return false;
	*item = backend;
	return true;
}
