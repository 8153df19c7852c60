/*
 * draft.c - which deliveries go together: reading READY rows into drafts of claims. Nothing is
 * written here.
 *
 * A row that was pinned before goes as it was: with its batch, or alone. Rows that were never sent
 * are grouped where the destination takes batches. Where it applies a batch in its order, or whole, the
 * room that other keys leave in a group is filled with chains: those parked behind a member, by seq.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliver_internal.h"

#define PROBE_CHOICE 16 /* READY rows of a lane among which a probe is looked for */

struct gathering {
	struct destination *destination;
	struct claims *out;
	struct claim *group; /* the one that still takes rows */
	size_t group_bytes;
	unsigned n, max, n_rows;
	bool leaves_some, has_failed;
};

static bool is_gathered(const struct gathering *gathering, int64_t batch)
{
	const struct claim *claim;

	TAILQ_FOREACH (claim, gathering->out, link)
		if (claim->batch == batch)
			return true;
	return false;
}

static struct claim *begin_draft(struct gathering *gathering, const struct store_delivery_row *row)
{
	struct claim *claim = claim_take(gathering->destination);

	if (!claim || claim_add_member(claim, row) != 0) {
		claim_give(claim);
		gathering->has_failed = true;
		return NULL;
	}
	claim->batch = row->batch;
	TAILQ_INSERT_TAIL(gathering->out, claim, link);
	gathering->n++;
	return claim;
}

/* Brackets, and a comma for each. */
static size_t size_in_array(const struct store_delivery_row *row)
{
	return row->len + 1;
}

static bool fits_group(const struct gathering *gathering, const struct store_delivery_row *row)
{
	const struct config_destination *is = &gathering->destination->settings->is;

	return gathering->group && gathering->group->n < (size_t)is->batch_max &&
	       gathering->group_bytes + size_in_array(row) <= (size_t)is->batch_max_bytes;
}

static void add_to_group(struct gathering *gathering, const struct store_delivery_row *row)
{
	if (fits_group(gathering, row)) {
		gathering->has_failed = claim_add_member(gathering->group, row) != 0;
		gathering->group_bytes += size_in_array(row);
		return;
	}
	if (gathering->group)
		gathering->group->batch = gathering->group->members[0].seq;
	gathering->group = NULL;
	if (gathering->n == gathering->max) {
		gathering->leaves_some = true;
		return;
	}
	gathering->group = begin_draft(gathering, row);
	gathering->group_bytes = 1 + size_in_array(row);
}

static bool is_full(const struct gathering *gathering)
{
	const struct config_destination *is = &gathering->destination->settings->is;

	return gathering->n == gathering->max &&
	       (!gathering->group || gathering->group->n == (size_t)is->batch_max);
}

static int on_ready_row(void *ctx, const struct store_delivery_row *row)
{
	struct gathering *gathering = ctx;
	/* One in doubt, never sent as far as is known: a restore's. It goes alone. */
	bool is_new = row->batch == 0 && row->connector_revision == 0 && row->doubt_at_ms == 0;

	gathering->n_rows++;
	if (is_new && gathering->destination->settings->is.batch_max > 1)
		add_to_group(gathering, row);
	else if (row->batch > 0 && is_gathered(gathering, row->batch))
		return 0;
	else if (gathering->n < gathering->max)
		(void)begin_draft(gathering, row);
	else
		gathering->leaves_some = true;
	return gathering->has_failed || is_full(gathering);
}

/* A group that is not full waits until its oldest member has been here for the linger time. */
static bool is_lingering(struct gathering *gathering)
{
	struct destination *destination = gathering->destination;
	const struct config_destination *is = &destination->settings->is;
	const struct claim *group = gathering->group;
	int64_t now_ms = deliver_now(destination->deliver), oldest_ms = INT64_MAX;

	if (is->batch_linger_ms == 0 || group->n >= (size_t)is->batch_max)
		return false;
	for (size_t i = 0; i < group->n; i++)
		if (group->members[i].received_at_ms < oldest_ms)
			oldest_ms = group->members[i].received_at_ms;
	if (oldest_ms > now_ms || oldest_ms + is->batch_linger_ms <= now_ms)
		return false;
	int64_t until_ms = oldest_ms + is->batch_linger_ms;
	if (destination->linger_until_ms == 0 || until_ms < destination->linger_until_ms)
		destination->linger_until_ms = until_ms;
	if (group->n > destination->n_lingering)
		destination->n_lingering = group->n;
	return true;
}

/* --- chains ------------------------------------------------------------------------------------- */

/* The first that doesn't fit ends its chain. */
static int on_chain_row(void *ctx, const struct store_delivery_row *row)
{
	struct gathering *gathering = ctx;

	if (!fits_group(gathering, row))
		return 1;
	add_to_group(gathering, row);
	return gathering->has_failed;
}

static int compare_seqs(const void *a, const void *b)
{
	const struct member *one = a, *other = b;

	return one->seq < other->seq ? -1 : one->seq > other->seq;
}

/* Behind each member as many as its share of the room; what one leaves the next ones have. */
static void add_chains(struct gathering *gathering)
{
	const struct destination *destination = gathering->destination;
	const struct config_destination *is = &destination->settings->is;
	struct claim *group = gathering->group;
	size_t n_heads = group->n;
	char key[EVENT_KEY_MAX]; /* the claim's texts move when they grow */

	if (is->batch_kind == CONFIG_BATCH_PARTIAL)
		return;
	for (size_t i = 0; i < n_heads && group->n < (size_t)is->batch_max; i++) {
		size_t share = ((size_t)is->batch_max - group->n + n_heads - i - 1) / (n_heads - i);

		(void)snprintf(key, sizeof(key), "%s", claim_text(group, group->members[i].key));
		if (key[0] && store_list_chain(destination->deliver->options.store, destination->id,
				      key, group->members[i].seq, (unsigned)share, on_chain_row,
				      gathering) != 0)
			gathering->has_failed = true;
	}
	qsort(group->members, group->n, sizeof(*group->members), compare_seqs);
}

static void end_group(struct gathering *gathering)
{
	if (!gathering->group)
		return;
	add_chains(gathering);
	if (is_lingering(gathering)) {
		TAILQ_REMOVE(gathering->out, gathering->group, link);
		claim_give(gathering->group);
		gathering->n--;
	} else {
		gathering->group->batch = gathering->group->members[0].seq;
	}
	gathering->group = NULL;
}

static void drop_drafts(struct claims *drafts)
{
	struct claim *claim;

	while ((claim = TAILQ_FIRST(drafts))) {
		TAILQ_REMOVE(drafts, claim, link);
		claim_give(claim);
	}
}

int draft_list(struct destination *destination, int lane, unsigned n, struct claims *out,
	bool *ret_exhausted)
{
	struct gathering gathering = { .destination = destination, .out = out, .max = n };
	unsigned limit = n * (unsigned)destination->settings->is.batch_max;

	if (store_list_ready(destination->deliver->options.store, destination->id, lane, 0, limit,
		    on_ready_row, &gathering) != 0 ||
		gathering.has_failed) {
		drop_drafts(out);
		return -1;
	}
	*ret_exhausted = gathering.n_rows < limit && !gathering.leaves_some && !is_full(&gathering);
	end_group(&gathering);
	if (gathering.has_failed) {
		drop_drafts(out);
		return -1;
	}
	return (int)gathering.n;
}

/* --- probes -------------------------------------------------------------------------------------- */

struct choice {
	struct destination *destination;
	struct claim *other, *culprit; /* the first by place of each */
	bool has_failed;
};

static int64_t place_of(const struct store_delivery_row *row)
{
	return row->batch > 0 ? row->batch : row->seq;
}

static void choose(
	struct choice *choice, struct claim **chosen, const struct store_delivery_row *row)
{
	if (*chosen && claim_place(*chosen) <= place_of(row))
		return;
	claim_give(*chosen);
	*chosen = claim_take(choice->destination);
	if (!*chosen || claim_add_member(*chosen, row) != 0)
		choice->has_failed = true;
	else
		(*chosen)->batch = row->batch;
}

static int on_choice_row(void *ctx, const struct store_delivery_row *row)
{
	struct choice *choice = ctx;
	bool is_culprit = hold_is_culprit(choice->destination, row->seq, row->batch);

	choose(choice, is_culprit ? &choice->culprit : &choice->other, row);
	return choice->has_failed;
}

static struct claim *pick(struct choice *choice)
{
	const struct destination *destination = choice->destination;
	bool is_culprits_time =
		deliver_mono(destination->deliver) >= destination->culprit.probe_mono_ms;
	struct claim *picked = choice->has_failed ? NULL : choice->other;

	if (!picked && !choice->has_failed && is_culprits_time)
		picked = choice->culprit;
	if (picked != choice->other)
		claim_give(choice->other);
	if (picked != choice->culprit)
		claim_give(choice->culprit);
	return picked;
}

static void look_behind(struct choice *choice, int64_t place)
{
	struct destination *destination = choice->destination;
	unsigned limit = PROBE_CHOICE + (unsigned)destination->culprit.n;

	for (int lane = 0; lane < CONFIG_LANE_N && !choice->has_failed; lane++)
		if (store_list_ready(destination->deliver->options.store, destination->id, lane,
			    place, limit, on_choice_row, choice) != 0)
			choice->has_failed = true;
}

/* Round and round: behind the last one refused, however many are bad; at the end from the first. */
int draft_probe(struct destination *destination, struct claim **ret)
{
	struct choice choice = { .destination = destination };
	struct claim *picked;

	look_behind(&choice, destination->refused_place);
	if (!choice.other && destination->refused_place > 0)
		look_behind(&choice, 0);
	picked = pick(&choice);
	if (picked && picked->batch == 0 && picked->members[0].connector_revision == 0 &&
		destination->settings->is.batch_max > 1)
		picked->batch = picked->members[0].seq;
	*ret = picked;
	return choice.has_failed ? -1 : 0;
}

/* --- pinned batches ------------------------------------------------------------------------------- */

struct completion {
	struct claim *draft;
	bool is_waiting, is_broken, has_failed;
};

static int on_batch_row(void *ctx, const struct store_delivery_row *row)
{
	struct completion *completion = ctx;

	if (claim_is_open_to(completion->draft, row))
		completion->has_failed = claim_add_member(completion->draft, row) != 0;
	else if (row->state == DELIVERY_WAITING)
		completion->is_waiting = true;
	else if (row->state != DELIVERY_PARKED || !completion->is_waiting)
		completion->is_broken = true;
	return completion->has_failed;
}

enum draft_fill draft_complete(struct claim *draft)
{
	struct completion completion = { .draft = draft };
	struct store *store = draft->deliver->options.store;
	int id = draft->destination->id;

	draft->n = 0;
	buf_reset(&draft->texts);
	if (store_list_batch(store, id, draft->batch, on_batch_row, &completion) != 0 ||
		completion.has_failed)
		return DRAFT_FAILED;
	if (completion.is_broken)
		return DRAFT_BROKEN;
	return completion.is_waiting ? DRAFT_WAITS : DRAFT_WHOLE;
}
