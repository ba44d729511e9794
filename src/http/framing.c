#include "framing.h"

enum { LENGTH_DIGITS = 18 };

static bool is_known_coding(struct sp_str item)
{
	static const char *const known[] = { "gzip",       "x-gzip",   "deflate", "compress",
					     "x-compress", "identity", "br",      "zstd" };

	for (size_t i = 0; i < SP_COUNT(known); i++)
		if (sp_str_eq_nocase(item, sp_str(known[i])))
			return true;
	return false;
}

/* RFC 9112 6.1: 501 for a coding that we know of and do not undo; what makes no sense as a list of codings is 400. */
static enum sp_refuse judge_other_coding(struct sp_str list)
{
	struct sp_str item;
	bool has_other = false, has_chunked = false;

	while (sp_list_next(&list, &item)) {
		if (has_chunked)
			return SP_REFUSE_FRAMING;
		if (sp_str_eq_nocase(item, SP_STR("chunked")))
			has_chunked = true;
		else if (is_known_coding(item))
			has_other = true;
		else
			return SP_REFUSE_FRAMING;
	}
	return has_other ? SP_REFUSE_CODING : SP_REFUSE_FRAMING;
}

static enum sp_refuse read_coding(struct sp_head *head, const struct sp_framing_fields *said)
{
	/* HTTP/1.0 knows no codings: who reads it as 1.0 does not see the chunks. */
	if (said->coding_count > 1 || head->minor == 0)
		return SP_REFUSE_FRAMING;
	if (!sp_str_eq_nocase(said->coding, SP_STR("chunked")))
		return judge_other_coding(said->coding);
	head->framing = SP_BODY_CHUNKED;
	return SP_REFUSE_NONE;
}

static enum sp_refuse read_length(struct sp_head *head, const struct sp_framing_fields *said)
{
	if (said->length_count > 1)
		return SP_REFUSE_FRAMING;
	if (said->length.n > LENGTH_DIGITS || !sp_str_u64(said->length, UINT64_MAX, &head->length))
		return SP_REFUSE_LENGTH;
	head->has_length = true;
	head->framing = SP_BODY_LENGTH;
	return SP_REFUSE_NONE;
}

/* Framing as the fields say it; NONE where they say nothing. */
static enum sp_refuse read_fields(struct sp_head *head, const struct sp_framing_fields *said)
{
	head->framing = SP_BODY_NONE;
	/* RFC 9112 6.3: a message with both is an attack or a bug. We do not pick one. */
	if (said->coding_count > 0 && said->length_count > 0)
		return SP_REFUSE_FRAMING;
	if (said->coding_count > 0)
		return read_coding(head, said);
	return said->length_count > 0 ? read_length(head, said) : SP_REFUSE_NONE;
}

enum sp_refuse sp_framing_request(struct sp_head *head, const struct sp_framing_fields *said)
{
	return read_fields(head, said);
}

static bool is_never_with_body(uint16_t status)
{
	return status < 200 || status == 204;
}

enum sp_refuse sp_framing_response(struct sp_head *head, const struct sp_framing_fields *said, enum sp_method method)
{
	enum sp_refuse why = read_fields(head, said);

	if (why != SP_REFUSE_NONE)
		return why;
	if (is_never_with_body(head->status)) {
		/* RFC 9110 8.6 allows no length here. Of 0 all readers make the same; of more, some would wait for it. */
		if (head->framing == SP_BODY_CHUNKED || head->length > 0)
			return SP_REFUSE_FRAMING;
		head->has_length = false;
		head->framing = SP_BODY_NONE;
		return SP_REFUSE_NONE;
	}
	if (method == SP_M_HEAD || head->status == 304) {
		head->framing = SP_BODY_NONE;
		return SP_REFUSE_NONE;
	}
	if (head->framing == SP_BODY_NONE) {
		head->framing = SP_BODY_CLOSE;
		head->is_keep_alive = false;
	}
	return SP_REFUSE_NONE;
}
