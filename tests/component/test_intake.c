/*
 * The one door, with a real store: what is taken, what is refused, and that nothing is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/intake.h"
#include "capture/items.h"
#include "clock.h"
#include "dray/metrics.h"
#include "store/reference.h"
#include "dray/reference.h"
#include "store/store.h"

#define RECEIPT(id)                                                                           \
	"{\"id\":\"" id "\",\"type\":\"receipt\",\"time\":\"2026-11-21T15:04:05.123+01:00\"," \
	"\"data\":{\"document\":{\"type\":\"purchase_order\",\"id\":\"PO-1\"},"               \
	"\"lines\":[{\"line\":1,\"item\":{\"sku\":\"S\"},\"quantity\":12,\"uom\":\"EA\"}]}}"

struct house {
	char dir[64], path[96];
	struct config *config;
	struct metrics *metrics;
	struct store *store;
	struct intake *intake;
	char told[4096]; /* "stored" or "rejected:reason:field", joined by spaces */
	char device[64]; /* of the last ack */
	int64_t last_seq;
};

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("%s", what);
}

static void on_ack(void *ctx, const struct ack *ack, const char *device)
{
	struct house *house = ctx;
	size_t len = strlen(house->told);
	bool is_refused = ack->status == ACK_REJECTED;

	(void)snprintf(house->told + len, sizeof(house->told) - len, "%s%s%s%s%s%s", len ? " " : "",
		ack_status_word(ack->status), is_refused ? ":" : "",
		is_refused ? reason_word(ack->problem.reason) : "", *ack->problem.field ? ":" : "",
		ack->problem.field);
	(void)snprintf(house->device, sizeof(house->device), "%s", device);
	house->last_seq = ack->seq;
}

static int set_up(void **state)
{
	static const char document[] = "{\"site\":\"dc\"}";
	struct house *house = calloc(1, sizeof(*house));
	struct error err = { 0 };
	cJSON *root = cJSON_Parse(document);

	assert_non_null(house);
	(void)snprintf(house->dir, sizeof(house->dir), "/tmp/dray-intake-XXXXXX");
	assert_non_null(mkdtemp(house->dir));
	(void)snprintf(house->path, sizeof(house->path), "%s/dray.db", house->dir);
	assert_int_equal(config_build(root, &house->config, &err), 0);
	cJSON_Delete(root);
	house->metrics = metrics_new();
	assert_int_equal(store_open(&(struct store_options){ .path = house->path,
					    .max_bytes = (int64_t)1 << 30,
					    .on_fatal = on_fatal },
				 &house->store, &err),
		0);
	house->intake = intake_new(house->store, NULL, house->metrics, clock_system());
	assert_non_null(house->intake);
	assert_int_equal(intake_configure(house->intake, house->config), 0);
	*state = house;
	return 0;
}

static int tear_down(void **state)
{
	struct house *house = *state;
	char command[128];

	intake_free(house->intake);
	store_close(house->store);
	metrics_free(house->metrics);
	config_free(house->config);
	(void)snprintf(command, sizeof(command), "rm -rf %s", house->dir);
	assert_int_equal(system(command), 0);
	free(house);
	return 0;
}

static int take(
	struct house *house, const char *payload, size_t len, const char *type, const char *device)
{
	*house->told = '\0';
	return intake_take(house->intake,
		&(struct intake_message){
			.origin = "handhelds",
			.topic = "t",
			.topic_site = "dc",
			.topic_type = type,
			.topic_device = device,
			.payload = payload,
			.len = len,
			.received_at_ms = 1763733845301,
		},
		on_ack, house);
}

static const char *tell(struct house *house, const char *payload)
{
	assert_int_equal(take(house, payload, strlen(payload), NULL, "tc52"), 0);
	assert_int_equal(store_commit(house->store), 0);
	intake_committed(house->intake);
	return house->told;
}

static int count_one(void *ctx, const struct store_exception_row *row)
{
	(void)row;
	++*(int *)ctx;
	return 0;
}

static int exceptions(struct house *house, const char *kind)
{
	struct store_exception_filter filter = { .kind = kind, .limit = 1000 };
	int64_t cursor;
	int n = 0;

	assert_int_equal(store_list_exceptions(house->store, &filter, count_one, &n, &cursor), 0);
	return n;
}

static void test_each_value_of_a_message_is_answered(void **state)
{
	struct house *house = *state;
	static const struct {
		const char *payload, *told;
	} cases[] = {
		{ RECEIPT("a"), "stored" },
		{ "[" RECEIPT("b") "," RECEIPT("c") "]", "stored stored" },
		{ RECEIPT("d") "\n" RECEIPT("e") " " RECEIPT("a"), "stored stored duplicate" },
		{ "[" RECEIPT("f") ",{\"id\":\"g\",\"type\":\"receipt\"}," RECEIPT("h") "]",
			"stored rejected:field_missing:/time stored" },
		{ "", "rejected:bad_json" },
		{ "   ", "rejected:bad_json" },
		{ "[]", "rejected:bad_json" },
		{ "17", "rejected:bad_json" },
		{ "{\"id\":\"x\"", "rejected:bad_json" },
		{ "[" RECEIPT("i"), "stored rejected:bad_json" },
		{ "[" RECEIPT("j") " " RECEIPT("k") "]", "stored rejected:bad_json" },
		{ "[{\"a\":1,\"a\":2}," RECEIPT("l") "]", "rejected:bad_json stored" },
		{ "{\"id\":\"\xff\"}", "rejected:bad_utf8" },
		{ "[" RECEIPT("m") "] x", "stored rejected:bad_json" },
		{ "[" RECEIPT("n") "]" RECEIPT("o"), "stored stored" },
		{ RECEIPT("p") "," RECEIPT("q"), "stored stored" },
		{ "\xef\xbb\xbf" RECEIPT("r"), "stored" },
		{ "x x x x", "rejected:bad_json" },
		{ "1 1 1 1", "rejected:bad_json" },
		{ "a, b, c, " RECEIPT("v"), "rejected:bad_json" },
		{ RECEIPT("s") " x " RECEIPT("t"), "stored rejected:bad_json" },
		{ "[[[[[", "rejected:bad_json" },
		{ "[1," RECEIPT("u") "]", "rejected:bad_json stored" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(tell(house, cases[i].payload), cases[i].told);
}

static void test_other_content_under_the_same_id_is_refused_and_kept(void **state)
{
	struct house *house = *state;
	int64_t seq;

	assert_string_equal(tell(house, RECEIPT("a")), "stored");
	seq = house->last_seq;
	assert_string_equal(
		tell(house, "{\"id\":\"a\",\"type\":\"receipt\","
			    "\"time\":\"2026-11-21T15:04:05.123+01:00\",\"data\":{\"lines\":"
			    "[{\"item\":{\"sku\":\"S\"},\"quantity\":13}]}}"),
		"rejected:id_conflict:/id");
	assert_int_equal(house->last_seq, seq);
	assert_int_equal(exceptions(house, "id_conflict"), 1);
}

static void test_a_resend_differing_in_spelling_only_is_a_duplicate(void **state)
{
	struct house *house = *state;

	assert_string_equal(tell(house, RECEIPT("a")), "stored");
	assert_string_equal(
		tell(house,
			"{\"senttime\":\"2026-11-21T15:09:00Z\", \"data\":{"
			"\"lines\":[{\"uom\":\"EA\",\"quantity\":12,\"item\":{\"sku\":\"S\"},\"line\":1}],"
			"\"document\":{\"id\":\"PO-1\",\"type\":\"purchase_order\"}},"
			"\"type\":\"receipt\",\"time\":\"2026-11-21T14:04:05.123Z\",\"id\":\"a\"}"),
		"duplicate");
}

static void test_two_devices_may_choose_the_same_id(void **state)
{
	struct house *house = *state;

	assert_string_equal(tell(house, RECEIPT("a")), "stored");
	*house->told = '\0';
	assert_int_equal(take(house, RECEIPT("a"), strlen(RECEIPT("a")), NULL, "tc99"), 0);
	assert_string_equal(house->told, "stored");
	assert_string_equal(house->device, "tc99");
	assert_int_equal(store_commit(house->store), 0);
}

static void test_topic_and_body_must_agree(void **state)
{
	struct house *house = *state;

	assert_int_equal(take(house, RECEIPT("a"), strlen(RECEIPT("a")), "pick", "tc52"), 0);
	assert_string_equal(house->told, "rejected:topic_mismatch:/type");
	assert_int_equal(store_commit(house->store), 0);
	assert_int_equal(exceptions(house, "invalid"), 1);
}

static void test_on_a_topic_that_names_no_device_nobody_speaks_for_one(void **state)
{
	static const char payload[] = "{\"device\":\"victim\",\"id\":\"1\"}";
	struct house *house = *state;

	*house->told = '\0';
	assert_int_equal(intake_take(house->intake,
				 &(struct intake_message){ .origin = "handhelds",
					 .topic = "dray/v1/dc/event/receipt",
					 .is_stray = true,
					 .payload = payload,
					 .len = sizeof(payload) - 1,
					 .received_at_ms = 1 },
				 on_ack, house),
		0);
	assert_string_equal(house->told, "rejected:topic_mismatch");
	assert_string_equal(house->device, "");
	assert_int_equal(store_commit(house->store), 0);
	assert_int_equal(exceptions(house, "unparsable"), 1);
}

static void test_a_message_beyond_the_limit_is_refused_and_kept(void **state)
{
	struct house *house = *state;
	size_t len = house->config->limits.max_bytes + 1;
	char *large = malloc(len);

	assert_non_null(large);
	memset(large, ' ', len);
	assert_int_equal(take(house, large, len, NULL, "tc52"), 0);
	assert_string_equal(house->told, "rejected:too_large");
	assert_int_equal(store_commit(house->store), 0);
	assert_int_equal(exceptions(house, "unparsable"), 1);
	free(large);
}

static void test_more_events_than_a_message_may_hold(void **state)
{
	struct house *house = *state;
	char *many = malloc(8192);

	assert_non_null(many);
	many[0] = '[';
	for (size_t i = 0; i < 1001; i++)
		memcpy(many + 1 + i * 3, "{},", 3);
	many[1 + 1001 * 3 - 1] = ']';
	assert_int_equal(intake_take(house->intake,
				 &(struct intake_message){ .origin = "o",
					 .payload = many,
					 .len = 1 + 1001 * 3,
					 .received_at_ms = 1 },
				 on_ack, house),
		0);
	assert_int_equal(store_commit(house->store), 0);
	free(many);
}

static void test_the_same_garbage_again_is_one_exception(void **state)
{
	struct house *house = *state;

	assert_string_equal(tell(house, "{\"broken"), "rejected:bad_json");
	assert_string_equal(tell(house, "{\"broken"), "rejected:bad_json");
	assert_int_equal(exceptions(house, "unparsable"), 1);
}

static void put_reference(struct house *house, const char *kind, const char *id, const char *body,
	const struct store_alias *alias)
{
	const struct store_reference row = { .kind = kind,
		.id = id,
		.source = "import",
		.body = body,
		.len = strlen(body),
		.aliases = alias,
		.n_aliases = 1 };

	assert_int_equal(store_put_reference(house->store, &row, NULL), 0);
	assert_int_equal(store_commit(house->store), 0);
}

struct kept {
	char body[1024];
	char raw[512];
};

static int keep_row(void *ctx, const struct store_event_row *row)
{
	struct kept *kept = ctx;

	(void)snprintf(kept->body, sizeof(kept->body), "%.*s", (int)row->len, row->body);
	(void)snprintf(
		kept->raw, sizeof(kept->raw), "%.*s", (int)row->raw_len, row->raw ? row->raw : "");
	return 0;
}

static void test_an_event_is_stored_normalised_beside_what_was_sent(void **state)
{
#define SCAN(id, line)                                                               \
	"{\"id\":\"" id "\",\"type\":\"receipt\",\"time\":\"2026-11-21T14:04:05Z\"," \
	"\"data\":{\"lines\":[{" line "}]}}"
	static const char scan[] =
		SCAN("a", "\"barcode\":\"(01)19506000134359(10)L77\",\"quantity\":2");
	static const char counted[] = SCAN("b", "\"item\":{\"sku\":\"S\"},\"quantity\":2,"
						"\"uom\":\"EA\"");
	static const char listed[] = SCAN("d", "\"item\":{\"sku\":\"U\"},\"quantity\":20,"
					       "\"uom\":\"Hectogram\"");
	struct house *house = *state;
	struct items *items = items_new(house->store);
	struct kept kept;

	assert_non_null(items);
	intake_set_reference(house->intake, items_reference(items));
	put_reference(house, "item", "S", "{\"uom\":\"EA\"}",
		&(struct store_alias){ "gtin", "19506000134359", "12" });
	assert_string_equal(tell(house, scan), "stored");
	assert_int_equal(store_get_event(house->store, house->last_seq, NULL, keep_row, &kept), 1);
	assert_non_null(strstr(kept.body,
		"\"lines\":[{\"barcode\":\"(01)19506000134359(10)L77\",\"quantity\":\"24\","
		"\"item\":{\"gtin\":\"19506000134359\",\"sku\":\"S\"},\"lot\":\"L77\","
		"\"uom\":\"EA\"}]"));
	assert_non_null(strstr(kept.body,
		"\"draynormalised\":\"gs1:/data/lines/0/item/gtin gs1:/data/lines/0/lot "
		"item:/data/lines/0/item/sku unit:/data/lines/0/quantity "
		"unit:/data/lines/0/uom\""));
	assert_string_equal(kept.raw, scan);
	assert_string_equal(tell(house, counted), "stored");
	assert_int_equal(store_get_event(house->store, house->last_seq, NULL, keep_row, &kept), 1);
	assert_null(strstr(kept.body, "draynormalised"));
	assert_string_equal(kept.raw, ""); /* it says all that was sent */
	put_reference(house, "item", "U", "{\"uom\":\"KGM\"}",
		&(struct store_alias){ "sku", "OLD-U", NULL });
	assert_string_equal(tell(house, listed), "stored");
	assert_int_equal(store_get_event(house->store, house->last_seq, NULL, keep_row, &kept), 1);
	assert_non_null(strstr(kept.body, "\"quantity\":\"2\",\"uom\":\"KGM\""));

	/* The case has another size now: what was sent is still the same. */
	put_reference(house, "item", "S", "{\"uom\":\"EA\"}",
		&(struct store_alias){ "gtin", "19506000134359", "10" });
	assert_string_equal(tell(house, scan), "duplicate");
	assert_string_equal(tell(house, SCAN("c", "\"item\":{\"sku\":\"T\"},\"quantity\":2")),
		"rejected:item_unknown:/data/lines/0/item/sku");
	assert_int_equal(exceptions(house, "invalid"), 1);
	intake_set_reference(house->intake, NULL);
	items_free(items);
}

static bool has_items(void *ctx)
{
	(void)ctx;
	return true;
}

static int find_no_item(void *ctx, const char *scheme, const char *code, struct reference_item *ret)
{
	(void)ctx;
	(void)scheme;
	(void)code;
	(void)ret;
	return 0;
}

static int find_no_unit(void *ctx, const char *name, char ret[REFERENCE_UOM_MAX])
{
	(void)ctx;
	(void)name;
	(void)ret;
	return 0;
}

/* Its ack was lost, and the items that came meanwhile don't know what it names. */
static void test_what_was_stored_is_never_refused_when_it_comes_again(void **state)
{
	static const struct reference stocked = {
		.has_items = has_items, .find_item = find_no_item, .find_unit = find_no_unit
	};
	struct house *house = *state;

	assert_string_equal(tell(house, RECEIPT("a")), "stored");
	intake_set_reference(house->intake, &stocked);
	assert_string_equal(tell(house, RECEIPT("a")), "duplicate");
	assert_int_equal(house->last_seq, 1);
	assert_string_equal(house->device, "tc52");
	assert_int_equal(exceptions(house, "invalid"), 0);
	assert_string_equal(
		tell(house, RECEIPT("b")), "rejected:item_unknown:/data/lines/0/item/sku");
	assert_int_equal(exceptions(house, "invalid"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_each_value_of_a_message_is_answered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_other_content_under_the_same_id_is_refused_and_kept, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_resend_differing_in_spelling_only_is_a_duplicate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_two_devices_may_choose_the_same_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_topic_and_body_must_agree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_on_a_topic_that_names_no_device_nobody_speaks_for_one, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_message_beyond_the_limit_is_refused_and_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_more_events_than_a_message_may_hold, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_an_event_is_stored_normalised_beside_what_was_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_the_same_garbage_again_is_one_exception, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_was_stored_is_never_refused_when_it_comes_again, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
