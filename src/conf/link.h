/*
 * link - filled sections to one tree: names become pointers, short forms
 * (cert in a listener, `to` in a route) become the sections they stand for,
 * certificates are read.
 */
#ifndef SP_CONF_LINK_H
#define SP_CONF_LINK_H

#include "fill.h"

/* What is wrong goes to the doc's report; the tree is whole either way, with NULL where a reference failed. */
void sp_link_all(const struct sp_fill *fill, struct sp_conf *conf);

#endif
