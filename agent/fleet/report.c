#include "fleet/report.h"

#include <string.h>

#include "dray/encode.h"
#include "dray/times.h"

static void put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	buf_put_json(out, text, strlen(text));
}

static void put_time(struct buf *out, int64_t at_ms)
{
	char text[TIME_TEXT_MAX];

	time_format(at_ms, text);
	buf_printf(out, "{\"time\":\"%s\"", text);
}

static void put_number(struct buf *out, int64_t number)
{
	buf_puts(out, ",\"revision\":");
	if (number > 0)
		buf_put_integer(out, number);
	else
		buf_puts(out, "null");
}

static const struct revision_event *last_of(const struct revisions *revisions)
{
	return revisions->n_history > 0 ? &revisions->history[revisions->n_history - 1] : NULL;
}

const char *report_state(const struct revisions *revisions)
{
	const struct revision_event *last = last_of(revisions);

	if (revisions->trial)
		return revision_results[REVISION_PROBATION];
	if (last && (last->result == REVISION_REFUSED || last->result == REVISION_ROLLED_BACK))
		return revision_results[last->result];
	return "good";
}

void report_put_event(const struct revision_event *event, struct buf *out)
{
	put_time(out, event->at_ms);
	put_number(out, event->number);
	put_text(out, "origin", revision_origins[event->origin]);
	put_text(out, "result", revision_results[event->result]);
	put_text(out, "reason", event->reason);
	buf_putc(out, '}');
}

void report_render(const struct revisions *revisions, const char *site, struct buf *out)
{
	const struct revision *current = revisions_current(revisions);
	const struct revision_event *last = last_of(revisions);

	put_time(out, last ? last->at_ms : current ? current->at_ms : 0);
	put_text(out, "site", site);
	put_text(out, "version", DRAY_VERSION);
	put_number(out, current ? current->number : 0);
	put_text(out, "state", report_state(revisions));
	if (current) {
		put_text(out, "origin", revision_origins[current->origin]);
		buf_puts(out, ",\"digest\":\"");
		encode_hex(current->files_digest, sizeof(current->files_digest), out);
		buf_putc(out, '"');
	}
	buf_puts(out, ",\"last\":");
	if (last)
		report_put_event(last, out);
	else
		buf_puts(out, "null");
	buf_putc(out, '}');
}
