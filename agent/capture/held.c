#include "capture/held.h"

unsigned held_begin(struct held *held, int64_t now_mono_ms)
{
	if (held->n++ == 0)
		held->since_mono_ms = now_mono_ms;
	return held->connection;
}

void held_end(struct held *held, unsigned connection)
{
	if (connection == held->connection)
		held->n--;
}

void held_forget(struct held *held)
{
	*held = (struct held){ .connection = held->connection + 1 };
}

bool held_may_flush(const struct held *held)
{
	return held->n == 0;
}

bool held_pauses(struct held *held, int64_t now_mono_ms, bool is_full)
{
	if (held->n == 0)
		held->is_pausing = false;
	else if (is_full || held->n >= HELD_MAX || now_mono_ms - held->since_mono_ms >= HELD_MAX_MS)
		held->is_pausing = true;
	return held->is_pausing;
}
