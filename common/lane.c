#include "dray/lane.h"

#include <string.h>

#define PICKS 10

static const enum config_lane pattern[PICKS] = {
	CONFIG_LANE_CRITICAL,
	CONFIG_LANE_NORMAL,
	CONFIG_LANE_CRITICAL,
	CONFIG_LANE_CRITICAL,
	CONFIG_LANE_NORMAL,
	CONFIG_LANE_CRITICAL,
	CONFIG_LANE_BULK,
	CONFIG_LANE_CRITICAL,
	CONFIG_LANE_NORMAL,
	CONFIG_LANE_CRITICAL,
};

void lane_share(unsigned *cursor, unsigned slots, const bool has[CONFIG_LANE_N],
	unsigned ret_share[CONFIG_LANE_N])
{
	bool has_any = false;

	memset(ret_share, 0, CONFIG_LANE_N * sizeof(*ret_share));
	for (int lane = 0; lane < CONFIG_LANE_N; lane++)
		has_any = has_any || has[lane];
	while (has_any && slots > 0) {
		enum config_lane lane = pattern[*cursor % PICKS];

		*cursor = (*cursor + 1) % PICKS;
		if (!has[lane])
			continue;
		ret_share[lane]++;
		slots--;
	}
}
