/*
 * agent.h - the rooms, wired.
 *
 * agent_new() opens the store and takes the configuration into use; agent_run() turns until SIGTERM
 * or SIGINT; SIGHUP reloads. A reload builds the new configuration, checks all of it, then swaps;
 * a bad one changes nothing and says where. On SIGTERM nothing new is claimed, requests that are out
 * get up to 5 s to be answered, then the broker is told and the process ends.
 */
#ifndef DRAY_AGENT_H
#define DRAY_AGENT_H

#include "dray/error.h"

struct agent;

/* 0, or -1 with *err filled. `config_path` is copied. */
int agent_new(const char *config_path, struct agent **ret, struct error *err);
int agent_run(struct agent *agent);
void agent_free(struct agent *agent);

/* Load and check a configuration without touching anything: drayd --check. */
int agent_check(const char *config_path, struct error *err);

#endif
