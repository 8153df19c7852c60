/*
 * play_road.h - the road on fake rooms: drayd without its rooms, a disk that fails or cuts it off.
 *
 * A configuration is told by destinations.erp.concurrency: the site's files say GOOD, others what they like.
 */
#ifndef DRAY_PLAY_ROAD_H
#define DRAY_PLAY_ROAD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "clock.h"
#include "fleet/fleet_internal.h"
#include "help_store.h"

#define GOOD 1
#define NEW 2
#define CHANGED 3
#define UNLOADABLE 4
#define UNBEARABLE 5 /* it can't be applied */
#define PROBATION_MS 10000
#define DEFAULT_PROBATION_MS 600000 /* files without a fleet section don't say */
#define CUT_EXIT 42

/* What writes revisions.json, and the folder behind it. */
struct road_disk {
	int at, n; /* the process ends in front of its n-th call; 0 never */
	bool is_full;
	int fd, folder_fd;
};
extern struct road_disk disk;

struct home {
	char dir[64]; /* where revisions.json is: outlives a home */
	struct shed shed;
	struct clock clock;
	int64_t now_ms;
	struct event_base *base;
	struct metrics *metrics;
	struct turn *turn;
	struct fleet *fleet;
	cJSON *files;                /* NULL: they can't be read */
	long applied;                /* what is in force */
	const struct config *config; /* that the rooms have */
	bool broker_is_up;
	struct loading *loading;
	/* what the file said when a trial was applied */
	bool was_staged;
	unsigned n_routed_again;
	int64_t routed_again; /* seq of the last */
	/* the last that was told */
	unsigned n_told, n_alarms;
	bool is_taken;
	int64_t number;
	char words[512], alarm[512];
};

/* The site's files with this concurrency. */
cJSON *home_files(const struct home *home, int concurrency);
/* What the file says. */
bool home_says_trial(const struct home *home);
void home_make_dir(char dir[64]);
void home_remove_dir(const char *dir);
/* drayd starts. 0; -1: it does not. */
int home_start(struct home *home);
void home_stop(struct home *home);
/* Until nothing is to be done. */
void home_settle(struct home *home);
void home_offer(struct home *home, int64_t revision, int concurrency);
void home_apply_offer(struct home *home, int64_t revision, int concurrency);
/* The probation's time is over; it was good, or the broker was not reached. */
void home_end_probation(struct home *home, bool is_good);
void home_start_again(struct home *home);
void home_change_files(struct home *home, int concurrency);
void home_reload(struct home *home);
/* fleet_done_fn */
void home_on_told(void *ctx, bool is_taken, int64_t number, const struct error *err);
/* The last thing that happened. */
const struct revision_event *home_last(const struct home *home);
/* For cmocka. */
int home_set_up(void **state);
int home_tear_down(void **state);

#endif
