#include "config/reconfigure.h"

#include <stdlib.h>

#include "capture/adapter.h"
#include "capture/capture.h"
#include "capture/intake.h"
#include "config/config_file.h"
#include "deliver/deliver.h"
#include "fleet/fleet.h"
#include "fleet/poll.h"
#include "keep/housekeeping.h"
#include "keep/keeper.h"
#include "config/loader.h"
#include "log.h"
#include "mapper/mapper.h"
#include "notify.h"
#include "ops/ops.h"
#include "config/places.h"
#include "keep/salvor.h"

struct reconfigure {
	struct reconfigure_options is;
	struct rooms rooms;
	struct loader *loader;
	struct fleet *fleet;
	struct poll *poll;
	bool is_closed;
};

/* --- what the fleet asks ----------------------------------------------------------------------------- */

static int lock(void *ctx, const char *state_dir, struct error *err)
{
	const struct reconfigure *reconfigure = ctx;

	return reconfigure->is.lock(reconfigure->is.ctx, state_dir, err);
}

static int read_files(void *ctx, cJSON **ret, struct error *err)
{
	return config_file_read(((struct reconfigure *)ctx)->is.places->config_path, ret, err);
}

static void load(void *ctx, struct loading *loading)
{
	loading_run(((struct reconfigure *)ctx)->is.places, loading);
}

static void start_load(void *ctx, struct loading *loading)
{
	loader_load(((struct reconfigure *)ctx)->loader, loading);
}

static int apply(void *ctx, const struct config *config, struct error *err)
{
	const struct reconfigure *reconfigure = ctx;
	const struct rooms *rooms = &reconfigure->rooms;

	if (deliver_configure(rooms->deliver, config, err) < 0)
		return -1;
	if (intake_configure(rooms->intake, config) < 0 ||
		mapper_set_zone(rooms->mapper, config->timezone) < 0)
		return error_set(err, NULL, "out of memory");
	if (adapters_configure(
		    rooms->adapters, config, reconfigure->is.places->connector_dirs, err) < 0)
		return -1;
	if (capture_configure(rooms->capture, config, err) < 0 ||
		ops_configure(rooms->ops, config, err) < 0 ||
		poll_configure(reconfigure->poll, config, err) < 0)
		return -1;
	salvor_set_sla(rooms->salvor, config->sla_critical_ms);
	housekeeping_set_retain(rooms->housekeeping, config->store.retain_ms);
	keeper_configure(rooms->keeper, config->store.max_bytes, config->store.reserve_bytes);
	log_setup((enum log_level)config->log.level, config->log.format == CONFIG_LOG_JSON);
	return 0;
}

static bool broker_is_up(void *ctx)
{
	return capture_is_up(((struct reconfigure *)ctx)->rooms.capture);
}

static bool is_closed(void *ctx)
{
	return ((struct reconfigure *)ctx)->is_closed;
}

static int route(void *ctx, const struct store_event_row *event, store_target_fn fn, void *fn_ctx)
{
	return intake_route_again(((struct reconfigure *)ctx)->rooms.intake, event, fn, fn_ctx);
}

static void on_rest(void *ctx, bool is_resting)
{
	const struct reconfigure *reconfigure = ctx;

	reconfigure->is.on_rest(reconfigure->is.ctx, is_resting);
}

static void on_alarm(void *ctx, const char *message, bool is_cleared)
{
	capture_alert(((struct reconfigure *)ctx)->rooms.capture,
		&(struct capture_alert){ .severity = "critical",
			.kind = "config",
			.state = is_cleared ? "cleared" : "raised",
			.message = message });
}

static void on_change(void *ctx)
{
	const struct reconfigure *reconfigure = ctx;
	const struct revisions *revisions = fleet_revisions(reconfigure->fleet);
	const struct revision *current = revisions ? revisions_current(revisions) : NULL;
	struct buf report = BUF_INIT;

	fleet_render_report(reconfigure->fleet, &report);
	capture_report(reconfigure->rooms.capture, current ? current->number : 0,
		buf_failed(&report) ? NULL : report.data, buf_failed(&report) ? 0 : report.len);
	buf_done(&report);
}

static void on_loaded(void *ctx, struct loading *loading)
{
	fleet_on_loaded(((struct reconfigure *)ctx)->fleet, loading);
}

/* --- life ------------------------------------------------------------------------------------------------ */

struct reconfigure *reconfigure_new(const struct reconfigure_options *options)
{
	struct reconfigure *reconfigure = calloc(1, sizeof(*reconfigure));

	if (!reconfigure)
		return NULL;
	reconfigure->is = *options;
	reconfigure->loader = loader_new(options->base, options->places, on_loaded, reconfigure);
	reconfigure->fleet = fleet_new(&(struct fleet_options){ .base = options->base,
		.metrics = options->metrics,
		.clock = options->clock,
		.lock = lock,
		.read = read_files,
		.load = load,
		.start_load = start_load,
		.apply = apply,
		.broker_is_up = broker_is_up,
		.is_closed = is_closed,
		.route = route,
		.on_rest = on_rest,
		.on_alarm = on_alarm,
		.on_change = on_change,
		.ctx = reconfigure });
	if (reconfigure->loader && reconfigure->fleet)
		return reconfigure;
	reconfigure_free(reconfigure);
	return NULL;
}

void reconfigure_free(struct reconfigure *reconfigure)
{
	if (!reconfigure)
		return;
	loader_free(reconfigure->loader); /* what it is at is the fleet's */
	poll_free(reconfigure->poll);
	fleet_free(reconfigure->fleet);
	free(reconfigure);
}

struct fleet *reconfigure_fleet(struct reconfigure *reconfigure)
{
	return reconfigure->fleet;
}

int reconfigure_choose(struct reconfigure *reconfigure, struct error *err)
{
	return fleet_choose(reconfigure->fleet, err);
}

static void on_document(void *ctx, const char *text, size_t len)
{
	fleet_offer(((struct reconfigure *)ctx)->fleet, REVISION_URL, "url", text, len, NULL, NULL);
}

void reconfigure_on_desired(void *ctx, const char *text, size_t len)
{
	fleet_offer(
		((struct reconfigure *)ctx)->fleet, REVISION_TOPIC, "topic", text, len, NULL, NULL);
}

int reconfigure_attach(struct reconfigure *reconfigure, struct turn *turn, struct store *store,
	struct deliver *deliver, struct http_client *http)
{
	fleet_attach(reconfigure->fleet,
		&(struct fleet_rooms){ .turn = turn, .store = store, .deliver = deliver });
	reconfigure->poll = poll_new(&(struct poll_options){ .base = reconfigure->is.base,
		.turn = turn,
		.http = http,
		.clock = reconfigure->is.clock,
		.secrets = &reconfigure->is.places->secrets,
		.on_document = on_document,
		.ctx = reconfigure });
	return reconfigure->poll ? 0 : -1;
}

int reconfigure_start(struct reconfigure *reconfigure, const struct rooms *rooms, struct error *err)
{
	reconfigure->rooms = *rooms;
	return fleet_start(reconfigure->fleet, err);
}

const char *reconfigure_url_fault(const struct reconfigure *reconfigure)
{
	return poll_fault(reconfigure->poll);
}

const struct config *reconfigure_config(const struct reconfigure *reconfigure)
{
	return fleet_config(reconfigure->fleet);
}

/* Well or not: systemd waits for the last one. */
static void on_reloaded(void *ctx, bool is_taken, int64_t number, const struct error *err)
{
	const struct reconfigure *reconfigure = ctx;

	(void)is_taken;
	(void)number;
	(void)err;
	if (!fleet_is_reloading(reconfigure->fleet))
		notify_ready(reconfigure->is.notify);
}

void reconfigure_reload(struct reconfigure *reconfigure)
{
	fleet_reload(reconfigure->fleet, on_reloaded, reconfigure);
}

void reconfigure_gate(struct reconfigure *reconfigure, bool is_open)
{
	reconfigure->is_closed = !is_open;
}

void reconfigure_stop(struct reconfigure *reconfigure)
{
	fleet_stop(reconfigure->fleet);
}
