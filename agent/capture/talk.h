/*
 * talk.h - the client that speaks: acks, status, alerts; and hears which configuration is desired.
 *
 * What is said during a turn is `fresh`: it is dropped when the turn is poisoned and may leave when
 * it is committed. Then it waits its turn in a ring, at most TALK_OUTSTANDING_MAX of it unacknowledged.
 */
#ifndef DRAY_TALK_H
#define DRAY_TALK_H

#include <stdbool.h>
#include <stddef.h>

#include "capture/capture.h"

/* libmosquitto walks over all that is outstanding at every publish and every PUBACK: with 1000 that
 * was an eighth of what capture spent. The ring behind it evens out what a turn says at once. */
#define TALK_OUTSTANDING_MAX 128

struct mqtt_options;
struct talk;

struct talk *talk_new(const struct capture_options *options);
void talk_free(struct talk *talk);

/* Connect, or connect anew, with these options (client id and will are talk's to add). */
int talk_connect(struct talk *talk, const struct mqtt_options *options, const struct config *config,
	struct error *err);

/* Behind talk_connect(), and for each configuration that needs no new connection. */
void talk_configure(struct talk *talk, const struct config *config);

/* What stands in config/reported from now on, copied, retained; and the revision that the status names. */
void talk_report(struct talk *talk, int64_t revision, const char *text, size_t len);

/* Say something, fresh. Copied. A full ring drops its oldest, and counts it. */
void talk_say(struct talk *talk, const char *topic, const void *payload, size_t len,
	const void *correlation_data, size_t correlation_len);

void talk_committed(struct talk *talk); /* fresh is no longer fresh */
void talk_poisoned(struct talk *talk);  /* fresh is gone */
void talk_release(struct talk *talk);   /* publish what may leave, flush */

/* The ring fills while the broker takes what we say: capture should read no more for now. */
bool talk_is_behind(const struct talk *talk);

/* As the broker says it on $SYS; "" it doesn't. */
const char *talk_broker_version(const struct talk *talk);

/* {"state":"offline"}, DISCONNECT. */
void talk_stop(struct talk *talk);

#endif
