#include "dray/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define SAME_MS INT64_C(60000) /* clocks that differ by less agree */
#define KEEP_MS INT64_C(1000)  /* a change worth keeping */
#define FORMAT_MARK "dray-timeline-1"

static struct timeline_boot *this_boot(struct timeline *timeline)
{
	return &timeline->boots[timeline->n - 1];
}

/* --- beginning ------------------------------------------------------------------------------------ */

/* Where nobody has ever vouched for a clock, the machine's own is all there is. */
static bool is_on_its_own(const struct timeline *timeline)
{
	for (unsigned i = 0; i < timeline->n; i++)
		if (timeline->boots[i].trust == TIMELINE_VOUCHED)
			return false;
	return true;
}

/* Do the wall clocks of these two say how long the machine was off? */
static bool is_known(const struct timeline *timeline, unsigned i, unsigned j)
{
	enum timeline_trust needed =
		is_on_its_own(timeline) ? TIMELINE_PLAUSIBLE : TIMELINE_VOUCHED;

	return timeline->boots[i].trust >= needed && timeline->boots[j].trust >= needed;
}

static bool is_one(const struct timeline *timeline, unsigned i)
{
	return is_known(timeline, i, i + 1) &&
	       llabs(timeline->boots[i].ahead_ms - timeline->boots[i + 1].ahead_ms) < SAME_MS;
}

static void drop_boot(struct timeline *timeline, unsigned at)
{
	timeline->n--;
	memmove(&timeline->boots[at], &timeline->boots[at + 1],
		(timeline->n - at) * sizeof(timeline->boots[0]));
}

/*
 * The first two become one of which nothing is known but that time ran in it. What was skipped
 * between them is moved behind both: their stamps look younger than they are, never older.
 */
static void blur_oldest(struct timeline *timeline)
{
	struct timeline_boot *boots = timeline->boots;

	boots[2].gap_ms += boots[1].gap_ms;
	boots[0].trust = TIMELINE_WRONG;
	boots[0].ahead_ms = boots[1].ahead_ms;
	drop_boot(timeline, 1);
}

/* Room for one more. Boots whose clocks agree are one: what was skipped between them has passed. */
static void make_room(struct timeline *timeline)
{
	if (timeline->n >= 2 && is_one(timeline, timeline->n - 2))
		drop_boot(timeline, timeline->n - 1);
	if (timeline->n == TIMELINE_BOOTS)
		blur_oldest(timeline);
}

static void begin_first(struct timeline *timeline, const struct timeline_reading *now)
{
	timeline->n = 1;
	timeline->boots[0] = (struct timeline_boot){
		.from_ms = now->wall_ms,
		.trust = now->is_vouched ? TIMELINE_VOUCHED : TIMELINE_PLAUSIBLE,
	};
}

static void begin_boot(struct timeline *timeline, const struct timeline_reading *now)
{
	int64_t ahead_ms = this_boot(timeline)->ahead_ms;
	int64_t off_ms = now->wall_ms - (timeline->noted_ms + ahead_ms);
	struct timeline_boot boot = { .gap_ms = off_ms };

	/* Stamps were made behind the note: no other boot's are the same. */
	if (off_ms < TIMELINE_NOTE_MS)
		boot.gap_ms = TIMELINE_NOTE_MS;
	boot.from_ms = timeline->noted_ms + boot.gap_ms;
	boot.ahead_ms = now->wall_ms - boot.from_ms;
	boot.trust = now->is_vouched ? TIMELINE_VOUCHED : TIMELINE_PLAUSIBLE;
	if (!now->is_vouched && off_ms <= -TIMELINE_APART_MS) {
		boot.trust = TIMELINE_WRONG;
		boot.ahead_ms = ahead_ms;
	}
	make_room(timeline);
	timeline->boots[timeline->n++] = boot;
}

void timeline_begin(struct timeline *timeline, const char *boot_id,
	const struct timeline_reading *now, int64_t newest_ms)
{
	if (timeline->n > 0 && *boot_id && strcmp(timeline->boot_id, boot_id) == 0)
		return;
	if (timeline->n == 0 && newest_ms > 0) {
		/* Stamps of whoever wrote the store before: wall time, as it was then. */
		timeline->n = 1;
		timeline->boots[0] = (struct timeline_boot){
			.trust = now->is_vouched ? TIMELINE_VOUCHED : TIMELINE_PLAUSIBLE,
		};
		timeline->noted_ms = newest_ms;
	}
	if (timeline->n == 0)
		begin_first(timeline, now);
	else
		begin_boot(timeline, now);
	(void)snprintf(timeline->boot_id, sizeof(timeline->boot_id), "%s", boot_id);
	timeline->steady_minus_boot_ms = this_boot(timeline)->from_ms - now->boot_ms;
	timeline->noted_ms = this_boot(timeline)->from_ms;
	timeline->floor_ahead_ms = this_boot(timeline)->ahead_ms;
	timeline->doubted_at_ms =
		this_boot(timeline)->trust == TIMELINE_WRONG ? this_boot(timeline)->from_ms : 0;
}

/* --- looking -------------------------------------------------------------------------------------- */

static void believe(struct timeline *timeline, int64_t ahead_ms)
{
	struct timeline_boot *boot = this_boot(timeline);

	boot->trust = TIMELINE_VOUCHED;
	boot->ahead_ms = ahead_ms;
	timeline->doubted_at_ms = 0;
}

/* Nobody vouches for the clock now. What was vouched for in this boot stands. */
static void doubt(struct timeline *timeline, int64_t ahead_ms, int64_t now_ms)
{
	struct timeline_boot *boot = this_boot(timeline);
	bool is_apart = llabs(ahead_ms - timeline->floor_ahead_ms) >= TIMELINE_APART_MS;

	if (boot->trust != TIMELINE_VOUCHED) {
		boot->trust = is_apart ? TIMELINE_WRONG : TIMELINE_PLAUSIBLE;
		/* It is shown all the same, where it isn't behind what has been. */
		boot->ahead_ms = is_apart && ahead_ms < timeline->floor_ahead_ms
					 ? timeline->floor_ahead_ms
					 : ahead_ms;
	}
	if (!is_apart)
		timeline->doubted_at_ms = 0;
	else if (timeline->doubted_at_ms == 0)
		timeline->doubted_at_ms = now_ms;
}

bool timeline_look(struct timeline *timeline, const struct timeline_reading *now)
{
	struct timeline_boot *boot = this_boot(timeline), before = *boot;
	int64_t doubted_at_ms = timeline->doubted_at_ms;
	int64_t now_ms = timeline_steady(timeline, now->boot_ms);
	int64_t ahead_ms = now->wall_ms - now_ms;

	if (!now->is_vouched) {
		doubt(timeline, ahead_ms, now_ms);
	} else if (boot->trust != TIMELINE_VOUCHED || timeline->doubted_at_ms > 0 ||
		   llabs(ahead_ms - boot->ahead_ms) >= KEEP_MS) {
		believe(timeline, ahead_ms);
		timeline->floor_ahead_ms = ahead_ms;
	}
	return boot->trust != before.trust || doubted_at_ms != timeline->doubted_at_ms ||
	       llabs(boot->ahead_ms - before.ahead_ms) >= KEEP_MS;
}

/* --- ages ----------------------------------------------------------------------------------------- */

/* The boot of a stamp. */
static unsigned boot_of(const struct timeline *timeline, int64_t at_ms)
{
	unsigned i = timeline->n - 1;

	while (i > 0 && timeline->boots[i].from_ms > at_ms)
		i--;
	return i;
}

/* Time that ran, from a stamp in boot `i` to one in boot `j`: what was skipped is left out. */
static int64_t time_run(
	const struct timeline *timeline, unsigned i, int64_t at_ms, unsigned j, int64_t now_ms)
{
	int64_t ran_ms = now_ms - at_ms;

	for (unsigned k = i + 1; k <= j; k++)
		ran_ms -= timeline->boots[k].gap_ms;
	return ran_ms > 0 ? ran_ms : 0;
}

/* What the wall clocks of two boots say that passed beside, the machine being off. */
static int64_t time_off(const struct timeline *timeline, unsigned i, unsigned j)
{
	const struct timeline_boot *a = &timeline->boots[i], *b = &timeline->boots[j];
	int64_t wall_ms = b->from_ms + b->ahead_ms - (a->from_ms + a->ahead_ms);
	int64_t off_ms = wall_ms - time_run(timeline, i, a->from_ms, j, b->from_ms);

	return off_ms > 0 ? off_ms : 0;
}

int64_t timeline_least(const struct timeline *timeline, int64_t at_ms, int64_t now_ms)
{
	unsigned i = boot_of(timeline, at_ms), j = boot_of(timeline, now_ms);
	int64_t least_ms = time_run(timeline, i, at_ms, j, now_ms);

	/* What lies between the first and the last boot whose clocks say something. */
	while (i < j && !is_known(timeline, i, i))
		i++;
	while (j > i && !is_known(timeline, j, j))
		j--;
	return least_ms + (i < j ? time_off(timeline, i, j) : 0);
}

int64_t timeline_most(const struct timeline *timeline, int64_t at_ms, int64_t now_ms)
{
	unsigned i = boot_of(timeline, at_ms), j = boot_of(timeline, now_ms);
	int64_t ran_ms = time_run(timeline, i, at_ms, j, now_ms);

	if (i == j)
		return ran_ms;
	return is_known(timeline, i, j) ? ran_ms + time_off(timeline, i, j) : TIMELINE_UNKNOWN;
}

int64_t timeline_age(const struct timeline *timeline, int64_t at_ms, int64_t now_ms)
{
	int64_t least_ms = timeline_least(timeline, at_ms, now_ms);
	int64_t shown_ms = timeline_wall(timeline, now_ms) - timeline_wall(timeline, at_ms);

	return shown_ms > least_ms ? shown_ms : least_ms;
}

bool timeline_may_learn(const struct timeline *timeline, int64_t at_ms, int64_t now_ms)
{
	const struct timeline_boot *boot = &timeline->boots[timeline->n - 1];

	return boot->trust != TIMELINE_VOUCHED && now_ms - boot->from_ms < DAY_MS &&
	       timeline->boots[boot_of(timeline, at_ms)].trust == TIMELINE_VOUCHED;
}

/* Ages fall as stamps rise: the boot first, then the place in it, where steady time is exact. */
int64_t timeline_before(const struct timeline *timeline, int64_t age_ms, int64_t now_ms)
{
	unsigned i = timeline->n - 1;

	while (i > 0 && timeline_least(timeline, timeline->boots[i].from_ms, now_ms) < age_ms)
		i--;
	int64_t from_ms = timeline->boots[i].from_ms;
	int64_t before_ms = from_ms + timeline_least(timeline, from_ms, now_ms) - age_ms;
	if (i + 1 < timeline->n && before_ms > timeline->boots[i + 1].from_ms)
		before_ms = timeline->boots[i + 1].from_ms;
	return before_ms;
}

/* --- for people ----------------------------------------------------------------------------------- */

int64_t timeline_steady(const struct timeline *timeline, int64_t boot_ms)
{
	return boot_ms + timeline->steady_minus_boot_ms;
}

int64_t timeline_wall(const struct timeline *timeline, int64_t at_ms)
{
	return at_ms + timeline->boots[boot_of(timeline, at_ms)].ahead_ms;
}

int64_t timeline_stamp(const struct timeline *timeline, int64_t wall_ms)
{
	unsigned i = timeline->n - 1;

	while (i > 0 && timeline->boots[i].from_ms + timeline->boots[i].ahead_ms > wall_ms)
		i--;
	return wall_ms - timeline->boots[i].ahead_ms;
}

/* --- keeping -------------------------------------------------------------------------------------- */

void timeline_print(const struct timeline *timeline, struct buf *out)
{
	buf_printf(out, FORMAT_MARK " %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
		*timeline->boot_id ? timeline->boot_id : "-", timeline->steady_minus_boot_ms,
		timeline->noted_ms, timeline->doubted_at_ms, timeline->floor_ahead_ms);
	for (unsigned i = 0; i < timeline->n; i++) {
		const struct timeline_boot *boot = &timeline->boots[i];

		buf_printf(out, "\n%" PRId64 " %" PRId64 " %" PRId64 " %d", boot->from_ms,
			boot->gap_ms, boot->ahead_ms, (int)boot->trust);
	}
}

static bool read_number(const char **text, int64_t *ret)
{
	char *end;

	*ret = strtoll(*text, &end, 10);
	if (end == *text)
		return false;
	*text = end;
	return true;
}

static bool read_boot(const char **text, struct timeline_boot *ret)
{
	int64_t trust;

	if (!read_number(text, &ret->from_ms) || !read_number(text, &ret->gap_ms) ||
		!read_number(text, &ret->ahead_ms) || !read_number(text, &trust))
		return false;
	ret->trust = (enum timeline_trust)trust;
	return trust >= TIMELINE_WRONG && trust <= TIMELINE_VOUCHED;
}

static bool read_id(const char **text, char id[TIMELINE_ID_MAX])
{
	size_t len;

	if (strncmp(*text, FORMAT_MARK " ", sizeof(FORMAT_MARK)) != 0)
		return false;
	*text += sizeof(FORMAT_MARK);
	len = strcspn(*text, " ");
	if (len == 0 || len >= TIMELINE_ID_MAX)
		return false;
	memcpy(id, *text, len);
	*text += len;
	return true;
}

bool timeline_parse(const char *text, struct timeline *ret)
{
	struct timeline timeline = { 0 };

	*ret = timeline;
	if (!read_id(&text, timeline.boot_id) ||
		!read_number(&text, &timeline.steady_minus_boot_ms) ||
		!read_number(&text, &timeline.noted_ms) ||
		!read_number(&text, &timeline.doubted_at_ms) ||
		!read_number(&text, &timeline.floor_ahead_ms))
		return false;
	for (; *text == '\n'; timeline.n++)
		if (timeline.n == TIMELINE_BOOTS || !read_boot(&text, &timeline.boots[timeline.n]))
			return false;
	if (*text != '\0' || timeline.n == 0)
		return false;
	*ret = timeline;
	return true;
}
