#include "steps.h"

struct shape {
	const struct sp_str *methods; /* borrowed */
	size_t method_count;
	struct sp_str allow; /* "GET, HEAD" */
	struct sp_conf_at rule;
};

static enum sp_verdict on_request(const void *conf, struct sp_ask *ask, struct sp_wait *w)
{
	const struct shape *shape = conf;

	(void)w;
	for (size_t i = 0; i < shape->method_count; i++) {
		if (sp_str_eq(shape->methods[i], ask->request->method_text))
			return SP_PASS;
	}
	ask->status = 405;
	ask->cause = "bad_request";
	ask->allow = shape->allow;
	ask->rule = shape->rule;
	return SP_ANSWER;
}

static void tell(const void *conf, const struct sp_ask *ask, struct sp_met *met)
{
	const struct shape *shape = conf;

	met->rule = "methods";
	met->at = shape->rule;
	met->text = sp_met_text(ask, "%.*s is %s of %.*s", SP_STR_ARG(ask->request->method_text),
				met->how == SP_MET_PASSED ? "one" : "none", SP_STR_ARG(shape->allow));
}

static const struct sp_policy shape_policy = { .name = "shape", .request = on_request, .tell = tell };

static struct sp_str join_methods(const struct sp_str *methods, size_t count, struct sp_arena *arena)
{
	size_t room = 1;
	char *text, *to;

	for (size_t i = 0; i < count; i++)
		room += methods[i].n + 2;
	text = to = sp_arena_alloc(arena, room);
	for (size_t i = 0; text != NULL && i < count; i++) {
		if (i > 0) {
			*to++ = ',';
			*to++ = ' ';
		}
		memcpy(to, methods[i].p, methods[i].n);
		to += methods[i].n;
	}
	return sp_str_of(text, (size_t)(to - text));
}

bool sp_shape_of_listener(const struct sp_conf_listener *conf, struct sp_arena *arena, struct sp_step *out)
{
	struct shape *shape = sp_arena_zalloc(arena, sizeof(*shape));

	if (shape == NULL)
		return false;
	shape->methods = conf->methods;
	shape->method_count = conf->method_count;
	shape->allow = join_methods(conf->methods, conf->method_count, arena);
	shape->rule = sp_conf_at(&conf->section, "methods");
	*out = (struct sp_step){ &shape_policy, shape };
	return shape->allow.p != NULL;
}
