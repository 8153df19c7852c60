#include "dray/replay.h"

#include <stddef.h>

/* What stands against its going again as it was; NULL: nothing. A person may insist. */
static const char *find_objection(const struct replay_facts *facts)
{
	if (facts->idempotency == CONFIG_IDEMPOTENCY_NONE)
		return "the destination can't tell a repeat (idempotency mode none), it would "
		       "double: look there first, and what is missing send with --force";
	if (!facts->has_revision)
		return "the connector that it was sent with is not kept any more: --force sends it "
		       "by today's, and it may double";
	if (facts->idempotency == CONFIG_IDEMPOTENCY_LOOKUP)
		return NULL;
	if (facts->idempotency == CONFIG_IDEMPOTENCY_HEADER && facts->was_batched)
		return "it was sent under the key of its batch and would not be known under its "
		       "own, it would double: look there first, and what is missing send with "
		       "--force";
	if (!facts->is_within_lifetime)
		return "its key's lifetime is over, the destination may have forgotten it and it "
		       "would double: look there first, and what is missing send with --force";
	return NULL;
}

enum replay_way replay_judge(const struct replay_facts *facts, const char **ret_why)
{
	*ret_why = NULL;
	if (!facts->has_content) {
		*ret_why = "its content has been given up, or can't be read: there is nothing to "
			   "send";
		return REPLAY_REFUSED;
	}
	*ret_why = find_objection(facts);
	if (*ret_why && !facts->is_forced)
		return REPLAY_REFUSED;
	if (*ret_why) {
		*ret_why = NULL;
		return REPLAY_ANEW;
	}
	return facts->idempotency == CONFIG_IDEMPOTENCY_LOOKUP ? REPLAY_LOOK : REPLAY_AGAIN;
}
