#include "pace.h"

#include "client.h"
#include "down_h1.h"
#include "exchange.h"
#include "listening.h"
#include "proxy_int.h"

static uint64_t progress(const struct sp_down_h1 *d)
{
	return d->body.bytes + d->end.x->bytes_out;
}

static void on_pace(struct sp_deadline *deadline)
{
	struct sp_client *c = SP_HOLDER(deadline, struct sp_client, deadline);
	struct sp_down_h1 *d = &c->down;
	uint64_t moved = progress(d) - d->pace_mark;

	if (!d->is_pace_grace && moved * 1000000 < c->from.listening->serve->conf->min_rate * SP_PACE_MS) {
		sp_notice(&c->proxy->notices, SP_NOTICE_SLOW, &c->from.client);
		sp_exchange_failed(d->end.x, SP_DOWN, SP_WHY_CLIENT_SLOW);
		return;
	}
	d->is_pace_grace = false;
	d->pace_mark = progress(d);
	sp_deadline_set(deadline, c->from.listening->pace, on_pace);
}

void sp_pace_follow(struct sp_down_h1 *d, bool is_owing)
{
	struct sp_client *c = SP_HOLDER(d, struct sp_client, down);

	if (!is_owing) {
		sp_deadline_clear(&c->deadline);
		return;
	}
	if (sp_deadline_is_set(&c->deadline))
		return;
	d->is_pace_grace = true;
	d->pace_mark = progress(d);
	sp_deadline_set(&c->deadline, c->from.listening->pace, on_pace);
}
