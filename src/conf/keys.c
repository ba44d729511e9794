#include "keys.h"

static const struct sp_conf_type *const types[] = {
	&sp_conf_type_gateway,  &sp_conf_type_egress, &sp_conf_type_admin,     &sp_conf_type_log,
	&sp_conf_type_listener, &sp_conf_type_tls,    &sp_conf_type_addresses, &sp_conf_type_geo,
	&sp_conf_type_limit,    &sp_conf_type_route,  &sp_conf_type_pool,      &sp_conf_type_backend,
};

enum { LIST = 1, COMMAS = 2, PATH = 4 };

static const struct {
	const char *name;
	unsigned what;
} kinds[SP_CONF_KIND_COUNT] = {
	[SP_CONF_BOOL] = { "yes or no", 0 },
	[SP_CONF_COUNT] = { "number", 0 },
	[SP_CONF_NUMBER] = { "number", 0 },
	[SP_CONF_SIZE] = { "size", 0 },
	[SP_CONF_DURATION] = { "duration", 0 },
	[SP_CONF_RATE] = { "rate", 0 },
	[SP_CONF_PACE] = { "rate", 0 },
	[SP_CONF_PERCENT] = { "percentage", 0 },
	[SP_CONF_WORD] = { "word", 0 },
	[SP_CONF_SWITCH] = { "word", 0 },
	[SP_CONF_TEXT] = { "text", 0 },
	[SP_CONF_TEXTS] = { "texts", LIST | COMMAS },
	[SP_CONF_USER] = { "user or group name", 0 },
	[SP_CONF_REF] = { "name of a section", 0 },
	[SP_CONF_REFS] = { "names of sections", LIST | COMMAS },
	[SP_CONF_URL_PATH] = { "URL path", 0 },
	[SP_CONF_FILE] = { "file", PATH },
	[SP_CONF_FILES] = { "files", LIST | COMMAS | PATH },
	[SP_CONF_PAIRED] = { "file", PATH },
	[SP_CONF_DATABASE] = { "file", PATH },
	[SP_CONF_FOLDER] = { "folder", PATH },
	[SP_CONF_LOG_TO] = { "file or word", PATH },
	[SP_CONF_INCLUDE] = { "file patterns", LIST | COMMAS },
	[SP_CONF_BIND] = { "address to listen on", 0 },
	[SP_CONF_BINDS] = { "addresses to listen on", LIST | COMMAS | PATH },
	[SP_CONF_CIDRS] = { "CIDRs or @names", LIST | COMMAS },
	[SP_CONF_EGRESS] = { "CIDR[:port[-port]] or @name", LIST | COMMAS },
	[SP_CONF_BACKEND] = { "address[:port]", 0 },
	[SP_CONF_BACKENDS] = { "address[:port] [weight=N]", LIST | COMMAS },
	[SP_CONF_METHODS] = { "methods", LIST | COMMAS },
	[SP_CONF_NAMES] = { "names", LIST | COMMAS },
	[SP_CONF_HOSTS] = { "host patterns", LIST | COMMAS },
	[SP_CONF_PATHS] = { "path patterns", LIST | COMMAS },
	[SP_CONF_EDITS] = { "set Name: value, add Name: value, remove Name", LIST },
	[SP_CONF_REDIRECT] = { "status and URL", 0 },
	[SP_CONF_RESPOND] = { "status and text", 0 },
	[SP_CONF_HSTS] = { "duration [includeSubDomains] [preload]", 0 },
	[SP_CONF_BALANCE] = { "word", 0 },
	[SP_CONF_LIMIT_KEY] = { "word", 0 },
	[SP_CONF_STATUSES] = { "requests or status codes", LIST | COMMAS },
	[SP_CONF_STATUS_RANGES] = { "status codes or ranges", LIST | COMMAS },
	[SP_CONF_CHECK] = { "GET /path or tcp", 0 },
	[SP_CONF_PLACES] = { "countries and AS numbers", LIST | COMMAS },
	[SP_CONF_HOST_SENT] = { "word or host name", 0 },
};

const struct sp_conf_type *const *sp_conf_types(size_t *count)
{
	*count = SP_COUNT(types);
	return types;
}

const struct sp_conf_type *sp_conf_type_find(struct sp_str name)
{
	for (size_t i = 0; i < SP_COUNT(types); i++) {
		if (sp_str_eq(sp_str(types[i]->name), name))
			return types[i];
	}
	return NULL;
}

const struct sp_conf_key *sp_conf_key_find(const struct sp_conf_type *type, struct sp_str name)
{
	for (size_t i = 0; i < type->key_count; i++) {
		if (sp_str_eq(sp_str(type->keys[i].name), name))
			return &type->keys[i];
	}
	return NULL;
}

bool sp_conf_kind_is_list(enum sp_conf_kind kind)
{
	return (kinds[kind].what & LIST) != 0;
}

bool sp_conf_kind_has_commas(enum sp_conf_kind kind)
{
	return (kinds[kind].what & COMMAS) != 0;
}

bool sp_conf_kind_is_path(enum sp_conf_kind kind)
{
	return (kinds[kind].what & PATH) != 0;
}

bool sp_conf_kind_keeps_file(enum sp_conf_kind kind)
{
	return kind == SP_CONF_FILE || kind == SP_CONF_DATABASE;
}

const char *sp_conf_kind_name(enum sp_conf_kind kind)
{
	return kinds[kind].name;
}
