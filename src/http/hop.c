#include "sp/http/hop.h"

#include <string.h>

#include "field.h"

#define VIA "1.1 sallyport"

enum { PORT_TEXT = 5 };

/* Fields that Connection names are for this hop alone. The gate has seen to it that none of them matters beyond: names
 * known to us are of hop fields, which drop_fields takes. */
static void drop_named(struct sp_head *head)
{
	if (!head->has_connection_names)
		return;
	for (uint32_t i = 0; i < head->field_count; i++) {
		struct sp_str list = head->fields[i].value, name;

		if (head->fields[i].id != SP_F_CONNECTION)
			continue;
		while (sp_list_next(&list, &name))
			if (sp_field_id(name) == SP_F_OTHER)
				sp_head_drop_name(head, name);
	}
}

static bool is_forwarding(const struct sp_field *f)
{
	if (f->id == SP_F_OTHER)
		return sp_field_is_x_forwarded(f->name);
	return (sp_field_kind(f->id) & SP_FIELD_FORWARDING) != 0;
}

static void drop_fields(struct sp_head *head, bool is_upgrade_kept, bool is_forwarding_kept)
{
	for (uint32_t i = 0; i < head->field_count; i++) {
		struct sp_field *f = &head->fields[i];

		if ((sp_field_kind(f->id) & SP_FIELD_HOP) != 0)
			f->is_dropped |= !(is_upgrade_kept && f->id == SP_F_UPGRADE);
		else if (!is_forwarding_kept && is_forwarding(f))
			f->is_dropped = true;
	}
}

static bool add_upgrade(struct sp_head *head, struct sp_arena *arena)
{
	return sp_head_add_id(head, arena, SP_F_CONNECTION, SP_STR("upgrade"));
}

/* All values of that name that are still there, and `last`, as one list; the old fields are dropped. */
static bool join(struct sp_head *head, struct sp_arena *arena, enum sp_field_id id, struct sp_str last)
{
	size_t n = last.n;
	char *text, *at;

	if (sp_head_find(head, id) == NULL)
		return sp_head_add_id(head, arena, id, last);
	for (uint32_t i = 0; i < head->field_count; i++)
		if (head->fields[i].id == id && !head->fields[i].is_dropped)
			n += head->fields[i].value.n + 2;
	text = at = sp_arena_alloc(arena, n);
	if (text == NULL)
		return false;
	for (uint32_t i = 0; i < head->field_count; i++) {
		struct sp_field *f = &head->fields[i];

		if (f->id != id || f->is_dropped)
			continue;
		f->is_dropped = true;
		if (f->value.n == 0)
			continue;
		memcpy(at, f->value.p, f->value.n);
		at += f->value.n;
		*at++ = ',';
		*at++ = ' ';
	}
	memcpy(at, last.p, last.n);
	return sp_head_add_id(head, arena, id, sp_str_of(text, (size_t)(at - text) + last.n));
}

/* A trusted peer that said it once is believed; twice is no answer. Of others nothing is left by now. */
static bool set_unless_told(struct sp_head *head, struct sp_arena *arena, enum sp_field_id id, struct sp_str value)
{
	size_t count = 0;

	if (sp_head_find(head, id) == NULL)
		return sp_head_add_id(head, arena, id, value);
	for (uint32_t i = 0; i < head->field_count; i++)
		count += head->fields[i].id == id && !head->fields[i].is_dropped;
	if (count == 1)
		return true;
	sp_head_drop(head, id);
	return sp_head_add_id(head, arena, id, value);
}

static struct sp_str port_text(struct sp_arena *arena, uint16_t port)
{
	char *text = sp_arena_alloc(arena, PORT_TEXT);
	size_t at = PORT_TEXT;

	if (text == NULL)
		return SP_STR_NONE;
	do {
		text[--at] = (char)('0' + port % 10);
		port /= 10;
	} while (port > 0);
	return sp_str_of(text + at, PORT_TEXT - at);
}

static bool add_forwarding(struct sp_head *head, struct sp_arena *arena, const struct sp_hop *hop)
{
	struct sp_str from = hop->is_peer_trusted && hop->peer_ip.n > 0 ? hop->peer_ip : hop->client_ip;
	struct sp_str port = port_text(arena, hop->port);

	return port.p != NULL && join(head, arena, SP_F_X_FORWARDED_FOR, from) &&
	       set_unless_told(head, arena, SP_F_X_FORWARDED_PROTO, hop->is_tls ? SP_STR("https") : SP_STR("http")) &&
	       set_unless_told(head, arena, SP_F_X_FORWARDED_HOST, head->host_text) &&
	       set_unless_told(head, arena, SP_F_X_FORWARDED_PORT, port);
}

bool sp_hop_request(struct sp_head *head, struct sp_arena *arena, const struct sp_hop *hop)
{
	bool is_upgrade = hop->is_upgrade_kept && head->has_upgrade;

	drop_named(head);
	drop_fields(head, is_upgrade, hop->is_peer_trusted);
	sp_head_drop(head, SP_F_EXPECT); /* answered by us */
	sp_head_drop(head, SP_F_X_REQUEST_ID);
	if (is_upgrade && !add_upgrade(head, arena))
		return false;
	return add_forwarding(head, arena, hop) && sp_head_add_id(head, arena, SP_F_X_REQUEST_ID, hop->request_id) &&
	       sp_head_add_id(head, arena, SP_F_VIA, SP_STR(VIA));
}

bool sp_hop_response(struct sp_head *head, struct sp_arena *arena, bool is_upgrade_kept)
{
	drop_named(head);
	drop_fields(head, is_upgrade_kept && head->has_upgrade, true);
	sp_head_drop(head, SP_F_SERVER);
	if (head->status >= 200 && sp_head_find(head, SP_F_DATE) == NULL && !sp_head_add_date(head, arena))
		return false;
	return sp_head_add_id(head, arena, SP_F_VIA, SP_STR(VIA));
}
