/*
 * program.c - clouds whose connector has a program: the mapper in the place of agent/mapper, whose calls
 * end a little later by the loop's timers; the program, a function here; the system that it speaks to;
 * and what the oracle says of both.
 *
 * A document is made under the delivery's key, in one step or three: create, lines, post. In mode lookup
 * a create of the same key is refused if the cloud says so. It must where a ghost may land after the
 * look; elsewhere a second create makes a second document, and the engine is to blame.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>
#include <event2/event.h>

#include "../help_courier.h"
#include "day.h"
#include "loop.h"
#include "mapper/mapper.h"

#define PROGRAM "documents"

static const char *const steps[] = { "create", "lines", "post" };

/* --- the program ------------------------------------------------------------------------------------ */

struct asked {
	struct cloud *cloud;
	struct item *item;
	struct fate *fate;
	bool is_lookup;
	unsigned carry; /* the step that was kept; 0 none */
	int status;     /* of the response; 0 there is none */
	int step;       /* that was answered; -1 the look's GET */
	const char *key, *words;
};

static const char *text_of(const cJSON *parent, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(parent, name));

	return text ? text : "";
}

static int number_of(const cJSON *parent, const char *name, int otherwise)
{
	const cJSON *number = cJSON_GetObjectItem(parent, name);

	return cJSON_IsNumber(number) ? number->valueint : otherwise;
}

static int read_digit(const char *text)
{
	CHECK(text[0] >= '0' && text[0] <= '9', "'%s' is no digit", text);
	return text[0] - '0';
}

/* A look's carry is its own: {"step":1,"look":2}, "look" being one more than the step of its POST. */
static struct asked read_input(const cJSON *input)
{
	const cJSON *event = cJSON_GetArrayItem(cJSON_GetObjectItem(input, "events"), 0);
	const cJSON *response = cJSON_GetObjectItem(input, "response");
	const cJSON *body = cJSON_GetObjectItem(response, "body");
	const cJSON *carry = cJSON_GetObjectItem(input, "carry");
	const cJSON *vars = cJSON_GetObjectItem(input, "vars");
	struct asked asked = {
		.cloud = &day.clouds[read_digit(text_of(vars, "cloud")) - 1],
		.item = item_of(text_of(event, "id")),
		.is_lookup = strcmp(text_of(input, "op"), "lookup") == 0,
		.carry = (unsigned)number_of(carry, "step", 0),
		.status = number_of(response, "status", 0),
		.key = text_of(input, "key"),
		.words = text_of(body, "message"),
	};

	asked.fate = fate_of(asked.item, asked.cloud);
	asked.step = asked.is_lookup ? number_of(carry, "look", 0) - 1 : (int)asked.carry;
	return asked;
}

static enum mapper_outcome send_step(const struct asked *asked, unsigned step, struct buf *out)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		"{\"send\":{\"method\":\"POST\",\"path\":\"/%s/%s\",\"body\":{\"key\":\"%s\","
		"\"op\":\"%s\"}}",
		steps[step], asked->item->id, asked->key, asked->is_lookup ? "lookup" : "deliver");
	buf_puts(out, text);
	text[0] = '\0';
	if (asked->is_lookup)
		(void)snprintf(text, sizeof(text), ",\"carry\":{\"step\":%u,\"look\":%u}",
			asked->carry, step + 1);
	else if (step > 0)
		(void)snprintf(text, sizeof(text), ",\"carry\":{\"step\":%u}", step);
	buf_puts(out, text);
	buf_putc(out, '}');
	return MAPPER_OUTPUT;
}

static enum mapper_outcome say(struct buf *out, const char *text)
{
	buf_puts(out, text);
	return MAPPER_OUTPUT;
}

static enum mapper_outcome go_on(const struct asked *asked, struct buf *out)
{
	unsigned next = (unsigned)(asked->step + 1);

	return next < asked->cloud->n_steps ? send_step(asked, next, out)
					    : say(out, "{\"done\":{\"ref\":\"R-1\"}}");
}

/* What is found may have got no further than its first step: it is driven on. */
static enum mapper_outcome judge_look(const struct asked *asked, struct buf *out)
{
	struct asked found = *asked;

	if (asked->status == 404)
		return say(out, "{\"absent\":{}}");
	if (asked->status != 200)
		return MAPPER_NOTHING;
	found.step = read_digit(asked->words) - 1;
	return go_on(&found, out);
}

static enum mapper_outcome judge(const struct asked *asked, struct buf *out)
{
	if (asked->is_lookup && asked->status == 0) {
		char text[128];

		(void)snprintf(text, sizeof(text),
			"{\"send\":{\"method\":\"GET\",\"path\":\"/look/%s\"}}", asked->item->id);
		return say(out, text);
	}
	if (asked->status == 0)
		return send_step(asked, asked->carry, out);
	if (asked->is_lookup && asked->step < 0)
		return judge_look(asked, out);
	if (asked->status == 200 || asked->status == 409)
		return go_on(asked, out);
	if (asked->status != 400)
		return MAPPER_NOTHING;
	buf_puts(out, "{\"reject\":{\"code\":\"unwanted\",\"message\":\"");
	buf_puts(out, asked->words);
	return say(out, "\"}}");
}

/* --- the mapper, in the place of agent/mapper --------------------------------------------------------- */

struct mapper {
	unsigned n_users;
};

struct mapper_call {
	struct event *timer;
	char *input;
	mapper_done_fn done;
	void *ctx;
};

static struct mapper the_mapper;

struct mapper *programs_open(void)
{
	the_mapper.n_users = 0;
	return &the_mapper;
}

struct mapper_program *mapper_program_new(struct mapper *mapper, const char *text, size_t len)
{
	CHECK(len >= strlen(PROGRAM) && memcmp(text, PROGRAM, strlen(PROGRAM)) == 0,
		"a program that nobody wrote: %.*s", (int)len, text);
	return mapper_program_ref((struct mapper_program *)mapper);
}

struct mapper_program *mapper_program_ref(struct mapper_program *program)
{
	((struct mapper *)program)->n_users++;
	return program;
}

void mapper_program_unref(struct mapper_program *program)
{
	if (program)
		((struct mapper *)program)->n_users--;
}

static void give_call(struct mapper_call *call)
{
	event_free(call->timer);
	free(call->input);
	free(call);
}

/* Beyond the program: it may fail, be ended, be held. */
static enum mapper_outcome draw_failure(struct buf *out)
{
	static const enum mapper_outcome failures[] = { MAPPER_FAILED, MAPPER_OVERRAN,
		MAPPER_HELD };

	if (day.is_evening || !draw_percent(2))
		return MAPPER_OUTPUT;
	buf_puts(out, "it is not its day");
	return failures[draw(3)];
}

/* What is kept at the least: that of the last step that left. */
static void watch_carry(const struct asked *asked)
{
	if (asked->status == 0)
		CHECK(asked->carry >= asked->fate->carry,
			"%s has sent \"%s\" to %s, and begins again at \"%s\"", asked->item->id,
			steps[asked->fate->carry], asked->cloud->name, steps[asked->carry]);
}

/* It is claimed, whatever becomes of it. */
static void begin(const struct asked *asked)
{
	struct fate *fate = asked->fate;

	if (fate->n_started++ == 0 && !fate->was_claimed && is_keyless(asked->item, asked->cloud))
		asked->cloud->n_fresh[fate->lane]--;
}

static void watch_said(const struct asked *asked, enum mapper_outcome outcome, const char *said)
{
	struct fate *fate = asked->fate;

	trace("the program says of %s at %s: %d %.60s", asked->item->id, asked->cloud->name,
		(int)outcome, said);
	watch_touch(asked->cloud);
	if (outcome == MAPPER_FAILED || outcome == MAPPER_OVERRAN || outcome == MAPPER_HELD) {
		fate->has_failed = true;
		return;
	}
	if (outcome != MAPPER_OUTPUT)
		return;
	if (!asked->is_lookup && asked->status > 0 && strstr(said, "\"send\""))
		fate->may_go_on = true;
	if (asked->is_lookup && strstr(said, "\"absent\"")) {
		fate->is_doubtful = false;
		fate->is_repeated = true;
	}
}

static void on_due(evutil_socket_t fd, short what, void *ctx)
{
	struct mapper_call *call = ctx;
	cJSON *input = cJSON_Parse(call->input);
	struct asked asked = read_input(input);
	mapper_done_fn done = call->done;
	void *done_ctx = call->ctx;
	struct buf out = BUF_INIT;
	enum mapper_outcome outcome = draw_failure(&out);

	(void)fd;
	(void)what;
	if (outcome == MAPPER_OUTPUT)
		outcome = judge(&asked, &out);
	watch_said(&asked, outcome, out.len > 0 ? out.data : "");
	give_call(call);
	done(done_ctx, outcome, out.len > 0 ? out.data : "", out.len);
	cJSON_Delete(input);
	buf_done(&out);
}

struct mapper_call *mapper_call(struct mapper_program *program, const char *input, size_t len,
	mapper_done_fn done, void *ctx)
{
	struct mapper_call *call = calloc(1, sizeof(*call));
	cJSON *parsed = cJSON_ParseWithLength(input, len);

	(void)program;
	CHECK(call && parsed, "the program is asked what is no JSON: %.*s", (int)len, input);
	struct asked asked = read_input(parsed);
	watch_carry(&asked);
	begin(&asked);
	cJSON_Delete(parsed);
	*call = (struct mapper_call){ .input = strndup(input, len), .done = done, .ctx = ctx };
	call->timer = event_new(NULL, -1, 0, on_due, call);
	loop_set(call->timer, loop_now_ms() + 1 + draw(draw_percent(80) ? 20 : 800));
	return call;
}

void mapper_call_cancel(struct mapper_call *call)
{
	give_call(call);
}

/* --- the cloud ---------------------------------------------------------------------------------------- */

bool has_program(const struct cloud *cloud)
{
	return cloud->mode == MODE_NATURAL || cloud->mode == MODE_LOOKUP;
}

/* The longest that a request is on its way, against what the engine waits before it looks. */
static bool may_land_late(const struct cloud *cloud)
{
	return cloud->timeout_ms + cloud->ghost_ms >= cloud->settle_ms;
}

void program_draw(struct cloud *cloud)
{
	cloud->n_steps = draw(2) ? 1 : 3;
	cloud->looks = 1 + draw(4);
	cloud->ghost_ms = draw_percent(50) ? 1000 + draw(4000) : 5000 + draw(40000);
	if (draw_percent(60))
		cloud->settle_ms += cloud->timeout_ms + cloud->ghost_ms;
	cloud->refuses_twins =
		cloud->mode == MODE_NATURAL || may_land_late(cloud) || draw_percent(30);
}

static void write_file(const char *name, const char *text)
{
	char path[160];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/" PROGRAM "/%s", day.dir, name);
	file = fopen(path, "w");
	CHECK(file && fputs(text, file) >= 0, "cannot write %s", path);
	(void)fclose(file);
}

void program_write(void)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/" PROGRAM, day.dir);
	if (mkdir(path, 0700) != 0)
		return; /* of an earlier day */
	write_file("connector.json",
		"{\"name\":\"" PROGRAM "\",\"version\":1,\"title\":\"Documents\","
		"\"vars\":{\"cloud\":{\"required\":true,\"help\":\"its number\"}}}");
	write_file("connector.jq", PROGRAM);
}

/* "/create/i12-o" */
void program_read_request(struct request *request, const struct courier_request *asked)
{
	char step[16] = "", id[24] = "";

	CHECK(sscanf(asked->url, "http://%*[a-z]/%15[a-z]/%23s", step, id) == 2, "what is %s?",
		asked->url);
	request->members[request->n++] = item_of(id)->number;
	request->step = -1;
	for (int i = 0; i < 3; i++)
		if (strcmp(step, steps[i]) == 0)
			request->step = i;
	request->is_look = request->step < 0;
	if (request->is_look)
		return;
	cJSON *body = cJSON_ParseWithLength(asked->body, asked->len);
	(void)snprintf(request->made_key, sizeof(request->made_key), "%s", text_of(body, "key"));
	request->is_driven = strcmp(text_of(body, "op"), "lookup") == 0;
	cJSON_Delete(body);
}

static void create(struct request *request, struct item *item, struct fate *fate)
{
	const struct cloud *cloud = request->cloud;

	CHECK(++fate->n_created == 1, "%s is made twice by %s", item->id, cloud->name);
	(void)snprintf(fate->made_key, sizeof(fate->made_key), "%s", request->made_key);
}

static int apply_step(struct request *request, struct item *item, struct fate *fate)
{
	const struct cloud *cloud = request->cloud;
	bool is_twin = fate->n_created > 0 && strcmp(fate->made_key, request->made_key) == 0;

	if (request->step == 0 && is_twin && cloud->refuses_twins)
		return 409;
	if (request->step == 0)
		create(request, item, fate);
	CHECK(fate->n_created > 0, "%s has no document at %s for its %s", item->id, cloud->name,
		steps[request->step]);
	if (fate->n_made > (unsigned)request->step)
		return 200;
	CHECK(fate->n_made == (unsigned)request->step, "%s: %s at %s before what it stands on",
		item->id, steps[request->step], cloud->name);
	if (++fate->n_made == cloud->n_steps)
		watch_apply(request);
	return 200;
}

int program_process(struct request *request)
{
	struct item *item = &day.items[request->members[0]];
	struct fate *fate = fate_of(item, request->cloud);

	if (request->is_look) {
		(void)snprintf(request->words, sizeof(request->words), "{\"message\":\"%u\"}",
			fate->n_made);
		return fate->n_made > 0 ? 200 : 404;
	}
	if (item->kind != 'o') {
		(void)snprintf(request->words, sizeof(request->words),
			"{\"message\":\"%s is not wanted\"}", item->id);
		return item->kind == 'x' ? 400 : 404;
	}
	return apply_step(request, item, fate);
}

/* --- the oracle ----------------------------------------------------------------------------------------- */

/* Before then it may still land: the answer was not awaited longer. */
static void watch_look(const struct request *request, struct fate *fate, const char *id)
{
	int64_t waited_ms = loop_now_ms() - fate->doubt_at_ms;

	CHECK(fate->n_started > 0 || fate->was_claimed, "%s was never sent, and is looked up", id);
	if (fate->doubt_boot == day.n_boots && fate->doubt_at_ms > 0)
		CHECK(waited_ms >= request->cloud->settle_ms,
			"%s is looked up %lld ms after it came into doubt, not %lld", id,
			(long long)waited_ms, (long long)request->cloud->settle_ms);
	fate->looked_at_ms = loop_now_ms();
	day.n_looks++;
}

static void watch_send(struct request *request, struct item *item, struct fate *fate)
{
	struct cloud *cloud = request->cloud;

	if (cloud->mode == MODE_LOOKUP)
		CHECK(!fate->is_doubtful || fate->may_go_on,
			"%s may have been applied by %s, and is sent again before it was looked up",
			item->id, cloud->name);
	if (fate->sent_key[0])
		CHECK(strcmp(fate->sent_key, request->made_key) == 0,
			"%s goes to %s under another key", item->id, cloud->name);
	(void)snprintf(fate->sent_key, sizeof(fate->sent_key), "%s", request->made_key);
	request->before[0].is_doubtful = fate->is_doubtful && !fate->may_go_on;
	day.n_repeats += fate->is_repeated;
	fate->may_go_on = false;
	fate->is_doubtful = true;
	fate->carry = (unsigned)request->step;
	if (fate->first_at_ms < 0)
		fate->first_at_ms = loop_now_ms();
}

void program_watch_start(struct request *request)
{
	struct cloud *cloud = request->cloud;
	struct item *item = &day.items[request->members[0]];
	struct fate *fate = fate_of(item, cloud);

	trace("#%u leaves for %s: %s %s", request->nth, cloud->name,
		request->is_look ? "look for" : steps[request->step], item->id);
	CHECK(item->seq > 0 && !item->is_put && fate->is_routed, "%s is not stored for %s",
		item->id, cloud->name);
	CHECK(fate->ending == OPEN, "%s was settled, and is asked about", item->id);
	CHECK(!fate->is_out, "%s is out twice", item->id);
	CHECK(cloud->n_out < cloud->terms.concurrency, "%u requests to %s are out already",
		cloud->n_out, cloud->name);
	CHECK(!request->is_look || cloud->mode == MODE_LOOKUP, "%s cannot be asked", cloud->name);
	watch_order(request, 0, false);
	if (request->is_look)
		watch_look(request, fate, item->id);
	else if (!request->is_driven)
		watch_send(request, item, fate);
	fate->is_out = true;
	cloud->n_out++;
	watch_touch(cloud);
}

static bool is_proof(const struct request *request)
{
	int status = request->status;

	return request->transport == TRANSPORT_NOT_SENT ||
	       (request->transport == TRANSPORT_ANSWERED &&
		       ((status >= 400 && status < 500 && status != 408 && status != 409) ||
			       status == 307));
}

void program_watch_answer(struct request *request)
{
	struct fate *fate = fate_of(&day.items[request->members[0]], request->cloud);
	int status = request->transport == TRANSPORT_ANSWERED ? request->status : 0;

	request->cloud->n_out--;
	watch_wait(request);
	watch_touch(request->cloud);
	fate->is_out = false;
	fate->was_held |= (status >= 300 && status < 400) || status == 401 || status == 403 ||
			  status == 404 || status == 410;
	if (request->is_look || request->is_driven)
		return;
	if (is_proof(request)) {
		fate->is_doubtful = request->before[0].is_doubtful;
	} else {
		fate->doubt_at_ms = loop_now_ms();
		fate->doubt_boot = day.n_boots;
	}
	if (status == 400)
		fate->refused = status;
}

void program_watch_exception(const struct deliver_news *news, const struct item *item,
	const struct fate *fate, const struct cloud *cloud)
{
	bool is_certain = !may_land_late(cloud);

	if (strcmp(news->kind, "rejected") == 0) {
		CHECK(fate->refused > 0 || fate->was_held || fate->has_failed,
			"%s is said to be rejected, and was not: %s", item->id, news->reason);
		CHECK(!is_certain || fate->n_applied == 0, "%s is rejected, and applied", item->id);
	} else if (strcmp(news->kind, "unknown") == 0) {
		/* Half a document is there, in no doubt, but it cannot go on. */
		CHECK(fate->is_doubtful || fate->was_claimed || fate->is_repeated ||
				fate->carry > 0,
			"%s is said to be in doubt, and is not: %s", item->id, news->reason);
	} else if (strcmp(news->kind, "gave_up") == 0) {
		CHECK(cloud->give_up_ms > 0, "%s was given up", item->id);
		CHECK(cloud->mode != MODE_LOOKUP || !fate->is_doubtful,
			"%s may have been applied, and is given up", item->id);
	} else {
		day_fail("an exception of kind %s", news->kind);
	}
}

/* What was accepted after a look had not found it is looked for once more. */
void program_watch_done(const struct item *item, const struct fate *fate, const struct cloud *cloud)
{
	CHECK(!fate->is_repeated || fate->looked_at_ms >= fate->doubt_at_ms,
		"%s was sent to %s again, and nobody has looked whether it is there twice",
		item->id, cloud->name);
}

/* What is found claimed is in doubt from now on. */
void program_watch_kill(struct fate *fate, bool is_claimed)
{
	fate->may_go_on = false;
	if (!is_claimed)
		return;
	fate->is_doubtful = true;
	fate->doubt_at_ms = loop_now_ms();
	fate->doubt_boot = day.n_boots;
}
