/*
 * tell.c - what others are told: the file, people, the audit trail, metrics, the report.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "dray/metrics.h"
#include "fleet/fleet_internal.h"
#include "fleet/report.h"
#include "fleet/revision_file.h"
#include "log.h"
#include "store/store.h"
#include "turn.h"

const char *tell_name(int64_t number, char out[48])
{
	if (number > 0)
		(void)snprintf(out, 48, "revision %" PRId64, number);
	else
		(void)snprintf(out, 48, "the files");
	return out;
}

/* --- the file -------------------------------------------------------------------------------------------- */

static int write_file(struct fleet *fleet, struct error *err)
{
	struct buf text = BUF_INIT;

	revisions_print(&fleet->revisions, &text);
	if (revision_file_write(fleet->state_dir, &text, err) < 0) {
		buf_done(&text);
		return -1;
	}
	buf_done(&fleet->kept);
	fleet->kept = text;
	fleet->is_behind = false;
	return 0;
}

/* What is there was printed by ourselves; only memory may fail. */
static void go_back(struct fleet *fleet)
{
	struct revisions before = { 0 };
	struct error err = { 0 };

	if (fleet->kept.len > 0 &&
		revisions_parse(fleet->kept.data, fleet->kept.len, &before, &err) < 0)
		return;
	revisions_done(&fleet->revisions);
	fleet->revisions = before;
}

int tell_file(struct fleet *fleet, struct error *err)
{
	if (write_file(fleet, err) == 0)
		return 0;
	go_back(fleet);
	return -1;
}

void tell_file_later(struct fleet *fleet)
{
	struct error err = { 0 };
	char text[FLEET_TEXT_MAX];

	fleet->is_behind = true;
	if (write_file(fleet, &err) < 0)
		LOG_ERROR("what became of the configuration can't be written, trying again",
			LOG_S("error", error_text(&err, text, sizeof(text))));
}

/* --- people ---------------------------------------------------------------------------------------------- */

/* Before drayd runs by a configuration there is no topic to tell it on: then it is kept. */
static void raise_alarm(struct fleet *fleet)
{
	fleet->alarm_is_told = fleet->is_running;
	if (fleet->alarm_is_told)
		fleet->is.on_alarm(fleet->is.ctx, fleet->alarm, false);
}

void tell_alarm(struct fleet *fleet, const char *format, ...)
{
	char text[FLEET_TEXT_MAX];
	const char *alarm = text;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	LOG_ERROR("configuration", LOG_S("alarm", alarm));
	if (fleet->alarm_is_told && strcmp(text, fleet->alarm) == 0)
		return;
	(void)snprintf(fleet->alarm, sizeof(fleet->alarm), "%s", text);
	raise_alarm(fleet);
}

void tell_kept_alarm(struct fleet *fleet)
{
	if (fleet->alarm[0] && !fleet->alarm_is_told)
		raise_alarm(fleet);
}

void tell_clear(struct fleet *fleet, const char *message)
{
	if (!fleet->alarm[0])
		return;
	fleet->alarm[0] = '\0';
	if (fleet->alarm_is_told)
		fleet->is.on_alarm(fleet->is.ctx, message, true);
	fleet->alarm_is_told = false;
}

/* --- the audit trail -------------------------------------------------------------------------------------- */

void tell_audit(
	struct fleet *fleet, const char *who, const char *what, int64_t number, const char *why)
{
	struct fleet_audit *audit;

	if (fleet->n_audits ==
		FLEET_AUDITS_MAX) { /* the store took nothing for long: the newest count */
		memmove(fleet->audits, fleet->audits + 1, sizeof(fleet->audits) - sizeof(*audit));
		fleet->n_audits--;
		fleet->n_audits_written -= fleet->n_audits_written > 0;
	}
	audit = &fleet->audits[fleet->n_audits++];
	audit->at_ms = clock_wall_ms(fleet->is.clock);
	(void)snprintf(audit->who, sizeof(audit->who), "%s", who);
	(void)snprintf(audit->what, sizeof(audit->what), "%s", what);
	(void)snprintf(audit->object, sizeof(audit->object), "config/%" PRId64, number);
	(void)snprintf(audit->why, sizeof(audit->why), "%s", why);
	if (fleet->rooms.turn)
		turn_wake(fleet->rooms.turn);
}

void tell_dispatch(struct fleet *fleet)
{
	struct store *store = fleet->rooms.store;

	if (store_is_refusing(store))
		return;
	for (size_t i = fleet->n_audits_written; i < fleet->n_audits; i++) {
		const struct fleet_audit *audit = &fleet->audits[i];

		if (store_audit(store, audit->at_ms, audit->who, audit->what, audit->object,
			    audit->why) < 0)
			return;
		fleet->n_audits_written++;
	}
}

void tell_committed(struct fleet *fleet)
{
	size_t left = fleet->n_audits - fleet->n_audits_written;

	memmove(fleet->audits, fleet->audits + fleet->n_audits_written,
		left * sizeof(fleet->audits[0]));
	fleet->n_audits = left;
	fleet->n_audits_written = 0;
}

void tell_poisoned(struct fleet *fleet)
{
	fleet->n_audits_written = 0;
}

/* --- metrics and the report ------------------------------------------------------------------------------- */

void tell_change(struct fleet *fleet)
{
	const struct revision *current = revisions_current(&fleet->revisions);

	metrics_set(fleet->is.metrics, METRIC_CONFIG_REVISION, NULL, NULL,
		fleet->is_on && current ? (double)current->number : 0);
	metrics_set(fleet->is.metrics, METRIC_CONFIG_PROBATION, NULL, NULL,
		fleet->is_on && fleet->revisions.trial ? 1 : 0);
	if (fleet->rooms.turn)
		fleet->is.on_change(fleet->is.ctx);
}

void tell_result(struct fleet *fleet, enum revision_result result)
{
	metrics_add(fleet->is.metrics, METRIC_CONFIG_CHANGES, revision_results[result], NULL, 1);
	tell_change(fleet);
}

void fleet_render_report(const struct fleet *fleet, struct buf *out)
{
	if (fleet->is_on && fleet->config)
		report_render(&fleet->revisions, fleet->config->site, out);
}
