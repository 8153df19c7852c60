/*
 * view.h - a destination as people see it.
 */
#ifndef DRAY_OPS_VIEW_H
#define DRAY_OPS_VIEW_H

#include "deliver/deliver.h"
#include "ops/room.h"

/* May requests leave for it now? */
bool view_is_up(const struct deliver_view *view);
/*
 * Two members: `state`, one word of "up", "idle", "paused", "unreachable", "held", "failing",
 * "throttled", "unconfigured"; and `not_before_at`, until when it asked to be left in peace.
 */
void view_write_state(struct call *call, const struct deliver_view *view);
/* The object with state, reason, depths and age, appended to call->body. */
void view_write(struct call *call, const struct deliver_view *view);

#endif
