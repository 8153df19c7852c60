/*
 * play_fleet.h - the fleet room, played: what is offered is kept, and a test says what becomes of it.
 *
 * Defines what fleet.h declares, so each program that uses the API of ops has this or the room itself.
 */
#ifndef DRAY_PLAY_FLEET_H
#define DRAY_PLAY_FLEET_H

#include "fleet/fleet.h"

struct fleet {
	bool has_section;
	struct revisions revisions;
	int64_t left_ms;
	/* the last offer, check or step back that is not told yet */
	const char *asked; /* "offer", "check", "reload", "roll back"; NULL none */
	enum revision_origin origin;
	char who[80], text[256];
	size_t len;
	fleet_done_fn done;
	void *ctx;
};

/* Tell whoever waits. */
void play_fleet_tell(struct fleet *fleet, bool is_taken, int64_t number, const struct error *err);

#endif
