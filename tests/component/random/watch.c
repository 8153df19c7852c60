/*
 * watch.c - the oracle. It knows what was sent, what the clouds did with it and what the engine was
 * told, and nothing of how the engine works.
 */
#include <stdio.h>
#include <string.h>

#include "../help_courier.h"
#include "day.h"
#include "loop.h"

#define DAY_MS INT64_C(86400000)
#define BOOT_SLACK_MS INT64_C(120000)
#define IDLE_MS 6500 /* after a poisoned turn nothing is claimed for up to 5 s */

/* What an answer means, said anew: what DELIVERY.md's table promises. */
struct meaning {
	bool is_done;
	bool is_proven;  /* surely not applied */
	bool is_failure; /* of the destination */
	bool is_void;    /* no attempt at the event */
	bool is_hold;    /* the destination's fault, or the event's */
	bool is_refusal; /* the event's */
};

static struct meaning read_meaning(const struct request *request)
{
	int status = request->status;
	bool has_key = request->cloud->mode == MODE_KEY;

	if (request->transport == TRANSPORT_NOT_SENT)
		return (struct meaning){ .is_proven = true, .is_failure = true, .is_void = true };
	if (request->transport == TRANSPORT_NO_ANSWER || status >= 500 || status == 408)
		return (struct meaning){ .is_failure = true };
	switch (status) {
	case 200:
		return (struct meaning){ .is_done = true };
	case 302:
		return (struct meaning){ .is_hold = has_key, .is_failure = !has_key };
	case 401:
	case 307:
	case 403:
	case 404:
	case 410:
		return (struct meaning){ .is_proven = true, .is_void = true, .is_hold = true };
	case 429:
		return (struct meaning){ .is_proven = true };
	default:
		return (struct meaning){
			.is_proven = true, .is_void = request->n > 1, .is_refusal = true
		};
	}
}

/* --- keys ----------------------------------------------------------------------------------------- */

static uint64_t hash(const char *bytes, size_t len)
{
	uint64_t value = 14695981039346656037u;

	for (size_t i = 0; i < len; i++)
		value = (value ^ (unsigned char)bytes[i]) * 1099511628211u;
	return value;
}

struct known_key *key_find(const char *text, unsigned *ret_index)
{
	unsigned at = (unsigned)hash(text, strlen(text)) % KEYS_MAX;

	while (day.keys[at].text[0] && strcmp(day.keys[at].text, text) != 0)
		at = (at + 1) % KEYS_MAX;
	*ret_index = at;
	return &day.keys[at];
}

/* Without a key header each request stands for itself; the events' ids are the key's stand-in. */
static void watch_key(struct request *request, const struct courier_request *asked)
{
	const struct cloud *cloud = request->cloud;
	char text[KEY_LEN + 8];
	const char *sent = courier_find(asked, "Idempotency-Key");
	unsigned path = 0;

	CHECK((sent != NULL) == (cloud->mode == MODE_KEY), "%s asks for a key, or for none",
		cloud->name);
	(void)sscanf(asked->url, "http://%*[a-z]/v%u", &path);
	(void)snprintf(text, sizeof(text), "%s", sent ? sent : "");
	if (!sent)
		(void)snprintf(text, sizeof(text), "%d:%u", cloud->id, request->members[0]);
	CHECK(strlen(text) < KEY_LEN, "a key of %zu characters", strlen(text));
	struct known_key *key = key_find(text, &request->key);
	uint64_t body = hash(asked->body, asked->len);

	if (!key->text[0]) {
		memcpy(key->text, text, strlen(text) + 1);
		*key = (struct known_key){ .body = body, .len = asked->len, .path = path };
		memcpy(key->text, text, strlen(text) + 1);
		CHECK(request->n <= cloud->batch_max_ever, "%u in a batch of at most %u",
			request->n, cloud->batch_max_ever);
		CHECK(request->n == 1 || (int64_t)asked->len <= (int64_t)1 << 20, "too long");
		return;
	}
	CHECK(key->body == body && key->len == asked->len, "one key, two bodies: %s", text);
	CHECK(key->path == path, "one key, two addresses: %s to /v%u and /v%u", text, key->path,
		path);
}

/* --- may it leave, and be applied? ------------------------------------------------------------------ */

static bool is_before_in(const struct request *request, unsigned nth, const struct item *item)
{
	for (unsigned i = 0; i < nth; i++)
		if (request->members[i] == item->number)
			return true;
	return false;
}

/* All that came before with the same ordering key must be settled, or have been let go past, or go
 * before it in the same request. */
void watch_order(const struct request *request, unsigned nth, bool is_applied)
{
	const struct cloud *cloud = request->cloud;
	const struct item *item = &day.items[request->members[nth]];

	for (unsigned i = 1; i <= day.n_items; i++) {
		struct item *other = &day.items[i];
		const struct fate *fate = fate_of(other, cloud);

		if (other->seq == 0 || other->seq >= item->seq || !fate->is_routed ||
			!is_same_order(item, other, cloud))
			continue;
		if (is_applied)
			CHECK(fate->n_applied > 0 || fate->ending != OPEN || fate->has_passed,
				"%s is applied before %s", item->id, other->id);
		else
			CHECK(fate->ending != OPEN || fate->has_passed ||
					is_before_in(request, nth, other),
				"%s leaves before %s is settled", item->id, other->id);
	}
}

static void watch_doubt(const struct request *request, const struct fate *fate, const char *id)
{
	const struct cloud *cloud = request->cloud;
	int64_t age_ms = loop_now_ms() - fate->doubt_at_ms;

	if (cloud->mode == MODE_KEY && (fate->is_doubtful || (fate->is_pinned && !fate->may_part)))
		CHECK(request->key == fate->key, "%s goes under another key than it was sent with",
			id);
	if (!fate->is_doubtful)
		return;
	CHECK(cloud->mode != MODE_NONE, "%s may have been applied, and is sent again", id);
	CHECK(cloud->lifetime_ms == 0 || age_ms < cloud->lifetime_ms + COMMIT_MS + fate->slack_ms,
		"%s may have been applied %lld ms ago, when its key was first used", id,
		(long long)age_ms);
}

/* A batch is of one lane, but for what was taken along behind another one with its key. */
static void watch_company(const struct request *request, unsigned nth)
{
	const struct cloud *cloud = request->cloud;
	struct item *item = &day.items[request->members[nth]];
	bool is_chained = false;

	for (unsigned i = 0; i < nth; i++) {
		const struct item *other = &day.items[request->members[i]];

		CHECK(other->seq < item->seq, "%s stands before %s", other->id, item->id);
		if (!is_same_order(item, other, cloud))
			continue;
		is_chained = true;
		CHECK(cloud->takes_chains, "%s and %s wait for each other, in one batch", item->id,
			other->id);
	}
	CHECK(is_chained || (cloud->takes_chains && fate_of(item, cloud)->n_started > 0) ||
			fate_of(item, cloud)->lane ==
				fate_of(&day.items[request->members[0]], cloud)->lane,
		"%s is in a batch of another lane", item->id);
	day.n_chained += is_chained;
}

static void start_member(struct request *request, unsigned nth)
{
	struct cloud *cloud = request->cloud;
	struct item *item = &day.items[request->members[nth]];
	struct fate *fate = fate_of(item, cloud);

	CHECK(item->seq > 0 && !item->is_put && fate->is_routed, "%s is not stored for %s",
		item->id, cloud->name);
	CHECK(fate->ending == OPEN, "%s was settled, and is sent again", item->id);
	CHECK(!fate->is_out, "%s is out twice", item->id);
	watch_company(request, nth);
	watch_order(request, nth, false);
	watch_doubt(request, fate, item->id);

	request->before[nth].is_doubtful = fate->is_doubtful;
	request->before[nth].doubt_at_ms = fate->doubt_at_ms;
	request->before[nth].first_at_ms = fate->first_at_ms;
	if (!fate->is_doubtful)
		fate->doubt_at_ms = loop_now_ms();
	if (fate->first_at_ms < 0)
		fate->first_at_ms = loop_now_ms();
	if (fate->n_started++ == 0 && !fate->was_claimed && is_keyless(item, cloud))
		cloud->n_fresh[fate->lane]--;
	fate->is_doubtful = true;
	fate->is_out = true;
	fate->may_part = fate->may_part && fate->key == request->key;
	fate->key = request->key;
	fate->is_pinned = true;
	fate->n_doubts++;
	fate->attempts_min++;
	fate->attempts_max++;
}

void watch_start(struct request *request, const struct courier_request *asked)
{
	struct cloud *cloud = request->cloud;

	if (has_program(cloud)) {
		program_watch_start(request);
		return;
	}
	watch_key(request, asked);
	trace("#%u leaves for %s with %u, the first %s, under %.8s", request->nth, cloud->name,
		request->n, day.items[request->members[0]].id, day.keys[request->key].text);
	watch_window(request);
	watch_lanes(request);
	for (unsigned i = 0; i < request->n; i++)
		start_member(request, i);
	cloud->n_out++;
	watch_touch(cloud);
}

/* --- at the cloud --------------------------------------------------------------------------------- */

void watch_apply(struct request *request)
{
	struct cloud *cloud = request->cloud;

	for (unsigned i = 0; i < request->n; i++) {
		struct item *item = &day.items[request->members[i]];
		struct fate *fate = fate_of(item, cloud);

		fate->n_applied++;
		CHECK(fate->n_applied == 1 ||
				(cloud->mode == MODE_RESEND && fate->n_applied <= fate->n_doubts),
			"%s is applied twice by %s", item->id, cloud->name);
		if (fate->n_applied == 1)
			watch_order(request, i, true);
	}
	if (has_program(cloud))
		return;
	day.keys[request->key].is_applied = true;
	day.keys[request->key].applied_at_ms = loop_now_ms();
}

/* --- the answer ----------------------------------------------------------------------------------- */

static int64_t asked_wait_ms(const struct request *request)
{
	int64_t wait_ms = request->asked_ms;

	if (request->asked_at_s > 0)
		wait_ms = request->asked_at_s * 1000 - wall_ms();
	return wait_ms < DAY_MS ? wait_ms : DAY_MS;
}

/* It takes deliveries again; what is still out as a probe is a request like others. */
static void forget_probes(const struct cloud *cloud)
{
	for (unsigned i = 0; i < REQUESTS_MAX; i++)
		if (day.requests[i].cloud == cloud)
			day.requests[i].is_probe = false;
}

/* It refuses: the first is to blame if the next one passes, and cleared if that is refused too. */
static void answer_hold(const struct request *request, const struct meaning *meaning)
{
	struct cloud *cloud = request->cloud;
	bool is_late = cloud->is_held && request->started_at_ms <= cloud->held_at_ms;

	/* The first is answered with fresh credentials. */
	if (request->status == 401)
		return;
	if (meaning->is_hold && !cloud->is_held) {
		cloud->is_held = true;
		cloud->held_at_ms = loop_now_ms();
		cloud->n_holds++;
		cloud->is_cleared[cloud->n_holds % HOLDS_MAX] = false;
	} else if (meaning->is_hold && !is_late) {
		cloud->is_cleared[cloud->n_holds % HOLDS_MAX] = true;
	} else if (meaning->is_done && !is_late) {
		cloud->is_held = false;
	}
}

static void answer_window(struct request *request, const struct meaning *meaning)
{
	struct cloud *cloud = request->cloud;
	int64_t now_ms = loop_now_ms(), wait_ms = asked_wait_ms(request);
	bool is_waiting =
		request->status == 429 || (request->status >= 500 && cloud->mode == MODE_KEY);

	cloud->n_out--;
	watch_wait(request);
	/* Past its key's lifetime a doubt is a person's, whatever is answered. */
	if (is_waiting && cloud->lifetime_ms == 0 && now_ms + wait_ms > cloud->not_before_ms)
		cloud->not_before_ms = now_ms + wait_ms;
	if (request->is_unstarted)
		return;
	if (!meaning->is_failure) {
		cloud->is_open = false;
		cloud->n_failures = 0;
		cloud->probe_from_ms = 0;
		forget_probes(cloud);
		answer_hold(request, meaning);
		return;
	}
	cloud->n_failures++;
	if (request->is_probe && request->transport == TRANSPORT_ANSWERED)
		cloud->probe_from_ms = now_ms + cloud->probe_ms;
	if (request->transport == TRANSPORT_NOT_SENT || cloud->n_failures >= cloud->failures)
		cloud->is_open = true;
}

static void answer_member(struct request *request, const struct meaning *meaning, unsigned nth)
{
	struct fate *fate = fate_of(&day.items[request->members[nth]], request->cloud);

	fate->is_out = false;
	if (meaning->is_refusal || meaning->is_hold)
		fate->refused = request->status;
	fate->was_held |= meaning->is_hold;
	if (meaning->is_hold && request->status != 401 && fate->hold != request->cloud->n_holds) {
		fate->hold = request->cloud->n_holds;
		fate->n_holds++;
	}
	if (meaning->is_void) {
		fate->attempts_min--;
		fate->first_at_ms = -1;
		/* What becomes a person's, or is to blame, has had its attempt. */
		if (!request->before[nth].is_doubtful && !fate->was_claimed && !meaning->is_hold)
			fate->attempts_max--;
	}
	if (!meaning->is_proven)
		return;
	fate->is_doubtful = request->before[nth].is_doubtful;
	fate->doubt_at_ms = request->before[nth].doubt_at_ms;
	if ((meaning->is_refusal || meaning->is_hold) && !fate->is_doubtful)
		fate->may_part = true;
}

void watch_wait(const struct request *request)
{
	int64_t until_ms = loop_now_ms() + asked_wait_ms(request);

	if (until_ms > request->cloud->asked_until_ms)
		request->cloud->asked_until_ms = until_ms;
}

void watch_answer(struct request *request)
{
	struct meaning meaning = read_meaning(request);

	if (has_program(request->cloud)) {
		program_watch_answer(request);
		return;
	}

	answer_window(request, &meaning);
	watch_touch(request->cloud);
	for (unsigned i = 0; i < request->n; i++)
		answer_member(request, &meaning, i);
}

/* Turns that were lost, and slots that led to a person, are nobody's turn. */
static void forget_lanes(void)
{
	for (unsigned i = 0; i < CLOUDS; i++)
		memset(day.clouds[i].passed_over, 0, sizeof(day.clouds[i].passed_over));
}

/* --- what the engine says ------------------------------------------------------------------------- */

static void watch_exception(const struct deliver_news *news, const struct item *item,
	struct fate *fate, const struct cloud *cloud)
{
	int64_t age_ms = loop_now_ms() - fate->first_at_ms;

	if (has_program(cloud)) {
		program_watch_exception(news, item, fate, cloud);
	} else if (strcmp(news->kind, "rejected") == 0) {
		CHECK(fate->refused > 0, "%s is said to be rejected, and was not", item->id);
		CHECK(fate->was_held || strstr(news->reason, item->id),
			"%s was rejected, but for '%s'", item->id, news->reason);
		CHECK(fate->was_held || item->kind != 'o', "%s is rejected, and nobody minds it",
			item->id);
		CHECK(item->kind != 'o' || fate->n_holds > 1 ||
				!cloud->is_cleared[fate->hold % HOLDS_MAX],
			"%s is rejected, and %s refused everything", item->id, cloud->name);
	} else if (strcmp(news->kind, "unknown") == 0) {
		/* One of a batch says it of all. */
		CHECK(fate->is_doubtful || fate->was_claimed || cloud->batch_max_ever > 1,
			"%s is said to be in doubt, and is not", item->id);
	} else if (strcmp(news->kind, "gave_up") == 0) {
		CHECK(cloud->give_up_ms > 0 &&
				age_ms + COMMIT_MS + fate->slack_ms >= cloud->give_up_ms,
			"%s was given up after %lld ms", item->id, (long long)age_ms);
	} else {
		day_fail("an exception of kind %s", news->kind);
	}
	fate->has_passed |= cloud->passes;
	forget_lanes();
}

void watch_news(void *ctx, const struct deliver_news *news)
{
	struct cloud *cloud = day.clouds;
	struct item *item = day.by_seq[news->seq];

	(void)ctx;
	while (strcmp(cloud->name, news->destination) != 0)
		cloud++;
	CHECK(item && strcmp(item->id, news->id) == 0, "news of %s, which is another", news->id);
	struct fate *fate = fate_of(item, cloud);
	trace("%s at %s: %s %s", item->id, cloud->name, news->is_exception ? news->kind : "done",
		news->reason ? news->reason : "");
	CHECK(fate->ending == OPEN, "%s was settled before", item->id);
	if (news->is_exception) {
		watch_exception(news, item, fate, cloud);
		return;
	}
	CHECK(fate->n_applied > 0, "%s is said to be delivered, and is not", item->id);
	if (has_program(cloud))
		program_watch_done(item, fate, cloud);
	fate->ending = DELIVERED;
}

/* --- commit, poison, kill ------------------------------------------------------------------------- */

static void put_item(struct item *item)
{
	item->is_put = false;
	item->stored_at_ms = loop_now_ms();
	day.n_pending--;
	for (unsigned i = 0; i < CLOUDS; i++)
		if (item->fates[i].is_routed && is_keyless(item, &day.clouds[i]))
			day.clouds[i].n_fresh[item->fates[i].lane]++;
}

/*
 * How long the machine was off is known to a minute or two, if at all: ages are known no better, and
 * a wait that was asked for may have to go on for what was left of it.
 */
void watch_boot(int64_t off_ms)
{
	for (unsigned i = 0; i < CLOUDS; i++)
		if (day.clouds[i].asked_until_ms > loop_now_ms() - off_ms)
			day.clouds[i].asked_until_ms += off_ms + BOOT_SLACK_MS;
	for (unsigned i = 1; i <= day.n_items; i++)
		for (unsigned j = 0; j < CLOUDS; j++)
			if (day.items[i].fates[j].n_started > 0 ||
				day.items[i].fates[j].was_claimed)
				day.items[i].fates[j].slack_ms = BOOT_SLACK_MS;
}

static void make_true(const struct act *act)
{
	struct fate *fate = fate_of(act->item, act->cloud);

	if (act->ending != OPEN)
		fate->ending = act->ending;
	if (act->ends_doubt)
		fate->is_doubtful = false;
	if (!fate->is_doubtful)
		fate->is_pinned = false;
	fate->first_at_ms = -1;
	fate->carry = 0;
	fate->is_repeated = false;
}

void watch_commit(void)
{
	for (unsigned i = 1; i <= day.n_items; i++)
		if (day.items[i].is_put)
			put_item(&day.items[i]);
	for (unsigned i = 0; i < day.n_acts; i++)
		make_true(&day.acts[i]);
	day.n_acts = 0;
	for (unsigned i = 0; i < CLOUDS; i++)
		day.clouds[i].kept_not_before_ms = day.clouds[i].not_before_ms;
}

void watch_poison(void)
{
	forget_lanes();
	for (unsigned i = 0; i < CLOUDS; i++)
		watch_touch(&day.clouds[i]);
	for (unsigned i = 1; i <= day.n_items; i++) {
		if (!day.items[i].is_put)
			continue;
		day.by_seq[day.items[i].seq] = NULL;
		day.items[i].is_put = false;
		day.items[i].seq = 0;
	}
	day.n_acts = 0;
}

void learn_item(struct item *item, int64_t seq)
{
	item->seq = seq;
	day.by_seq[seq] = item;
	put_item(item);
}

static int learn_row(void *ctx, const struct store_delivery_row *row)
{
	struct cloud *cloud = ctx;
	struct item *item = item_of(row->id);
	struct fate *fate = fate_of(item, cloud);

	if (item->seq == 0) /* the end came in its commit, and nobody was told */
		learn_item(item, row->seq);
	CHECK(item->seq == row->seq, "%s has two rows", item->id);
	if (row->state == DELIVERY_CLAIMED && !fate->is_out) {
		if (fate->n_started == 0 && !fate->was_claimed && is_keyless(item, cloud))
			cloud->n_fresh[fate->lane]--;
		fate->was_claimed = true;
		fate->attempts_max++;
		fate->first_at_ms = 0;
	}
	if (row->state == DELIVERY_DONE || row->state == DELIVERY_DISCARDED)
		fate->ending = row->state == DELIVERY_DONE ? DELIVERED : DISCARDED;
	if (row->state == DELIVERY_EXCEPTION)
		fate->has_passed |= cloud->passes;
	if (has_program(cloud))
		program_watch_kill(fate, row->state == DELIVERY_CLAIMED);
	fate->is_out = false;
	return 0;
}

static void kill_cloud(struct cloud *cloud, bool was_committing)
{
	static const enum delivery_state states[] = { 0, DELIVERY_DONE, DELIVERY_DISCARDED };

	cloud->n_out = 0;
	cloud->n_failures = 0;
	cloud->is_open = false;
	cloud->is_held = false;
	cloud->probe_from_ms = 0;
	cloud->tokens_at_ms = -1;
	memset(cloud->passed_over, 0, sizeof(cloud->passed_over));
	watch_touch(cloud);
	cloud->not_before_ms = cloud->kept_not_before_ms;
	if (day.n_boots > 0 || was_committing)
		cloud->not_before_ms = 0;
	for (unsigned i = 0; i < 3; i++)
		CHECK(store_list_deliveries(day.store, cloud->id, states[i], 0, ITEMS_MAX * 2,
			      learn_row, cloud) == 0,
			"the rows cannot be read");
	for (unsigned i = 1; i <= day.n_items; i++) {
		struct fate *fate = fate_of(&day.items[i], cloud);

		fate->is_out = false;
	}
}

void watch_kill(bool was_committing)
{
	/* Whether these became true nobody knows. */
	for (unsigned i = 0; was_committing && i < day.n_acts; i++) {
		struct act act = day.acts[i];

		act.ending = OPEN;
		make_true(&act);
	}
	watch_poison();
	for (unsigned i = 0; i < CLOUDS; i++)
		kill_cloud(&day.clouds[i], was_committing);
}
