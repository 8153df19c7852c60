/*
 * view.h - a destination as people see it.
 */
#ifndef DRAY_OPS_VIEW_H
#define DRAY_OPS_VIEW_H

#include "deliver/deliver.h"
#include "ops/room.h"

/* One word: "up", "idle", "paused", "unreachable", "held", "failing", "unconfigured". */
const char *view_state(const struct store *store, const struct deliver_view *view);
/* The object with state, reason, depths and age, appended to call->body. */
void view_write(struct call *call, const struct deliver_view *view);
/* Not finished and not an exception. */
int64_t view_pending(const struct store *store, int destination);

#endif
