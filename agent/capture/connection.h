/*
 * connection.h - what the configuration says about the broker, as mqtt_new() wants it.
 */
#ifndef DRAY_CONNECTION_H
#define DRAY_CONNECTION_H

#include <stdbool.h>

#include "dray/config.h"
#include "mqtt/mqtt.h"

struct secret_dirs;

/* The options borrow from the configuration and from what was read beside them. */
struct connection {
	struct mqtt_options options;
	char *password;
	char key_path[512];
};

/* Read the secrets. 0, or -1 with *err filled. The password is to be freed with secret_free(). */
int connection_read(const struct config *config, const struct secret_dirs *secrets,
	struct connection *ret, struct error *err);

/* Would both configurations make the same connection? */
bool connection_is_same(const struct config *a, const struct config *b);

#endif
