/*
 * grant.h - what the broker grants to the capture connection, and an alarm while events may be lost by it.
 */
#ifndef DRAY_GRANT_H
#define DRAY_GRANT_H

#include "capture/capture.h"
#include "dray/broker_offer.h"

struct mqtt;

struct grant {
	struct broker_offer offer;
	char flaw[256]; /* broker_offer_flaw(); "" none */
};

/* The connection has come up: look, and say on the alert topic what has begun or ended. */
void grant_look(struct grant *grant, struct capture *capture, const struct mqtt *mqtt,
	const struct config *config);

#endif
