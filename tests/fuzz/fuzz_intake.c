/*
 * fuzz_intake.c - any topic, a line break, any payload through the one door, into a store that is
 * rolled back: each event of it is answered once, what is refused is kept with a reason in words,
 * and dray never agrees to speak on another device's topic.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <event2/event.h>

#include "capture/intake.h"
#include "capture/origin.h"
#include "capture/topic.h"
#include "deliver/deliver.h"
#include "dray/metrics.h"
#include "help_fuzz.h"
#include "store/store.h"
#include "turn.h"

static const char configuration[] =
	"{\"site\":\"dc-1\",\"destinations\":{\"erp\":{\"url\":\"http://erp\"},"
	"\"tms\":{\"url\":\"http://tms\",\"order_by\":\"/data/carrier\"}},"
	"\"routes\":{\"all\":{\"to\":[\"erp\"]},"
	"\"ship\":{\"when\":{\"type\":\"ship*\",\"data.carrier\":true},\"to\":[\"tms\",\"erp\"],"
	"\"lane\":\"critical\"}}}";

static struct {
	struct config *config;
	struct store *store;
	struct intake *intake;
	unsigned n_acks, n_refused;
} door;

static void on_exception(void *ctx, const struct intake_exception *exception)
{
	(void)ctx;
	door.n_refused++;
	check(exception->kind[0] != '\0' && exception->reason[0] != '\0');
	check_words(exception->reason, strlen(exception->reason));
}

static void on_ack(void *ctx, const struct ack *ack, const char *device)
{
	struct buf out = BUF_INIT;
	char topic[TOPIC_MAX];

	(void)ctx;
	door.n_acks++;
	ack_render(ack, &out);
	check_json(out.data, out.len);
	buf_done(&out);
	check(!device[0] || id_is_name(device, strlen(device)));
	check(topic_for_acks(door.config, device, topic, sizeof(topic)));
}

/* Without a destination in force: it hears what is routed, and claims nothing. */
static struct deliver *open_deliver(struct metrics *metrics)
{
	struct event_base *base = event_base_new();
	struct deliver *deliver = deliver_new(&(struct deliver_options){ .base = base,
		.turn = turn_new(base, door.store, metrics, fuzz_clock()),
		.store = door.store,
		.metrics = metrics,
		.clock = fuzz_clock() });

	check(deliver != NULL);
	return deliver;
}

static void open_door(void)
{
	struct metrics *metrics = metrics_new();
	struct error err;
	char path[128];
	cJSON *document = cJSON_Parse(configuration);

	check(config_build(document, &door.config, &err) == 0);
	cJSON_Delete(document);
	door.store = fuzz_store("x", path, sizeof(path));
	check(store_destination_id(door.store, "erp") > 0 &&
		store_destination_id(door.store, "tms") > 0 && store_commit(door.store) == 0);
	door.intake = intake_new(door.store, open_deliver(metrics), metrics, fuzz_clock());
	check(door.intake && intake_configure(door.intake, door.config) == 0);
	intake_on_exception(door.intake, on_exception, NULL);
}

static void check_words_of(const char *topic, const struct topic_words *words)
{
	char again[TOPIC_MAX];

	(void)snprintf(again, sizeof(again), "%s/%s/event/%s/%s", door.config->mqtt.root,
		words->site, words->type, words->device);
	check(strcmp(topic, again) == 0);
}

static void check_response(const char *topic)
{
	static const char own[] = "dray/v1/dc-1/ack/d1", house[] = "dray/v1/dc-1/";

	if (topic_may_respond(door.config, own, topic))
		check(strcmp(topic, own) == 0 || strncmp(topic, house, strlen(house)) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	struct topic_words words;
	char topic[1024];

	if (!door.store)
		open_door();
	if (!end || (size_t)(end - data) >= sizeof(topic))
		return 0;
	memcpy(topic, data, (size_t)(end - data));
	topic[end - data] = '\0';
	check_response(topic);
	if (topic_read(door.config->mqtt.root, topic, &words))
		check_words_of(topic, &words);
	struct origin origin;
	origin_of_kept(door.config, topic, &origin);
	origin_of_topic(door.config, topic, &origin);
	origin.message.on_invalid = size % 2 ? CONFIG_INVALID_REJECT : CONFIG_INVALID_ACCEPT;
	origin.message.payload = end + 1;
	origin.message.len = size - (size_t)(end + 1 - data);
	origin.message.received_at_ms = 1;
	door.n_acks = 0;
	check(intake_take(door.intake, &origin.message, on_ack, NULL) == 0);
	check(door.n_acks > 0);
	intake_poisoned(door.intake);
	store_abandon(door.store);
	return 0;
}
