/*
 * parts - what a section is read into, before the tree is put together: the
 * tree's own struct and, beside it, what only putting together needs (names
 * that refer to other sections, pairs not matched yet).
 */
#ifndef SP_CONF_PARTS_H
#define SP_CONF_PARTS_H

#include "sp/conf/conf.h"

/* Every one begins with a struct sp_conf_section. */
struct sp_part_gateway {
	struct sp_conf_gateway pub;
	struct sp_conf_texts include;
};

struct sp_part_egress {
	struct sp_conf_egress pub;
};

struct sp_part_log {
	struct sp_conf_log pub;
};

struct sp_part_admin {
	struct sp_conf_admin pub;
};

struct sp_part_listener {
	struct sp_conf_listener pub;
	struct sp_conf_texts tls_names, limit_names, geo_names;
	struct sp_conf_texts certs, key_files;
	const struct sp_conf_tls *own_tls; /* what those became; NULL: none */
};

struct sp_part_tls {
	struct sp_conf_tls pub;
	struct sp_conf_texts certs, key_files;
	const struct sp_conf_tls *final; /* its place in the tree */
};

struct sp_part_addresses {
	struct sp_conf_section section;
	struct sp_str lines; /* content of its file */
	struct sp_conf_cidrs cidrs;
};

struct sp_part_limit {
	struct sp_conf_limit pub;
	const struct sp_conf_limit *final; /* its place in the tree */
};

struct sp_part_geo {
	struct sp_conf_geo pub;
	const struct sp_conf_geo *final; /* its place in the tree */
};

struct sp_part_route {
	struct sp_conf_route pub;
	struct sp_conf_text pool_name;
	struct sp_conf_texts limit_names, geo_names;
	struct sp_conf_backend to; /* at.file == NULL: not set */
};

struct sp_part_pool {
	struct sp_conf_pool pub;
	struct sp_conf_text tls_cert, tls_key_file; /* at.file == NULL: not set */
	const struct sp_conf_pool *final; /* its place in the tree */
};

struct sp_part_backend {
	struct sp_conf_section section;
	struct sp_conf_text pool_name;
	struct sp_conf_backend pub;
};

#endif
