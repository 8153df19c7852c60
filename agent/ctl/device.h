/*
 * device.h - what the device commands have in common: the site's configuration, the broker's, and the files of
 * accounts.
 */
#ifndef DRAY_CTL_DEVICE_H
#define DRAY_CTL_DEVICE_H

#include "ctl/broker_files.h"
#include "ctl/ctl.h"
#include "dray/config.h"

struct enrolment {
	struct config *config;
	struct broker_files files; /* the broker's */
	struct buf passwords;      /* of its password file, as it is */
	int lock;                  /* on the file's folder; -1 none */
};

/*
 * Read all of it; nobody else changes accounts until enrolment_done(). With `must_be` a broker that has no
 * password file is an error. CTL_DONE, or an exit code after a line on stderr.
 */
int enrolment_open(const struct ctl *ctl, bool must_be, struct enrolment *ret);
void enrolment_done(struct enrolment *enrolment);

/* Write an account, or with password NULL take it out. An exit code, after a line on stderr. */
int enrolment_put(
	struct enrolment *enrolment, const char *path, const char *name, const char *password);

/* A new password. -1: the kernel gives no entropy. */
int make_password(char *out, size_t size);

/* What a device, or the fleet's tool, is to be told; the caller's. */
cJSON *describe_account(const struct ctl *ctl, const struct enrolment *enrolment, const char *name,
	const char *password);

/* The JSON for programs; freed. */
void print_json(cJSON *root);

#endif
