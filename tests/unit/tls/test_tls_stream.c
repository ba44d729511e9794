/*
 * The stream over SSL: bytes whole and one by one, wants that are satisfied
 * inside, gathered writes, ends and cuts; and how many system calls it takes.
 */
#include "tls_pair.h"

#include <sys/ioctl.h>

#include "sp/base/check.h"

static struct cert cert;
static struct tls_world world;
static SSL_CTX *client;
static char big[300000], back[300000];

static void open_version(struct tls_pair *p, int version, const int fds[2])
{
	tls_pair_open(p, world.listener, client, "a.test", fds);
	SSL_set_max_proto_version(p->client, version);
	assert_true(tls_pair_shake(p));
	p->told = 0;
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void test_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(versions); i++) {
		struct tls_pair p;
		int fds[2];
		char to[64];
		size_t n;

		pair_unix(fds);
		open_version(&p, versions[i], fds);
		assert_int_equal(tls_pair_read(&p, to, sizeof(to), &n), SP_IO_AGAIN);
		assert_int_equal(SSL_write(p.client, "request", 7), 7);
		tls_pair_turn(&p);
		assert_int_equal(p.told, SP_READ);
		assert_int_equal(tls_pair_read(&p, to, sizeof(to), &n), SP_IO_DONE);
		assert_int_equal(n, 7);
		assert_memory_equal(to, "request", 7);
		assert_int_equal(tls_pair_write(&p, "answer", 6, &n), SP_IO_DONE);
		assert_int_equal(n, 6);
		assert_false(sp_stream_has_unsent(&p.t.stream));
		assert_int_equal(SSL_read(p.client, to, sizeof(to)), 6);
		tls_pair_close(&p);
	}
}

/* One record, read a byte at a time: the rest is inside SSL, the socket is silent, the owner is told all the same. */
static void test_want_satisfied_inside(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(versions); i++) {
		struct tls_pair p;
		int fds[2];
		size_t n, seen = 0;
		char to[8];

		pair_unix(fds);
		open_version(&p, versions[i], fds);
		assert_int_equal(SSL_write(p.client, "abcdef", 6), 6);
		assert_int_equal(SSL_write(p.client, "ghijkl", 6), 6);
		for (int turn = 0; turn < 20 && seen < 12; turn++) {
			p.told = 0;
			tls_pair_turn(&p);
			assert_int_equal(p.told, SP_READ);
			assert_int_equal(tls_pair_read(&p, to + seen % 8, 1, &n), SP_IO_DONE);
			assert_int_equal(to[seen % 8], "abcdefghijkl"[seen]);
			seen += n;
		}
		assert_int_equal(seen, 12);
		tls_pair_turn(&p);
		p.told = 0;
		assert_int_equal(tls_pair_read(&p, to, 1, &n), SP_IO_AGAIN);
		tls_pair_turn(&p);
		assert_int_equal(p.told, 0);
		tls_pair_close(&p);
	}
}

/* The request comes with the client's Finished: nothing is left in the socket when the handshake is done. */
static void test_request_with_the_finished(void **state)
{
	struct tls_pair p;
	int fds[2];
	char to[64];
	size_t n;

	(void)state;
	pair_unix(fds);
	tls_pair_open(&p, world.listener, client, "a.test", fds);
	(void)SSL_do_handshake(p.client);
	tls_pair_turn(&p);
	assert_int_equal(SSL_do_handshake(p.client), 1);
	assert_int_equal(SSL_write(p.client, "early", 5), 5);
	tls_pair_turn(&p);
	assert_int_equal(p.hands, SP_IO_DONE);
	p.told = 0;
	tls_pair_turn(&p);
	assert_int_equal(p.told, SP_READ);
	assert_int_equal(tls_pair_read(&p, to, sizeof(to), &n), SP_IO_DONE);
	assert_int_equal(n, 5);
	tls_pair_close(&p);
}

/* Raw bytes one by one, handshake included: records in pieces make no difference. */
static void test_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(versions); i++) {
		struct tls_pair p;
		int fds[2];
		BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
		char raw[4096], to[64];
		size_t n;
		int r;
		bool is_told = false;

		pair_unix(fds);
		tls_pair_open(&p, world.listener, client, "a.test", fds);
		SSL_set_max_proto_version(p.client, versions[i]);
		SSL_set_bio(p.client, in, out);
		for (int lap = 0; lap < 10; lap++) {
			if (SSL_do_handshake(p.client) == 1 && !is_told)
				is_told = SSL_write(p.client, "hello", 5) == 5;
			while ((r = BIO_read(out, raw, sizeof(raw))) > 0) {
				for (int at = 0; at < r; at++) {
					assert_int_equal(send(p.fd, raw + at, 1, 0), 1);
					tls_pair_turn(&p);
				}
			}
			while ((r = (int)recv(p.fd, raw, sizeof(raw), MSG_DONTWAIT)) > 0)
				BIO_write(in, raw, r);
		}
		assert_true(is_told);
		assert_int_equal(p.hands, SP_IO_DONE);
		assert_int_equal(tls_pair_read(&p, to, sizeof(to), &n), SP_IO_DONE);
		assert_int_equal(n, 5);
		tls_pair_close(&p);
	}
}

/* The ticket of 1.3 is not sent by itself, but with the first answer; slim and finish send it too. */
static void test_ticket_waits(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct tls_pair p;
		int fds[2], waiting = 0;
		size_t n;

		pair_unix(fds);
		open_version(&p, TLS1_3_VERSION, fds);
		tls_pair_turn(&p);
		assert_int_equal(ioctl(p.fd, FIONREAD, &waiting), 0);
		assert_int_equal(waiting, 0);
		assert_true(sp_stream_has_unsent(&p.t.stream));
		if (how == 0)
			assert_int_equal(tls_pair_write(&p, "x", 1, &n), SP_IO_DONE);
		else if (how == 1)
			sp_stream_slim(&p.t.stream);
		else
			assert_int_equal(sp_stream_finish(&p.t.stream), SP_IO_DONE);
		assert_false(sp_stream_has_unsent(&p.t.stream));
		assert_int_equal(sp_chunk_lent(p.chunks), 0);
		assert_int_equal(ioctl(p.fd, FIONREAD, &waiting), 0);
		assert_true(waiting > 100);
		tls_pair_close(&p);
	}
}

static size_t client_reads(struct tls_pair *p, size_t seen)
{
	int r;

	while ((r = SSL_read(p->client, back + seen, (int)(sizeof(back) - seen))) > 0)
		seen += (size_t)r;
	usleep(200);
	return seen;
}

/* A reader that is slow, socket buffers that are tiny: every byte arrives, 64 KiB of records at most wait inside. */
static void test_partial_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(versions); i++) {
		struct tls_pair p;
		int fds[2];
		size_t n, sent = 0, seen = 0;

		pair_tcp(fds, 4096);
		open_version(&p, versions[i], fds);
		for (int lap = 0; lap < 5000 && seen < sizeof(big); lap++) {
			while (sent < sizeof(big) &&
			       tls_pair_write(&p, big + sent, sizeof(big) - sent, &n) == SP_IO_DONE) {
				assert_true(n > 0 && n <= 65536);
				sent += n;
			}
			assert_true(p.t.stream.unsent <= 65536 + 1024);
			seen = client_reads(&p, seen);
			tls_pair_turn(&p);
		}
		assert_int_equal(seen, sizeof(big));
		assert_memory_equal(big, back, sizeof(big));
		assert_int_equal(sp_chunk_lent(p.chunks), 0);
		tls_pair_close(&p);
	}
}

/* What a write took leaves by itself, though the owner wants nothing; SP_WRITE says when it has. */
static void test_unsent_leaves_by_itself(void **state)
{
	struct tls_pair p;
	int fds[2];
	size_t n, seen = 0;

	(void)state;
	pair_tcp(fds, 4096);
	open_version(&p, TLS1_3_VERSION, fds);
	assert_int_equal(tls_pair_write(&p, big, 65536, &n), SP_IO_DONE);
	assert_int_equal(n, 65536);
	assert_true(sp_stream_has_unsent(&p.t.stream));
	assert_int_equal(tls_pair_write(&p, big, 1, &n), SP_IO_AGAIN);
	assert_int_equal(sp_stream_finish(&p.t.stream), SP_IO_AGAIN);
	sp_stream_want(&p.t.stream, SP_WRITE);
	p.told = 0;
	for (int lap = 0; lap < 5000 && p.told == 0; lap++) {
		seen = client_reads(&p, seen);
		tls_pair_turn(&p);
	}
	assert_int_equal(p.told, SP_WRITE);
	assert_false(sp_stream_has_unsent(&p.t.stream));
	assert_int_equal(sp_stream_finish(&p.t.stream), SP_IO_DONE);
	for (int lap = 0; lap < 100 && seen < 65536; lap++) {
		usleep(1000);
		seen = client_reads(&p, seen);
	}
	assert_int_equal(seen, 65536);
	assert_memory_equal(big, back, 65536);
	assert_int_equal(SSL_get_shutdown(p.client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
	tls_pair_close(&p);
}

static size_t records_waiting(int fd)
{
	static uint8_t raw[300000];
	ssize_t r = recv(fd, raw, sizeof(raw), MSG_PEEK | MSG_DONTWAIT);
	size_t count = 0;

	for (ssize_t at = 0; at + 5 <= r; at += 5 + (raw[at + 3] << 8 | raw[at + 4]))
		count++;
	return count;
}

/* Small pieces share a record, big ones are not copied together. */
static const struct {
	size_t n[5];
	size_t records;
} gathers[] = {
	{ { 300 }, 1 },
	{ { 300, 1000 }, 1 },
	{ { 300, 0, 1000, 0, 2 }, 1 },
	{ { 5, 16384, 2 }, 3 },
	{ { 4000, 4000, 4000, 4000, 4000 }, 2 },
	{ { 20000 }, 2 },
	{ { 16384, 16384, 16384, 16384 }, 4 },
	{ { 0 }, 0 },
};

static void test_gathered(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(gathers); i++) {
		struct tls_pair p;
		int fds[2], room = 1 << 20;
		struct iovec v[5];
		size_t want = 0, put;

		pair_unix(fds);
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
		open_version(&p, TLS1_2_VERSION, fds);
		for (int k = 0; k < 5; k++) {
			v[k] = (struct iovec){ big + want, gathers[i].n[k] };
			want += gathers[i].n[k];
		}
		assert_int_equal(sp_stream_write(&p.t.stream, v, 5, &put), SP_IO_DONE);
		assert_int_equal(put, want);
		assert_int_equal(records_waiting(p.fd), gathers[i].records);
		assert_int_equal(client_reads(&p, 0), want);
		assert_memory_equal(big, back, want);
		tls_pair_close(&p);
	}
}

/* No chunk to be had: small writes still go straight out; what cannot wait anywhere is the end, not a crash. */
static void test_without_chunks(void **state)
{
	struct tls_pair p;
	int fds[2];
	size_t n;
	struct sp_chunk *lent[64];

	(void)state;
	pair_tcp(fds, 4096);
	open_version(&p, TLS1_2_VERSION, fds);
	for (int i = 0; i < 64; i++)
		assert_non_null(lent[i] = sp_chunk_lend(p.chunks));
	assert_int_equal(tls_pair_write(&p, "x", 1, &n), SP_IO_DONE);
	assert_int_equal(tls_pair_write(&p, big, 65536, &n), SP_IO_FAILED);
	assert_string_equal(p.t.stream.why, "no_memory");
	assert_int_equal(tls_pair_write(&p, "x", 1, &n), SP_IO_FAILED);
	for (int i = 0; i < 64; i++)
		sp_chunk_give_back(p.chunks, lent[i]);
	tls_pair_close(&p);
}

enum ending { CLOSE_NOTIFY, BARE_FIN, NOTIFY_AND_FIN, RST };

static const struct {
	enum ending how;
	enum sp_io want;
	const char *why;
} endings[] = {
	{ CLOSE_NOTIFY, SP_IO_EOF, NULL },
	{ NOTIFY_AND_FIN, SP_IO_EOF, NULL },
	{ BARE_FIN, SP_IO_FAILED, "tls_truncated" },
	{ RST, SP_IO_FAILED, "reset" },
};

static void end_client(struct tls_pair *p, enum ending how)
{
	const struct linger cut = { .l_onoff = 1, .l_linger = 0 };

	if (how == CLOSE_NOTIFY || how == NOTIFY_AND_FIN)
		(void)SSL_shutdown(p->client);
	if (how == BARE_FIN || how == NOTIFY_AND_FIN)
		shutdown(p->fd, SHUT_WR);
	if (how != RST)
		return;
	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &cut, sizeof(cut));
	close(p->fd);
	p->fd = -1;
}

/* The bytes before an end are read first, though bytes and end come with one event. */
static void test_endings(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * SP_COUNT(endings); i++) {
		bool has_data = i % 2 == 1 && endings[i / 2].how != RST;
		struct tls_pair p;
		int fds[2];
		char to[64];
		size_t n;

		pair_tcp(fds, 0);
		open_version(&p, i % 4 < 2 ? TLS1_3_VERSION : TLS1_2_VERSION, fds);
		if (has_data)
			assert_int_equal(SSL_write(p.client, "last", 4), 4);
		end_client(&p, endings[i / 2].how);
		usleep(1000);
		tls_pair_turn(&p);
		assert_true((p.told & SP_READ) != 0);
		if (has_data) {
			assert_int_equal(tls_pair_read(&p, to, sizeof(to), &n), SP_IO_DONE);
			assert_int_equal(n, 4);
			p.told = 0;
			tls_pair_turn(&p);
			assert_int_equal(p.told, SP_READ);
		}
		assert_int_equal(tls_pair_read(&p, to, sizeof(to), &n), endings[i / 2].want);
		assert_int_equal(tls_pair_read(&p, to, sizeof(to), &n), endings[i / 2].want);
		if (endings[i / 2].why != NULL)
			assert_string_equal(p.t.stream.why, endings[i / 2].why);
		p.told = 0;
		tls_pair_turn(&p);
		assert_int_equal(p.told, 0);
		tls_pair_close(&p);
	}
}

static void test_tampered_record(void **state)
{
	struct tls_pair p;
	int fds[2];
	char to[64];
	size_t n;

	(void)state;
	pair_unix(fds);
	open_version(&p, TLS1_3_VERSION, fds);
	assert_int_equal(send(p.fd, "\x17\x03\x03\x00\x20 0123456789012345678901234567890", 37, 0), 37);
	tls_pair_turn(&p);
	assert_int_equal(tls_pair_read(&p, to, sizeof(to), &n), SP_IO_FAILED);
	assert_string_equal(p.t.stream.why, "bad_record");
	assert_true(SSL_read(p.client, to, sizeof(to)) <= 0);
	assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
	tls_pair_close(&p);
}

static void test_budget(void **state)
{
	struct tls_pair p;
	int fds[2], room = 1 << 20;
	size_t n, total = 0;

	(void)state;
	pair_unix(fds);
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	open_version(&p, TLS1_3_VERSION, fds);
	for (int i = 0; i < 8; i++)
		assert_int_equal(SSL_write(p.client, big + i * 16384, 16384), 16384);
	for (int turn = 0; turn < 20 && total < 131072; turn++) {
		size_t in_turn = 0;

		tls_pair_turn(&p);
		while (tls_pair_read(&p, back + total, sizeof(back) - total, &n) == SP_IO_DONE) {
			in_turn += n;
			total += n;
		}
		assert_true(in_turn <= SP_STREAM_TURN);
	}
	assert_int_equal(total, 131072);
	assert_memory_equal(big, back, total);
	tls_pair_close(&p);
}

/* Key updates that ask for an answer, from a peer that reads nothing: what waits is bounded, reading is held without
 * a spin, and all goes on when the peer reads. */
static void test_key_update_flood(void **state)
{
	struct tls_pair p;
	int fds[2], asked = 0, heard = 0;
	char to[512];
	size_t n;

	(void)state;
	pair_tcp(fds, 4096);
	open_version(&p, TLS1_3_VERSION, fds);
	while (!p.t.stream.is_held && asked < 50000) {
		assert_int_equal(SSL_key_update(p.client, SSL_KEY_UPDATE_REQUESTED), 1);
		if (SSL_write(p.client, "u", 1) == 1)
			asked++;
		tls_pair_turn(&p);
		while (tls_pair_read(&p, to, sizeof(to), &n) == SP_IO_DONE)
			heard += (int)n;
	}
	assert_true(p.t.stream.is_held);
	assert_true(p.t.stream.unsent <= 98304);
	p.told = 0;
	for (int i = 0; i < 10; i++)
		tls_pair_turn(&p);
	assert_int_equal(p.told, 0);
	for (int lap = 0; lap < 5000 && heard < asked; lap++) {
		assert_true(SSL_read(p.client, to, sizeof(to)) <= 0);
		usleep(100);
		tls_pair_turn(&p);
		while (tls_pair_read(&p, to, sizeof(to), &n) == SP_IO_DONE)
			heard += (int)n;
	}
	assert_false(p.t.stream.is_held);
	assert_int_equal(heard, asked);
	tls_pair_close(&p);
}

static void test_key_updates(void **state)
{
	struct tls_pair p;
	int fds[2];
	char to[64];
	size_t n;

	(void)state;
	pair_unix(fds);
	open_version(&p, TLS1_3_VERSION, fds);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(SSL_key_update(p.client, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_write(p.client, "u", 1), 1);
		tls_pair_turn(&p);
		assert_int_equal(tls_pair_read(&p, to, sizeof(to), &n), SP_IO_DONE);
		assert_int_equal(n, 1);
		assert_int_equal(tls_pair_write(&p, "v", 1, &n), SP_IO_DONE);
		assert_int_equal(SSL_read(p.client, to, sizeof(to)), 1);
	}
	tls_pair_close(&p);
}

static void test_slim(void **state)
{
	struct tls_pair p;
	int fds[2];
	char to[64];
	size_t n;

	(void)state;
	pair_unix(fds);
	open_version(&p, TLS1_3_VERSION, fds);
	for (int i = 0; i < 3; i++) {
		sp_stream_slim(&p.t.stream);
		assert_int_equal(SSL_write(p.client, "request", 7), 7);
		tls_pair_turn(&p);
		assert_int_equal(tls_pair_read(&p, to, 3, &n), SP_IO_DONE);
		sp_stream_slim(&p.t.stream); /* half of a record is inside: nothing may be lost */
		assert_int_equal(tls_pair_read(&p, to + 3, 61, &n), SP_IO_DONE);
		assert_memory_equal(to, "request", 7);
		assert_int_equal(tls_pair_write(&p, "answer", 6, &n), SP_IO_DONE);
		sp_stream_slim(&p.t.stream);
		assert_int_equal(SSL_read(p.client, to, sizeof(to)), 6);
	}
	tls_pair_close(&p);
}

/* Before the handshake nothing is read or written, and slim and finish do no harm. */
static void test_before_the_handshake(void **state)
{
	struct tls_pair p;
	int fds[2];
	char to[8];
	size_t n;

	(void)state;
	pair_unix(fds);
	tls_pair_open(&p, world.listener, client, "a.test", fds);
	assert_int_equal(tls_pair_read(&p, to, sizeof(to), &n), SP_IO_AGAIN);
	assert_int_equal(tls_pair_write(&p, "x", 1, &n), SP_IO_AGAIN);
	sp_stream_slim(&p.t.stream);
	assert_null(sp_tls_stream_client_cert(&p.t));
	assert_int_equal(sp_stream_finish(&p.t.stream), SP_IO_DONE);
	sp_stream_close(&p.t.stream);
	assert_int_equal(sp_stream_handshake(&p.t.stream), SP_IO_FAILED);
	tls_pair_close(&p);
}

static int set_up(void **state)
{
	const struct site_wish wish = { .name = "a", .certs = { &cert } };

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 131 >> 4);
	cert_make(&cert, &(struct cert_wish){ .key = CERT_P256, .alt = "DNS:a.test" });
	client = SSL_CTX_new(TLS_client_method());
	return tls_world_make(&world, &wish, 1) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	tls_world_drop(&world);
	SSL_CTX_free(client);
	cert_drop(&cert);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_want_satisfied_inside),
		cmocka_unit_test(test_request_with_the_finished),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_ticket_waits),
		cmocka_unit_test(test_partial_writes),
		cmocka_unit_test(test_unsent_leaves_by_itself),
		cmocka_unit_test(test_gathered),
		cmocka_unit_test(test_without_chunks),
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_tampered_record),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_key_updates),
		cmocka_unit_test(test_key_update_flood),
		cmocka_unit_test(test_slim),
		cmocka_unit_test(test_before_the_handshake),
	};

	return cmocka_run_group_tests_name("tls/stream", tests, set_up, tear_down);
}
