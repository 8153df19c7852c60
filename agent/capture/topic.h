/*
 * topic.h - what topics say, and on which dray may speak.
 */
#ifndef DRAY_TOPIC_H
#define DRAY_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/config.h"
#include "dray/topic_words.h"

#define TOPIC_MAX 512

/* The source that the topic belongs to: the first by name whose filter matches. NULL: none. */
const struct config_source *topic_source(const struct config *config, const char *topic);

/* {root}/{site}/ack/{device}. False when it doesn't fit. */
bool topic_for_acks(const struct config *config, const char *device, char *out, size_t size);

/*
 * A response topic is honoured when it is the device's own ack topic, or lies outside of what dray
 * speaks on: a device must not make dray publish under another one's name.
 */
bool topic_may_respond(const struct config *config, const char *own, const char *topic);

#endif
