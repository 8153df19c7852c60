#include "capture/alert.h"

#include <string.h>

#include "dray/times.h"

static void put_member(struct buf *out, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	buf_printf(out, ",\"%s\":", name);
	buf_put_json(out, text, strlen(text));
}

void alert_render(const struct capture_alert *alert, int64_t now_ms, struct buf *out)
{
	char now[TIME_TEXT_MAX];

	time_format(now_ms, now);
	buf_printf(out, "{\"time\":\"%s\"", now);
	put_member(out, "severity", alert->severity);
	put_member(out, "kind", alert->kind);
	put_member(out, "state", alert->state);
	put_member(out, "destination", alert->destination);
	put_member(out, "device", alert->device);
	put_member(out, "origin", alert->origin);
	put_member(out, "id", alert->id);
	if (alert->seq > 0)
		buf_printf(out, ",\"seq\":%lld", (long long)alert->seq);
	put_member(out, "message", alert->message);
	buf_putc(out, '}');
}
