/*
 * window_credential.c - a destination claims nothing without credentials: they are asked for when
 * there is work, and what there is to say when none are to be had.
 *
 * A failure is like that of a probe: it opens the breaker, and at the probe's time they are asked for
 * again. Refused ones hold the destination, without a culprit: an exception, till a delivery passes.
 */
#include <stdio.h>

#include "credential/credential.h"
#include "deliver_internal.h"
#include "log.h"
#include "turn.h"

/* Nothing is asked for before there is work. Rows of this turn are counted when they are committed. */
static bool has_work(struct destination *destination)
{
	struct deliver *deliver = destination->deliver;

	if (store_depth(deliver->options.store, destination->id, DELIVERY_READY) > 0 ||
		lookup_is_due(destination))
		return true;
	if (destination->unseen > 0) {
		destination->unseen = 0;
		turn_wake(deliver->options.turn);
	} else {
		destination->may_have_ready = false;
	}
	return false;
}

/* In the transaction. 0, or -1. */
static int note_failure(struct destination *destination)
{
	struct credential_failure failure = credential_failure(destination->credential);

	destination->has_credential_failed = true;
	if (!failure.is_refused || destination->is_hold_open)
		return 0;
	return hold_open_exception(destination, failure.reason, deliver_now(destination->deliver));
}

int window_await_credential(struct destination *destination)
{
	struct credential *credential = destination->credential;
	enum credential_state state = credential_state(credential);

	if (state != CREDENTIAL_HELD && !has_work(destination))
		return 0;
	credential_fetch(credential);
	/* One that is known, and the breaker lets ask: its wait is over. */
	if (credential_state(credential) == CREDENTIAL_FAILED &&
		credential_failure(credential).nth == destination->noted_failure) {
		credential_reread(credential);
		credential_fetch(credential);
	}
	state = credential_state(credential);
	if (state == CREDENTIAL_FAILED)
		return note_failure(destination);
	return state == CREDENTIAL_HELD;
}

void window_forget_failure(struct destination *destination)
{
	destination->has_credential_failed = false;
}

static void hold(struct destination *destination)
{
	if (destination->is_hold_open)
		return;
	destination->is_hold_open = true;
	deliver_alert(destination->deliver, "critical",
		"destination %s is held, its credentials are refused: %s", destination->name,
		destination->reason);
}

void window_move_failure(struct destination *destination)
{
	struct credential_failure failure = credential_failure(destination->credential);
	enum breaker_state was = destination->breaker.state;

	if (!destination->has_credential_failed)
		return;
	destination->has_credential_failed = false;
	destination->noted_failure = failure.nth;
	(void)snprintf(destination->reason, sizeof(destination->reason), "%s", failure.reason);
	/* The probe's time had come, and this was it. */
	(void)breaker_allows(&destination->breaker, deliver_mono(destination->deliver));
	window_fail(destination, failure.is_refused ? BREAKER_HOLD : BREAKER_UNREACHABLE);
	window_wait(destination, failure.asked_ms);
	if (failure.is_refused)
		hold(destination);
	window_tell_change(destination, was);
}
