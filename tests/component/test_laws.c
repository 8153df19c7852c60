/*
 * The laws of the turn under a failing disk: for every n of a short scenario the nth call of the
 * disk fails, once. Whatever n is,
 *
 *   1. no handheld is told `stored` or `duplicate` of an event that no commit holds,
 *   2. an answer of the other side is never forgotten: what it has accepted is not sent again,
 *   3. after the failure everything is stored, delivered once and settled,
 *   4. nothing is taken while capture is closed, and it doesn't stay closed.
 *
 * The broker is played by the test: what was not acknowledged in a poisoned turn comes again.
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
#include <event2/event.h>
#include <sqlite3.h>

#include "capture/intake.h"
#include "clock.h"
#include "courier/courier.h"
#include "deliver/deliver.h"
#include "dray/metrics.h"
#include "help_courier.h"
#include "help_faulty_vfs.h"
#include "help_timers.h"
#include "keep/keeper.h"
#include "secret.h"
#include "store/store.h"
#include "turn.h"

#define MESSAGES 6
#define TURNS_MAX 400
#define REQUESTS 64

static const char configuration[] =
	"{\"site\":\"dc\",\"destinations\":{\"erp\":{\"url\":\"http://erp.example\",\"concurrency\":3,"
	"\"retry\":{\"base\":\"100ms\",\"max\":\"1s\"}},"
	"\"tms\":{\"url\":\"http://tms.example\",\"batch\":{\"max\":4},"
	"\"retry\":{\"base\":\"100ms\",\"max\":\"1s\"}}},"
	"\"routes\":{\"all\":{\"to\":[\"erp\",\"tms\"]}}}";

/* What the other side was asked. */
struct request {
	char key[ID_UUID_MAX];
	courier_done_fn done; /* NULL: answered */
	void *done_ctx;
	bool is_accepted; /* the answer was handed over */
	unsigned times;   /* asked with this key */
};

struct house {
	char dir[64], path[96];
	struct config *config;
	struct store *store;
	struct event_base *base;
	struct metrics *metrics;
	struct turn *turn;
	struct clock clock;
	struct courier courier;
	struct deliver *deliver;
	struct intake *intake;
	struct keeper *keeper;
	bool is_open;     /* capture */
	sqlite3 *witness; /* sees what is committed, and nothing else */
	int64_t now_ms;
	uint64_t entropy;
	bool is_acked[MESSAGES];         /* by the PUBACK that release lets go */
	bool is_taken[MESSAGES];         /* in this turn */
	char told[MESSAGES][ID_MAX + 1]; /* acks of this turn */
	unsigned n_told;
	struct request requests[REQUESTS];
	unsigned n_requests;
	unsigned answers; /* given so far */
	unsigned sent_after_acceptance;
};

/* --- the simulated surroundings ----------------------------------------------------------------- */

static int64_t sim_wall_ms(void *ctx)
{
	return ((struct house *)ctx)->now_ms;
}

static int64_t sim_mono_us(void *ctx)
{
	return ((struct house *)ctx)->now_ms * 1000;
}

static void sim_entropy(void *ctx, void *bytes, size_t len)
{
	struct house *house = ctx;
	uint8_t *at = bytes;

	while (len-- > 0) {
		house->entropy = house->entropy * 6364136223846793005U + 1442695040888963407U;
		*at++ = (uint8_t)(house->entropy >> 56);
	}
}

static bool sim_is_synchronised(void *ctx)
{
	(void)ctx;
	return true;
}

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("%s", what);
}

static void *open_line(void *ctx, const struct config_destination *destination, struct error *err)
{
	(void)destination;
	(void)err;
	return ctx;
}

static void close_line(void *opened)
{
	(void)opened;
}

static int start_request(
	void *opened, const struct courier_request *request, courier_done_fn done, void *done_ctx)
{
	struct house *house = opened;
	struct request *known = house->requests;

	for (; known < house->requests + house->n_requests; known++)
		if (strcmp(known->key, courier_find(request, "Idempotency-Key")) == 0)
			break;
	if (known == house->requests + house->n_requests) {
		assert_true(house->n_requests < REQUESTS);
		house->n_requests++;
		(void)snprintf(known->key, sizeof(known->key), "%s",
			courier_find(request, "Idempotency-Key"));
	}
	if (known->is_accepted)
		house->sent_after_acceptance++;
	known->times++;
	known->done = done;
	known->done_ctx = done_ctx;
	return 0;
}

/* Every fourth answer is a 503, the others accept. */
static void answer_all(struct house *house)
{
	for (unsigned i = 0; i < house->n_requests; i++) {
		struct request *request = &house->requests[i];
		courier_done_fn done = request->done;
		bool is_accepted = ++house->answers % 4 != 0;
		struct courier_answer answer = { .transport = TRANSPORT_ANSWERED,
			.status = is_accepted ? 201 : 503,
			.body = "{\"id\":\"R-1\"}",
			.len = 12,
			.error = "" };

		if (!done)
			continue;
		request->done = NULL;
		request->is_accepted = is_accepted;
		done(request->done_ctx, &answer);
	}
}

/* --- the test as a member of the turn: it plays capture -------------------------------------------- */

static bool is_committed(struct house *house, const char *id)
{
	sqlite3_stmt *stmt = NULL;
	bool is_there;

	assert_int_equal(sqlite3_prepare_v2(house->witness, "SELECT 1 FROM event WHERE id = ?1", -1,
				 &stmt, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC), SQLITE_OK);
	is_there = sqlite3_step(stmt) == SQLITE_ROW;
	(void)sqlite3_finalize(stmt);
	return is_there;
}

static void on_ack(void *ctx, const struct ack *ack, const char *device)
{
	struct house *house = ctx;

	(void)device;
	assert_true(ack->status == ACK_STORED || ack->status == ACK_DUPLICATE);
	(void)snprintf(house->told[house->n_told++], ID_MAX + 1, "%s", ack->id);
}

static void on_release(void *ctx)
{
	struct house *house = ctx;

	for (unsigned i = 0; i < house->n_told; i++)
		assert_true(is_committed(house, house->told[i]));
	for (unsigned i = 0; i < MESSAGES; i++)
		house->is_acked[i] |= house->is_taken[i];
	house->n_told = 0;
	memset(house->is_taken, 0, sizeof(house->is_taken));
}

static void on_poisoned(void *ctx)
{
	struct house *house = ctx;

	house->n_told = 0;
	memset(house->is_taken, 0, sizeof(house->is_taken));
}

static void on_gate(void *ctx, bool is_open, const char *why)
{
	assert_true(is_open || *why);
	((struct house *)ctx)->is_open = is_open;
}

static void on_alarm(void *ctx, const struct keeper_alarm *alarm)
{
	(void)ctx;
	assert_true(*alarm->message);
}

/* What the broker still has comes, three messages a turn, in order. */
static void gather(struct house *house)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < MESSAGES && taken < 3 && house->is_open; i++) {
		char payload[512];

		if (house->is_acked[i])
			continue;
		(void)snprintf(payload, sizeof(payload),
			"{\"id\":\"e%u\",\"type\":\"receipt\",\"time\":\"2026-11-21T14:04:05Z\",\"data\":{"
			"\"document\":{\"type\":\"purchase_order\",\"id\":\"PO-%u\"},"
			"\"lines\":[{\"item\":{\"sku\":\"S\"},\"quantity\":%u}]}}",
			i, i % 3, i + 1);
		if (intake_take(house->intake,
			    &(struct intake_message){ .origin = "handhelds",
				    .topic_site = "dc",
				    .topic_type = "receipt",
				    .topic_device = "tc52",
				    .payload = payload,
				    .len = strlen(payload),
				    .received_at_ms = house->now_ms },
			    on_ack, house) < 0)
			return;
		house->is_taken[i] = true;
		taken++;
	}
}

/* --- life --------------------------------------------------------------------------------------------- */

static void build(struct house *house)
{
	static const char *const dirs[] = { DRAY_CONNECTORS, NULL };
	static const struct secret_dirs secrets = { NULL, "/nonexistent" };
	struct error err = { 0 };
	cJSON *document = cJSON_Parse(configuration);

	assert_int_equal(config_build(document, &house->config, &err), 0);
	cJSON_Delete(document);
	house->clock = (struct clock){ sim_wall_ms, sim_mono_us, sim_entropy, sim_is_synchronised,
		house, NULL, NULL, NULL };
	house->courier = (struct courier){
		.open = open_line, .start = start_request, .close = close_line, .ctx = house
	};
	assert_int_equal(store_open(&(struct store_options){ .path = house->path,
					    .vfs = FAULTY_VFS,
					    .max_bytes = (int64_t)1 << 30,
					    .on_fatal = on_fatal },
				 &house->store, &err),
		0);
	assert_int_equal(
		sqlite3_open_v2(house->path, &house->witness, SQLITE_OPEN_READWRITE, "unix"),
		SQLITE_OK);
	house->base = event_base_new();
	house->metrics = metrics_new();
	house->turn = turn_new(house->base, house->store, house->metrics, &house->clock);
	house->deliver = deliver_new(&(struct deliver_options){ .base = house->base,
		.turn = house->turn,
		.store = house->store,
		.metrics = house->metrics,
		.clock = &house->clock,
		.couriers = { &house->courier },
		.secrets = &secrets,
		.connector_dirs = dirs });
	assert_non_null(house->deliver);
	house->intake = intake_new(house->store, house->deliver, house->metrics, &house->clock);
	assert_int_equal(deliver_configure(house->deliver, house->config, &err), 0);
	assert_int_equal(intake_configure(house->intake, house->config), 0);
	turn_add(house->turn, &(struct turn_member){ .name = "test",
				      .release = on_release,
				      .poisoned = on_poisoned,
				      .ctx = house });
	house->is_open = true;
	house->keeper = keeper_new(&(struct keeper_options){ .base = house->base,
		.turn = house->turn,
		.store = house->store,
		.metrics = house->metrics,
		.clock = &house->clock,
		.on_gate = on_gate,
		.on_alarm = on_alarm,
		.ctx = house });
	assert_non_null(house->keeper);
	keeper_configure(house->keeper, 1 << 30, 1 << 20);
	turn_finish(house->turn);
}

static struct house *open_house(void)
{
	struct house *house = calloc(1, sizeof(*house));

	assert_non_null(house);
	house->now_ms = 1763733845000;
	house->entropy = 1;
	(void)snprintf(house->dir, sizeof(house->dir), "/tmp/dray-laws-XXXXXX");
	assert_non_null(mkdtemp(house->dir));
	(void)snprintf(house->path, sizeof(house->path), "%s/dray.db", house->dir);
	build(house);
	return house;
}

static void close_house(struct house *house)
{
	char command[128];

	(void)sqlite3_close(house->witness);
	keeper_free(house->keeper);
	intake_free(house->intake);
	deliver_free(house->deliver);
	turn_free(house->turn);
	store_close(house->store);
	metrics_free(house->metrics);
	event_base_free(house->base);
	config_free(house->config);
	(void)snprintf(command, sizeof(command), "rm -rf %s", house->dir);
	assert_int_equal(system(command), 0);
	free(house);
}

static bool is_over(struct house *house)
{
	for (int id = 1; id <= 2; id++)
		if (store_depth(house->store, id, DELIVERY_DONE) != MESSAGES)
			return false;
	return true;
}

/* The clock is simulated, so the timers of the rooms are set off by hand. */
static void run(struct house *house)
{
	for (unsigned i = 0; i < TURNS_MAX && !is_over(house); i++) {
		gather(house);
		answer_all(house);
		turn_finish(house->turn);
		timers_set_off(house->base);
		(void)event_base_loop(house->base, EVLOOP_NONBLOCK);
		house->now_ms += 500;
	}
}

static void check(struct house *house)
{
	assert_true(is_over(house));
	for (unsigned i = 0; i < MESSAGES; i++)
		assert_true(house->is_acked[i]);
	assert_int_equal(house->sent_after_acceptance, 0);
	for (unsigned i = 0; i < house->n_requests; i++)
		assert_true(house->requests[i].is_accepted);
}

static void fail_every_nth(unsigned calls, int code)
{
	unsigned n = 0, failures = 1;

	for (n = 1; failures > 0; n++) {
		struct house *house = open_house();

		faulty_vfs_arm(calls, n, code, false);
		run(house);
		failures = faulty_vfs_failures();
		faulty_vfs_disarm();
		check(house);
		close_house(house);
	}
	print_message("%u points of failure\n", n - 2);
	assert_true(n > 10);
}

static void test_no_write_that_fails_breaks_a_law(void **state)
{
	(void)state;
	fail_every_nth(FAULTY_WRITE, SQLITE_IOERR_WRITE);
}

static void test_no_full_disk_breaks_a_law(void **state)
{
	(void)state;
	fail_every_nth(FAULTY_WRITE, SQLITE_FULL);
}

static void test_no_other_call_that_fails_breaks_a_law(void **state)
{
	(void)state;
	fail_every_nth(
		FAULTY_WRITE | FAULTY_READ | FAULTY_TRUNCATE | FAULTY_SIZE | FAULTY_SHM_MAP, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_write_that_fails_breaks_a_law),
		cmocka_unit_test(test_no_full_disk_breaks_a_law),
		cmocka_unit_test(test_no_other_call_that_fails_breaks_a_law),
	};

	assert_int_equal(faulty_vfs_register(), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
