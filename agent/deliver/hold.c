/*
 * hold.c - is the destination at fault, or the event that it refused?
 *
 * The first refusal names a culprit; its rows are READY again and closed to claims. The next request
 * is a probe with another delivery, at once:
 *
 *   the probe passes            the culprit is to blame: it becomes an exception (a batch is taken
 *                               apart instead), and the rest goes on
 *   the probe is refused too    the destination is at fault, and the culprit is cleared: exception
 *                               `hold`, further probes; when one passes all goes on. What was
 *                               refused in the hold, and is refused once more when another has
 *                               passed in between, is to blame after all
 *   there is no other           the culprit itself is the probe, after the breaker's wait
 *
 * Where the refusal says by itself that the destination is at fault (refused credentials, a program's
 * word) there is nobody to blame: exception `hold` at once, and the probe after the breaker's wait. What
 * is looked up is neither claimed READY nor rejected: it is a probe where there is no delivery at all.
 *
 * Each probe is the delivery behind the last one refused, over holds too: else two bad events,
 * culprit and probe in turn, would close a destination for ever.
 */
#include <stdio.h>
#include <string.h>

#include "deliver_internal.h"

bool hold_is_culprit(const struct destination *destination, int64_t seq, int64_t batch)
{
	const struct culprit *culprit = &destination->culprit;

	return culprit->is_set &&
	       (culprit->seq == seq || (culprit->batch > 0 && culprit->batch == batch));
}

static const struct suspect *find_suspect(const struct destination *destination, int64_t seq)
{
	for (size_t i = 0; i < SUSPECTS_MAX; i++)
		if (destination->suspects[i].seq == seq)
			return &destination->suspects[i];
	return NULL;
}

bool hold_is_passed(const struct destination *destination, int64_t seq)
{
	const struct suspect *suspect = find_suspect(destination, seq);

	return suspect && suspect->is_passed;
}

static void note_suspect(struct destination *destination, int64_t seq)
{
	if (find_suspect(destination, seq))
		return;
	destination->suspects[destination->next_suspect] = (struct suspect){ .seq = seq };
	destination->next_suspect = (destination->next_suspect + 1) % SUSPECTS_MAX;
}

struct search {
	struct claim *claim;
	int destination;
	bool has_failed;
};

static int on_culprit_row(void *ctx, const struct store_delivery_row *row)
{
	struct search *search = ctx;

	if (row->destination != search->destination || !claim_is_open_to(search->claim, row))
		return 0;
	search->has_failed = claim_add_member(search->claim, row) != 0;
	return search->has_failed;
}

/* The culprit's rows that may still be claimed: a person may have taken them meanwhile. */
static int find_culprit(struct destination *destination, struct claim *claim)
{
	const struct culprit *culprit = &destination->culprit;
	struct store *store = destination->deliver->options.store;
	struct search search = { .claim = claim, .destination = destination->id };
	int status;

	if (culprit->batch > 0)
		status = store_list_batch(
			store, destination->id, culprit->batch, on_culprit_row, &search);
	else
		status = store_list_event_deliveries(store, culprit->seq, on_culprit_row, &search);
	return search.has_failed ? -1 : status;
}

int hold_reject_culprit(struct destination *destination, int64_t now_ms)
{
	const struct culprit *culprit = &destination->culprit;
	struct claim *claim = claim_take(destination);
	char code[16];
	int status = -1;

	/* Out of memory: the culprit stays READY and will be refused again. */
	if (!claim)
		return 0;
	(void)snprintf(code, sizeof(code), "%d", culprit->status);
	if (find_culprit(destination, claim) != 0)
		status = store_is_poisoned(destination->deliver->options.store) ? -1 : 0;
	else if (culprit->is_question || (claim->n == 1 && claim_is_doubted(claim)))
		/* It was turned away at the gate, where nobody looked whether it had been applied before:
		 * it is sent again, and turned away once more it is a person's. */
		status = 0;
	else if (claim->n > 1 && !claim_may_part(claim))
		/* One by one they would go under other keys than what may still be applied. */
		status = settle_exception(claim, "unknown", "critical", code,
			"it may have been applied in a batch that was refused later: look there "
			"before it is sent again",
			now_ms);
	else if (claim->n > 1)
		status = settle_apart(claim, now_ms);
	else
		status = settle_exception(
			claim, "rejected", "normal", code, culprit->reason, now_ms);
	claim_give(claim);
	return status;
}

void hold_begin(struct destination *destination, const struct claim *claim)
{
	const struct config_destination *is = &destination->settings->is;
	struct culprit *culprit = &destination->culprit;
	int64_t now_mono_ms = deliver_mono(destination->deliver);

	*culprit = (struct culprit){
		.is_set = true,
		.seq = claim->members[0].seq,
		.batch = claim->batch,
		.n = claim->n,
		.status = claim_status(claim),
		.is_question = claim_is_question(claim),
		.is_cleared = claim->decision.is_destinations,
		.probe_mono_ms = now_mono_ms + is->breaker_probe_ms,
	};
	memcpy(culprit->reason, claim->decision.fate.reason, sizeof(culprit->reason));
	note_suspect(destination, culprit->seq);
	destination->is_culprit_named = false;
	/* Another delivery may try at once, where it may be this one's fault. */
	if (destination->breaker.state == BREAKER_OPEN && !claim->decision.is_destinations)
		destination->breaker.probe_mono_ms = now_mono_ms;
}

void hold_go_on(struct destination *destination, const struct claim *probe)
{
	note_suspect(destination, probe->members[0].seq);
	destination->refused_place = claim_place(probe);
	destination->culprit.is_cleared = true;
}

void hold_end(struct destination *destination, const struct claim *probe)
{
	for (size_t i = 0; i < SUSPECTS_MAX; i++)
		if (destination->suspects[i].seq != probe->members[0].seq)
			destination->suspects[i].is_passed = true;
		else
			destination->suspects[i] = (struct suspect){ 0 };
	destination->culprit = (struct culprit){ 0 };
	hold_lift(destination);
}

void hold_lift(struct destination *destination)
{
	if (!destination->is_hold_open)
		return;
	destination->is_hold_open = false;
	deliver_alert(destination->deliver, "low", "destination %s accepts deliveries again",
		destination->name);
}
