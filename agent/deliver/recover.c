/*
 * recover.c - what a restart finds: the wait that the destination asked for, and what a crash left
 * CLAIMED; and what a salvage brought back SUSPECT. The request may have left, and may have been
 * applied: where the other side knows a repeat by its key, the same request goes again; where it can be
 * asked, it is looked up; else a person looks.
 *
 * The key of a batch is that of its members. Where rows were lost with a broken database a batch may
 * not be whole, and one without a row of its own may have gone in any: these can't be repeated. Nor can
 * any batch of a backup that was restored.
 */
#include "deliver_internal.h"

#define SUSPECTS 200 /* in a turn */
#define EVER INT64_MAX

static const char crashed[] =
	"it was being sent when dray ended and may have been applied: look there before it is sent "
	"again";
static const char salvaged[] =
	"it came back from a broken database and may have been applied: look there before it is "
	"sent again";
static const char broken_batch[] =
	"it came back from a broken database and may have been applied in a batch that can't be "
	"repeated as it was: look there before it is sent again";

static const char restored[] =
	"the database was restored from a backup, and it may have been applied since that was made: "
	"look there before it is sent again";
static const char restored_batch[] =
	"the database was restored from a backup, and it may have been applied since that was made, in "
	"a batch that can't be repeated as it was: look there before it is sent again";

static int on_claimed_row(void *ctx, const struct store_delivery_row *row)
{
	return claim_add_member(ctx, row);
}

static bool may_send_again(const struct destination *destination, const struct member *member)
{
	const struct config_destination *is = &destination->settings->is;

	if (is->idempotency == CONFIG_IDEMPOTENCY_NONE)
		return is->resend_on_doubt;
	return doubt_judge_key(destination, member->doubt_at_ms) != KEY_FORGOTTEN;
}

/* The attempt counts, the doubt and the batch stay. */
static int make_ready(struct claim *found, const struct member *member, int64_t now_ms)
{
	const struct store_settlement settlement = { .to = DELIVERY_READY, .now_ms = now_ms };

	return store_settle(
		found->deliver->options.store, found->destination->id, member->seq, &settlement);
}

/* Whatever batch it went in, it is looked up by itself. */
static int make_suspect(struct claim *found, const struct member *member, int64_t now_ms)
{
	struct destination *destination = found->destination;
	const struct store_settlement settlement = {
		.to = DELIVERY_SUSPECT,
		.look_at_ms = now_ms + destination->settings->is.settle_ms,
		.leaves_batch = true,
		.now_ms = now_ms,
	};

	lookup_expect(destination, settlement.look_at_ms);
	return store_settle(
		found->deliver->options.store, destination->id, member->seq, &settlement);
}

/* As settle_exception() would, for one of several. */
static int make_exception(
	struct claim *found, const struct member *member, const char *reason, int64_t now_ms)
{
	const struct config_destination *is = &found->destination->settings->is;
	const struct exception_words words = { "unknown", "critical", "", "", reason };
	const struct store_settlement settlement = {
		.to = DELIVERY_EXCEPTION,
		.exception_passes = is->exception_passes,
		.now_ms = now_ms,
	};

	if (store_settle(found->deliver->options.store, found->destination->id, member->seq,
		    &settlement) != 0)
		return -1;
	return exception_open(found, member, &words, now_ms);
}

/* May the request that it went in have been another one than that which would go now? */
static bool is_torn_from_batch(const struct destination *destination, const struct member *member)
{
	const struct config_destination *is = &destination->settings->is;
	struct store_salvage_view salvage;

	if (member->state != DELIVERY_SUSPECT || is->resend_on_doubt)
		return false;
	if (member->batch == 0)
		return member->connector_revision == 0 && is->batch_max > 1;
	store_get_salvage(destination->deliver->options.store, &salvage);
	return salvage.events_lost + salvage.deliveries_lost + salvage.deliveries_torn > 0;
}

/* Why a person must look first; NULL: it may be sent again. */
static const char *find_doubt(const struct destination *destination, const struct member *member)
{
	if (is_torn_from_batch(destination, member))
		return broken_batch;
	if (may_send_again(destination, member))
		return NULL;
	return member->state == DELIVERY_SUSPECT ? salvaged : crashed;
}

/* What was done since the backup about a doubt of then, nobody knows. */
static bool is_of_backup(const struct claim *draft, int64_t backup_at_ms)
{
	for (size_t i = 0; i < draft->n; i++)
		if (draft->members[i].doubt_at_ms > 0 &&
			draft->members[i].doubt_at_ms <= backup_at_ms)
			return true;
	return false;
}

const char *doubt_find_restore(const struct claim *draft)
{
	const struct config_destination *is = &draft->destination->settings->is;
	const struct member *first = &draft->members[0];
	struct store_restore_view restore;

	store_get_restore(draft->deliver->options.store, &restore);
	if (is->resend_on_doubt || !is_of_backup(draft, restore.from_at_ms))
		return NULL;
	if (is->idempotency == CONFIG_IDEMPOTENCY_NONE)
		return restored;
	/* It may have gone in any batch since, or its batch may have been taken apart. */
	bool was_in_batch = draft->n > 1 || (first->batch == 0 && first->connector_revision == 0 &&
						    is->batch_max > 1);
	return was_in_batch && is->idempotency == CONFIG_IDEMPOTENCY_HEADER ? restored_batch : NULL;
}

static int take_up_one(struct claim *found, const struct member *member, int64_t now_ms)
{
	const char *doubt;

	if (found->destination->settings->is.idempotency == CONFIG_IDEMPOTENCY_LOOKUP)
		return make_suspect(found, member, now_ms);
	doubt = find_doubt(found->destination, member);
	return doubt ? make_exception(found, member, doubt, now_ms)
		     : make_ready(found, member, now_ms);
}

static int take_up(struct claim *found)
{
	int64_t now_ms = deliver_now(found->deliver);

	for (size_t i = 0; i < found->n; i++)
		if (take_up_one(found, &found->members[i], now_ms) != 0)
			return -1;
	return 0;
}

/* What it asked for before the restart: a day at most. */
static void take_up_wait(struct destination *destination)
{
	const struct deliver *deliver = destination->deliver;
	int64_t not_before_at_ms =
		store_destination_not_before(deliver->options.store, destination->id);
	int64_t wait_ms = not_before_at_ms - deliver_now(deliver);

	window_wait(destination, wait_ms < DAY_MS ? wait_ms : DAY_MS);
}

int recover_claimed(struct destination *destination)
{
	struct store *store = destination->deliver->options.store;
	struct claim *found;
	int status;

	/* Also after a poisoned turn, which may have taken the name's number with it. */
	destination->id = store_destination_id(store, destination->name);
	if (destination->id < 0)
		return -1;
	take_up_wait(destination);
	found = claim_take(destination);
	if (!found)
		return -1;
	status = store_list_claimed(store, destination->id, on_claimed_row, found);
	if (status == 0)
		status = take_up(found);
	claim_give(found);
	return status;
}

/* A look that was out when the mode changed settles its row. */
static int on_suspect_row(void *ctx, const struct store_delivery_row *row)
{
	struct claim *found = ctx;

	return lookup_is_out(found->destination, row->seq) ? 0 : claim_add_member(found, row);
}

/* Of nobody has said when they are looked up; or they wait for a look that can't be had any more. */
static int list_suspects(struct destination *destination, struct claim *found)
{
	struct store *store = destination->deliver->options.store;

	if (store_list_suspect(store, destination->id, SUSPECTS, on_claimed_row, found) != 0)
		return -1;
	if (destination->settings->is.idempotency == CONFIG_IDEMPOTENCY_LOOKUP || found->n > 0)
		return 0;
	return store_list_looks(store, destination->id, EVER, SUSPECTS + destination->in_flight,
		on_suspect_row, found);
}

int recover_suspects(struct destination *destination, bool *ret_more)
{
	struct claim *found = claim_take(destination);
	int status;

	if (!found)
		return -1;
	status = list_suspects(destination, found);
	if (status == 0)
		status = take_up(found);
	*ret_more = found->n > 0;
	claim_give(found);
	return status;
}
