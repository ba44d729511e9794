#include "admission.h"

#include "sp/base/clock.h"

#include "tally.h"

void sp_admission_init(struct sp_admission *a, const struct sp_proxy_env *env, struct sp_notices *notices)
{
	a->board = env->board;
	a->own = env->board == NULL ? NULL : sp_board_write(env->board, SP_BLOCK_ADDRS, env->worker - 1);
	a->bans = env->board == NULL ? NULL : sp_board_read(env->board, SP_BLOCK_BANS, 0);
	a->notices = notices;
}

void sp_admission_follow(struct sp_admission *a, const struct sp_conf *conf)
{
	enum sp_conf_behind behind = conf->gateway.behind;

	a->is_per_addr = a->own != NULL && behind != SP_BEHIND_ALB && behind != SP_BEHIND_CLOUDFRONT;
}

static bool is_banned(void *arg, const struct sp_addr *addr)
{
	return sp_bans_has(((const struct sp_admission *)arg)->bans, addr, sp_now_ms());
}

static uint64_t sum_connections(void *arg, uint64_t hash)
{
	const struct sp_admission *a = arg;
	uint64_t sum = 0;

	for (size_t i = 0; i < sp_board_workers(a->board); i++)
		sum += sp_addrs_connections(sp_board_read(a->board, SP_BLOCK_ADDRS, i), hash);
	return sum;
}

static uint64_t sum_handshakes(void *arg, uint64_t hash)
{
	const struct sp_admission *a = arg;
	uint64_t sum = 0;

	for (size_t i = 0; i < sp_board_workers(a->board); i++)
		sum += sp_addrs_handshakes(sp_board_read(a->board, SP_BLOCK_ADDRS, i), hash, sp_now_ms());
	return sum;
}

static bool has_caps(const struct sp_admission *a, const struct sp_addr *addr)
{
	return a->is_per_addr && (addr->family == SP_ADDR_V4 || addr->family == SP_ADDR_V6);
}

static uint64_t hash_of(const struct sp_listening *listening, const struct sp_addr *addr)
{
	return sp_addrs_hash(listening->serve->conf->section.name, addr);
}

static enum sp_admit judge(struct sp_admission *a, const struct sp_listening *l, const struct sp_addr *addr,
                           bool is_believed)
{
	const struct sp_conf_listener *conf = l->serve->conf;
	const struct sp_admit_caps caps = {
		.connections = conf->max_connections_per_ip,
		.handshakes = l->serve->tls == NULL ? 0 : conf->max_handshakes_per_ip,
	};
	const struct sp_admit_seen seen = {
		.is_banned = is_banned, .connections = sum_connections, .handshakes = sum_handshakes, .arg = a
	};

	if (l->serve->tls != NULL && l->handshake_count >= conf->max_handshakes)
		return SP_ADMIT_IN_FLIGHT;
	if (is_believed || !has_caps(a, addr))
		return SP_ADMIT_YES;
	return sp_admit(&caps, &seen, addr, hash_of(l, addr));
}

bool sp_admission_ask(struct sp_admission *a, const struct sp_listening *listening, const struct sp_addr *addr,
                      bool is_believed)
{
	static const enum sp_notice notices[SP_ADMIT_COUNT] = {
		[SP_ADMIT_BANNED] = SP_NOTICE_BANNED,
		[SP_ADMIT_CONNECTIONS] = SP_NOTICE_CONNECTIONS,
		[SP_ADMIT_HANDSHAKES] = SP_NOTICE_HANDSHAKES,
		[SP_ADMIT_IN_FLIGHT] = SP_NOTICE_IN_FLIGHT,
	};
	static const enum sp_arrival arrivals[SP_ADMIT_COUNT] = {
		[SP_ADMIT_BANNED] = SP_CAME_BANNED,
		[SP_ADMIT_CONNECTIONS] = SP_CAME_CONNECTIONS,
		[SP_ADMIT_HANDSHAKES] = SP_CAME_HANDSHAKES,
		[SP_ADMIT_IN_FLIGHT] = SP_CAME_IN_FLIGHT,
	};
	enum sp_admit verdict = judge(a, listening, addr, is_believed);

	if (verdict == SP_ADMIT_YES)
		return true;
	sp_notice(a->notices, notices[verdict], addr);
	sp_tally_came(listening, arrivals[verdict]);
	return false;
}

uint64_t sp_admission_came(struct sp_admission *a, const struct sp_listening *listening, const struct sp_addr *addr)
{
	uint64_t hash;

	if (!has_caps(a, addr))
		return 0;
	hash = hash_of(listening, addr);
	return sp_addrs_came(a->own, hash) ? hash : 0;
}

void sp_admission_left(struct sp_admission *a, uint64_t hash)
{
	if (hash != 0)
		sp_addrs_left(a->own, hash);
}

void sp_admission_shook(struct sp_admission *a, uint64_t hash)
{
	if (hash != 0)
		sp_addrs_shook(a->own, hash, sp_now_ms());
}
