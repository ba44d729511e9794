/* peer: whose word counts for the client's address. */
#include "../../../src/proxy/peer.h"
#include "t.h"

#define MOST 4

static struct sp_addr addr_of(const char *text)
{
	struct sp_addr addr;

	assert_true(sp_addr_parse_ip(sp_str(text), &addr));
	return addr;
}

static const struct {
	const char *name, *peer;
	const char *fields[MOST];
	const char *want;
} cases[] = {
	{ "no field", "10.0.0.1", { NULL }, "10.0.0.1" },
	{ "an untrusted peer's word", "203.0.113.9", { "198.51.100.1" }, "203.0.113.9" },
	{ "one hop", "10.0.0.1", { "198.51.100.1" }, "198.51.100.1" },
	{ "forged to the left", "10.0.0.1", { "1.2.3.4, 198.51.100.1" }, "198.51.100.1" },
	{ "two of ours", "10.0.0.1", { "198.51.100.1, 10.9.9.9" }, "198.51.100.1" },
	{ "all of ours", "10.0.0.1", { "10.1.1.1, 10.9.9.9" }, "10.1.1.1" },
	{ "two fields are one list", "10.0.0.1", { "1.2.3.4", "198.51.100.1" }, "198.51.100.1" },
	{ "two fields, the last is ours", "10.0.0.1", { "198.51.100.1", "10.2.2.2" }, "198.51.100.1" },
	{ "IPv6", "10.0.0.1", { "2001:db8::1" }, "2001:db8::1" },
	{ "v4 in v6 is v4", "10.0.0.1", { "::ffff:198.51.100.1" }, "198.51.100.1" },
	{ "no address", "10.0.0.1", { "198.51.100.1, unknown" }, "10.0.0.1" },
	{ "no address behind one of ours", "10.0.0.1", { "evil, 10.9.9.9" }, "10.9.9.9" },
	{ "a port is no address", "10.0.0.1", { "198.51.100.1:80" }, "10.0.0.1" },
	{ "empty", "10.0.0.1", { "" }, "10.0.0.1" },
	{ "empty items", "10.0.0.1", { "198.51.100.1, ," }, "10.0.0.1" },
};

static void test_client(void **state)
{
	struct sp_cidr ours;
	struct sp_conf_cidrs trusted = { .items = &ours, .count = 1 };

	(void)state;
	assert_true(sp_cidr_parse(SP_STR("10.0.0.0/8"), &ours));
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		char memory[2048], got[SP_ADDR_TEXT];
		struct sp_arena arena;
		struct sp_head head;
		struct sp_addr peer = addr_of(cases[i].peer), client;

		print_message("  %s\n", cases[i].name);
		sp_arena_init(&arena, memory, sizeof(memory), 0);
		sp_head_init(&head, true);
		for (size_t k = 0; k < MOST && cases[i].fields[k] != NULL; k++)
			assert_true(sp_head_add_id(&head, &arena, SP_F_X_FORWARDED_FOR, sp_str(cases[i].fields[k])));
		client = sp_peer_client(&trusted, &peer, &head);
		assert_string_equal(sp_addr_ip_text(&client, got), cases[i].want);
		sp_arena_fini(&arena);
	}
}

static void test_nobody_is_trusted_by_default(void **state)
{
	struct sp_conf_cidrs nobody = { .count = 0 };
	struct sp_addr peer = addr_of("10.0.0.1");

	(void)state;
	assert_false(sp_peer_is_trusted(&nobody, &peer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_nobody_is_trusted_by_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
