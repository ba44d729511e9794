#include "sp/http/refuse.h"

#include "sp/base/check.h"

static const struct {
	const char *word;
	uint16_t status;
} reasons[SP_REFUSE_COUNT] = {
	[SP_REFUSE_NONE] = { "none", 400 },
	[SP_REFUSE_LINE_END] = { "line_end", 400 },
	[SP_REFUSE_CONTROL] = { "control", 400 },
	[SP_REFUSE_START_LINE] = { "start_line", 400 },
	[SP_REFUSE_METHOD] = { "method", 400 },
	[SP_REFUSE_METHOD_UNKNOWN] = { "method_unknown", 501 },
	[SP_REFUSE_VERSION] = { "version", 505 },
	[SP_REFUSE_PREFACE] = { "preface", 505 },
	[SP_REFUSE_TARGET] = { "target", 400 },
	[SP_REFUSE_TARGET_TOO_LONG] = { "target_too_long", 414 },
	[SP_REFUSE_PATH] = { "path", 400 },
	[SP_REFUSE_HOST] = { "host", 400 },
	[SP_REFUSE_FIELD_NAME] = { "field_name", 400 },
	[SP_REFUSE_FIELD_VALUE] = { "field_value", 400 },
	[SP_REFUSE_FOLD] = { "fold", 400 },
	[SP_REFUSE_UNDERSCORE] = { "underscore", 400 },
	[SP_REFUSE_HEAD_TOO_LARGE] = { "head_too_large", 431 },
	[SP_REFUSE_TOO_MANY_FIELDS] = { "too_many_fields", 431 },
	[SP_REFUSE_LENGTH] = { "length", 400 },
	[SP_REFUSE_CODING] = { "coding", 501 },
	[SP_REFUSE_FRAMING] = { "framing", 400 },
	[SP_REFUSE_CONNECTION] = { "connection", 400 },
	[SP_REFUSE_EXPECT] = { "expect", 417 },
	[SP_REFUSE_UPGRADE] = { "upgrade", 400 },
	[SP_REFUSE_CHUNK] = { "chunk", 400 },
	[SP_REFUSE_TRAILER] = { "trailer", 400 },
	[SP_REFUSE_BODY_TOO_LARGE] = { "body_too_large", 413 },
	[SP_REFUSE_STATUS] = { "status", 400 },
	[SP_REFUSE_SECOND_OPINION] = { "second_opinion", 400 },
	[SP_REFUSE_MEMORY] = { "memory", 503 },
};

uint16_t sp_refuse_status(enum sp_refuse why)
{
	SP_ASSERT(why < SP_REFUSE_COUNT);
	return reasons[why].status;
}

const char *sp_refuse_word(enum sp_refuse why)
{
	SP_ASSERT(why < SP_REFUSE_COUNT);
	return reasons[why].word;
}
