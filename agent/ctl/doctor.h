/*
 * doctor.h - what is looked at, and what was found.
 */
#ifndef DRAY_CTL_DOCTOR_H
#define DRAY_CTL_DOCTOR_H

#include <limits.h>
#include <stdbool.h>

#include "ctl/ctl.h"
#include "dray/config.h"

enum finding { FINDING_OK, FINDING_WARNING, FINDING_WRONG };

struct doctor {
	struct ctl *ctl;
	struct config *config; /* NULL: it can't be read */
	char config_dir[PATH_MAX - 64];
	cJSON *status; /* the agent's; NULL: it doesn't answer */
	cJSON *rows;
	enum finding worst;
};

/* Put a finding down. `advice` is what to do, "" nothing. */
void found(struct doctor *doctor, const char *check, enum finding finding, const char *advice,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/* doctor_machine.c */
void look_at_disk(struct doctor *doctor);
void look_at_clock(struct doctor *doctor);
void look_at_database(struct doctor *doctor);
void look_at_mapper(struct doctor *doctor);
/* doctor_permissions.c */
void look_at_permissions(struct doctor *doctor);
/* doctor_broker.c */
void look_at_broker(struct doctor *doctor);
/* doctor_certificates.c */
void look_at_certificates(struct doctor *doctor);
void look_at_certificate(struct doctor *doctor, const char *what, const char *path, bool is_ca);

#endif
