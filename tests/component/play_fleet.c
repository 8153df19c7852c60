#include "play_fleet.h"

#include <stdio.h>
#include <string.h>

static void keep(
	struct fleet *fleet, const char *asked, const char *who, fleet_done_fn done, void *ctx)
{
	fleet->asked = asked;
	(void)snprintf(fleet->who, sizeof(fleet->who), "%s", who);
	fleet->done = done;
	fleet->ctx = ctx;
}

static void keep_text(struct fleet *fleet, const char *text, size_t len)
{
	fleet->len = len;
	(void)snprintf(fleet->text, sizeof(fleet->text), "%.*s",
		(int)(len < sizeof(fleet->text) ? len : sizeof(fleet->text)), text);
}

void fleet_offer(struct fleet *fleet, enum revision_origin origin, const char *who,
	const char *text, size_t len, fleet_done_fn done, void *ctx)
{
	fleet->origin = origin;
	keep_text(fleet, text, len);
	keep(fleet, "offer", who, done, ctx);
}

void fleet_check(struct fleet *fleet, const char *text, size_t len, fleet_done_fn done, void *ctx)
{
	keep_text(fleet, text, len);
	keep(fleet, "check", "", done, ctx);
}

void fleet_reload(struct fleet *fleet, fleet_done_fn done, void *ctx)
{
	keep(fleet, "reload", "", done, ctx);
}

void fleet_roll_back(struct fleet *fleet, const char *who, fleet_done_fn done, void *ctx)
{
	keep(fleet, "roll back", who, done, ctx);
}

const struct revisions *fleet_revisions(const struct fleet *fleet)
{
	return fleet->has_section ? &fleet->revisions : NULL;
}

int64_t fleet_probation_left_ms(const struct fleet *fleet)
{
	return fleet->left_ms;
}

void play_fleet_tell(struct fleet *fleet, bool is_taken, int64_t number, const struct error *err)
{
	if (!fleet->asked)
		return;
	fleet->asked = NULL;
	fleet->done(fleet->ctx, is_taken, number, err);
}
