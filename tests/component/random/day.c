/*
 * day.c - the life of a day. Everything is a timer of the loop, the day's own step included, and
 * turn_run() lives it. A kill jumps out of wherever it strikes: what is in memory is lost, what is
 * on the disk is not.
 */
#include "day.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "../help_faulty_vfs.h"
#include "disk.h"
#include "log.h"
#include "loop.h"

#define EVENING_MAX_MS (40 * 60 * 1000)
#define DAY_MS INT64_C(86400000)
#define CLOCK_AHEAD_MS INT64_C(7200000)

struct day day;

/* --- dice and words ------------------------------------------------------------------------------- */

uint64_t dice_roll(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

unsigned draw(unsigned below)
{
	return (unsigned)(dice_roll(&day.dice) >> 33) % below;
}

bool draw_percent(unsigned percent)
{
	return draw(100) < percent;
}

void trace(const char *format, ...)
{
	char line[512];
	va_list args;

	if (!day.is_traced)
		return;
	int len = snprintf(line, sizeof(line), "%9lld ", (long long)loop_now_ms());
	va_start(args, format);
	(void)vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
	va_end(args);
	buf_puts(&day.trace, line);
	buf_putc(&day.trace, '\n');
}

void day_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(day.words, sizeof(day.words), format, args);
	va_end(args);
	trace("WRONG: %s", day.words);
	longjmp(*day.failed, 1);
}

/* What the agent logs is part of the trace, instead of log.c. */
void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
	char text[400];
	size_t len = 0;

	if (!day.is_traced || level > LOG_LEVEL_WARNING)
		return;
	for (text[0] = '\0'; fields->key && len < sizeof(text); fields++)
		if (fields->text)
			len += (size_t)snprintf(text + len, sizeof(text) - len, " %s='%s'",
				fields->key, fields->text);
	trace("(%s%s)", message, text);
}

void log_setup(enum log_level level, bool is_json)
{
	(void)level;
	(void)is_json;
}

struct fate *fate_of(struct item *item, const struct cloud *cloud)
{
	return &item->fates[cloud->id - 1];
}

struct item *item_of(const char *id)
{
	unsigned number = id[0] == 'i' ? (unsigned)strtoul(id + 1, NULL, 10) : 0;

	CHECK(number > 0 && number <= day.n_items, "what is %.20s?", id);
	return &day.items[number];
}

static unsigned order_number(const struct item *item, const struct cloud *cloud)
{
	return cloud->order == 'd' ? item->document : cloud->order == 'v' ? item->device : 0;
}

bool is_keyless(const struct item *item, const struct cloud *cloud)
{
	return order_number(item, cloud) == 0;
}

bool is_same_order(const struct item *a, const struct item *b, const struct cloud *cloud)
{
	return !is_keyless(a, cloud) && order_number(a, cloud) == order_number(b, cloud);
}

void order_key(const struct item *item, const struct cloud *cloud, char out[32])
{
	out[0] = '\0';
	if (!is_keyless(item, cloud))
		(void)snprintf(out, 32, "%c%u", cloud->order, order_number(item, cloud));
}

/* --- events come in ------------------------------------------------------------------------------- */

static void draw_item(void)
{
	struct item *item = &day.items[++day.n_items];
	unsigned luck = draw(100);

	*item = (struct item){ .number = day.n_items,
		.kind = "oxy"[day.is_evening || luck >= 7 ? 0 : 1 + luck % 2],
		.document = draw(6),
		.device = draw(4),
		.pad = draw(4) ? draw(8) : draw(400) };
	(void)snprintf(item->id, sizeof(item->id), "i%u-%c", item->number, item->kind);
	for (unsigned i = 0; i < CLOUDS; i++) {
		item->fates[i].is_routed = i < day.n_clouds && (day.is_evening || draw_percent(60));
		item->fates[i].lane = (unsigned char)draw(LANES);
		item->fates[i].first_at_ms = -1;
	}
	if (day.is_evening) {
		item->document = 0;
		item->device = 0;
	}
	day.n_pending++;
}

/* The one door, as far as a delivery can tell. What does not come through is sent again. */
static void put(struct item *item)
{
	char body[512], pad[401], key[32];
	uint8_t digest[ID_DIGEST_BYTES] = { 0 };
	enum delivery_state state;
	int64_t seq;

	memset(pad, 'x', item->pad);
	pad[item->pad] = '\0';
	(void)snprintf(body, sizeof(body), "{\"id\":\"%s\",\"pad\":\"%s\"}", item->id, pad);
	const struct store_event event = { .source = "/dc-1/hh",
		.id = item->id,
		.type = "pick",
		.device = "hh",
		.document = "",
		.correlation = "",
		.origin = "handhelds",
		.occurred_at_ms = stamp_ms(),
		.received_at_ms = stamp_ms(),
		.sent_at_ms = -1,
		.sequence = -1,
		.digest = digest,
		.body = body,
		.len = strlen(body) };
	enum store_put result = store_put_event(day.store, &event, &seq);

	/* It was in a commit of which nobody was told. */
	if (result == STORE_DUPLICATE)
		learn_item(item, seq);
	if (result != STORE_STORED)
		return;
	CHECK(seq < SEQS_MAX, "too many events");
	item->seq = seq;
	item->is_put = true;
	day.by_seq[seq] = item;
	for (unsigned i = 0; i < CLOUDS; i++) {
		const struct fate *fate = &item->fates[i];

		if (!fate->is_routed)
			continue;
		order_key(item, &day.clouds[i], key);
		if (store_put_delivery(day.store, day.clouds[i].id, seq, key, fate->lane, &state) !=
			0)
			return;
		deliver_poke(day.deliver, day.clouds[i].id);
	}
	trace("%s comes in as %lld", item->id, (long long)seq);
}

static void put_some(unsigned n)
{
	unsigned max = day.is_evening ? ITEMS_MAX - 1 : DAY_ITEMS_MAX;

	for (unsigned i = 0; i < n && day.n_items < max; i++)
		draw_item();
	for (unsigned i = 1; i <= day.n_items && !store_is_poisoned(day.store); i++)
		if (day.items[i].seq == 0)
			put(&day.items[i]);
}

/* --- disturbances ---------------------------------------------------------------------------------- */

static void write_token(void)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/token", day.dir);
	file = fopen(path, "w");
	CHECK(file && fprintf(file, "t%u", day.token) > 0, "cannot write %s", path);
	(void)fclose(file);
	(void)chmod(path, 0600);
}

static void fail_the_disk(void)
{
	static const int codes[] = { 0, 0, SQLITE_FULL, SQLITE_IOERR_WRITE };
	unsigned calls = draw(8) == 0 ? FAULTY_SYNC
			 : draw(2)    ? FAULTY_WRITE
				      : FAULTY_ANY & ~(FAULTY_SYNC | FAULTY_SHM_MAP);
	int code = calls == FAULTY_WRITE ? codes[draw(4)] : 0;
	bool for_ever = draw_percent(40);

	day.is_failing = true;
	day.failing_until_ms = for_ever ? loop_now_ms() + draw(8000) : 0;
	faulty_vfs_arm(calls, 1 + draw(12), code, for_ever);
	trace("the disk fails: calls %u, code %d%s", calls, code, for_ever ? ", for a while" : "");
}

static void set_the_clock(void)
{
	static const int64_t jumps_ms[] = { DAY_MS, -DAY_MS, -DAY_BEGINS_AT_MS, 3 * DAY_MS,
		CLOCK_AHEAD_MS };

	day.wall_ahead_ms = day.wall_ahead_ms != 0 ? 0 : jumps_ms[draw(5)];
	trace("the wall clock is %lld s ahead", (long long)day.wall_ahead_ms / 1000);
}

static void reload(void)
{
	struct cloud *cloud = &day.clouds[draw(day.n_clouds)];

	cloud_draw_terms(cloud);
	cloud->terms.is_there = draw_percent(85);
	trace("%s is configured anew: there %d, concurrency %u, batch %u, rate %lld", cloud->name,
		cloud->terms.is_there, cloud->terms.concurrency, cloud->terms.batch_max,
		(long long)cloud->terms.rate_per_hour);
	engine_configure();
}

static void disturb(void)
{
	switch (draw(24)) {
	case 0:
		day.kill = (enum kill)(KILL_GATHERED + draw(3));
		trace("a kill, at point %d", (int)day.kill);
		break;
	case 1:
		reload();
		break;
	case 2:
		day.token++;
		write_token();
		break;
	case 3:
	case 4:
		if (!day.is_failing)
			fail_the_disk();
		break;
	case 5:
		if (draw_percent(40))
			set_the_clock();
		break;
	case 6:
		day.is_resting = !day.is_resting;
		deliver_rest(day.deliver, day.is_resting);
		trace("it %s", day.is_resting ? "rests" : "goes on");
		break;
	case 7:
		if (draw_percent(30)) {
			trace("an orderly end");
			deliver_drain(day.deliver);
			day.is_draining = true;
		}
		break;
	case 8:
		put_some(day.is_long ? 30 + draw(40) : 4 + draw(8));
		break;
	default:
		break;
	}
}

static void begin_evening(void)
{
	int64_t latest_ms = loop_now_ms();

	trace("evening");
	day.is_evening = true;
	day.kill = KILL_NONE;
	faulty_vfs_disarm();
	day.is_failing = false;
	if (day.wall_ahead_ms != 0)
		set_the_clock();
	day.is_resting = false;
	deliver_rest(day.deliver, false);
	for (unsigned i = 0; i < CLOUDS; i++) {
		struct cloud *cloud = &day.clouds[i];

		cloud->mood = MOOD_FINE;
		cloud->terms.is_there = i < day.n_clouds;
		if (cloud->asked_until_ms > latest_ms)
			latest_ms = cloud->asked_until_ms;
	}
	engine_configure();
	day.evening_at_ms = latest_ms;
}

static void live_an_evening_step(void)
{
	if (people_are_done()) {
		day.is_over = true;
		turn_stop(day.turn);
		return;
	}
	/* What left before the evening may have been asked to wait in it. */
	for (unsigned i = 0; i < CLOUDS; i++)
		if (day.clouds[i].asked_until_ms > day.evening_at_ms)
			day.evening_at_ms = day.clouds[i].asked_until_ms;
	if (loop_now_ms() > day.evening_at_ms + EVENING_MAX_MS) {
		people_show_unfinished();
		day_fail("%lld ms into the evening something is not settled yet",
			(long long)(loop_now_ms() - day.evening_at_ms));
	}
	people_act();
	/* With which a held destination can be tried. */
	put_some(draw(2));
	day.nap_ms = 2 * day.nap_ms + draw(10000);
	if (loop_now_ms() > day.evening_at_ms)
		day.nap_ms = 5000 + draw(30000);
	else if (day.nap_ms > day.evening_at_ms - loop_now_ms())
		day.nap_ms = day.evening_at_ms - loop_now_ms() + 1;
	loop_set(day.step, loop_now_ms() + day.nap_ms);
}

static void live_a_step(void)
{
	unsigned luck = draw(100);

	day.n_steps++;
	put_some(luck < 40 ? 0 : luck < 90 ? 1 + draw(3) : draw(8));
	if (draw(8) == 0)
		cloud_draw_mood(&day.clouds[draw(day.n_clouds)]);
	people_act();
	disturb();
	luck = draw(100);
	loop_set(day.step, loop_now_ms() + (luck < 60          ? draw(400)
						   : luck < 95 ? draw(6000)
							       : draw(120000)));
}

static void on_step(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	if (day.is_draining) {
		turn_stop(day.turn);
		loop_set(day.step, loop_now_ms() + draw(3000));
		return;
	}
	watch_idle();
	if (!day.is_evening && day.n_steps >= day.steps)
		begin_evening();
	if (day.is_evening)
		live_an_evening_step();
	else
		live_a_step();
}

/* --- the whole ------------------------------------------------------------------------------------ */

static void wake_up(uint64_t seed)
{
	size_t kept = offsetof(struct day, seed);

	memset((char *)&day + kept, 0, sizeof(day) - kept);
	loop_reset();
	faulty_vfs_disarm();
	day.seed = seed;
	day.dice = (seed + 1) * 0x9e3779b97f4a7c15u | 1;
	day.entropy = day.dice * 0xbf58476d1ce4e5b9u | 1;
	/* Most days are short: what goes wrong does so among few. */
	day.is_long = draw_percent(8);
	day.steps = day.is_long ? 40 + draw(60) : 6 + draw(20);
	engine_begin_day();
	day.step = event_new(NULL, -1, 0, on_step, NULL);
	day.probe = event_new(NULL, -1, 0, engine_on_probe, NULL);
	for (unsigned i = 0; i < CLOUDS; i++)
		cloud_draw(&day.clouds[i], i);
	day.n_clouds = 1 + draw(CLOUDS);
	for (unsigned i = day.n_clouds; i < CLOUDS; i++)
		day.clouds[i].terms.is_there = false;
	write_token();
	program_write();
}

static void remove_files(void)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".broken-1", ".broken-1-wal",
		".replaced-1", "-salvage", "-salvage-journal" };
	char path[128];

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", day.path, ends[i]);
		(void)unlink(path);
	}
}

/* Run until it is killed, asked to end, or the day is over. True: it was killed. */
static bool live_a_life(void)
{
	int how = setjmp(day.killed);

	if (how == 0)
		CHECK(turn_run(day.turn) == 0, "the loop failed");
	if (how == 2)
		day.kill = KILL_NONE; /* in the midst of a commit, for all one can know */
	return how != 0;
}

/* The machine was off, for seconds or hours. Its clock may be no better than before, or gone. */
static void boot(void)
{
	int64_t off_ms = draw(3) ? draw(30000) : draw(4 * 3600000);

	/* The clouds go on. */
	(void)event_del(day.step);
	loop_run_until(loop_now_ms() + off_ms);
	loop_set(day.step, loop_now_ms() + draw(1000));
	day.boot_at_ms = loop_now_ms();
	day.n_boots++;
	day.wall_ahead_ms = draw_percent(60) ? 0 : -DAY_BEGINS_AT_MS - loop_now_ms();
	watch_boot(off_ms);
	trace("boot %u, the wall clock is %lld s ahead", day.n_boots,
		(long long)day.wall_ahead_ms / 1000);
}

void day_live(uint64_t seed, bool is_in_memory)
{
	disk_begin(is_in_memory);
	remove_files();
	wake_up(seed);
	engine_build();
	loop_set(day.step, 1);
	while (!day.is_over) {
		bool is_killed = live_a_life();

		if (day.is_over)
			break;
		trace(is_killed ? "killed" : "ended");
		engine_end(is_killed);
		cloud_forget_senders();
		day.n_kills++;
		if (draw_percent(30))
			boot();
		engine_build();
		/* What failed writes left behind can look as if it were damaged; then nothing is
		 * lost, but no salvage is simulated here. */
		day.is_cut_short = store_is_salvaging(day.store);
		if (day.is_cut_short)
			break;
		people_check_counts();
	}
	if (!day.is_cut_short)
		people_check_books();
	cloud_end_day();
	engine_end_day();
	event_free(day.step);
	event_free(day.probe);
	remove_files();
}
