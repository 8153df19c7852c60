/*
 * api_replay.c - what a destination has taken goes there again: a slice a call, by cursor, from the
 * oldest on. replay_judge() says what may, store_replay() moves it.
 *
 * What goes again is in doubt since its first attempt: the engine sends the same request, or looks it
 * up, as after a crash. Each slice that changes something is one row in the audit trail.
 */
#include "ops/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "deliver/deliver.h"
#include "dray/event.h"
#include "dray/json.h"
#include "dray/replay.h"
#include "dray/route.h"
#include "ops/writer.h"
#include "store/store.h"

#define SLICE 200
#define WHY_MAX 500
#define REASONS_MAX 8 /* more than there are */

static const char busy[] = "a younger one with its ordering key is being sent right now: pause the "
			   "destination, replay, and resume it";

/* One that was delivered, and what is to become of it. */
struct subject {
	int64_t seq, doubt_at_ms;
	int revision;
	struct replay_facts facts;
	char key[EVENT_KEY_MAX];
};

struct refusal {
	const char *words; /* static */
	int64_t n;
};

struct replaying {
	struct call *call;
	const struct config_destination *is;
	bool is_dry;
	const char *why;
	struct store_replay_filter filter;
	struct subject *subjects; /* SLICE */
	size_t n;
	int64_t cursor;
	/* whose text was looked for last; 0 none */
	int revision;
	bool has_revision;
	int64_t n_again, n_look, n_anew, n_refused;
	struct refusal reasons[REASONS_MAX];
};

/* --- one delivery --------------------------------------------------------------------------------- */

/* Its ordering key, which only unfinished ones keep. False: the event can't be read. */
static bool find_key(const struct replaying *replaying, const struct store_delivery_row *row,
	char out[EVENT_KEY_MAX])
{
	const struct config *config = replaying->call->ops->config;
	const struct event_context context = {
		.site = config->site,
		.received_at_ms = row->received_at_ms,
		.limits = &config->limits,
		.accepts_invalid = true,
	};
	cJSON *object = row->body ? cJSON_ParseWithLength(row->body, row->len) : NULL;
	struct problem problem;
	struct event event;

	if (!object || event_parse(object, &context, &event, &problem) < 0)
		return false;
	route_order_key(replaying->is, &event, out);
	event_done(&event);
	return true;
}

/* When it was first sent, as far as the other side may count. Nothing is older than its event. */
static int64_t find_doubt(const struct store_delivery_row *row)
{
	int64_t at_ms = row->claimed_at_ms;

	if (row->doubt_at_ms > 0 && (at_ms == 0 || row->doubt_at_ms < at_ms))
		at_ms = row->doubt_at_ms;
	return at_ms > 0 ? at_ms : row->received_at_ms;
}

static int on_done(void *ctx, const struct store_delivery_row *row)
{
	struct replaying *replaying = ctx;
	struct subject *subject = &replaying->subjects[replaying->n++];
	int64_t lifetime_ms = replaying->is->idempotency_lifetime_ms;

	subject->seq = row->seq;
	subject->revision = row->connector_revision;
	subject->doubt_at_ms = find_doubt(row);
	subject->facts.idempotency = replaying->is->idempotency;
	subject->facts.was_batched = row->batch != 0;
	subject->facts.has_content = find_key(replaying, row, subject->key);
	subject->facts.is_within_lifetime =
		lifetime_ms == 0 || clock_age_most(replaying->call->ops->with.clock,
					    subject->doubt_at_ms) < lifetime_ms;
	return 0;
}

/* Neighbours were mostly sent with the same one. */
static bool has_revision(struct replaying *replaying, int revision)
{
	char *text;
	size_t len;

	if (revision != replaying->revision) {
		text = store_connector_text(replaying->call->ops->with.store, revision, &len);
		replaying->has_revision = text != NULL;
		replaying->revision = revision;
		free(text);
	}
	return revision == 0 || replaying->has_revision;
}

static void refuse(struct replaying *replaying, const char *words)
{
	struct refusal *reason = replaying->reasons;

	replaying->n_refused++;
	while (reason->words && reason->words != words &&
		reason < &replaying->reasons[REASONS_MAX - 1])
		reason++;
	reason->words = words;
	reason->n++;
}

/* 0, or -1: the store failed. */
static int replay_one(struct replaying *replaying, struct subject *subject, bool is_forced)
{
	struct store *store = replaying->call->ops->with.store;
	struct store_replay replay = { .key = subject->key,
		.now_ms = call_now_ms(replaying->call) };
	enum store_replayed replayed = STORE_REPLAY_DONE;
	enum replay_way way;
	const char *why;

	subject->facts.is_forced = is_forced;
	subject->facts.has_revision = has_revision(replaying, subject->revision);
	way = replay_judge(&subject->facts, &why);
	if (way == REPLAY_REFUSED) {
		refuse(replaying, why);
		return 0;
	}
	replay.is_rendered_anew = way == REPLAY_ANEW;
	replay.doubt_at_ms = way == REPLAY_ANEW ? 0 : subject->doubt_at_ms;
	if (!replaying->is_dry)
		replayed =
			store_replay(store, replaying->filter.destination, subject->seq, &replay);
	if (replayed == STORE_REPLAY_FAILED)
		return -1;
	if (replayed == STORE_REPLAY_BUSY) {
		refuse(replaying, busy);
		return 0;
	}
	replaying->n_again += way == REPLAY_AGAIN;
	replaying->n_look += way == REPLAY_LOOK;
	replaying->n_anew += way == REPLAY_ANEW;
	return 0;
}

/* --- a slice ---------------------------------------------------------------------------------------- */

static int audit(const struct replaying *replaying, int64_t n)
{
	struct call *call = replaying->call;
	char object[128], why[WHY_MAX + 96];

	(void)snprintf(object, sizeof(object), "destination/%s", replaying->is->name);
	(void)snprintf(why, sizeof(why), "%" PRId64 " of events %" PRId64 " to %" PRId64 "%s%s%s",
		n, replaying->subjects[0].seq, replaying->subjects[replaying->n - 1].seq,
		replaying->n_anew > 0 ? ", by force" : "", replaying->why[0] ? ": " : "",
		replaying->why);
	return store_audit(call->ops->with.store, call_wall_ms(call), call->who, "delivery.replay",
		object, why);
}

static void put_slice(const struct replaying *replaying)
{
	struct buf *out = &replaying->call->body;

	write_open(out, NULL, '{');
	write_bool(out, "dry_run", replaying->is_dry);
	write_int(out, "replayed", replaying->n_again);
	write_int(out, "to_be_looked_up", replaying->n_look);
	write_int(out, "forced", replaying->n_anew);
	write_int(out, "refused", replaying->n_refused);
	write_open(out, "refusals", '[');
	for (const struct refusal *reason = replaying->reasons;
		reason < &replaying->reasons[REASONS_MAX] && reason->words; reason++) {
		write_open(out, NULL, '{');
		write_text(out, "reason", reason->words);
		write_int(out, "n", reason->n);
		write_close(out, '}');
	}
	write_close(out, ']');
	/* More may remain: go on above this one. */
	if (replaying->cursor > 0)
		write_int(out, "cursor", replaying->cursor);
	else
		write_null(out, "cursor");
	write_close(out, '}');
	call_answer(replaying->call, 200);
}

/* 0, or -1: the store failed. */
static int replay_slice(struct replaying *replaying, bool is_forced)
{
	const struct ops_options *with = &replaying->call->ops->with;
	int64_t n;

	if (store_list_replay(
		    with->store, &replaying->filter, on_done, replaying, &replaying->cursor) < 0)
		return -1;
	for (size_t i = 0; i < replaying->n; i++)
		if (replay_one(replaying, &replaying->subjects[i], is_forced) != 0)
			return -1;
	n = replaying->n_again + replaying->n_look + replaying->n_anew;
	if (replaying->is_dry || n == 0)
		return 0;
	if (audit(replaying, n) != 0)
		return -1;
	deliver_poke(with->deliver, replaying->filter.destination);
	return 0;
}

/* --- the call -------------------------------------------------------------------------------------- */

/* Absent or a boolean. False: answered. */
static bool read_flag(struct call *call, const cJSON *body, const char *name, bool *ret)
{
	const cJSON *member = json_get(body, name);

	*ret = cJSON_IsTrue(member);
	if (member && !cJSON_IsBool(member)) {
		call_problem(call, 400, "%s: must be true or false", name);
		return false;
	}
	return true;
}

/* False: answered. */
static bool find_destination(struct replaying *replaying, const char *name)
{
	struct call *call = replaying->call;
	const struct config *config = call->ops->config;

	if (!name) {
		call_problem(call, 400, "destination: name one");
		return false;
	}
	if (!call_destination(call, name, &replaying->filter.destination))
		return false;
	for (size_t i = 0; i < config->n_destinations; i++)
		if (strcmp(config->destinations[i].name, name) == 0)
			replaying->is = &config->destinations[i];
	if (!replaying->is)
		call_problem(call, 409,
			"%.64s is not in the configuration: nothing can be sent "
			"there",
			name);
	else if (store_is_salvaging(call->ops->with.store))
		call_problem(call, 409,
			"a broken database is being read, and deliveries wait "
			"for it: replay when drayctl status says that it has ended");
	else
		return true;
	return false;
}

/* False: answered. */
static bool read_body(struct replaying *replaying, const cJSON *body, bool *ret_forced)
{
	struct call *call = replaying->call;
	struct store_replay_filter *filter = &replaying->filter;

	*filter = (struct store_replay_filter){ .limit = SLICE };
	filter->type = json_get_string(body, "type");
	replaying->why = json_get_string(body, "why");
	if (!replaying->why)
		replaying->why = "";
	if (strlen(replaying->why) > WHY_MAX)
		call_problem(call, 400, "why: longer than %d bytes", WHY_MAX);
	else if (json_get(body, "cursor") && !cJSON_IsNull(json_get(body, "cursor")) &&
		 !json_get_integer(body, "cursor", 1, INT64_C(1) << 53, &filter->after_seq))
		call_problem(call, 400, "cursor: must be a whole number");
	else
		return read_flag(call, body, "dry_run", &replaying->is_dry) &&
		       read_flag(call, body, "force", ret_forced) &&
		       call_read_time(
			       call, "since", json_get_string(body, "since"), &filter->since_ms) &&
		       call_read_time(
			       call, "until", json_get_string(body, "until"), &filter->until_ms) &&
		       find_destination(replaying, json_get_string(body, "destination"));
	return false;
}

void api_replay(struct call *call)
{
	struct replaying replaying = { .call = call };
	cJSON *body = call_object(call);
	bool is_forced;

	if (!body)
		return;
	if (!read_body(&replaying, body, &is_forced))
		goto out;
	replaying.subjects = calloc(SLICE, sizeof(*replaying.subjects));
	if (!replaying.subjects)
		call_problem(call, 500, "no memory");
	else if (replay_slice(&replaying, is_forced) != 0)
		call_store_failed(call);
	else
		put_slice(&replaying);
out:
	free(replaying.subjects);
	cJSON_Delete(body);
}
