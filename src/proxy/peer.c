#include "peer.h"

#include "sp/base/cidr.h"

bool sp_peer_is_trusted(const struct sp_conf_cidrs *trusted, const struct sp_addr *addr)
{
	for (size_t i = 0; i < trusted->count; i++)
		if (sp_cidr_has(&trusted->items[i], addr))
			return true;
	return false;
}

/* The last item of a comma list; *list loses it. false: none is left. */
static bool last_item(struct sp_str *list, struct sp_str *item)
{
	size_t at = list->n;

	if (list->n == 0)
		return false;
	while (at > 0 && list->p[at - 1] != ',')
		at--;
	*item = sp_str_trim(sp_str_of(list->p + at, list->n - at));
	list->n = at > 0 ? at - 1 : 0;
	return true;
}

struct sp_addr sp_peer_client(const struct sp_conf_cidrs *trusted, const struct sp_addr *peer, const struct sp_head *head)
{
	struct sp_addr client = *peer;

	if (trusted->count == 0 || !sp_peer_is_trusted(trusted, peer))
		return client;
	for (uint32_t i = head->field_count; i-- > 0;) {
		const struct sp_field *f = &head->fields[i];
		struct sp_str list = f->value, item;

		if (f->is_dropped || f->id != SP_F_X_FORWARDED_FOR)
			continue;
		while (last_item(&list, &item)) {
			struct sp_addr addr;

			if (!sp_addr_parse_ip(item, &addr))
				return client;
			client = sp_addr_fold(&addr);
			if (!sp_peer_is_trusted(trusted, &client))
				return client;
		}
	}
	return client;
}
