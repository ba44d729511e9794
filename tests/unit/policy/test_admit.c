/* Who may connect. */
#include "t.h"

#include "sp/base/check.h"
#include "sp/policy/admit.h"

static struct {
	bool is_banned;
	uint64_t connections, handshakes;
} world;

static bool is_banned(void *arg, const struct sp_addr *addr)
{
	(void)arg, (void)addr;
	return world.is_banned;
}

static uint64_t connections(void *arg, uint64_t hash)
{
	(void)arg, (void)hash;
	return world.connections;
}

static uint64_t handshakes(void *arg, uint64_t hash)
{
	(void)arg, (void)hash;
	return world.handshakes;
}

static void test_order_and_edges(void **state)
{
	static const struct {
		bool is_banned;
		uint64_t connections, handshakes;
		struct sp_admit_caps caps;
		enum sp_admit want;
	} rows[] = {
		{ false, 0, 0, { 1, 1000 }, SP_ADMIT_YES },
		{ false, 99, 19000, { 100, 20000 }, SP_ADMIT_YES },
		{ false, 100, 0, { 100, 20000 }, SP_ADMIT_CONNECTIONS },
		{ false, 0, 19001, { 100, 20000 }, SP_ADMIT_HANDSHAKES },
		{ false, 100, 99000, { 100, 20000 }, SP_ADMIT_CONNECTIONS },
		{ true, 100, 99000, { 100, 20000 }, SP_ADMIT_BANNED },
		{ false, 1000000, 99000000, { 0, 0 }, SP_ADMIT_YES },
	};
	const struct sp_admit_seen all = { is_banned, connections, handshakes, NULL }, nothing = { 0 };
	const struct sp_addr addr = { .family = SP_ADDR_V4 };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		world.is_banned = rows[i].is_banned;
		world.connections = rows[i].connections;
		world.handshakes = rows[i].handshakes;
		assert_int_equal(sp_admit(&rows[i].caps, &all, &addr, 1), rows[i].want);
		assert_int_equal(sp_admit(&rows[i].caps, &nothing, &addr, 1), SP_ADMIT_YES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order_and_edges) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
