#include "capture/origin.h"

#include <stddef.h>
#include <string.h>

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

static const struct config_token *find_token(const struct config *config, const char *from)
{
	static const char prefix[] = "token:";

	if (strncmp(from, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	for (size_t i = 0; i < config->listen.n_tokens; i++)
		if (strcmp(config->listen.tokens[i].name, from + sizeof(prefix) - 1) == 0)
			return &config->listen.tokens[i];
	return NULL;
}

static const struct config_hook *find_hook(const struct config *config, const char *from)
{
	for (size_t i = 0; i < config->listen.n_hooks; i++)
		if (strcmp(config->listen.hooks[i].name, from) == 0)
			return &config->listen.hooks[i];
	return NULL;
}

static void say_hook(const struct config_hook *hook, struct origin *ret)
{
	ret->message.default_device = hook->name;
	ret->message.types = hook->types;
	ret->message.on_invalid = hook->on_invalid;
	ret->adapter = hook->adapter;
	ret->vars = hook->vars;
}

void origin_of_kept(const struct config *config, const char *from, struct origin *ret)
{
	const struct config_token *token = find_token(config, from);
	const struct config_hook *hook = find_hook(config, from);

	*ret = (struct origin){ .is_known = true, .message = { .origin = from } };
	if (strcmp(from, "control") == 0) {
		ret->message.default_device = "drayctl";
	} else if (token) {
		ret->message.default_device = token->name;
		ret->message.topic_device = token->device;
	} else if (hook) {
		say_hook(hook, ret);
	} else if (config_find_destination(config, from)) {
		ret->message.topic_device = from;
		ret->message.chain = 1;
	} else {
		origin_of_topic(config, from, ret);
	}
}
