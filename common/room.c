#include "dray/room.h"

#define MIB (INT64_C(1) << 20)
#define RESERVE_PART 8 /* of the smaller bound */
#define MARGIN_PART 64

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

const char *room_level_word(enum room_level level)
{
	static const char *const words[] = { "ample", "tight", "none" };

	return words[level];
}

struct room_plan room_plan(const struct room_bounds *bounds)
{
	bool has_disk = bounds->disk_bytes > 0;
	int64_t bound =
		has_disk ? smaller(bounds->max_bytes, bounds->disk_bytes) : bounds->max_bytes;
	int64_t reserve = smaller(bounds->reserve_bytes, bound / RESERVE_PART);
	int64_t floor = smaller(MIB, bound / MARGIN_PART);

	return (struct room_plan){
		.max_bytes = bounds->max_bytes,
		.reserve_bytes = reserve,
		.margin_bytes = reserve / 2 > floor ? reserve / 2 : floor,
		.has_disk = has_disk,
	};
}

static int64_t missing_reserve(const struct room_plan *plan, const struct room_measure *measure)
{
	return measure->has_reserve ? 0 : plan->reserve_bytes;
}

int64_t room_left_in_store(const struct room_plan *plan, const struct room_measure *measure)
{
	return plan->max_bytes - measure->used_bytes;
}

int64_t room_left_on_disk(const struct room_plan *plan, const struct room_measure *measure)
{
	if (!plan->has_disk)
		return INT64_MAX;
	return measure->free_bytes - measure->owed_bytes - plan->margin_bytes -
	       missing_reserve(plan, measure);
}

int64_t room_left(const struct room_plan *plan, const struct room_measure *measure)
{
	return smaller(room_left_in_store(plan, measure), room_left_on_disk(plan, measure));
}

bool room_is_short(const struct room_plan *plan, const struct room_measure *measure)
{
	return room_left(plan, measure) < 3 * plan->margin_bytes;
}

enum room_level room_judge(
	const struct room_plan *plan, const struct room_measure *measure, enum room_level before)
{
	int64_t left = room_left(plan, measure), margin = plan->margin_bytes;

	if (left <= 0 || measure->is_refused)
		return ROOM_NONE;
	if (before == ROOM_NONE &&
		(left < margin || missing_reserve(plan, measure) > 0 || measure->was_refused))
		return ROOM_NONE;
	if (left < 2 * margin || (before != ROOM_AMPLE && room_is_short(plan, measure)))
		return ROOM_TIGHT;
	return ROOM_AMPLE;
}

bool room_may_reserve(const struct room_plan *plan, const struct room_measure *measure)
{
	/* What checkpoints will give back isn't there yet. */
	int64_t owed = measure->owed_bytes > 0 ? measure->owed_bytes : 0;

	return missing_reserve(plan, measure) > 0 &&
	       (!plan->has_disk ||
		       measure->free_bytes - owed >= plan->margin_bytes + plan->reserve_bytes);
}

bool room_wants_disk(const struct room_plan *plan, const struct room_measure *measure)
{
	return room_left_on_disk(plan, measure) < 3 * plan->margin_bytes;
}
