/*
 * binary.h - a CloudEvent in binary mode: its attributes in headers "ce-…", its data in the body.
 */
#ifndef DRAY_OPS_BINARY_H
#define DRAY_OPS_BINARY_H

#include "dray/ids.h"
#include "dray/problem.h"
#include "ops/room.h"

/* Is it one? */
bool binary_is(const struct call *call);

enum binary_fate {
	BINARY_JOINED,
	BINARY_REFUSED, /* it is no event: *ret_problem says why, ret_id is "" where it says none */
	BINARY_ANSWERED, /* its headers can't be read: the call is answered with a 400 */
};
/* Join headers and body to the event of structured mode, appended to `out`. */
enum binary_fate binary_join(
	struct call *call, struct buf *out, char ret_id[ID_MAX + 1], struct problem *ret_problem);

#endif
