/*
 * The delivery engine through random days: a cloud that honours keys and keeps a ledger, answers
 * that are lost, requests that are applied long after everyone has given them up, refusals,
 * rotated credentials, a wrong path, poisoned turns, crashes, reloads.
 *
 * Whatever happened: each event is applied once, in order within its key, the same key always comes
 * with the same bytes, and what the cloud refuses is an exception.
 *
 * DRAY_SEEDS says how many days (default 60), DRAY_SEED which one to begin with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "help_delivery.h"

#define GROUPS 6
#define EVENTS_MAX 600
#define KEYS_MAX 4000
#define GHOSTS_MAX 32
#define STEPS 120
#define TOKEN "Authorization: Bearer t%u"

/* What is sent again with a key must be what was sent before. */
struct known {
	char key[40];
	uint8_t digest[ID_DIGEST_BYTES];
	bool is_applied;
};

struct ghost {
	bool is_there;
	char key[64], authorization[128], body[TEXT_MAX];
};

static struct {
	struct house house;
	uint64_t seed;
	struct known known[KEYS_MAX];
	size_t n_known;
	unsigned applied[EVENTS_MAX]; /* by number */
	unsigned last[GROUPS];        /* number last applied, by group; group 0 has no order */
	struct ghost ghosts[GHOSTS_MAX];
	unsigned n_events, token, settings;
	bool is_path_wrong, is_order_given_up;
} day;

static unsigned draw(unsigned below)
{
	day.seed ^= day.seed << 13;
	day.seed ^= day.seed >> 7;
	day.seed ^= day.seed << 17;
	return (unsigned)(day.seed >> 33) % below;
}

/* Ids are "g<group>-<number>-<kind>"; kind o is taken, x refused (400), y not found (404). */
static char read_id(const char *id, unsigned *ret_group, unsigned *ret_number)
{
	char *end;

	assert_int_equal(id[0], 'g');
	*ret_group = (unsigned)strtoul(id + 1, &end, 10);
	assert_true(*end == '-' && *ret_group < GROUPS);
	*ret_number = (unsigned)strtoul(end + 1, &end, 10);
	assert_true(*end == '-' && *ret_number < EVENTS_MAX);
	return end[1];
}

/* --- the cloud ------------------------------------------------------------------------------------ */

static struct known *know(const char *key, const char *body)
{
	uint8_t digest[ID_DIGEST_BYTES];

	id_digest(body, strlen(body), digest);
	for (size_t i = 0; i < day.n_known; i++) {
		if (strcmp(day.known[i].key, key) != 0)
			continue;
		assert_memory_equal(day.known[i].digest, digest, sizeof(digest));
		return &day.known[i];
	}
	assert_true(day.n_known < KEYS_MAX);
	struct known *known = &day.known[day.n_known++];
	(void)snprintf(known->key, sizeof(known->key), "%s", key);
	memcpy(known->digest, digest, sizeof(digest));
	known->is_applied = false;
	return known;
}

static void apply_event(unsigned group, unsigned number)
{
	assert_int_equal(day.applied[number], 0);
	day.applied[number]++;
	if (group == 0 || day.is_order_given_up)
		return;
	assert_true(day.last[group] < number);
	day.last[group] = number;
}

static int refuse(const char *body)
{
	if (strstr(body, "-x\""))
		return 400;
	return strstr(body, "-y\"") ? 404 : 0;
}

static int process(const char *key, const char *authorization, const char *body)
{
	char token[64];
	struct known *known;
	unsigned group, number;

	(void)snprintf(token, sizeof(token), TOKEN, day.token);
	if (strcmp(authorization, token) != 0)
		return 401;
	if (day.is_path_wrong)
		return 404;
	known = know(key, body);
	if (known->is_applied)
		return 200;
	if (refuse(body))
		return refuse(body);
	for (const char *at = body; (at = strstr(at, "\"id\":\"g")); at++) {
		(void)read_id(at + strlen("\"id\":\""), &group, &number);
		apply_event(group, number);
	}
	known->is_applied = true;
	return 200;
}

/* A request that its sender has given up goes on: it is applied later, or never. */
static void haunt(const struct errand *errand)
{
	struct ghost *ghost = &day.ghosts[draw(GHOSTS_MAX)];

	ghost->is_there = true;
	(void)snprintf(ghost->key, sizeof(ghost->key), "%s", errand->key);
	(void)snprintf(
		ghost->authorization, sizeof(ghost->authorization), "%s", errand->authorization);
	(void)snprintf(ghost->body, sizeof(ghost->body), "%s", errand->body);
}

static void let_ghosts_act(unsigned percent)
{
	for (size_t i = 0; i < GHOSTS_MAX; i++) {
		struct ghost *ghost = &day.ghosts[i];

		if (!ghost->is_there || draw(100) >= percent)
			continue;
		(void)process(ghost->key, ghost->authorization, ghost->body);
		ghost->is_there = false;
	}
}

static int process_errand(const struct errand *errand)
{
	return process(errand->key, errand->authorization, errand->body);
}

static void hand_back(struct errand *errand, const struct courier_answer *answer)
{
	errand->is_out = false;
	errand->done(errand->ctx, answer);
}

static void answer_with(struct errand *errand, int status, const char *retry_after)
{
	hand_back(errand, &(struct courier_answer){ .transport = TRANSPORT_ANSWERED,
				  .status = status,
				  .body = "",
				  .retry_after = retry_after,
				  .error = "" });
}

static void lose(struct errand *errand, enum outcome_transport transport)
{
	hand_back(errand, &(struct courier_answer){
				  .transport = transport, .body = "", .error = "it is raining" });
}

static void answer_badly(struct errand *errand)
{
	switch (draw(7)) {
	case 0:
		(void)process_errand(errand);
		lose(errand, TRANSPORT_NO_ANSWER);
		break;
	case 1:
		haunt(errand);
		lose(errand, TRANSPORT_NO_ANSWER);
		break;
	case 2:
		lose(errand, TRANSPORT_NOT_SENT);
		break;
	case 3:
		answer_with(errand, 503, NULL);
		break;
	case 4:
		(void)process_errand(errand);
		answer_with(errand, 502, NULL);
		break;
	case 5:
		answer_with(errand, 429, "3");
		break;
	default:
		lose(errand, TRANSPORT_NO_ANSWER);
		break;
	}
}

/* --- the day -------------------------------------------------------------------------------------- */

static const char *const settings[] = {
	"\"concurrency\":1",
	"\"concurrency\":4",
	"\"concurrency\":3,\"batch\":{\"max\":4}",
	"\"concurrency\":2,\"batch\":{\"max\":7,\"linger\":\"2s\",\"max_bytes\":\"1KiB\"}",
	"\"concurrency\":8,\"rate\":\"5/s\"",
};

static const char *say_settings(void)
{
	static char text[256];

	(void)snprintf(text, sizeof(text),
		"%s,\"on_exception\":\"pass\",\"auth\":{\"type\":\"bearer\",\"token\":{\"file\":"
		"\"token\"}}",
		settings[day.settings]);
	return text;
}

static void write_token(void)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/token", day.house.dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "t%u", day.token) > 0);
	assert_int_equal(fclose(file), 0);
}

/* Stored for sure: a poisoned turn would take an event back, and handhelds send those again. */
static void put_event(char kind)
{
	char id[32], key[16] = "";
	unsigned group = draw(GROUPS);

	(void)snprintf(id, sizeof(id), "g%u-%u-%c", group, ++day.n_events, kind);
	if (group > 0)
		(void)snprintf(key, sizeof(key), "K%u", group);
	house_put_to(&day.house, "erp", id, key, (enum config_lane)draw(CONFIG_LANE_N));
	house_turn(&day.house);
}

static void put_some(void)
{
	for (unsigned n = draw(4); n > 0 && day.n_events < EVENTS_MAX / 2; n--) {
		unsigned luck = draw(100);

		put_event("oxy"[luck < 3 ? 1 : luck < 5 ? 2 : 0]);
	}
}

static void crash(void)
{
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		struct errand *errand = &day.house.errands[i];

		if (!errand->is_out)
			continue;
		if (draw(2))
			(void)process_errand(errand);
		else if (draw(2))
			haunt(errand);
	}
	house_crash(&day.house, say_settings());
}

static void disturb(void)
{
	switch (draw(40)) {
	case 0:
		crash();
		break;
	case 1:
		day.settings = draw(sizeof(settings) / sizeof(settings[0]));
		assert_int_equal(house_configure(&day.house, say_settings()), 0);
		break;
	case 2:
		day.token++;
		write_token();
		break;
	case 3:
		day.is_path_wrong = !day.is_path_wrong;
		break;
	case 4:
	case 5:
	case 6:
		day.house.poisons = true;
		house_turn(&day.house);
		break;
	default:
		break;
	}
}

static void live_a_step(void)
{
	put_some();
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		struct errand *errand = &day.house.errands[i];

		if (!errand->is_out || draw(3) == 0)
			continue;
		if (draw(3) == 0)
			answer_badly(errand);
		else
			answer_with(errand, process_errand(errand), NULL);
	}
	disturb();
	let_ghosts_act(20);
	house_wait(&day.house, draw(4000));
}

/* --- the evening ---------------------------------------------------------------------------------- */

static void answer_well(void)
{
	for (unsigned round = 0; house_out(&day.house) > 0; round++) {
		assert_true(round < 10000);
		for (size_t i = 0; i < ERRANDS_MAX; i++) {
			struct errand *errand = &day.house.errands[i];

			if (errand->is_out)
				answer_with(errand, process_errand(errand), NULL);
		}
		house_rest(&day.house);
	}
}

static int64_t count_open(void)
{
	return house_depth(&day.house, DELIVERY_READY) + house_depth(&day.house, DELIVERY_CLAIMED) +
	       house_depth(&day.house, DELIVERY_WAITING) + house_depth(&day.house, DELIVERY_PARKED);
}

static int show_row(void *ctx, const struct store_delivery_row *row)
{
	(void)ctx;
	print_message("%s is %s, batch %lld, key %s\n", row->id, delivery_state_word(row->state),
		(long long)row->batch, row->held_key);
	return 0;
}

static void show_open(void)
{
	(void)store_list_deliveries(day.house.store, 1, 0, 0, EVENTS_MAX, show_row, NULL);
}

/* Now and then something new comes in, with which a held destination can be tried. */
static void drain(void)
{
	for (unsigned i = 0; count_open() > 0; i++) {
		if (i == 400)
			show_open();
		assert_true(i < 400);
		if (i % 4 == 3)
			put_event('o');
		house_wait(&day.house, 30000);
		answer_well();
	}
}

struct found {
	int64_t seqs[EVENTS_MAX];
	size_t n;
};

static int on_exception_row(void *ctx, const struct store_delivery_row *row)
{
	struct found *found = ctx;

	found->seqs[found->n++] = row->seq;
	return found->n == EVENTS_MAX;
}

/* As a person would who has looked at the cloud: there is no doubt any more. */
static void retry_exceptions(void)
{
	const struct store_settlement settlement = {
		.to = DELIVERY_READY, .is_proven = true, .now_ms = day.house.now_ms
	};
	struct found found = { .n = 0 };

	assert_int_equal(store_list_deliveries(day.house.store, 1, DELIVERY_EXCEPTION, 0,
				 EVENTS_MAX, on_exception_row, &found),
		0);
	for (size_t i = 0; i < found.n; i++)
		assert_int_equal(store_settle(day.house.store, 1, found.seqs[i], &settlement), 0);
	deliver_poke(day.house.deliver, 1);
	house_turn(&day.house);
}

static int check_row(void *ctx, const struct store_delivery_row *row)
{
	unsigned group, number;
	char kind = read_id(row->id, &group, &number);

	(void)ctx;
	assert_int_equal(row->state, kind == 'o' ? DELIVERY_DONE : DELIVERY_EXCEPTION);
	assert_int_equal(day.applied[number], kind == 'o' ? 1 : 0);
	return 0;
}

static void live_a_day(uint64_t seed)
{
	memset(&day.n_known, 0, sizeof(day) - offsetof(__typeof__(day), n_known));
	day.seed = seed * 0x9e3779b97f4a7c15u | 1;
	house_open(&day.house, "");
	day.house.entropy ^= day.seed;
	write_token();
	day.settings = draw(sizeof(settings) / sizeof(settings[0]));
	assert_int_equal(house_configure(&day.house, say_settings()), 0);
	for (int i = 0; i < STEPS; i++)
		live_a_step();
	day.is_path_wrong = false;
	drain();
	/* What was refused while the path was wrong comes late: its key had not waited for it. */
	day.is_order_given_up = true;
	let_ghosts_act(100);
	retry_exceptions();
	drain();
	assert_int_equal(store_list_deliveries(
				 day.house.store, 1, DELIVERY_DONE, 0, EVENTS_MAX, check_row, NULL),
		0);
	assert_int_equal(store_list_deliveries(day.house.store, 1, DELIVERY_EXCEPTION, 0,
				 EVENTS_MAX, check_row, NULL),
		0);
	assert_true(house_depth(&day.house, DELIVERY_DONE) +
			    house_depth(&day.house, DELIVERY_EXCEPTION) ==
		    (int64_t)day.n_events);
	house_close(&day.house);
}

static uint64_t read_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_each_event_is_applied_once_and_in_order_whatever_happens(void **state)
{
	uint64_t first = read_number("DRAY_SEED", 1), n = read_number("DRAY_SEEDS", 60);

	(void)state;
	for (uint64_t seed = first; seed < first + n; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		live_a_day(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_event_is_applied_once_and_in_order_whatever_happens),
	};

	return cmocka_run_group_tests_name("deliver_random", tests, NULL, NULL);
}
