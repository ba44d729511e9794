/*
 * acl - allow and deny by the client's address: deny is looked at first, and any allow makes the rest denied.
 *
 * Thousands of prefixes cost a request what few do: both lists are tables whose value says which item it was.
 */
#include "steps.h"

#include "sp/base/cidr.h"

struct acl {
	struct sp_cidr_table *allow, *deny; /* owned; NULL: there is no such list */
	const struct sp_conf_cidrs *allowed, *denied; /* borrowed */
	struct sp_conf_at allow_at; /* whose fault it is when nothing allows */
};

static enum sp_verdict refuse(struct sp_ask *ask, struct sp_conf_at rule)
{
	ask->status = 403;
	ask->cause = "denied_ip";
	ask->rule = rule;
	return SP_ANSWER;
}

static enum sp_verdict on_request(const void *conf, struct sp_ask *ask, struct sp_wait *w)
{
	const struct acl *acl = conf;
	uint32_t found = acl->deny == NULL ? 0 : sp_cidr_table_find(acl->deny, ask->client);

	(void)w;
	if (found > 0)
		return refuse(ask, acl->denied->ats[found - 1]);
	if (acl->allow != NULL && sp_cidr_table_find(acl->allow, ask->client) == 0)
		return refuse(ask, acl->allow_at);
	return SP_PASS;
}

static void tell_list(const struct sp_ask *ask, const struct sp_conf_cidrs *list, uint32_t found, struct sp_met *met)
{
	char ip[SP_ADDR_TEXT], cidr[SP_ADDR_TEXT];

	sp_addr_ip_text(ask->client, ip);
	if (found == 0) {
		met->text = sp_met_text(ask, "%s is in none of these", ip);
		return;
	}
	met->at = list->ats[found - 1];
	met->text = sp_met_text(ask, "%s is in %s", ip, sp_cidr_text(&list->items[found - 1], cidr));
}

/* The list that decided. */
static void tell(const void *conf, const struct sp_ask *ask, struct sp_met *met)
{
	const struct acl *acl = conf;
	uint32_t denied = acl->deny == NULL ? 0 : sp_cidr_table_find(acl->deny, ask->client);

	if (denied > 0 || acl->allow == NULL) {
		met->rule = "deny";
		met->at = acl->denied->ats[0];
		tell_list(ask, acl->denied, denied, met);
		return;
	}
	met->rule = "allow";
	met->at = acl->allow_at;
	tell_list(ask, acl->allowed, sp_cidr_table_find(acl->allow, ask->client), met);
}

static void free_acl(const void *conf)
{
	const struct acl *acl = conf;

	sp_cidr_table_free(acl->allow);
	sp_cidr_table_free(acl->deny);
}

static const struct sp_policy acl_policy = { .name = "acl", .request = on_request, .free = free_acl, .tell = tell };

/* false: no memory. */
static bool make_table(const struct sp_conf_cidrs *list, struct sp_cidr_table **out)
{
	*out = sp_cidr_table_new();
	for (size_t i = 0; *out != NULL && i < list->count; i++)
		if (!sp_cidr_table_add(*out, &list->items[i], (uint32_t)i + 1))
			return false;
	return *out != NULL;
}

bool sp_acl_make(const struct sp_conf_section *section, const struct sp_conf_cidrs *allow,
                 const struct sp_conf_cidrs *deny, struct sp_arena *arena, struct sp_step *out)
{
	struct acl *acl = sp_arena_zalloc(arena, sizeof(*acl));

	if (acl == NULL)
		return false;
	*out = (struct sp_step){ &acl_policy, acl };
	acl->allowed = allow;
	acl->denied = deny;
	acl->allow_at = sp_conf_at(section, "allow");
	/* A list that is set and empty (a file of comments) allows nobody. */
	return (acl->allow_at.file == NULL || make_table(allow, &acl->allow)) &&
	       (deny->count == 0 || make_table(deny, &acl->deny));
}
