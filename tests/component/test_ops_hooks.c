/*
 * A hook whose adapter is asked: its call is answered by what became of the events, after their commit.
 */
#include "ops_fixture.h"

#include "ops/room.h"

#define TOKEN "a-token-of-the-partner"

struct hook_fixture {
	struct fixture *f;
	struct config_hook hook;
	struct config config;
	char secret[96];
};

static int set_up_hook(void **state)
{
	struct hook_fixture *h = calloc(1, sizeof(*h));
	struct error err = { 0 };
	void *inner;
	FILE *file;

	assert_non_null(h);
	assert_int_equal(set_up(&inner), 0);
	h->f = inner;
	(void)snprintf(h->secret, sizeof(h->secret), "%s/secret", h->f->folder);
	file = fopen(h->secret, "w");
	assert_non_null(file);
	assert_true(fputs(TOKEN, file) >= 0);
	assert_int_equal(fclose(file), 0);
	h->hook = (struct config_hook){ .name = (char *)"partner",
		.adapter = (char *)"vendor",
		.scheme = CONFIG_HOOK_TOKEN,
		.header = (char *)"X-Token",
		.secret = { h->secret } };
	h->config = h->f->config;
	h->config.listen.hooks = &h->hook;
	h->config.listen.n_hooks = 1;
	assert_int_equal(ops_configure(h->f->ops, &h->config, &err), 0);
	*state = h;
	return 0;
}

static int tear_down_hook(void **state)
{
	struct hook_fixture *h = *state;
	void *inner = h->f;

	assert_int_equal(unlink(h->secret), 0);
	free(h);
	return tear_down(&inner);
}

/* A call that its adapter has been given, some turns ago. */
static struct fixture *call_hook(struct hook_fixture *h)
{
	static const char head[] = "POST /v1/hooks/partner HTTP/1.1\r\nHost: x\r\n"
				   "X-Token: " TOKEN "\r\nX-Event-Kind: Track\r\n"
				   "Cookie: a=b\r\nAuthorization: Bearer x\r\n"
				   "Connection: close\r\nContent-Length: 2\r\n\r\n{}";
	struct fixture *f = h->f;

	f->len = 0;
	dial(f);
	send_text(f, head, sizeof(head) - 1);
	for (int i = 0; i < PATIENCE && !play.asked.done; i++)
		run_turn(f);
	for (int i = 0; i < 5; i++)
		run_turn(f);
	return f;
}

static void tell(enum ack_status status)
{
	play.asked.on_ack(play.asked.ctx, &(struct ack){ .status = status }, "");
}

static void test_the_answer_waits_for_the_adapter_and_the_commit(void **state)
{
	struct fixture *f = call_hook(*state);

	assert_false(has_answer(f));
	assert_int_equal(f->len, 0);
	assert_string_equal(play.asked.message.origin, "partner");
	assert_string_equal(play.asked.message.default_device, "partner");
	tell(ACK_STORED);
	tell(ACK_DUPLICATE);
	assert_int_equal(store_audit(f->store, 1, "test", "taken", "event", ""), 0);
	play.asked.done(play.asked.ctx, 0);
	assert_false(has_answer(f));
	assert_true(store_is_dirty(f->store));
	assert_int_equal(read_status(f), 202);
	assert_false(store_is_dirty(f->store));
	assert_int_equal(number_at(f, "stored"), 1);
	assert_int_equal(number_at(f, "duplicate"), 1);
}

static void test_nothing_new_is_200_and_what_was_kept_for_a_person_202(void **state)
{
	struct fixture *f = call_hook(*state);

	tell(ACK_DUPLICATE);
	play.asked.done(play.asked.ctx, 0);
	assert_int_equal(read_status(f), 200);
	play.asked.done = NULL;
	(void)call_hook(*state);
	play.asked.done(play.asked.ctx, 0);
	assert_int_equal(read_status(f), 200);
	play.asked.done = NULL;
	(void)call_hook(*state);
	tell(ACK_REJECTED);
	play.asked.done(play.asked.ctx, 0);
	assert_int_equal(read_status(f), 202);
	assert_int_equal(number_at(f, "rejected"), 1);
}

static void test_an_adapter_sees_the_headers_but_for_who_somebody_is(void **state)
{
	(void)call_hook(*state);
	assert_non_null(strstr(play.headers, "x-event-kind=Track\n"));
	assert_null(strstr(play.headers, "token"));
	assert_null(strstr(play.headers, "cookie"));
	assert_null(strstr(play.headers, "authorization"));
}

static void test_a_store_that_failed_is_our_fault(void **state)
{
	struct fixture *f = call_hook(*state);

	play.asked.done(play.asked.ctx, -1);
	assert_int_equal(read_status(f), 503);
	assert_true(says(f, "Retry-After: 1"));
	play.adapter_says = -1;
	f = call_hook(*state);
	assert_int_equal(read_status(f), 503);
}

/* What a first part of the call brought is lost with its turn, though the last part is committed. */
static void test_a_turn_that_was_lost_while_the_call_waited_is_told(void **state)
{
	struct fixture *f = call_hook(*state);

	tell(ACK_STORED);
	assert_int_equal(store_claim(f->store, 1, 999999, 0, 0, 1), -1);
	turn_finish(f->turn);
	tell(ACK_STORED);
	play.asked.done(play.asked.ctx, 0);
	assert_int_equal(read_status(f), 503);
}

static void test_the_turn_of_the_answer_may_be_lost_too(void **state)
{
	struct fixture *f = call_hook(*state);

	tell(ACK_STORED);
	play.asked.done(play.asked.ctx, 0);
	assert_int_equal(store_claim(f->store, 1, 999999, 0, 0, 1), -1);
	assert_int_equal(read_status(f), 503);
}

static void test_what_was_refused_at_once_needs_no_wait(void **state)
{
	play.adapter_says = 1;
	assert_int_equal(read_status(call_hook(*state)), 200);
}

static void test_more_than_is_under_way_is_left_with_the_partner(void **state)
{
	struct fixture *f;

	play.is_adapter_full = true;
	f = call_hook(*state);
	assert_int_equal(read_status(f), 503);
	assert_null(play.asked.done);
}

static void test_a_partner_that_leaves_while_it_waits_hurts_nobody(void **state)
{
	struct fixture *f = call_hook(*state);

	close(f->client);
	f->client = -1;
	run_turn(f);
	play.asked.done(play.asked.ctx, 0);
	run_turn(f);
	assert_null(TAILQ_FIRST(&f->ops->waiting));
	assert_null(TAILQ_FIRST(&f->ops->outbox));
}

static void test_a_call_that_waits_at_the_end_is_freed(void **state)
{
	(void)call_hook(*state); /* ASan watches */
}

#define HOOK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_hook, tear_down_hook)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOOK_TEST(test_the_answer_waits_for_the_adapter_and_the_commit),
		HOOK_TEST(test_nothing_new_is_200_and_what_was_kept_for_a_person_202),
		HOOK_TEST(test_an_adapter_sees_the_headers_but_for_who_somebody_is),
		HOOK_TEST(test_a_store_that_failed_is_our_fault),
		HOOK_TEST(test_a_turn_that_was_lost_while_the_call_waited_is_told),
		HOOK_TEST(test_the_turn_of_the_answer_may_be_lost_too),
		HOOK_TEST(test_what_was_refused_at_once_needs_no_wait),
		HOOK_TEST(test_more_than_is_under_way_is_left_with_the_partner),
		HOOK_TEST(test_a_partner_that_leaves_while_it_waits_hurts_nobody),
		HOOK_TEST(test_a_call_that_waits_at_the_end_is_freed),
	};

	/* As main.c does: a client that has left is not a reason to end. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	return cmocka_run_group_tests_name("ops_hooks", tests, NULL, NULL);
}
