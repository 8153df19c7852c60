/*
 * decide.c - from an answer to what becomes of its deliveries. Made once per answer: a turn that is
 * repeated after poison settles the same, due times and jitter included.
 *
 * What a connector's program says goes before the default, outcome_classify(); where it says nothing,
 * or was not asked, that decides. What is in doubt then goes the way of the idempotency mode.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "credential/credential.h"
#include "deliver_internal.h"
#include "dray/retry.h"

static const struct config_destination *settings_of(const struct claim *claim)
{
	return &claim->destination->settings->is;
}

/* --- what the request came to ----------------------------------------------------------------------- */

static int64_t oldest_doubt(const struct claim *claim)
{
	int64_t oldest_ms = 0;

	for (size_t i = 0; i < claim->n; i++) {
		int64_t at_ms = claim->members[i].doubt_at_ms;

		if (at_ms > 0 && (oldest_ms == 0 || at_ms < oldest_ms))
			oldest_ms = at_ms;
	}
	return oldest_ms;
}

/*
 * 0: there is none. One of an age that may yet be known is as young as can be, so that it leads to no
 * exception; dispatch lets it wait.
 */
static int64_t doubt_age(const struct claim *claim)
{
	const struct clock *clock = claim->deliver->options.clock;
	int64_t at_ms = oldest_doubt(claim), age_ms;

	if (at_ms == 0)
		return 0;
	age_ms = clock_age_most(clock, at_ms);
	if (age_ms == TIMELINE_UNKNOWN && clock_may_learn_age(clock, at_ms))
		age_ms = 0;
	return age_ms > 0 ? age_ms : 1;
}

static enum outcome_mode mode_of(const struct config_destination *is)
{
	static const enum outcome_mode modes[] = {
		[CONFIG_IDEMPOTENCY_HEADER] = OUTCOME_MODE_HEADER,
		[CONFIG_IDEMPOTENCY_NATURAL] = OUTCOME_MODE_NATURAL,
		[CONFIG_IDEMPOTENCY_LOOKUP] = OUTCOME_MODE_LOOKUP,
		[CONFIG_IDEMPOTENCY_NONE] = OUTCOME_MODE_NONE,
	};

	return modes[is->idempotency];
}

/* May the same request go again though its fate is unknown? */
static bool may_repeat(const struct config_destination *is)
{
	enum outcome_mode mode = mode_of(is);

	return mode == OUTCOME_MODE_HEADER || mode == OUTCOME_MODE_NATURAL ||
	       (mode == OUTCOME_MODE_NONE && is->resend_on_doubt);
}

struct outcome_verdict decide_classify(const struct claim *claim)
{
	const struct config_destination *is = settings_of(claim);
	const struct outcome_input input = {
		.transport = claim->answer.transport,
		.status = claim->answer.status,
		.mode = mode_of(is),
		.resend_on_doubt = is->resend_on_doubt,
		.is_csrf_refusal = claim->answer.is_csrf_refusal,
		.is_safe = claim->is_safe,
		.is_refreshed = claim->is_refreshed,
		.answers_done = is->answers_done,
		.batch_count = (unsigned)claim->n,
		.doubt_age_ms = doubt_age(claim),
		.settle_ms = is->settle_ms,
		.key_lifetime_ms = is->idempotency_lifetime_ms,
	};
	struct outcome_verdict verdict = outcome_classify(&input);

	if (claim->has_begun)
		verdict.is_proven = false;
	return verdict;
}

void reason_put(char *out, const char *format, ...)
{
	char room[2 * REASON_MAX];
	va_list args;

	va_start(args, format);
	if (vsnprintf(room, sizeof(room), format, args) < 0)
		room[0] = '\0';
	va_end(args);
	connector_clean(room, strlen(room), out, REASON_MAX);
}

/* What happened, in words: the other side's own where it had some. */
void decide_describe(const struct claim *claim, char *out)
{
	char words[WORDS_MAX] = "";

	if (claim->answer.transport != TRANSPORT_ANSWERED) {
		reason_put(out, "%s", claim->answer.error);
		return;
	}
	credential_read_refusal(claim->destination->credential, claim->answer.body.data,
		claim->answer.body.len, words, sizeof(words));
	if (words[0])
		reason_put(out, "%s", words);
	else
		reason_put(out, "%s answered %d without saying why", claim->destination->name,
			claim->answer.status);
}

/* --- fates ---------------------------------------------------------------------------------------- */

void fate_init(const struct claim *claim, struct fate *fate)
{
	memset(fate, 0, sizeof(*fate));
	fate->settlement.now_ms = claim->decision.now_ms;
	fate->settlement.status = claim_status(claim);
}

static void put_ref(struct fate *fate)
{
	fate->settlement.ref = fate->ref[0] ? fate->ref : NULL;
}

void fate_take_words(
	const struct claim *claim, const struct connector_result *result, struct fate *fate)
{
	fate->code = result->code[0] ? result->code : NULL;
	fate->field = result->field[0] ? result->field : NULL;
	fate->emit = result->emit;
	(void)snprintf(fate->ref, sizeof(fate->ref), "%s", result->ref);
	if (result->reason[0]) {
		reason_put(fate->reason, "%s", result->reason);
		credential_redact(claim->destination->credential, fate->reason);
	} else if (claim->n_requests > 0) {
		decide_describe(claim, fate->reason);
	}
	put_ref(fate);
}

void fate_exception(
	const struct claim *claim, const char *kind, const char *severity, struct fate *fate)
{
	fate->settlement.to = DELIVERY_EXCEPTION;
	fate->settlement.exception_passes = settings_of(claim)->exception_passes;
	fate->kind = kind;
	fate->severity = severity;
}

/*
 * What was accepted after a lookup had not found it may be there twice, if the first request landed
 * meanwhile: it is looked up once more.
 */
void fate_done(const struct claim *claim, const struct member *member, struct fate *fate)
{
	fate->outcome = OUTCOME_DONE;
	fate->settlement.to = DELIVERY_DONE;
	put_ref(fate);
	if (claim->op != CONNECTOR_DELIVER || member->looks == 0 ||
		!lookup_is_possible(claim->destination, claim->revision))
		return;
	fate->settlement.to = DELIVERY_SUSPECT;
	fate->settlement.is_accepted = true;
	fate->settlement.look_at_ms = fate->settlement.now_ms + settings_of(claim)->settle_ms;
	fate->emit = NULL;
}

void fate_unknown(const struct claim *claim, const struct member *member, struct fate *fate)
{
	const struct config_destination *is = settings_of(claim);

	fate->outcome = OUTCOME_UNKNOWN;
	if (lookup_is_possible(claim->destination, claim->revision) &&
		member->looks < (unsigned)is->looks) {
		fate->settlement.to = DELIVERY_SUSPECT;
		fate->settlement.look_at_ms = fate->settlement.now_ms + is->settle_ms;
		fate->settlement.leaves_batch = claim->n > 1;
		return;
	}
	fate_exception(claim, "unknown", "critical", fate);
	reason_put(fate->reason,
		"it may have been applied%s, look at %s before it is sent again: %s",
		claim->n > 1 ? " in a batch" : "", claim->destination->name, fate->reason);
}

static void give_up(const struct claim *claim, const struct member *member, struct fate *fate)
{
	fate->settlement.due_at_ms = 0;
	fate_exception(claim, "gave_up", "normal", fate);
	reason_put(fate->reason, "gave up after %u attempts, the last: %s", member->attempts,
		fate->reason);
}

void fate_retry(
	const struct claim *claim, const struct member *member, int64_t asked_ms, struct fate *fate)
{
	const struct config_destination *is = settings_of(claim);
	const struct clock *clock = claim->deliver->options.clock;
	int64_t now_ms = fate->settlement.now_ms;
	const struct retry_policy policy = {
		.base_ms = is->retry_base_ms,
		.max_ms = is->retry_max_ms,
		.give_up_ms = is->retry_give_up_ms,
	};

	fate->outcome = OUTCOME_RETRY;
	fate->settlement.to = DELIVERY_WAITING;
	if (!retry_next_due(&policy, member->attempts,
		    now_ms - clock_age_least(clock, member->first_at_ms), asked_ms, now_ms,
		    claim->decision.seed + (uint64_t)member->seq, &fate->settlement.due_at_ms))
		give_up(claim, member, fate);
}

/* --- the request's verdict, and what follows ---------------------------------------------------------- */

static void become_done(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	bool is_asked = claim->n_requests > 0;

	/* A batch's answer names no single record. */
	if (claim->n == 1 && claim->map == MAP_QUIET && is_asked)
		connector_read_ref(claim->answer.body.data, claim->answer.body.len,
			decision->fate.ref, sizeof(decision->fate.ref));
	fate_done(claim, &claim->members[0], &decision->fate);
	decision->passes_hold = claim->is_probe && is_asked && claim->destination->culprit.is_set;
}

/* A wait that the program asks for is this delivery's alone. */
static void become_retry(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	const struct member *first = &claim->members[0];
	int64_t asked_ms = decision->asked_ms;

	if (claim->map == MAP_SAID && claim->said->result.after_ms > asked_ms)
		asked_ms = claim->said->result.after_ms;
	fate_retry(claim, first, asked_ms, &decision->fate);
	/* Its members may be sent again one by one, under other keys: a person must look first. */
	if (decision->fate.kind && claim->n > 1 &&
		(!decision->verdict.is_proven || claim_is_doubted(claim)))
		fate_unknown(claim, first, &decision->fate);
}

void decide_held(struct claim *claim)
{
	struct destination *destination = claim->destination;
	struct decision *decision = &claim->decision;
	bool may_open = destination->breaker.state == BREAKER_CLOSED || claim->is_probe;

	if (claim_is_unauthorized(claim))
		decision->is_destinations = true;
	if (destination->culprit.is_set) {
		decision->opens_hold = claim->is_probe && !destination->is_hold_open;
	} else if (may_open && !destination->is_culprit_named) {
		destination->is_culprit_named = true;
		decision->is_culprit = true;
		decision->opens_hold = decision->is_destinations;
	}
}

/* Another has passed since it was refused: the destination is not at fault this time. But for one
 * delivery after each that passes: the second may be refused for the destination's sake. */
bool decide_is_to_blame(struct claim *claim)
{
	struct destination *destination = claim->destination;

	if (destination->culprit.is_set || destination->has_blamed ||
		claim_is_unauthorized(claim) || !hold_is_passed(destination, claim->members[0].seq))
		return false;
	destination->has_blamed = true;
	return true;
}

static void become_refused(struct claim *claim)
{
	struct decision *decision = &claim->decision;

	decision->verdict.outcome = claim->n > 1 ? OUTCOME_SPLIT : OUTCOME_REJECT;
	/* One by one they would go under other keys than what may be applied. */
	if (claim->n > 1 && !claim_may_part(claim))
		decision->verdict.outcome = OUTCOME_UNKNOWN;
}

/* A refusal to say what a step before it came to (a job that was accepted) refuses nothing of that. */
static void doubt_refused_question(struct claim *claim)
{
	struct outcome_verdict *verdict = &claim->decision.verdict;
	bool is_refused = verdict->outcome == OUTCOME_REJECT || verdict->outcome == OUTCOME_SPLIT;

	if (!is_refused || !claim_is_question(claim))
		return;
	verdict->outcome = OUTCOME_UNKNOWN;
	verdict->is_proven = false;
}

/* Refused at the gate, where nobody looked whether it has been applied before. */
static void become_turned_away(struct claim *claim)
{
	become_refused(claim);
	if (claim->n == 1 && claim_is_doubted(claim))
		claim->decision.verdict.outcome = OUTCOME_UNKNOWN;
	doubt_refused_question(claim);
}

static void decide_by_outcome(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	struct fate *fate = &decision->fate;

	fate->outcome = decision->verdict.outcome;
	fate->settlement.is_proven = decision->verdict.is_proven;
	switch (decision->verdict.outcome) {
	case OUTCOME_DONE:
		become_done(claim);
		return;
	case OUTCOME_RETRY:
		become_retry(claim);
		return;
	case OUTCOME_UNKNOWN:
		fate_unknown(claim, &claim->members[0], fate);
		return;
	case OUTCOME_REJECT:
		fate_exception(claim, "rejected", "normal", fate);
		return;
	case OUTCOME_SPLIT:
		fate->settlement.leaves_batch = true;
		fate->settlement.drops_carry = true;
		break;
	case OUTCOME_HOLD:
		decide_held(claim);
		break;
	case OUTCOME_UNREACHABLE:
	case OUTCOME_REFRESH:
		break;
	}
	/* Sent again as soon as the destination may be asked; it made no attempt at the event. */
	fate->settlement.to = DELIVERY_READY;
	fate->settlement.attempt_is_void = decision->verdict.is_proven;
}

/* --- what the program said --------------------------------------------------------------------------- */

/* The verdict of a request whose fate is unknown, by the mode. */
static struct outcome_verdict judge_doubt(const struct claim *claim)
{
	return (struct outcome_verdict){
		.outcome = may_repeat(settings_of(claim)) ? OUTCOME_RETRY : OUTCOME_UNKNOWN,
		.is_failure = claim->answer.status >= 500,
	};
}

static struct outcome_verdict judge_said(const struct claim *claim)
{
	static const struct outcome_verdict verdicts[] = {
		[CONNECTOR_DONE] = { OUTCOME_DONE, false, false },
		[CONNECTOR_RETRY] = { OUTCOME_RETRY, true, false },
		[CONNECTOR_REJECT] = { OUTCOME_REJECT, true, false },
		[CONNECTOR_HOLD] = { OUTCOME_HOLD, true, false },
	};

	if (claim->said->verb == CONNECTOR_UNKNOWN)
		return judge_doubt(claim);
	return verdicts[claim->said->verb];
}

static void decide_said(struct claim *claim)
{
	struct decision *decision = &claim->decision;

	if (claim->said->verb == CONNECTOR_RESULTS) {
		results_decide(claim);
		if (decision->is_each)
			return;
		decision->verdict = judge_doubt(claim);
		decide_describe(claim, decision->fate.reason);
	} else {
		decision->verdict = judge_said(claim);
		fate_take_words(claim, &claim->said->result, &decision->fate);
	}
	decision->is_destinations = decision->verdict.outcome == OUTCOME_HOLD;
	if (decision->verdict.outcome == OUTCOME_REJECT)
		become_refused(claim);
	else if (decision->verdict.outcome == OUTCOME_HOLD && decide_is_to_blame(claim))
		become_turned_away(claim);
	decide_by_outcome(claim);
}

/* --- what the program failed to say ------------------------------------------------------------------- */

/* It is held, or can't be asked: so is its destination. What has been answered meanwhile is in doubt. */
static void decide_program_held(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	bool may_wait = !claim->is_read || may_repeat(settings_of(claim));

	decision->verdict = (struct outcome_verdict){ .outcome = OUTCOME_HOLD,
		.is_proven = !claim->is_read && !claim->has_begun };
	if (!may_wait)
		decision->verdict.outcome = OUTCOME_UNKNOWN;
	decision->is_destinations = may_wait;
	decide_by_outcome(claim);
}

static void decide_program_failed(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	struct fate *fate = &decision->fate;
	bool is_proven = (!claim->is_read || claim->is_safe) && !claim->has_begun;
	bool is_harmless = is_proven && !claim_is_doubted(claim) && claim->carry.len == 0;

	decision->verdict = (struct outcome_verdict){
		.outcome = is_harmless ? OUTCOME_REJECT : OUTCOME_UNKNOWN,
		.is_proven = is_proven,
	};
	/* It may be one of them alone that the program can't bear. */
	if (is_harmless && claim->n > 1) {
		decision->verdict.outcome = OUTCOME_SPLIT;
		decide_by_outcome(claim);
		return;
	}
	fate->outcome = decision->verdict.outcome;
	fate->settlement.is_proven = decision->verdict.is_proven;
	fate->code = "connector_failed";
	fate_exception(claim, is_harmless ? "rejected" : "unknown",
		is_harmless ? "normal" : "critical", fate);
}

/* What a step before it may have done would be done again, and the other side would not know it. */
static bool may_double_a_step(const struct claim *claim, enum outcome outcome)
{
	const struct config_destination *is = settings_of(claim);

	return claim->has_begun && is->idempotency == CONFIG_IDEMPOTENCY_NONE && !may_repeat(is) &&
	       outcome != OUTCOME_DONE && outcome != OUTCOME_REJECT;
}

static void decide_default(struct claim *claim)
{
	struct decision *decision = &claim->decision;

	decision->verdict = decide_classify(claim);
	if (may_double_a_step(claim, decision->verdict.outcome))
		decision->verdict.outcome = OUTCOME_UNKNOWN;
	if (decision->verdict.outcome != OUTCOME_DONE)
		decide_describe(claim, decision->fate.reason);
	if (decision->verdict.outcome == OUTCOME_HOLD && decide_is_to_blame(claim))
		become_turned_away(claim);
	else
		doubt_refused_question(claim);
	decide_by_outcome(claim);
}

/*
 * The program failed to read an answer that needs no reading: it was refused, and nothing was applied. Of
 * what is in doubt a refusal may say that it is there already: that the program alone would know.
 */
static bool is_plainly_refused(const struct claim *claim)
{
	struct outcome_verdict verdict;

	if (!claim->is_read)
		return false;
	verdict = decide_classify(claim);
	if (claim_is_doubted(claim) && verdict.outcome == OUTCOME_REJECT)
		return false;
	return verdict.is_proven && !claim->is_safe;
}

/* A gateway's page of HTML is nothing for a program, and what a server's trouble means is known without it. */
bool decide_is_trouble(const struct claim *claim)
{
	int status = claim_status(claim);

	return claim->is_read && (status == 408 || status == 425 || status == 429 || status >= 500);
}

static void decide_failed(struct claim *claim)
{
	struct decision *decision = &claim->decision;

	if (is_plainly_refused(claim) || decide_is_trouble(claim)) {
		decide_default(claim);
		return;
	}
	memcpy(decision->fate.reason, claim->words, sizeof(decision->fate.reason));
	if (claim->map == MAP_HELD)
		decide_program_held(claim);
	else
		decide_program_failed(claim);
}

/* A wait that was asked for is the destination's, whatever became of the delivery. */
static void note_pace(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	int64_t asked_ms = claim->answer.asked_ms;

	if (claim->n_requests == 0 || claim->answer.transport != TRANSPORT_ANSWERED)
		return;
	/* On a 2xx it says when a job will be done, or nothing at all. */
	if (claim->answer.status < 300)
		asked_ms = 0;
	if (claim->answer.rest_ms > asked_ms)
		asked_ms = claim->answer.rest_ms;
	if (asked_ms > DAY_MS)
		decision->asked_too_long_ms = asked_ms;
	if (asked_ms > 0)
		decision->asked_ms = asked_ms > DAY_MS ? DAY_MS : asked_ms;
}

void claim_decide(struct claim *claim)
{
	struct decision *decision = &claim->decision;

	if (decision->is_made)
		return;
	memset(decision, 0, sizeof(*decision));
	decision->is_made = true;
	decision->seed = clock_seed(claim->deliver->options.clock);
	decision->now_ms = deliver_now(claim->deliver);
	fate_init(claim, &decision->fate);
	note_pace(claim);
	if (claim->op == CONNECTOR_LOOKUP)
		lookup_decide(claim);
	else if (claim->map == MAP_SAID)
		decide_said(claim);
	else if (claim->map == MAP_QUIET)
		decide_default(claim);
	else
		decide_failed(claim);
}
