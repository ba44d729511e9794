/*
 * loadgen - the load of the benchmark.
 *
 *   loadgen --port N [options]        prints one line of JSON when it is done
 *
 * Closed loop: each of --connections asks again as soon as it has its answer. With --rate requests arrive as a Poisson
 * process, whether or not the gateway keeps up, and a latency counts from when the request was due: one that waits for a
 * free connection waits on the gateway's account. Latencies go into a histogram.
 * With --ready all connections ask once before; then it says "ready" and begins with a line of input, so that what opening
 * them costs is nobody's latency and need not be on the bill.
 * A kept connection that the gateway had closed before any byte of an answer is replaced and asked again ("again"), as
 * clients do; everything else that is not a 200 with its whole body is an error, told apart by kind.
 */
#include <math.h>
#include <signal.h>
#include <strings.h>
#include <sys/prctl.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "histogram.h"
#include "net.h"
#include "plan.h"

enum { INPUT = 256 * 1024, PAUSE_MS = 10, PATIENCE_S = 10 };
enum why { WHY_CONNECT, WHY_TLS, WHY_CUT, WHY_HTTP, WHY_4XX, WHY_502, WHY_503, WHY_504, WHY_OTHER, WHY_COUNT };
enum state { CLOSED, HANDSHAKE, SENDING, READING_HEAD, READING_BODY, RESTING, HELD };

static const char *const why_name[WHY_COUNT] = { "connect", "tls", "cut", "http", "4xx", "502", "503", "504", "other" };

struct conn {
	enum state state;
	int fd;
	long number;
	SSL *ssl; /* owned, or NULL */
	SSL_SESSION *session; /* owned: of the last ticket, for TLS_RESUME */
	uint64_t due_ns; /* of the request under way */
	char *request; /* owned where it differs from request to request, or the common one */
	size_t request_len;
	uint64_t to_send, answer_left;
	char *held; /* owned: a part of a head, or NULL */
	size_t held_len;
	bool is_kept, is_tunnel, saw_answer, is_last, has_request;
	struct conn *next; /* in the list of those at rest or of those that pause */
};

static struct {
	uint64_t started, done, again, aborted, bytes, handshakes, resumed, lost, errors[WHY_COUNT];
	struct histogram took;
} seen;

static int epoll_fd;
static SSL_CTX *ctx;
static char body_block[INPUT], input[INPUT];
static struct conn *all, *at_rest, *pausing;
static uint64_t begun_ns, pause_until_ns, *backlog, backlog_from, backlog_to, backlog_size;
static bool is_opening; /* nothing counts yet */
static long opened, settled; /* idle mode: connections begun, and those that hold or have failed */

static void step(struct conn *c);

/* --- figures --- */

static uint64_t error_count(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < WHY_COUNT; i++)
		sum += seen.errors[i];
	return sum;
}

static void print_figures(void)
{
	double seconds = (double)(now_ns() - begun_ns) / 1e9;

	printf("{\"requests\": %llu, \"errors\": %llu, \"seconds\": %.6f, \"bytes\": %llu, ",
	       (unsigned long long)seen.done, (unsigned long long)error_count(), seconds,
	       (unsigned long long)seen.bytes);
	printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, ", histogram_quantile_us(&seen.took, 0.5),
	       histogram_quantile_us(&seen.took, 0.99), histogram_quantile_us(&seen.took, 0.999));
	printf("\"handshakes\": %llu, \"resumed\": %llu, \"again\": %llu, \"aborted\": %llu, \"unanswered\": %llu, ",
	       (unsigned long long)seen.handshakes, (unsigned long long)seen.resumed, (unsigned long long)seen.again,
	       (unsigned long long)seen.aborted, (unsigned long long)(backlog_to - backlog_from));
	printf("\"held\": %llu, \"lost\": %llu, \"why\": {",
	       (unsigned long long)(plan.is_idle ? seen.done - seen.lost : 0), (unsigned long long)seen.lost);
	for (unsigned i = 0, listed = 0; i < WHY_COUNT; i++)
		if (seen.errors[i] > 0)
			printf("%s\"%s\": %llu", listed++ ? ", " : "", why_name[i], (unsigned long long)seen.errors[i]);
	printf("}}\n");
	(void)fflush(stdout);
}

/* --- requests --- */

static void aim(struct conn *c, uint64_t number)
{
	if (c->is_tunnel) {
		c->request_len = 0;
		c->to_send = plan.tunnel;
		return;
	}
	if (!plan.is_varied) {
		c->request = plan.text;
		c->request_len = plan.text_len;
	} else {
		if (c->request == NULL && (c->request = malloc(REQUEST_MAX)) == NULL)
			die("malloc");
		c->request_len = plan_fill(c->request, number);
	}
	c->to_send = c->request_len + plan.body;
}

/* --- a connection --- */

static void shut(struct conn *c, bool is_rude)
{
	struct linger rude = { 1, 0 };

	if (c->ssl != NULL && !is_rude && SSL_is_init_finished(c->ssl))
		(void)SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	c->ssl = NULL;
	ERR_clear_error();
	if (c->fd >= 0 && is_rude)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &rude, sizeof(rude));
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->state = CLOSED;
	c->is_kept = c->is_tunnel = false;
	free(c->held);
	c->held = NULL;
	c->held_len = 0;
}

static void pause_after(struct conn *c, enum why why)
{
	seen.errors[why]++;
	c->has_request = false;
	shut(c, false);
	if (plan.is_idle || is_opening) {
		settled++;
		return;
	}
	if (pausing == NULL)
		pause_until_ns = now_ns() + PAUSE_MS * 1000000u;
	c->next = pausing;
	pausing = c;
}

static bool open_conn(struct conn *c)
{
	c->fd = connect_to(plan.port, plan.spread > 0 ? c->number % plan.spread : -1);
	if (c->fd < 0)
		return false;
	c->state = SENDING;
	if (plan.tls != TLS_OFF) {
		c->ssl = SSL_new(ctx);
		if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
		    SSL_set_tlsext_host_name(c->ssl, plan.host) != 1)
			die("SSL_new");
		SSL_set_app_data(c->ssl, c);
		SSL_set_connect_state(c->ssl);
		if (plan.tls == TLS_RESUME && c->session != NULL)
			(void)SSL_set_session(c->ssl, c->session);
		c->state = HANDSHAKE;
	}
	watch(epoll_fd, c->fd, c);
	return true;
}

/* The request that is due goes out, on this connection as it is or on a new one. The caller steps. */
static void send_request(struct conn *c)
{
	c->saw_answer = c->is_last = false;
	if (c->fd < 0 && !open_conn(c)) {
		pause_after(c, WHY_CONNECT);
		return;
	}
	if (c->state == RESTING)
		c->state = SENDING;
}

static bool has_more(void)
{
	return plan.requests == 0 || seen.started < plan.requests;
}

/* The next request of this connection, or a rest. The caller steps. */
static void next_request(struct conn *c)
{
	uint64_t due;

	if (!has_more())
		return;
	if (plan.rate <= 0) {
		due = now_ns();
	} else if (backlog_from < backlog_to) {
		due = backlog[backlog_from++ % backlog_size];
	} else {
		c->next = at_rest;
		at_rest = c;
		return;
	}
	c->due_ns = due;
	c->has_request = true;
	aim(c, seen.started * 7919 % (uint64_t)plan.many);
	seen.started++;
	send_request(c);
}

static void on_failed(struct conn *c, enum why why)
{
	if (!c->has_request) {
		shut(c, false); /* at rest: its time to go */
		return;
	}
	if (c->is_kept && !c->saw_answer && why == WHY_CUT) {
		seen.again++;
		shut(c, false);
		aim(c, seen.started * 7919 % (uint64_t)plan.many);
		send_request(c);
		return;
	}
	pause_after(c, why);
}

static void hold(struct conn *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
	c->state = HELD;
	settled++;
}

static void on_answer(struct conn *c)
{
	histogram_add(&seen.took, now_ns() - c->due_ns);
	seen.done++;
	c->has_request = false;
	c->state = RESTING;
	c->is_kept = true;
	if (plan.is_idle) {
		hold(c);
		return;
	}
	if (c->is_last || plan.tls == TLS_FULL || plan.tls == TLS_RESUME)
		shut(c, false);
	if (is_opening)
		settled++;
	else
		next_request(c);
}

static void on_sent(struct conn *c)
{
	c->state = c->is_tunnel ? READING_BODY : READING_HEAD;
	c->answer_left = plan.tunnel;
	if (plan.abort_percent > 0 && !is_opening && random() % 100 < plan.abort_percent) {
		seen.aborted++;
		c->has_request = false;
		shut(c, true);
		next_request(c);
	}
}

/* --- bytes --- */

enum moved { MOVED, LATER, AT_END, BROKEN };

static enum moved of_tls(const SSL *ssl, int rc)
{
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return LATER;
	case SSL_ERROR_ZERO_RETURN: return AT_END;
	default: ERR_clear_error(); return BROKEN;
	}
}

static enum moved get(struct conn *c, size_t *got)
{
	ssize_t n;

	if (c->ssl != NULL) {
		int rc = SSL_read_ex(c->ssl, input, sizeof(input), got);

		return rc == 1 ? MOVED : of_tls(c->ssl, rc);
	}
	n = recv(c->fd, input, sizeof(input), 0);
	*got = n > 0 ? (size_t)n : 0;
	return n > 0 ? MOVED : n == 0 ? AT_END : errno == EAGAIN ? LATER : BROKEN;
}

static enum moved put(struct conn *c, const char *data, size_t len, size_t *sent)
{
	ssize_t n;

	if (c->ssl != NULL) {
		int rc = SSL_write_ex(c->ssl, data, len, sent);

		return rc == 1 ? MOVED : of_tls(c->ssl, rc);
	}
	n = send(c->fd, data, len, MSG_NOSIGNAL);
	*sent = n > 0 ? (size_t)n : 0;
	return n >= 0 ? MOVED : errno == EAGAIN ? LATER : BROKEN;
}

static enum moved shake_hands(struct conn *c)
{
	int rc = SSL_do_handshake(c->ssl);

	if (rc != 1)
		return of_tls(c->ssl, rc) == LATER ? LATER : BROKEN;
	seen.handshakes++;
	seen.resumed += SSL_session_reused(c->ssl) == 1;
	c->state = SENDING;
	return MOVED;
}

static enum moved send_some(struct conn *c)
{
	uint64_t body = c->is_tunnel ? plan.tunnel : plan.body, whole = c->request_len + body,
		 from = whole - c->to_send;
	const char *data = from < c->request_len ? c->request + from : body_block;
	uint64_t len = from < c->request_len ? c->request_len - from : c->to_send;
	enum moved how;
	size_t sent = 0;

	if (c->to_send > 0) {
		how = put(c, data, len < INPUT ? len : INPUT, &sent);
		if (how != MOVED)
			return how;
		c->to_send -= sent;
	}
	if (c->to_send == 0)
		on_sent(c);
	return MOVED;
}

static enum why why_of(int status)
{
	switch (status) {
	case 502: return WHY_502;
	case 503: return WHY_503;
	case 504: return WHY_504;
	default: return status / 100 == 4 ? WHY_4XX : WHY_OTHER;
	}
}

/* A whole head. false: the connection is at an end, and why is told. */
static bool on_head(struct conn *c, const char *head, size_t len)
{
	const char *end = head + len, *line = head, *next;
	int status = len > 12 && memcmp(head, "HTTP/1.1 ", 9) == 0 ? atoi(head + 9) : 0;
	bool has_length = false;

	if (status == 101 && plan.tunnel > 0) {
		c->is_tunnel = true;
		aim(c, 0);
		c->state = SENDING;
		return true;
	}
	if (status != 200) {
		on_failed(c, why_of(status));
		return false;
	}
	for (; line < end && (next = memchr(line, '\n', (size_t)(end - line))) != NULL; line = next + 1) {
		if (strncasecmp(line, "content-length:", 15) == 0) {
			c->answer_left = strtoull(line + 15, NULL, 10);
			has_length = true;
		} else if (strncasecmp(line, "connection: close", 17) == 0) {
			c->is_last = true;
		}
	}
	if (!has_length)
		on_failed(c, WHY_HTTP);
	else
		c->state = READING_BODY;
	return has_length;
}

/* Bytes of a head, perhaps with some of the body behind; returns how many were of the head, 0 when it goes on or failed. */
static size_t take_head(struct conn *c, const char *data, size_t len)
{
	const char *end;
	size_t before = c->held_len;

	if (c->held == NULL && (end = memmem(data, len, "\r\n\r\n", 4)) != NULL)
		return on_head(c, data, (size_t)(end + 4 - data)) ? (size_t)(end + 4 - data) : 0;
	if (before + len > INPUT || (c->held == NULL && (c->held = malloc(INPUT)) == NULL)) {
		on_failed(c, WHY_HTTP);
		return 0;
	}
	memcpy(c->held + before, data, len);
	c->held_len += len;
	if ((end = memmem(c->held, c->held_len, "\r\n\r\n", 4)) == NULL)
		return 0;
	len = (size_t)(end + 4 - c->held);
	if (!on_head(c, c->held, len))
		return 0;
	free(c->held);
	c->held = NULL;
	c->held_len = 0;
	return len - before;
}

static enum moved read_some(struct conn *c)
{
	size_t got = 0, used = 0;
	enum moved how = get(c, &got);

	if (how != MOVED)
		return how;
	seen.bytes += got;
	if (!c->has_request) {
		on_failed(c, WHY_HTTP);
		return LATER;
	}
	c->saw_answer = true;
	if (c->state == READING_HEAD && (used = take_head(c, input, got)) == 0)
		return MOVED;
	if (c->state != READING_BODY)
		return MOVED; /* a tunnel has just begun */
	if (got - used > c->answer_left) {
		on_failed(c, WHY_HTTP);
		return MOVED;
	}
	c->answer_left -= got - used;
	if (c->answer_left == 0)
		on_answer(c);
	return MOVED;
}

/* As far as it goes; what can follow a state is in the functions above. */
static void step(struct conn *c)
{
	enum moved how = MOVED;

	while (how == MOVED) {
		switch (c->state) {
		case CLOSED:
		case HELD: return;
		case HANDSHAKE: how = shake_hands(c); break;
		case SENDING: how = send_some(c); break;
		default: how = read_some(c); break;
		}
		if (how == AT_END || how == BROKEN) {
			on_failed(c, c->state == HANDSHAKE ? WHY_TLS : WHY_CUT);
			how = MOVED;
		}
	}
}

/* --- the loop --- */

static double random_gap_s(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return -log(((double)(x >> 11) + 1) / 9007199254740993.0) / plan.rate;
}

static void add_to_backlog(uint64_t due)
{
	if (backlog_to - backlog_from == backlog_size) {
		uint64_t *more = malloc(backlog_size * 2 * sizeof(*more));

		if (more == NULL)
			die("malloc");
		for (uint64_t i = backlog_from; i < backlog_to; i++)
			more[i % (backlog_size * 2)] = backlog[i % backlog_size];
		free(backlog);
		backlog = more;
		backlog_size *= 2;
	}
	backlog[backlog_to++ % backlog_size] = due;
}

/* Requests that are due by now; returns when the next one is. */
static uint64_t let_arrive(uint64_t now, uint64_t due)
{
	while (due <= now) {
		struct conn *c = at_rest;

		add_to_backlog(due);
		if (c != NULL) {
			at_rest = c->next;
			next_request(c);
			step(c);
		}
		due += (uint64_t)(random_gap_s() * 1e9);
	}
	return due;
}

static void end_pauses(uint64_t now)
{
	struct conn *c = pausing, *next;

	if (c == NULL || now < pause_until_ns)
		return;
	for (pausing = NULL; c != NULL; c = next) {
		next = c->next;
		next_request(c);
		step(c);
	}
}

static void open_more(void)
{
	for (; opened < plan.connections && opened - settled < plan.opening; opened++) {
		next_request(&all[opened]);
		step(&all[opened]);
	}
}

/* On a crowded machine a short round may pass before anything was answered: then it waits for one, not without end. */
static bool is_over(uint64_t now)
{
	uint64_t settled_requests = seen.done + seen.aborted + error_count();
	double seconds = plan.seconds + (settled_requests == 0 ? PATIENCE_S : 0);

	if (plan.is_idle)
		return settled == plan.connections;
	return (double)(now - begun_ns) >= seconds * 1e9 || (plan.requests > 0 && settled_requests >= plan.requests);
}

static void wait_until(uint64_t now, uint64_t until)
{
	struct epoll_event events[BATCH];
	uint64_t gap = until > now ? until - now : 0;
	struct timespec wait = { (time_t)(gap / 1000000000u), (long)(gap % 1000000000u) };
	int count = epoll_pwait2(epoll_fd, events, BATCH, &wait, NULL);

	for (int i = 0; i < count; i++)
		step(events[i].data.ptr);
}

/* Each connection asks once. Who fails is opened again later, when it counts. */
static void open_all(void)
{
	uint64_t requests = plan.requests, now = now_ns(), end = now + (uint64_t)PATIENCE_S * 1000000000u;
	double rate = plan.rate;

	plan.requests = 0;
	plan.rate = 0;
	is_opening = true;
	for (; settled < plan.connections && now < end; now = now_ns()) {
		open_more();
		wait_until(now, now + PAUSE_MS * 1000000u);
	}
	is_opening = false;
	plan.requests = requests;
	plan.rate = rate;
	memset(&seen, 0, sizeof(seen));
	printf("ready\n");
	(void)fflush(stdout);
	while (getchar() != '\n' && !feof(stdin))
		;
}

static void run(void)
{
	uint64_t now = now_ns(), due = now, end = now + (uint64_t)(plan.seconds * 1e9) + 1;

	begun_ns = now;
	for (long i = 0; !plan.is_idle && i < plan.connections; i++) {
		next_request(&all[i]);
		step(&all[i]);
	}
	for (; !is_over(now); now = now_ns()) {
		uint64_t until = plan.is_idle || now > end ? now + 10000000u : end;

		if (plan.is_idle)
			open_more();
		if (plan.rate > 0) {
			due = let_arrive(now, due);
			until = due < until ? due : until;
		}
		end_pauses(now);
		until = pausing != NULL && pause_until_ns < until ? pause_until_ns : until;
		wait_until(now, until);
	}
}

/* Until our own input ends; then whom the gateway has closed meanwhile is counted. */
static void keep_holding(void)
{
	char byte;

	print_figures();
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	for (long i = 0; i < plan.connections; i++) {
		ssize_t got;

		if (all[i].state != HELD)
			continue;
		while ((got = recv(all[i].fd, input, sizeof(input), 0)) > 0)
			;
		seen.lost += got == 0 || errno != EAGAIN;
	}
	print_figures();
}

/* --- options --- */

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct conn *c = SSL_get_app_data(ssl);

	SSL_SESSION_free(c->session);
	c->session = session;
	return 1; /* the reference is ours now */
}

static void make_tls(void)
{
	if ((ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		die("SSL_CTX_new");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (plan.tls == TLS_RESUME) {
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(ctx, on_session);
	}
}

int main(int argc, char **argv)
{
	plan_read(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_TIMERSLACK, 1000);
	want_descriptors();
	memset(body_block, 'y', sizeof(body_block));
	if (plan.tls != TLS_OFF)
		make_tls();
	backlog_size = 4096;
	all = calloc((size_t)plan.connections, sizeof(*all));
	backlog = calloc(backlog_size, sizeof(*backlog));
	if (all == NULL || backlog == NULL || (epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		die("loadgen");
	for (long i = 0; i < plan.connections; i++) {
		all[i].fd = -1;
		all[i].number = i;
	}
	if (plan.is_ready_told)
		open_all();
	run();
	if (plan.is_idle)
		keep_holding();
	else
		print_figures();
	return 0;
}
