#include "agent.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "capture/adapter.h"
#include "capture/capture.h"
#include "capture/intake.h"
#include "capture/items.h"
#include "clock.h"
#include "couriers.h"
#include "deliver/deliver.h"
#include "dray/metrics.h"
#include "harden.h"
#include "keep/housekeeping.h"
#include "keep/keeper.h"
#include "lock.h"
#include "log.h"
#include "mapper/mapper.h"
#include "notify.h"
#include "ops/ops.h"
#include "config/places.h"
#include "config/reconfigure.h"
#include "keep/salvor.h"
#include "secret.h"
#include "store/store.h"
#include "keep/timekeeper.h"
#include "turn.h"

#define DRAIN_MS 5000
#define DRAIN_LOOK_MS 20
#define STATUS_EVERY_S 10

enum { ON_TERM, ON_INT, ON_HUP, SIGNALS };

struct agent {
	struct places places;
	struct timekeeper *timekeeper;
	const struct clock *clock; /* the timekeeper's */
	struct reconfigure *reconfigure;
	int lock_fd;
	struct event_base *base;
	struct metrics *metrics;
	struct housekeeping *housekeeping;
	struct salvor *salvor;
	struct notify *notify;
	struct store *store;
	struct turn *turn;
	struct couriers couriers;
	struct mapper *mapper;
	struct deliver *deliver;
	struct items *items;
	struct intake *intake;
	struct adapters *adapters;
	struct capture *capture;
	struct ops *ops;
	struct keeper *keeper;
	struct event *signals[SIGNALS];
	struct event *drain_timer;
	struct event *status_timer;
	int64_t drain_until_mono_ms;
	bool salvor_rests, fleet_rests;
};

/* --- what the rooms tell ---------------------------------------------------------------------------- */

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	LOG_ERROR("the disk did not take what was written, ending at once", LOG_S("what", what));
	_exit(70);
}

static void on_news(void *ctx, const struct deliver_news *news)
{
	struct agent *agent = ctx;

	capture_on_news(agent->capture, news);
	if (news->is_exception)
		capture_alert(agent->capture, &(struct capture_alert){ .severity = news->severity,
						      .kind = news->kind,
						      .destination = news->destination,
						      .device = news->device,
						      .id = news->id,
						      .seq = news->seq,
						      .message = news->reason });
}

static int on_emit(void *ctx, const struct deliver_emit *emit)
{
	struct agent *agent = ctx;

	return intake_emit(agent->intake, emit, clock_wall_ms(agent->clock));
}

static void on_alert(void *ctx, const char *severity, const char *text)
{
	struct agent *agent = ctx;

	capture_alert(
		agent->capture, &(struct capture_alert){ .severity = severity, .message = text });
}

static const struct room_report *store_room(void *ctx)
{
	return keeper_report(((struct agent *)ctx)->keeper);
}

static const char *url_fault(void *ctx)
{
	return reconfigure_url_fault(((struct agent *)ctx)->reconfigure);
}

static void tell_status(struct agent *agent);

static void on_gate(void *ctx, bool is_open, const char *why)
{
	struct agent *agent = ctx;

	capture_open(agent->capture, is_open, why);
	reconfigure_gate(agent->reconfigure, is_open);
	tell_status(agent);
}

static void on_alarm(void *ctx, const struct keeper_alarm *alarm)
{
	struct agent *agent = ctx;

	capture_alert(agent->capture, &(struct capture_alert){ .severity = alarm->severity,
					      .kind = alarm->kind,
					      .state = alarm->is_cleared ? "cleared" : "raised",
					      .message = alarm->message });
}

static void on_checkpoint(void *ctx)
{
	housekeeping_on_checkpoint(((struct agent *)ctx)->housekeeping);
}

static void on_salvage(void *ctx)
{
	salvor_on_salvage(((struct agent *)ctx)->salvor);
}

static int route_again(
	void *ctx, const struct store_event_row *event, store_target_fn fn, void *fn_ctx)
{
	return intake_route_again(((struct agent *)ctx)->intake, event, fn, fn_ctx);
}

static void on_salvor_rest(void *ctx, bool is_resting)
{
	struct agent *agent = ctx;

	agent->salvor_rests = is_resting;
	deliver_rest(agent->deliver, agent->salvor_rests || agent->fleet_rests);
}

static void on_fleet_rest(void *ctx, bool is_resting)
{
	struct agent *agent = ctx;

	agent->fleet_rests = is_resting;
	deliver_rest(agent->deliver, agent->salvor_rests || agent->fleet_rests);
}

static void on_broken(void *ctx, const char *message, bool is_cleared)
{
	struct agent *agent = ctx;

	capture_alert(agent->capture, &(struct capture_alert){ .severity = "critical",
					      .kind = "store_broken",
					      .state = is_cleared ? "cleared" : "raised",
					      .message = message });
}

static void on_restored(void *ctx, const char *message)
{
	struct agent *agent = ctx;

	capture_alert(agent->capture,
		&(struct capture_alert){
			.severity = "critical", .kind = "store_restored", .message = message });
}

static void view_broker(void *ctx, struct broker_view *ret)
{
	capture_view(((struct agent *)ctx)->capture, ret);
}

/* Counters go on where the tally left them. */
static int seed_metric(void *ctx, const struct store_tally_row *row)
{
	struct agent *agent = ctx;
	double n = (double)row->n;

	if (strcmp(row->outcome, "stored") == 0)
		metrics_add(agent->metrics, METRIC_EVENTS_RECEIVED, row->type, row->source, n);
	else if (strcmp(row->outcome, "duplicate") == 0)
		metrics_add(agent->metrics, METRIC_EVENTS_DUPLICATE, row->source, NULL, n);
	else if (strcmp(row->outcome, "rejected") == 0)
		metrics_add(agent->metrics, METRIC_EVENTS_REJECTED, row->detail, NULL, n);
	else if (strcmp(row->outcome, "unrouted") == 0)
		metrics_add(agent->metrics, METRIC_EVENTS_UNROUTED, row->type, NULL, n);
	else if (row->destination > 0 && strcmp(row->outcome, "routed") != 0)
		metrics_add(agent->metrics, METRIC_DELIVERIES,
			store_destination_name(agent->store, row->destination), row->outcome, n);
	return 0;
}

/* --- signals -------------------------------------------------------------------------------------------- */

static void add_in_flight(void *ctx, const struct deliver_view *view)
{
	*(unsigned *)ctx += view->in_flight;
}

static void on_drain_timer(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timeval soon = { .tv_usec = DRAIN_LOOK_MS * 1000 };
	struct agent *agent = ctx;
	unsigned in_flight = 0;

	(void)fd;
	(void)what;
	deliver_list(agent->deliver, add_in_flight, &in_flight);
	if (in_flight == 0 || clock_mono_ms(agent->clock) >= agent->drain_until_mono_ms ||
		event_add(agent->drain_timer, &soon) < 0)
		turn_stop(agent->turn);
}

static void on_stop(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *agent = ctx;

	(void)fd;
	(void)what;
	if (agent->drain_until_mono_ms > 0) {
		turn_stop(agent->turn); /* asked twice: now */
		return;
	}
	LOG_INFO("stopping");
	reconfigure_stop(agent->reconfigure);
	notify_stopping(agent->notify);
	deliver_drain(agent->deliver);
	agent->drain_until_mono_ms = clock_mono_ms(agent->clock) + DRAIN_MS;
	event_active(agent->drain_timer, EV_TIMEOUT, 1);
}

static void on_reload(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *agent = ctx;

	(void)fd;
	(void)what;
	if (agent->drain_until_mono_ms > 0)
		return;
	notify_reloading(agent->notify);
	reconfigure_reload(agent->reconfigure);
}

/* One line for `systemctl status`. */
static void tell_status(struct agent *agent)
{
	struct store *store = agent->store;
	int64_t backlog = 0, exceptions = 0;
	char text[256];

	for (int id = 1; id <= store_destination_count(store); id++) {
		backlog += store_pending(store, id);
		exceptions += store_depth(store, id, DELIVERY_EXCEPTION);
	}
	(void)snprintf(text, sizeof(text),
		"broker %s, %lld deliveries to make, %lld held by exceptions",
		capture_is_up(agent->capture) ? "connected" : capture_reason(agent->capture),
		(long long)backlog, (long long)exceptions);
	notify_status(agent->notify, text);
}

static void on_status_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	tell_status(ctx);
}

static int start_status(struct agent *agent)
{
	static const struct timeval every = { .tv_sec = STATUS_EVERY_S };

	agent->status_timer = event_new(agent->base, -1, EV_PERSIST, on_status_timer, agent);
	return agent->status_timer ? event_add(agent->status_timer, &every) : -1;
}

static int listen_to_signals(struct agent *agent)
{
	agent->signals[ON_TERM] = evsignal_new(agent->base, SIGTERM, on_stop, agent);
	agent->signals[ON_INT] = evsignal_new(agent->base, SIGINT, on_stop, agent);
	agent->signals[ON_HUP] = evsignal_new(agent->base, SIGHUP, on_reload, agent);
	agent->drain_timer = event_new(agent->base, -1, 0, on_drain_timer, agent);
	if (!agent->drain_timer)
		return -1;
	for (int i = 0; i < SIGNALS; i++)
		if (!agent->signals[i] || event_add(agent->signals[i], NULL) < 0)
			return -1;
	return 0;
}

/* --- life ------------------------------------------------------------------------------------------------ */

static int open_store(struct agent *agent, struct error *err)
{
	const struct config *config = reconfigure_config(agent->reconfigure);
	char path[PATH_MAX], timeline[PATH_MAX];
	struct store_options options = {
		.path = path,
		.max_bytes = config->store.max_bytes,
		.on_fatal = on_fatal,
		.on_checkpoint = on_checkpoint,
		.on_salvage = on_salvage,
		.ctx = agent,
	};

	if (snprintf(path, sizeof(path), "%s/dray.db", config->state_dir) >= (int)sizeof(path) ||
		snprintf(timeline, sizeof(timeline), "%s/dray.timeline", config->state_dir) >=
			(int)sizeof(timeline))
		return error_set(err, "state_dir", "path is too long");
	if (store_open(&options, &agent->store, err) < 0)
		return -1;
	timekeeper_open(agent->timekeeper, agent->store, timeline);
	return 0;
}

/* The one door, what stands behind it, and who brings things to it. */
static int build_door(struct agent *agent)
{
	agent->intake = intake_new(agent->store, agent->deliver, agent->metrics, agent->clock);
	agent->items = items_new(agent->store);
	if (!agent->intake || !agent->items)
		return -1;
	intake_set_reference(agent->intake, items_reference(agent->items));
	agent->adapters = adapters_new(agent->intake, agent->mapper);
	if (!agent->adapters)
		return -1;
	agent->capture = capture_new(&(struct capture_options){ .base = agent->base,
		.turn = agent->turn,
		.store = agent->store,
		.metrics = agent->metrics,
		.clock = agent->clock,
		.intake = agent->intake,
		.adapters = agent->adapters,
		.secrets = &agent->places.secrets,
		.on_desired = reconfigure_on_desired,
		.ctx = agent->reconfigure });
	return agent->capture ? 0 : -1;
}

static int build_rooms(struct agent *agent)
{
	const struct config *config = reconfigure_config(agent->reconfigure);

	agent->turn = turn_new(agent->base, agent->store, agent->metrics, agent->clock);
	if (!agent->turn)
		return -1;
	salvor_attach(agent->salvor, &(struct salvor_options){ .turn = agent->turn,
					     .store = agent->store,
					     .clock = agent->clock,
					     .route = route_again,
					     .on_rest = on_salvor_rest,
					     .on_alarm = on_broken,
					     .on_restored = on_restored,
					     .ctx = agent });
	if (couriers_open(&agent->couriers, agent->base, agent->clock, &agent->places.secrets,
		    config->site) < 0)
		return -1;
	agent->mapper = mapper_open(agent->base, config->timezone);
	if (!agent->mapper)
		return -1;
	agent->deliver = deliver_new(&(struct deliver_options){ .base = agent->base,
		.turn = agent->turn,
		.store = agent->store,
		.metrics = agent->metrics,
		.clock = agent->clock,
		.couriers = { agent->couriers.of[CONFIG_KIND_HTTP],
			agent->couriers.of[CONFIG_KIND_MQTT],
			agent->couriers.of[CONFIG_KIND_SFTP] },
		.secrets = &agent->places.secrets,
		.connector_dirs = agent->places.connector_dirs,
		.mapper = agent->mapper,
		.on_emit = on_emit,
		.on_news = on_news,
		.on_alert = on_alert,
		.ctx = agent });
	if (!agent->deliver)
		return -1;
	couriers_attach(&agent->couriers, agent->turn);
	if (build_door(agent) < 0)
		return -1;
	agent->ops = ops_new(&(struct ops_options){ .base = agent->base,
		.turn = agent->turn,
		.store = agent->store,
		.metrics = agent->metrics,
		.clock = agent->clock,
		.intake = agent->intake,
		.adapters = agent->adapters,
		.deliver = agent->deliver,
		.reference = items_reference(agent->items),
		.fleet = reconfigure_fleet(agent->reconfigure),
		.secrets = &agent->places.secrets,
		.view_broker = view_broker,
		.store_room = store_room,
		.url_fault = url_fault,
		.ctx = agent });
	if (!agent->ops)
		return -1;
	housekeeping_attach(agent->housekeeping, agent->turn, agent->store);
	if (reconfigure_attach(agent->reconfigure, agent->turn, agent->store, agent->deliver,
		    agent->couriers.http) < 0)
		return -1;
	agent->keeper = keeper_new(&(struct keeper_options){ .base = agent->base,
		.turn = agent->turn,
		.store = agent->store,
		.metrics = agent->metrics,
		.clock = agent->clock,
		.on_gate = on_gate,
		.on_alarm = on_alarm,
		.ctx = agent });
	if (!agent->keeper)
		return -1;
	timekeeper_attach(agent->timekeeper, agent->turn);
	return 0;
}

static int take_into_use(struct agent *agent, struct error *err)
{
	return reconfigure_start(agent->reconfigure,
		&(struct rooms){ .deliver = agent->deliver,
			.mapper = agent->mapper,
			.intake = agent->intake,
			.adapters = agent->adapters,
			.capture = agent->capture,
			.ops = agent->ops,
			.salvor = agent->salvor,
			.housekeeping = agent->housekeeping,
			.keeper = agent->keeper },
		err);
}

static int lock(void *ctx, const char *state_dir, struct error *err)
{
	struct agent *agent = ctx;

	if (harden_rights(state_dir, err) < 0)
		return -1;
	agent->lock_fd = lock_take(state_dir, err);
	return agent->lock_fd < 0 ? -1 : 0;
}

static int choose(struct agent *agent, struct error *err)
{
	const struct config *config;

	agent->reconfigure = reconfigure_new(&(struct reconfigure_options){ .base = agent->base,
		.places = &agent->places,
		.metrics = agent->metrics,
		.clock = agent->clock,
		.notify = agent->notify,
		.lock = lock,
		.on_rest = on_fleet_rest,
		.ctx = agent });
	if (!agent->reconfigure)
		return error_set(err, NULL, "out of memory");
	if (reconfigure_choose(agent->reconfigure, err) < 0)
		return -1;
	config = reconfigure_config(agent->reconfigure);
	log_setup((enum log_level)config->log.level, config->log.format == CONFIG_LOG_JSON);
	return 0;
}

static int start(struct agent *agent, struct error *err)
{
	agent->base = event_base_new();
	agent->metrics = metrics_new();
	if (!agent->base || !agent->metrics)
		return error_set(err, NULL, "out of memory");
	agent->housekeeping = housekeeping_new(agent->base, agent->clock);
	agent->salvor = salvor_new(agent->base);
	agent->notify = notify_new(agent->base, agent->clock);
	if (!agent->housekeeping || !agent->salvor || !agent->notify)
		return error_set(err, NULL, "out of memory");
	if (choose(agent, err) < 0 || open_store(agent, err) < 0)
		return -1;
	if (build_rooms(agent) < 0 || listen_to_signals(agent) < 0 || start_status(agent) < 0)
		return error_set(err, NULL, "out of memory");
	metrics_set(agent->metrics, METRIC_BUILD_INFO, DRAY_VERSION, NULL, 1);
	if (store_sum_tally(agent->store, STORE_TALLY_METRICS, 0, seed_metric, agent) < 0)
		return error_set(err, "state_dir", "%s", store_failure(agent->store));
	return take_into_use(agent, err);
}

int agent_new(const char *config_path, struct agent **ret, struct error *err)
{
	struct agent *agent = calloc(1, sizeof(*agent));

	if (!agent)
		return error_set(err, NULL, "out of memory");
	agent->lock_fd = -1;
	agent->timekeeper = timekeeper_new(clock_system());
	if (!agent->timekeeper) {
		agent_free(agent);
		return error_set(err, NULL, "out of memory");
	}
	agent->clock = timekeeper_clock(agent->timekeeper);
	if (places_find(config_path, &agent->places, err) < 0 || start(agent, err) < 0) {
		agent_free(agent);
		return -1;
	}
	*ret = agent;
	return 0;
}

int agent_run(struct agent *agent)
{
	const struct config *config = reconfigure_config(agent->reconfigure);
	int rc;

	LOG_INFO("drayd is running", LOG_S("version", DRAY_VERSION), LOG_S("site", config->site),
		LOG_S("state_dir", config->state_dir));
	turn_finish(agent->turn); /* what taking up the configuration wrote */
	notify_ready(agent->notify);
	tell_status(agent);
	rc = turn_run(agent->turn);
	capture_stop(agent->capture);
	return rc;
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	for (int i = 0; i < SIGNALS; i++)
		if (agent->signals[i])
			event_free(agent->signals[i]);
	if (agent->drain_timer)
		event_free(agent->drain_timer);
	if (agent->status_timer)
		event_free(agent->status_timer);
	reconfigure_free(agent->reconfigure);
	keeper_free(agent->keeper);
	ops_free(agent->ops);
	adapters_free(agent->adapters);
	capture_free(agent->capture);
	intake_free(agent->intake);
	items_free(agent->items);
	deliver_free(agent->deliver);
	mapper_free(agent->mapper);
	couriers_close(&agent->couriers);
	turn_free(agent->turn);
	store_close(agent->store);
	housekeeping_free(agent->housekeeping);
	timekeeper_free(agent->timekeeper);
	salvor_free(agent->salvor);
	notify_free(agent->notify);
	metrics_free(agent->metrics);
	if (agent->base)
		event_base_free(agent->base);
	if (agent->lock_fd >= 0)
		(void)close(agent->lock_fd);
	free(agent);
}
