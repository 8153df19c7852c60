/*
 * api_config.c - the configuration: what is in force, how it came to be, and another one in its place.
 *
 * What changes it is the fleet room's to say (fleet.h): a call waits until it has said so.
 */
#include "ops/room.h"

#include "dray/encode.h"
#include "dray/json.h"
#include "fleet/fleet.h"
#include "fleet/report.h"
#include "ops/rows.h"
#include "ops/writer.h"

static const struct revisions *revisions_of(const struct call *call)
{
	const struct fleet *fleet = call->ops->with.fleet;

	return fleet ? fleet_revisions(fleet) : NULL;
}

/* --- what is shown -------------------------------------------------------------------------------- */

static void put_document(struct buf *out, const char *name, const cJSON *document)
{
	struct buf text = BUF_INIT;

	if (document) {
		json_print(document, &text);
		out->failed |= buf_failed(&text);
		write_raw(out, name, text.data, text.len);
	} else {
		write_null(out, name);
	}
	buf_done(&text);
}

static void put_number(struct buf *out, const struct revision *revision)
{
	if (revision && revision->number > 0)
		write_int(out, "revision", revision->number);
	else
		write_null(out, "revision");
}

static void put_revision(struct buf *out, const char *name, const struct revision *revision)
{
	if (!revision) {
		write_null(out, name);
		return;
	}
	write_open(out, name, '{');
	put_number(out, revision);
	write_text(out, "origin", revision_origins[revision->origin]);
	write_time(out, "time", revision->at_ms);
	write_close(out, '}');
}

/* As the topic config/reported has it, left open for more. */
static void put_report(struct call *call, const struct revisions *revisions)
{
	report_render(revisions, call->ops->config->site, &call->body);
	if (!buf_failed(&call->body))
		call->body.data[--call->body.len] = '\0';
}

static void put_trial(struct call *call, const struct revisions *revisions)
{
	struct buf *out = &call->body;
	struct buf hex = BUF_INIT;

	if (revisions && revisions->trial)
		write_int(
			out, "probation_s", fleet_probation_left_ms(call->ops->with.fleet) / 1000);
	else
		write_null(out, "probation_s");
	put_revision(out, "previous", revisions ? revisions->previous : NULL);
	if (revisions && revisions->has_rolled_files)
		encode_hex(revisions->rolled_files, sizeof(revisions->rolled_files), &hex);
	write_text(out, "rolled_back_files", hex.data);
	buf_done(&hex);
}

static void put_url_fault(struct call *call)
{
	const struct ops_options *with = &call->ops->with;
	const char *fault = with->url_fault ? with->url_fault(with->ctx) : "";

	write_text(&call->body, "url_fault", fault[0] ? fault : NULL);
}

void api_show_config(struct call *call)
{
	const struct revisions *revisions = revisions_of(call);
	const struct revision *current = revisions ? revisions_current(revisions) : NULL;
	const cJSON *document = call->ops->config->document;
	struct buf *out = &call->body;

	if (revisions) {
		put_report(call, revisions);
	} else {
		write_open(out, NULL, '{');
		write_text(out, "site", call->ops->config->site);
		write_text(out, "version", DRAY_VERSION);
		write_null(out, "revision");
		write_null(out, "state");
	}
	put_trial(call, revisions);
	put_url_fault(call);
	put_document(out, "config", document);
	put_document(out, "desired", current ? current->patch : NULL);
	put_document(out, "files", current ? current->files : document);
	write_close(out, '}');
	call_answer(call, 200);
}

void api_config_history(struct call *call)
{
	const struct revisions *revisions = revisions_of(call);
	struct buf *out = &call->body;

	page_open(out);
	for (size_t i = revisions ? revisions->n_history : 0; i > 0; i--) {
		if (i < revisions->n_history)
			buf_putc(out, ',');
		report_put_event(&revisions->history[i - 1], out);
	}
	page_close(out, 0);
	call_answer(call, 200);
}

void config_write_state(struct call *call)
{
	const struct revisions *revisions = revisions_of(call);

	write_open(&call->body, "config", '{');
	put_number(&call->body, revisions ? revisions_current(revisions) : NULL);
	write_text(&call->body, "state", revisions ? report_state(revisions) : NULL);
	write_close(&call->body, '}');
}

/* --- what is changed ------------------------------------------------------------------------------- */

/* False: the call is answered. */
static bool has_road(struct call *call)
{
	if (revisions_of(call))
		return true;
	call_problem(call, 409,
		"there is no fleet section in the configuration: change its files and reload "
		"(systemctl reload drayd)");
	return false;
}

static void refuse(struct call *call, const struct error *err)
{
	char text[512];

	call_refuse_line(call, 422, 0, err->path, "%s", error_text(err, text, sizeof(text)));
}

static void on_checked(void *ctx, bool is_fine, int64_t number, const struct error *err)
{
	struct call *call = ctx;

	call_resume(call);
	if (!is_fine) {
		refuse(call, err);
		return;
	}
	write_open(&call->body, NULL, '{');
	write_int(&call->body, "revision", number);
	write_bool(&call->body, "fine", true);
	write_close(&call->body, '}');
	call_answer(call, 200);
}

static void on_taken(void *ctx, bool is_taken, int64_t number, const struct error *err)
{
	struct call *call = ctx;
	const struct revisions *revisions = revisions_of(call);

	(void)number; /* a step back has the one that it goes back to */
	call_resume(call);
	if (!is_taken) {
		refuse(call, err);
		return;
	}
	if (revisions) {
		put_report(call, revisions);
		put_trial(call, revisions);
	} else {
		write_open(&call->body, NULL, '{');
		write_null(&call->body, "revision");
	}
	write_close(&call->body, '}');
	call_answer(call, 200);
}

void api_check_config(struct call *call)
{
	size_t len;
	const char *text = call_body(call, &len);

	if (!has_road(call))
		return;
	call_wait(call);
	fleet_check(call->ops->with.fleet, text, len, on_checked, call);
}

void api_apply_config(struct call *call)
{
	size_t len;
	const char *text = call_body(call, &len);

	if (!has_road(call))
		return;
	call_wait(call);
	fleet_offer(call->ops->with.fleet, REVISION_APPLY, call->who, text, len, on_taken, call);
}

/* The site's files, as SIGHUP does, and an answer. */
void api_reload_config(struct call *call)
{
	call_wait(call);
	fleet_reload(call->ops->with.fleet, on_taken, call);
}

void api_roll_back_config(struct call *call)
{
	if (!has_road(call))
		return;
	call_wait(call);
	fleet_roll_back(call->ops->with.fleet, call->who, on_taken, call);
}
