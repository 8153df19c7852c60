/*
 * replay.h - may what was delivered go again, and how?
 *
 *   the other side still knows its key   REPLAY_AGAIN    the same request: it is recognised
 *   it can be asked                      REPLAY_LOOK     looked up first, sent when it is absent
 *   neither                              REPLAY_REFUSED; with force REPLAY_ANEW: it may double
 *
 * Pure.
 */
#ifndef DRAY_REPLAY_H
#define DRAY_REPLAY_H

#include <stdbool.h>

#include "dray/config.h"

struct replay_facts {
	enum config_idempotency idempotency; /* of the destination, as configured now */
	bool is_within_lifetime; /* of its key, since the first attempt; true where it has no end */
	bool was_batched;        /* it went in a batch */
	bool has_content;        /* of its event: not given up, and readable */
	bool has_revision;       /* of the connector that it was sent with: it can still be read */
	bool is_forced;
};
enum replay_way { REPLAY_AGAIN, REPLAY_LOOK, REPLAY_ANEW, REPLAY_REFUSED };
/* *ret_why: for REPLAY_REFUSED why, in words, and what can be done; else NULL. Static. */
enum replay_way replay_judge(const struct replay_facts *facts, const char **ret_why);

#endif
