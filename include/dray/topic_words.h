/*
 * topic_words.h - what the topic {root}/{site}/event/{type}/{device} says of the events on it.
 *
 * Pure.
 */
#ifndef DRAY_TOPIC_WORDS_H
#define DRAY_TOPIC_WORDS_H

#include <stdbool.h>

#include "dray/event.h"

struct topic_words {
	char site[EVENT_NAME_MAX], type[EVENT_TYPE_MAX], device[EVENT_NAME_MAX];
};

/* False: the topic is not of that form, and says nothing. */
bool topic_read(const char *root, const char *topic, struct topic_words *ret);

/* Does it lie at or below {root}/{any}/event, of that form or not? */
bool topic_is_of_events(const char *root, const char *topic);

#endif
