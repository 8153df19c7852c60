/*
 * attempt.h - the first request that a connector would make of events, shown and not sent.
 */
#ifndef DRAY_CTL_ATTEMPT_H
#define DRAY_CTL_ATTEMPT_H

#include "ctl/ctl.h"
#include "dray/config.h"
#include "dray/connector.h"
#include "dray/ids.h"
#include "mapper/connector_folder.h"

struct attempt {
	const struct ctl *ctl;
	struct connector_folder folder;
	struct config *config;                        /* NULL: none was named */
	const struct config_destination *destination; /* the same */
	const char *site, *zone;
	cJSON *vars;
	struct connector_event *events; /* canonical */
	char (*keys)[ID_UUID_MAX];      /* of each event */
	size_t n_events;
};

/* Render and print, batch by batch where the connector takes batches. An exit code. */
int attempt_make(const struct attempt *attempt);

#endif
