#include "capture/held.h"

#define FEWER_STEP 2 /* a connection that is lost costs its whole time: better too few at once */
#define FEWER_MAX 8  /* one at a time */

unsigned held_begin(struct held *held, int64_t now_mono_ms)
{
	if (held->n++ == 0)
		held->since_mono_ms = now_mono_ms;
	return held->connection;
}

void held_end(struct held *held, unsigned connection)
{
	if (connection != held->connection || --held->n > 0)
		return;
	if (held->is_pausing && held->n_fewer > 0)
		held->n_fewer--;
}

void held_forget(struct held *held)
{
	unsigned n_fewer = held->n_fewer + (held->n > 0 ? FEWER_STEP : 0);

	*held = (struct held){ .connection = held->connection + 1,
		.n_fewer = n_fewer < FEWER_MAX ? n_fewer : FEWER_MAX };
}

bool held_may_flush(const struct held *held)
{
	return held->n == 0;
}

bool held_pauses(struct held *held, int64_t now_mono_ms, bool is_full)
{
	if (held->n == 0)
		held->is_pausing = false;
	else if (is_full || held->n >= HELD_MAX >> held->n_fewer ||
		 now_mono_ms - held->since_mono_ms >= HELD_MAX_MS)
		held->is_pausing = true;
	return held->is_pausing;
}
