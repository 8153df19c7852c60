/*
 * help_wreck.h - a store with something of everything in it, a copy of it that is broken, and what
 * salvage reads out of that, compared row by row with the sound one.
 */
#ifndef DRAY_HELP_WRECK_H
#define DRAY_HELP_WRECK_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store/salvage/salvage.h"

struct wreck {
	char dir[64];
	char sound[96];  /* the database before it was broken, without a WAL */
	char broken[96]; /* its copy, and maybe a WAL */
	char live[96];   /* as it was before it was closed: most of it in <live>-wal */
	char chunk[96];
	bool may_be_older; /* deliveries and small things may come back as they once were */
	sqlite3 *db;       /* of the sound one; its temp.page is what dbstat says of it */
	int n_events;
	uint32_t n_pages;
};

/* A store of so many events; every third has a delivery to a second destination. */
void wreck_init(struct wreck *wreck, int n_events);
void wreck_done(struct wreck *wreck);

/* The broken file is like the sound one again, and has no WAL. */
void wreck_restore(struct wreck *wreck);
/* It is like the one that was not closed, with a WAL. */
void wreck_restore_live(struct wreck *wreck);
/* `at` is in the WAL. */
void wreck_write_wal(const struct wreck *wreck, int64_t at, const void *bytes, size_t len);
void wreck_write(const struct wreck *wreck, int64_t at, const void *bytes, size_t len);
void wreck_truncate(const struct wreck *wreck, int64_t size);

struct wreck_yield {
	int events;
	int64_t events_lost; /* as the reader counts them */
	int doubts;          /* deliveries that are there in the sound store, with state 0 */
	int false_doubts;    /* with state 0, though there never was one */
	int other_rows;      /* of all tables but event, delivery and attempt */
	int n_chunks;
	struct salvage_chunk last;
};

/*
 * Read the broken file to the end. Asserts, whatever is broken: no row came back that is not, in
 * every column, in the sound store; none twice; events in order; no delivery of an event that came
 * back is passed over.
 */
void wreck_read(struct wreck *wreck, struct wreck_yield *ret);

/* A number that an SQL text says of the sound store. */
int64_t wreck_ask(struct wreck *wreck, const char *sql);

#endif
