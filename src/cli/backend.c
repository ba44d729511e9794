/*
 * drain, undrain, weight - what an operator says of one backend; drain and undrain of the whole gateway, too.
 */
#include <stdio.h>
#include <string.h>

#include "admin_client.h"
#include "command.h"
#include "sp/base/buf.h"
#include "sp/base/json.h"

enum { WEIGHT_MAX = 256 };

static int usage(const char *command, const char *why)
{
	fprintf(stderr, "sallyport %s: %s\n", command, why);
	return SP_EXIT_USAGE;
}

/* {"command":"drain","backend":"app/10.0.0.1:80", and what is put behind it. backend: NULL: of the whole gateway. */
static void begin(struct sp_buf *request, const char *command, const char *backend)
{
	sp_buf_init(request);
	sp_buf_printf(request, "{\"command\":\"%s\"", command);
	if (backend == NULL)
		return;
	sp_buf_put(request, SP_STR(",\"backend\":"));
	sp_json_put(request, sp_str(backend));
}

/* Consumes the buffer. */
static int ask(const struct sp_args *args, const char *command, struct sp_buf *request)
{
	struct sp_admin_answer answer;
	bool is_done;

	sp_buf_put(request, SP_STR("}\0"));
	is_done = sp_admin_ask(args, command, sp_buf_str(request).p, false, &answer) && answer.is_done;
	sp_buf_fini(request);
	return is_done ? SP_EXIT_OK : SP_EXIT_FAILED;
}

static int drain(const struct sp_args *args, const char *command)
{
	struct sp_buf request;

	begin(&request, command, args->what);
	return ask(args, command, &request);
}

int sp_command_drain(const struct sp_args *args)
{
	return drain(args, "drain");
}

int sp_command_undrain(const struct sp_args *args)
{
	return drain(args, "undrain");
}

int sp_command_weight(const struct sp_args *args)
{
	const char *backend = args->words[0], *weight = backend == NULL ? NULL : args->words[1];
	struct sp_buf request;
	uint64_t n = 0;
	bool is_default;

	if (weight == NULL || args->words[2] != NULL)
		return usage("weight", "of which backend, and how much? As app/10.0.0.1:80 3");
	is_default = strcmp(weight, "default") == 0;
	if (!is_default && !sp_str_u64(sp_str(weight), WEIGHT_MAX, &n))
		return usage("weight", "a weight is from 0 to 256, or default for the configuration's");
	begin(&request, "weight", backend);
	if (!is_default)
		sp_buf_printf(&request, ",\"weight\":%llu", (unsigned long long)n);
	return ask(args, "weight", &request);
}
