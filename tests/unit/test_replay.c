/* What may go again, as a table. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "dray/replay.h"

#define HEADER CONFIG_IDEMPOTENCY_HEADER
#define NATURAL CONFIG_IDEMPOTENCY_NATURAL
#define LOOKUP CONFIG_IDEMPOTENCY_LOOKUP
#define NONE CONFIG_IDEMPOTENCY_NONE

struct row {
	enum config_idempotency mode;
	bool in_time, batched, content, revision;
	enum replay_way plain, forced;
	const char *why; /* of the plain one's refusal, in part */
};

static const struct row rows[] = {
	{ HEADER, true, false, true, true, REPLAY_AGAIN, REPLAY_AGAIN, NULL },
	{ HEADER, false, false, true, true, REPLAY_REFUSED, REPLAY_ANEW, "lifetime" },
	{ HEADER, true, true, true, true, REPLAY_REFUSED, REPLAY_ANEW, "batch" },
	{ HEADER, true, false, true, false, REPLAY_REFUSED, REPLAY_ANEW, "connector" },
	{ HEADER, true, false, false, true, REPLAY_REFUSED, REPLAY_REFUSED, "content" },
	{ NATURAL, true, false, true, true, REPLAY_AGAIN, REPLAY_AGAIN, NULL },
	{ NATURAL, true, true, true, true, REPLAY_AGAIN, REPLAY_AGAIN, NULL },
	{ NATURAL, false, false, true, true, REPLAY_REFUSED, REPLAY_ANEW, "lifetime" },
	{ LOOKUP, true, false, true, true, REPLAY_LOOK, REPLAY_LOOK, NULL },
	{ LOOKUP, false, true, true, true, REPLAY_LOOK, REPLAY_LOOK, NULL },
	{ LOOKUP, true, false, true, false, REPLAY_REFUSED, REPLAY_ANEW, "connector" },
	{ LOOKUP, true, false, false, true, REPLAY_REFUSED, REPLAY_REFUSED, "content" },
	{ NONE, true, false, true, true, REPLAY_REFUSED, REPLAY_ANEW, "none" },
	{ NONE, true, false, false, true, REPLAY_REFUSED, REPLAY_REFUSED, "content" },
};

static void test_what_goes_again_is_known_there_or_looked_up_or_forced(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct replay_facts facts = { rows[i].mode, rows[i].in_time, rows[i].batched,
			rows[i].content, rows[i].revision, false };
		const char *why;

		if (replay_judge(&facts, &why) != rows[i].plain)
			fail_msg("row %zu", i);
		assert_int_equal(why != NULL, rows[i].plain == REPLAY_REFUSED);
		if (why && !strstr(why, rows[i].why))
			fail_msg("row %zu: %s", i, why);
		facts.is_forced = true;
		if (replay_judge(&facts, &why) != rows[i].forced)
			fail_msg("row %zu, forced", i);
		assert_int_equal(why != NULL, rows[i].forced == REPLAY_REFUSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_again_is_known_there_or_looked_up_or_forced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
