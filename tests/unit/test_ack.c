/* What a handheld is told. */
#include "dray/ack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_renders(const struct ack *ack, const char *expected)
{
	struct buf out = BUF_INIT;

	ack_render(ack, &out);
	assert_string_equal(out.data, expected);
	buf_done(&out);
}

static void test_an_ack_says_what_became_of_the_event(void **state)
{
	struct ack ack = { .status = ACK_STORED, .id = "e1", .seq = 42 };

	(void)state;
	assert_renders(&ack, "{\"id\":\"e1\",\"status\":\"stored\",\"seq\":42}");
	ack.status = ACK_DUPLICATE;
	assert_renders(&ack, "{\"id\":\"e1\",\"status\":\"duplicate\",\"seq\":42}");
}

static void test_a_refusal_names_reason_field_and_sentence(void **state)
{
	struct ack ack = { .status = ACK_REJECTED };

	(void)state;
	problem_fill(&ack.problem, REASON_QUANTITY_INVALID, "/data/lines/0/quantity",
		"quantity \"x\" is none");
	assert_renders(&ack, "{\"id\":null,\"status\":\"rejected\",\"reason\":\"quantity_invalid\","
			     "\"field\":\"/data/lines/0/quantity\","
			     "\"message\":\"quantity \\\"x\\\" is none\"}");
	problem_fill(&ack.problem, REASON_BAD_JSON, "", "not JSON");
	ack.status = ACK_EXCEPTION;
	assert_renders(&ack, "{\"id\":null,\"status\":\"exception\",\"reason\":\"bad_json\","
			     "\"message\":\"not JSON\"}");
}

static void test_a_delivery_names_destination_and_reference(void **state)
{
	struct ack ack = {
		.status = ACK_DELIVERED, .id = "e1", .seq = 7, .destination = "erp", .ref = "GR-1"
	};

	(void)state;
	assert_renders(&ack, "{\"id\":\"e1\",\"status\":\"delivered\",\"seq\":7,"
			     "\"destination\":\"erp\",\"ref\":\"GR-1\"}");
	ack.ref[0] = '\0';
	assert_renders(
		&ack, "{\"id\":\"e1\",\"status\":\"delivered\",\"seq\":7,\"destination\":\"erp\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_ack_says_what_became_of_the_event),
		cmocka_unit_test(test_a_refusal_names_reason_field_and_sentence),
		cmocka_unit_test(test_a_delivery_names_destination_and_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
