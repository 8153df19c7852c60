#include "capture/adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "dray/split.h"
#include "mapper/connector_folder.h"
#include "mapper/mapper.h"

#define WAITING_MAX 256
#define WAITING_BYTES_MAX ((size_t)8 << 20)
#define LETTER_BYTES_MAX ((size_t)8 << 20) /* of the inputs of one message */

/* What a source or a hook uses. */
struct use {
	const cJSON *vars; /* the configuration's: by it the use is found */
	char *name;        /* the adapter's */
	enum adapter_payload payload;
	char *vars_text;
	struct mapper_program *program; /* NULL while it is only checked */
};

struct uses {
	struct use *list;
	size_t n;
};

struct adapters {
	struct intake *intake;
	struct mapper *mapper;
	const struct config *config;
	struct uses uses;
	TAILQ_HEAD(, letter) letters;
	size_t n_waiting, waiting_bytes;
	struct buf scratch, input;
};

/* A value that the program was asked for. */
struct part {
	TAILQ_ENTRY(part) entry;
	struct letter *letter;
	struct mapper_call *call; /* NULL: answered */
	size_t index;
	const char *raw; /* in the letter's payload */
	size_t len;
};

/* A message under way. */
struct letter {
	TAILQ_ENTRY(letter) entry;
	struct adapters *adapters;
	struct adapter_ask ask; /* its texts are in `texts` */
	char adapter[EVENT_NAME_MAX];
	char *texts;
	const struct use *use; /* while it is given only */
	TAILQ_HEAD(, part) parts;
	size_t n_unanswered;
	size_t bytes; /* of payload and inputs */
	int status;
};

/* --- what sources and hooks use ---------------------------------------------------------------------- */

static void uses_done(struct uses *uses)
{
	for (size_t i = 0; i < uses->n; i++) {
		free(uses->list[i].name);
		free(uses->list[i].vars_text);
		mapper_program_unref(uses->list[i].program);
	}
	free(uses->list);
	*uses = (struct uses){ 0 };
}

static int fill_use(struct use *use, const struct connector_folder *folder, struct mapper *mapper,
	struct error *err)
{
	struct buf vars = BUF_INIT;
	int status = adapter_put_vars(folder->declaration, use->vars, &vars, err);

	use->payload = adapter_payload_of(folder->declaration);
	use->vars_text = status == 0 ? buf_take(&vars, NULL) : NULL;
	if (mapper && status == 0)
		use->program = mapper_program_new(mapper, folder->program, folder->program_len);
	buf_done(&vars);
	if (status == 0 && (!use->vars_text || (mapper && !use->program)))
		return error_set(err, NULL, "out of memory");
	return status;
}

/* `where`: "sources", "listen.hooks". */
static int add_use(struct uses *uses, const char *where, const char *owner, const char *adapter,
	const cJSON *vars, const char *const *dirs, struct mapper *mapper, struct error *err)
{
	struct connector_folder folder = { 0 };
	struct error said = { 0 };
	char words[sizeof(said.path) + sizeof(said.message) + 2];
	struct use *use;
	int status;

	if (!adapter)
		return 0;
	use = &uses->list[uses->n++];
	use->vars = vars;
	use->name = strdup(adapter);
	if (adapter_folder_find(adapter, dirs, &folder, &said) < 0) {
		status = error_set(err, "adapter", "%s",
			strcmp(said.path, "adapter") == 0
				? said.message
				: error_text(&said, words, sizeof(words)));
	} else {
		status = use->name ? fill_use(use, &folder, mapper, err)
				   : error_set(err, NULL, "out of memory");
		connector_folder_done(&folder);
	}
	if (status < 0) {
		error_prefix(err, owner);
		error_prefix(err, where);
	}
	return status;
}

/* Without a mapper they are only checked. */
static int read_uses(const struct config *config, const char *const *dirs, struct mapper *mapper,
	struct uses *ret, struct error *err)
{
	int status = 0;

	*ret = (struct uses){ 0 };
	ret->list = calloc(config->n_sources + config->listen.n_hooks + 1, sizeof(*ret->list));
	if (!ret->list)
		return error_set(err, NULL, "out of memory");
	for (size_t i = 0; i < config->n_sources && status == 0; i++)
		status = add_use(ret, "sources", config->sources[i].name,
			config->sources[i].adapter, config->sources[i].vars, dirs, mapper, err);
	for (size_t i = 0; i < config->listen.n_hooks && status == 0; i++)
		status = add_use(ret, "listen.hooks", config->listen.hooks[i].name,
			config->listen.hooks[i].adapter, config->listen.hooks[i].vars, dirs, mapper,
			err);
	if (status < 0)
		uses_done(ret);
	return status;
}

int adapters_configure(struct adapters *adapters, const struct config *config,
	const char *const *dirs, struct error *err)
{
	struct uses uses;

	if (read_uses(config, dirs, adapters->mapper, &uses, err) < 0)
		return -1;
	uses_done(&adapters->uses);
	adapters->uses = uses;
	adapters->config = config;
	return 0;
}

int adapters_check(const struct config *config, const char *const *dirs, struct error *err)
{
	struct uses uses;

	if (read_uses(config, dirs, NULL, &uses, err) < 0)
		return -1;
	uses_done(&uses);
	return 0;
}

static const struct use *find_use(const struct adapters *adapters, const cJSON *vars)
{
	for (size_t i = 0; i < adapters->uses.n; i++)
		if (adapters->uses.list[i].vars == vars)
			return &adapters->uses.list[i];
	return NULL;
}

/* --- a message's life -------------------------------------------------------------------------------- */

static size_t room_for(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static const char *keep(char **at, const char *text)
{
	const char *kept = *at;
	size_t size = room_for(text);

	if (!text)
		return NULL;
	memcpy(*at, text, size);
	*at += size;
	return kept;
}

static bool keep_texts(struct letter *letter)
{
	struct intake_message *m = &letter->ask.message;
	char *at = malloc(m->len + 1 + room_for(m->origin) + room_for(m->topic) +
			  room_for(m->topic_site) + room_for(m->topic_type) +
			  room_for(m->topic_device) + room_for(m->default_device) +
			  room_for(m->traceparent) + room_for(m->types));

	letter->texts = at;
	if (!at)
		return false;
	m->origin = keep(&at, m->origin);
	m->topic = keep(&at, m->topic);
	m->topic_site = keep(&at, m->topic_site);
	m->topic_type = keep(&at, m->topic_type);
	m->topic_device = keep(&at, m->topic_device);
	m->default_device = keep(&at, m->default_device);
	m->traceparent = keep(&at, m->traceparent);
	m->types = keep(&at, m->types);
	memcpy(at, m->payload, m->len);
	at[m->len] = '\0';
	m->payload = at;
	return true;
}

static void letter_free(struct letter *letter)
{
	struct part *part;

	while ((part = TAILQ_FIRST(&letter->parts))) {
		TAILQ_REMOVE(&letter->parts, part, entry);
		if (part->call)
			mapper_call_cancel(part->call);
		free(part);
	}
	letter->adapters->n_waiting--;
	letter->adapters->waiting_bytes -= letter->bytes;
	TAILQ_REMOVE(&letter->adapters->letters, letter, entry);
	free(letter->texts);
	free(letter);
}

static struct letter *letter_new(
	struct adapters *adapters, const struct use *use, const struct adapter_ask *ask)
{
	struct letter *letter = calloc(1, sizeof(*letter));

	if (!letter)
		return NULL;
	letter->adapters = adapters;
	letter->use = use;
	letter->ask = *ask;
	letter->bytes = ask->message.len;
	(void)snprintf(letter->adapter, sizeof(letter->adapter), "%s", use->name);
	TAILQ_INIT(&letter->parts);
	TAILQ_INSERT_TAIL(&adapters->letters, letter, entry);
	adapters->n_waiting++;
	adapters->waiting_bytes += letter->bytes;
	if (keep_texts(letter))
		return letter;
	letter_free(letter);
	return NULL;
}

/* The message as a part of it stands for it: what its events were made of. */
static struct intake_message message_of(const struct letter *letter, const struct part *part)
{
	struct intake_message message = letter->ask.message;

	message.payload = part->raw;
	message.len = part->len;
	message.raw = part->raw;
	message.raw_len = part->len;
	message.first_index = part->index * SPLIT_VALUES_MAX;
	return message;
}

/* --- answers ------------------------------------------------------------------------------------------ */

static int refuse(
	const struct letter *letter, const struct part *part, enum reason reason, const char *words)
{
	struct intake_message message = message_of(letter, part);
	struct problem problem;

	adapter_fill_problem(letter->adapter, reason, words, &problem);
	return intake_refuse(letter->adapters->intake, &message, "", &problem, letter->ask.on_ack,
		letter->ask.ctx);
}

static int take_output(
	const struct letter *letter, const struct part *part, const char *text, size_t len)
{
	struct intake_message message = message_of(letter, part);
	struct error err = { 0 };

	if (adapter_check_output(text, len, &err) < 0)
		return refuse(letter, part, REASON_MAP_FAILED, err.message);
	if (len == 2 && memcmp(text, "[]", 2) == 0)
		return intake_pass(letter->adapters->intake, &message);
	message.payload = text;
	message.len = len;
	return intake_take(letter->adapters->intake, &message, letter->ask.on_ack, letter->ask.ctx);
}

static int take_answer(const struct letter *letter, const struct part *part,
	enum mapper_outcome outcome, const char *text, size_t len)
{
	switch (outcome) {
	case MAPPER_OUTPUT:
		return take_output(letter, part, text, len);
	case MAPPER_NOTHING:
		return take_output(letter, part, "[]", 2);
	case MAPPER_FAILED:
	case MAPPER_OVERRAN:
	case MAPPER_HELD:
		break;
	}
	return refuse(letter, part, REASON_MAP_FAILED, text);
}

static void finish(struct letter *letter)
{
	void (*done)(void *ctx, int status) = letter->ask.done;
	void *ctx = letter->ask.ctx;
	int status = letter->status;

	letter_free(letter);
	done(ctx, status);
}

static void on_mapped(void *ctx, enum mapper_outcome outcome, const char *text, size_t len)
{
	struct part *part = ctx;
	struct letter *letter = part->letter;

	part->call = NULL;
	if (letter->status == 0)
		letter->status = take_answer(letter, part, outcome, text, len);
	if (--letter->n_unanswered == 0)
		finish(letter);
}

/* --- asking ------------------------------------------------------------------------------------------- */

static int put_part(struct letter *letter, const struct split_part *of, struct part **ret)
{
	struct part *part = calloc(1, sizeof(*part));

	if (!part)
		return -1;
	part->letter = letter;
	part->index = of->index;
	part->raw = of->raw;
	part->len = of->len;
	TAILQ_INSERT_TAIL(&letter->parts, part, entry);
	*ret = part;
	return 0;
}

/* 0 asked, or refused; -1 the store failed or memory ran out. */
static int ask(struct letter *letter, struct part *part, const char *value, size_t len)
{
	struct adapters *adapters = letter->adapters;
	const struct adapter_ask *asked = &letter->ask;
	struct buf *input = &adapters->input;

	buf_reset(input);
	adapter_put_input(&(struct adapter_input){ .payload = letter->use->payload,
				  .value = value,
				  .len = len,
				  .topic = asked->message.topic,
				  .headers = asked->headers,
				  .n_headers = asked->n_headers,
				  .site = adapters->config->site,
				  .source = asked->message.origin,
				  .vars = letter->use->vars_text,
				  .received_at_ms = asked->message.received_at_ms },
		input);
	if (buf_failed(input))
		return -1;
	if (letter->bytes + input->len > LETTER_BYTES_MAX)
		return refuse(letter, part, REASON_TOO_LARGE,
			"the message has too many values for its size");
	part->call = mapper_call(letter->use->program, input->data, input->len, on_mapped, part);
	if (!part->call)
		return -1;
	letter->n_unanswered++;
	letter->bytes += input->len;
	adapters->waiting_bytes += input->len;
	return 0;
}

static int on_value(void *ctx, const struct split_part *of, const char *text, size_t len)
{
	struct letter *letter = ctx;
	struct part *part;

	return put_part(letter, of, &part) < 0 ? -1 : ask(letter, part, text, len);
}

static int on_flaw(void *ctx, const struct split_part *of, const struct split_flaw *flaw)
{
	struct letter *letter = ctx;
	struct part *part;
	char words[128];

	if (put_part(letter, of, &part) < 0)
		return -1;
	(void)snprintf(words, sizeof(words), "%s at byte %zu", flaw->why, flaw->at);
	return refuse(letter, part, flaw->reason, words);
}

static int ask_whole(struct letter *letter)
{
	const struct intake_message *message = &letter->ask.message;
	const struct split_part whole = { 0, message->payload, message->len };
	size_t at = 0;

	if (letter->use->payload == ADAPTER_TEXT &&
		!adapter_is_text(message->payload, message->len, &at))
		return on_flaw(letter, &whole,
			&(struct split_flaw){ REASON_BAD_UTF8, "the text is not UTF-8", at });
	return on_value(letter, &whole, message->payload, message->len);
}

static int ask_all(struct letter *letter)
{
	struct adapters *adapters = letter->adapters;
	const struct event_limits *limits = &adapters->config->limits;
	const struct intake_message *message = &letter->ask.message;
	const struct split_options options = { .limits = adapter_limits(
						       limits->max_bytes, limits->max_depth) };
	const struct split_handlers handlers = { on_value, on_flaw, letter };

	if (message->len > limits->max_bytes)
		return on_flaw(letter, &(struct split_part){ 0, message->payload, message->len },
			&(struct split_flaw){ REASON_TOO_LARGE,
				"the message is larger than limits.max_message allows",
				message->len });
	if (letter->use->payload != ADAPTER_JSON)
		return ask_whole(letter);
	return split_message(
		message->payload, message->len, &options, &adapters->scratch, &handlers);
}

int adapter_take(struct adapters *adapters, const struct adapter_ask *asked)
{
	const struct use *use = find_use(adapters, asked->vars);
	struct letter *letter = use ? letter_new(adapters, use, asked) : NULL;
	int status;

	if (!letter)
		return -1;
	status = ask_all(letter);
	letter->use = NULL;
	letter->ask.headers = NULL;
	letter->ask.vars = NULL;
	if (status == 0 && letter->n_unanswered > 0)
		return 0;
	letter_free(letter);
	return status < 0 ? -1 : 1;
}

size_t adapter_waiting(const struct adapters *adapters)
{
	return adapters->n_waiting;
}

bool adapter_is_full(const struct adapters *adapters)
{
	return adapters->n_waiting >= WAITING_MAX || adapters->waiting_bytes >= WAITING_BYTES_MAX;
}

/* --- life ---------------------------------------------------------------------------------------------- */

struct adapters *adapters_new(struct intake *intake, struct mapper *mapper)
{
	struct adapters *adapters = calloc(1, sizeof(*adapters));

	if (!adapters)
		return NULL;
	adapters->intake = intake;
	adapters->mapper = mapper;
	TAILQ_INIT(&adapters->letters);
	return adapters;
}

void adapters_free(struct adapters *adapters)
{
	struct letter *letter, *next;

	if (!adapters)
		return;
	for (letter = TAILQ_FIRST(&adapters->letters); letter; letter = next) {
		next = TAILQ_NEXT(letter, entry);
		letter_free(letter);
	}
	uses_done(&adapters->uses);
	buf_done(&adapters->scratch);
	buf_done(&adapters->input);
	free(adapters);
}
