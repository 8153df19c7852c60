/* A connector's text stays while anything may be sent with it, and no longer than events do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "help_store.h"

#define COUNT "SELECT count(*) FROM connector_revision"

static int put_revision(struct shed *shed, uint8_t version)
{
	const uint8_t digest[ID_DIGEST_BYTES] = { version };
	int id = store_connector_revision(shed->store, "rest", "{}", 2, digest, 1000 * version);

	assert_true(id > 0);
	return id;
}

static void purge(struct shed *shed)
{
	bool more = true;

	while (more)
		assert_true(store_purge(shed->store, 500000, 100, &more) >= 0);
	shed_commit(shed);
}

/* A delivery that was tried once, with this revision. */
static int64_t put_tried(struct shed *shed, int n, int revision)
{
	int64_t seq = shed_put(shed, n, 1, "");

	assert_int_equal(store_claim(shed->store, 1, seq, 0, revision, 50000), 0);
	shed_settle(shed, 1, seq, DELIVERY_WAITING);
	return seq;
}

static int set_up(void **state)
{
	static struct shed shed;

	shed_init(&shed, NULL);
	assert_int_equal(store_destination_id(shed.store, "erp"), 1);
	*state = &shed;
	return 0;
}

static int tear_down(void **state)
{
	shed_done(*state);
	return 0;
}

static void test_a_revision_is_purged_once_nothing_unfinished_was_sent_with_it(void **state)
{
	struct shed *shed = *state;
	int64_t seq = put_tried(shed, 1, put_revision(shed, 1));
	size_t len;

	(void)put_revision(shed, 2);
	(void)put_revision(shed, 3);
	shed_commit(shed);
	shed_reopen(shed);
	purge(shed);
	assert_int_equal(shed_ask(shed, COUNT), 2);
	char *text = store_connector_text(shed->store, 1, &len);
	assert_non_null(text);
	free(text);
	assert_int_equal(store_promote_due(shed->store, 1, 95000, 100000, 10), 1);
	shed_claim(shed, 1, seq);
	shed_settle(shed, 1, seq, DELIVERY_DONE);
	purge(shed);
	assert_int_equal(shed_ask(shed, COUNT), 1);
}

static void test_a_revision_in_use_or_young_is_kept_and_its_number_not_given_again(void **state)
{
	struct shed *shed = *state;

	(void)put_revision(shed, 1);
	(void)put_revision(shed, 2);
	shed_commit(shed);
	shed_reopen(shed);
	/* The configuration's: nothing was sent with it yet. */
	assert_int_equal(put_revision(shed, 1), 1);
	purge(shed);
	assert_int_equal(shed_ask(shed, COUNT), 2);
	assert_int_equal(put_revision(shed, 200), 3);
	assert_int_equal(put_revision(shed, 201), 4);
	shed_commit(shed);
	shed_reopen(shed);
	bool more;
	assert_int_equal(store_purge(shed->store, 150000, 100, &more), 0);
	shed_commit(shed);
	assert_int_equal(shed_ask(shed, COUNT), 2);
	assert_int_equal(shed_ask(shed, "SELECT min(id) FROM connector_revision"), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_revision_is_purged_once_nothing_unfinished_was_sent_with_it),
		TEST(test_a_revision_in_use_or_young_is_kept_and_its_number_not_given_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
