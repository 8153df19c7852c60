/* What a CONNACK may grant, and which of it loses events. */
#include "dray/broker_offer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ASKED_S 2592000
#define ACK_BYTES 4096

static void test_what_loses_events_is_said(void **state)
{
	static const struct {
		struct broker_offer offer;
		const char *says; /* NULL: it is fine */
	} rows[] = {
		{ BROKER_OFFER_ABSENT, NULL },
		{ { ASKED_S, 1, ACK_BYTES, 1, true }, NULL },
		{ { UINT32_MAX, 65535, 0, 2, true }, NULL },
		{ { ASKED_S - 1, 65535, 0, 2, true }, "2591999 s, 2592000 s were asked for" },
		{ { 0, 65535, 0, 2, true }, "for 0 s" },
		{ { -1, 65535, 0, 0, true }, "no QoS 1" },
		{ { -1, 65535, ACK_BYTES - 1, 2, true }, "packets of 4095 bytes" },
		{ { -1, 65535, 0, 2, false }, "retains nothing" },
	};
	char words[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_flawed =
			broker_offer_flaw(&rows[i].offer, ASKED_S, ACK_BYTES, words, sizeof(words));

		assert_int_equal(is_flawed, rows[i].says != NULL);
		if (is_flawed)
			assert_non_null(strstr(words, rows[i].says));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_loses_events_is_said),
	};

	return cmocka_run_group_tests_name("broker_offer", tests, NULL, NULL);
}
