/*
 * origin.h - where a message came from, and what that says of the events in it: the one place that knows,
 * for what comes, and for what was kept and is taken again.
 */
#ifndef DRAY_ORIGIN_H
#define DRAY_ORIGIN_H

#include <stdbool.h>

#include "capture/intake.h"
#include "dray/config.h"
#include "dray/topic_words.h"

struct origin {
	struct intake_message
		message;     /* payload, times and what else came with it are the caller's to say */
	const char *adapter; /* that is asked first; NULL: none */
	const cJSON *vars;   /* the adapter's, as struct adapter_ask wants them */
	bool is_known;       /* the configuration knows it */
	struct topic_words words; /* message's topic_* point here: the struct is not to be copied */
};

/* Of a message on a topic. Borrows from both. */
void origin_of_topic(const struct config *config, const char *topic, struct origin *ret);

/*
 * Of a message that was kept, by what its exception says of where it came from: a topic, the name of a hook
 * or of a destination whose answer brought it, "token:NAME" or "control".
 */
void origin_of_kept(const struct config *config, const char *from, struct origin *ret);

#endif
