/*
 * adaptation.h - the events that an adapter would make of a message, and what the agent would make of
 * each: shown, and nothing is sent.
 */
#ifndef DRAY_CTL_ADAPTATION_H
#define DRAY_CTL_ADAPTATION_H

#include "ctl/ctl.h"

/* `connector try NAME --message FILE`. An exit code: CTL_NO when any event would be refused. */
int adaptation_show(const struct ctl *ctl);

#endif
