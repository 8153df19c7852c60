/*
 * adapter_cases.h - an adapter's cases, run offline: guide "Connecting a new scanner type".
 *
 * adapter_cases.json:
 *   [{"name":"what the case shows","payload":…,"topic":"…","headers":{…},"vars":{…},
 *     "received":"2026-11-21T14:04:05.301Z","source":"…","events":[…]}]
 *
 * `payload` is the JSON value, or the text, or the bytes in base64, as adapter.json says. `events` is
 * what the program gives, no more and no less; in its place `fails` may stand, a part of the words with
 * which it fails. All but name, payload and one of the two may be left out.
 */
#ifndef DRAY_ADAPTER_CASES_H
#define DRAY_ADAPTER_CASES_H

#include "dray/adapter_contract.h"
#include "mapper/cases.h"

#define ADAPTER_CASES_SOURCE "case"
#define ADAPTER_CASES_RECEIVED "2026-11-21T14:04:05.301Z"

/* Are they of that form? 0, or -1 with *err naming the member. */
int adapter_cases_check(const cJSON *cases, enum adapter_payload payload, struct error *err);

/* As cases_run(), of a folder that adapter_folder_find() gave. */
int adapter_cases_run(const struct connector_folder *folder, struct mapper_run *run, cases_fn fn,
	void *ctx, struct error *err);

#endif
