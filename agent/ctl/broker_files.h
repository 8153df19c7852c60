/*
 * broker_files.h - a Mosquitto's configuration as it lies on this machine: mosquitto.conf, and what its
 * include_dir names, in Mosquitto's order.
 */
#ifndef DRAY_CTL_BROKER_FILES_H
#define DRAY_CTL_BROKER_FILES_H

#include <limits.h>
#include <stdbool.h>

#include "ctl/ctl.h"
#include "dray/broker_settings.h"

#define BROKER_FOLDER "/etc/mosquitto"
#define BROKER_GROUP "mosquitto"
#define BROKER_CERTS_MAX 8
#define BROKER_LISTENERS_MAX 16

struct broker_file {
	char path[PATH_MAX];          /* "" it isn't set */
	char place[BROKER_PLACE_MAX]; /* "FILE:LINE" that says so */
};
struct broker_files {
	struct broker_settings settings;
	struct broker_file password_file, acl_file, pid_file;
	struct broker_file certs[BROKER_CERTS_MAX]; /* of listeners */
	int n_certs;
	struct {
		int port;
		char place[BROKER_PLACE_MAX];
	} listeners[BROKER_LISTENERS_MAX];
	int n_listeners;
	int tls_port;  /* of the first listener with a certificate; 0 none */
	bool includes; /* the folder conf.d */
};

/* Mosquitto's folder: --mosquitto, or the usual one. */
const char *broker_folder(const struct ctl *ctl);

/* What lies there. `ret` is large. Returns 0, or an errno with the file's path in `failed`. */
int broker_files_read(const char *folder, struct broker_files *ret, char failed[PATH_MAX]);

/* Have it read passwords and ACL again. False: it isn't running, or can't be told by us. */
bool broker_reload(const struct broker_files *files);

#endif
