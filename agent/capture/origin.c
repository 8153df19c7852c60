#include "capture/origin.h"

#include <stddef.h>

#include "capture/topic.h"

static void say_words(const struct config *config, struct origin *origin)
{
	struct intake_message *message = &origin->message;

	if (topic_read(config->mqtt.root, message->topic, &origin->words)) {
		message->topic_site = origin->words.site;
		message->topic_type = origin->words.type;
		message->topic_device = origin->words.device;
		return;
	}
	/* An adapter's events name their device where its topic doesn't. */
	message->is_stray =
		!origin->adapter && topic_is_of_events(config->mqtt.root, message->topic);
}

void origin_of_topic(const struct config *config, const char *topic, struct origin *ret)
{
	const struct config_source *source = topic_source(config, topic);

	*ret = (struct origin){ .is_known = source != NULL,
		.message = { .origin = "unknown", .topic = topic } };
	if (source) {
		ret->message.origin = source->name;
		ret->message.types = source->types;
		ret->message.on_invalid = source->on_invalid;
		ret->adapter = source->adapter;
		ret->vars = source->vars;
	}
	say_words(config, ret);
}
