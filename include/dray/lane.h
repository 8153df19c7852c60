/*
 * lane.h - which lane the next request is taken from.
 *
 * Of each ten picks critical has 6, normal 3 and bulk 1, spread out; a lane with nothing to send
 * gives its picks to the others. So a flood of counts never delays a ship confirmation, and no lane
 * starves.
 *
 * Pure.
 */
#ifndef DRAY_LANE_H
#define DRAY_LANE_H

#include <stdbool.h>

#include "dray/config.h"

/*
 * Share out free slots.
 *
 * cursor     where in the pattern this destination stands; any value to begin with.
 * has        lanes that may have something.
 * ret_share  slots per lane; their sum is `slots`, or 0 when no lane has anything.
 */
void lane_share(unsigned *cursor, unsigned slots, const bool has[CONFIG_LANE_N],
	unsigned ret_share[CONFIG_LANE_N]);

#endif
