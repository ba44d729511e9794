#include "gate.h"

#include "bytes.h"
#include "field.h"
#include "framing.h"
#include "target.h"

enum { CONNECTION_OPTIONS_MAX = 32 }; /* each costs a walk over the fields when it names one */

struct facts {
	struct sp_framing_fields framing;
	struct sp_str host, upgrade;
	unsigned host_count, upgrade_count, expect_count, options;
	bool says_close, says_keep_alive, says_upgrade;
};

/*
 * A Connection option names a field that this hop takes away (RFC 9110 7.6.1).
 * Fields that tell where a message goes, where it ends, who sent it or what it
 * means are for everybody: naming one of those is how credentials and
 * forwarding fields are made to vanish behind a gateway that looked at them.
 */
static bool may_be_named(struct sp_str name)
{
	static const char *const never[] = { "Age", "Content-Encoding", "Content-Range", "Range", "Vary" };
	enum sp_field_id id = sp_field_id_of_token(name);

	if (id != SP_F_OTHER)
		return (sp_field_kind(id) & SP_FIELD_HOP) != 0;
	for (size_t i = 0; i < SP_COUNT(never); i++)
		if (sp_str_eq_nocase(name, sp_str(never[i])))
			return false;
	return !sp_field_is_alias(name);
}

static enum sp_refuse read_connection(struct sp_head *head, struct facts *facts, struct sp_str list)
{
	struct sp_str option;

	while (sp_list_next(&list, &option)) {
		if (++facts->options > CONNECTION_OPTIONS_MAX || !sp_bytes_are(option, SP_BYTE_TOKEN))
			return SP_REFUSE_CONNECTION;
		if (sp_str_eq_nocase(option, SP_STR("close")))
			facts->says_close = true;
		else if (sp_str_eq_nocase(option, SP_STR("keep-alive")))
			facts->says_keep_alive = true;
		else if (sp_str_eq_nocase(option, SP_STR("upgrade")))
			facts->says_upgrade = true;
		else if (may_be_named(option))
			head->has_connection_names = true;
		else
			return SP_REFUSE_CONNECTION;
	}
	return SP_REFUSE_NONE;
}

static enum sp_refuse read_expect(struct sp_head *head, struct facts *facts, struct sp_str value)
{
	if (!head->is_request)
		return SP_REFUSE_NONE;
	if (++facts->expect_count > 1 || !sp_str_eq_nocase(value, SP_STR("100-continue")))
		return SP_REFUSE_EXPECT;
	head->expects_continue = head->minor == 1; /* RFC 9110 10.1.1: ignored in HTTP/1.0 */
	return SP_REFUSE_NONE;
}

#define ID_BIT(id) (UINT64_C(1) << (id))

/* Not lists (RFC 9110 5.3), and readers differ on which of two counts: who you are, what the body is, where you come from. */
#define ONCE_IN_A_REQUEST                                                                                              \
	(ID_BIT(SP_F_AUTHORIZATION) | ID_BIT(SP_F_CONTENT_TYPE) | ID_BIT(SP_F_ORIGIN) |                                \
	 ID_BIT(SP_F_SEC_WEBSOCKET_KEY) | ID_BIT(SP_F_SEC_WEBSOCKET_VERSION))

static enum sp_refuse collect(struct sp_head *head, struct facts *facts)
{
	enum sp_refuse why = SP_REFUSE_NONE;
	uint64_t once = head->is_request ? ONCE_IN_A_REQUEST : 0, seen = 0;

	for (uint32_t i = 0; i < head->field_count && why == SP_REFUSE_NONE; i++) {
		const struct sp_field *f = &head->fields[i];

		if ((once & seen & ID_BIT(f->id)) != 0)
			return SP_REFUSE_FIELD_VALUE;
		seen |= ID_BIT(f->id);
		switch (f->id) {
		case SP_F_HOST:
			facts->host_count++;
			facts->host = f->value;
			break;
		case SP_F_CONTENT_LENGTH:
			facts->framing.length_count++;
			facts->framing.length = f->value;
			break;
		case SP_F_TRANSFER_ENCODING:
			facts->framing.coding_count++;
			facts->framing.coding = f->value;
			break;
		case SP_F_UPGRADE:
			facts->upgrade_count++;
			facts->upgrade = f->value;
			break;
		case SP_F_CONNECTION: why = read_connection(head, facts, f->value); break;
		case SP_F_EXPECT: why = read_expect(head, facts, f->value); break;
		default: break;
		}
	}
	return why;
}

static const struct {
	struct sp_str text;
	enum sp_method method;
} methods[] = {
	{ { "GET", 3 }, SP_M_GET },         { { "HEAD", 4 }, SP_M_HEAD },       { { "POST", 4 }, SP_M_POST },
	{ { "PUT", 3 }, SP_M_PUT },         { { "PATCH", 5 }, SP_M_PATCH },     { { "DELETE", 6 }, SP_M_DELETE },
	{ { "OPTIONS", 7 }, SP_M_OPTIONS }, { { "CONNECT", 7 }, SP_M_CONNECT }, { { "TRACE", 5 }, SP_M_TRACE },
};

/* Known to both parsers, of no meaning to us: a listener may let them pass by name. */
static const char *const other_methods[] = {
	"ACL",        "BIND",   "CHECKOUT",  "COPY",   "LINK",     "LOCK",      "MERGE",       "MKACTIVITY",
	"MKCALENDAR", "MKCOL",  "MOVE",      "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE",       "REBIND",
	"REPORT",     "SEARCH", "SUBSCRIBE", "UNBIND", "UNLINK",   "UNLOCK",    "UNSUBSCRIBE",
};

static enum sp_refuse read_method(struct sp_head *head)
{
	for (size_t i = 0; i < SP_COUNT(methods); i++) {
		if (!sp_str_eq(head->method_text, methods[i].text))
			continue;
		head->method = methods[i].method;
		if (head->method == SP_M_CONNECT || head->method == SP_M_TRACE)
			return SP_REFUSE_METHOD_UNKNOWN; /* no tunnels for strangers, no echo of credentials */
		return SP_REFUSE_NONE;
	}
	for (size_t i = 0; i < SP_COUNT(other_methods); i++)
		if (sp_str_eq(head->method_text, sp_str(other_methods[i])))
			return SP_REFUSE_NONE;
	return SP_REFUSE_METHOD_UNKNOWN;
}

/* `name[/version]` items (RFC 9110 7.8). */
static bool is_upgrade_list(struct sp_str list)
{
	struct sp_str item, name;
	size_t count = 0;

	while (sp_list_next(&list, &item)) {
		count++;
		if (!sp_str_split(&item, '/', &name) || !sp_bytes_are(name, SP_BYTE_TOKEN))
			return false;
		if (item.p != NULL && !sp_bytes_are(item, SP_BYTE_TOKEN))
			return false;
	}
	return count > 0;
}

static enum sp_refuse read_hop_facts(struct sp_head *head, const struct facts *facts)
{
	head->is_keep_alive = !facts->says_close && (head->minor == 1 || facts->says_keep_alive);
	if (!facts->says_upgrade || facts->upgrade_count == 0)
		return SP_REFUSE_NONE;
	if (!is_upgrade_list(facts->upgrade))
		return SP_REFUSE_UPGRADE;
	/* Ignored in HTTP/1.0 (RFC 9110 7.8); and two fields are one list (5.3), which is nothing that we switch to. */
	head->has_upgrade = head->minor == 1 && facts->upgrade_count == 1;
	head->upgrade = facts->upgrade;
	return SP_REFUSE_NONE;
}

static enum sp_refuse read_host(struct sp_head *head, struct sp_arena *arena, const struct facts *facts)
{
	struct sp_authority host;
	enum sp_refuse why;

	if (facts->host_count != 1)
		return SP_REFUSE_HOST;
	why = sp_authority_read(facts->host, arena, &host);
	if (why != SP_REFUSE_NONE)
		return why;
	head->host = host.host;
	head->port = host.port;
	head->host_text = facts->host;
	if (host.port == 0 &&
	    facts->host.p[facts->host.n - 1] == ':') /* an empty port, which is left out (RFC 3986 6.2.3) */
		head->host_text.n--;
	return sp_target_read(head, arena, &host);
}

enum sp_refuse sp_gate_request(struct sp_head *head, struct sp_arena *arena)
{
	struct facts facts = { .host_count = 0 };
	enum sp_refuse why = read_method(head);

	if (why == SP_REFUSE_NONE)
		why = collect(head, &facts);
	if (why == SP_REFUSE_NONE)
		why = read_host(head, arena, &facts);
	if (why == SP_REFUSE_NONE)
		why = sp_framing_request(head, &facts.framing);
	if (why == SP_REFUSE_NONE)
		why = read_hop_facts(head, &facts);
	return why;
}

enum sp_refuse sp_gate_response(struct sp_head *head, enum sp_method method)
{
	struct facts facts = { .host_count = 0 };
	enum sp_refuse why = collect(head, &facts);

	if (why == SP_REFUSE_NONE)
		why = read_hop_facts(head, &facts);
	if (why == SP_REFUSE_NONE)
		why = sp_framing_response(head, &facts.framing, method);
	return why;
}
