/*
 * publisher.c - the floor: handhelds that publish receipts and wait for dray's acks. With QoS 1, or
 * with QoS 0 as a fixed reader does: then it hears of no loss, but that acks stay away.
 *
 * An event is in flight from its publish until dray's own ack for it arrives on the ack topic; the
 * window bounds how many are. One more client listens to the acks of all handhelds, with
 * QoS 0: its own acknowledgements would load the broker for nothing that is measured. Each event's
 * place in the run stands in the last twelve digits of its id, so that an ack finds its send time
 * without a search.
 *
 * Without --rate events go as fast as the window lets them, in bursts of an eighth of it, which
 * saves system calls here and in the broker. With --rate each goes alone at its time.
 */
#include <getopt.h>
#include <poll.h>
#include <sys/random.h>

#include "bench.h"
#include "mqtt_wire.h"
#include "receipt.h"

#define HANDHELDS_MAX 500
#define ID_LEN 36
#define TOPIC_MAX 200

struct options {
	int port;
	const char *root, *site;
	unsigned handhelds, documents;
	size_t count, window;
	long rate; /* events a second; 0: as fast as the window lets them */
	long stall_s;
	int qos;
};

struct floor {
	struct options options;
	struct wire *handhelds[HANDHELDS_MAX];
	struct wire *listener;
	char run[10];     /* of the ids: "7rrr-8rrr-", without the last dash */
	int64_t *sent_us; /* by place; 0 once acknowledged */
	int64_t *latencies_us;
	size_t sent, acked, stored;
	int64_t started_us, last_us;
};

static void read_options(struct options *options, int argc, char **argv)
{
	static const struct option table[] = { { "port", required_argument, NULL, 'p' },
		{ "root", required_argument, NULL, 'r' }, { "site", required_argument, NULL, 's' },
		{ "handhelds", required_argument, NULL, 'n' },
		{ "documents", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'c' },
		{ "window", required_argument, NULL, 'w' },
		{ "rate", required_argument, NULL, 'R' }, { "stall", required_argument, NULL, 'S' },
		{ "qos", required_argument, NULL, 'q' }, { NULL, 0, NULL, 0 } };
	int c;

	*options = (struct options){ 1883, "dray/v1", "bench", 20, 10000, 10000, 900, 0, 20, 1 };
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (c) {
		case 'p':
			options->port = (int)bench_number("--port", optarg, 65535);
			break;
		case 'r':
			options->root = optarg;
			break;
		case 's':
			options->site = optarg;
			break;
		case 'n':
			options->handhelds =
				(unsigned)bench_number("--handhelds", optarg, HANDHELDS_MAX);
			break;
		case 'd':
			options->documents = (unsigned)bench_number("--documents", optarg, 9999999);
			break;
		case 'c':
			options->count = (size_t)bench_number("--count", optarg, 10000000);
			break;
		case 'w':
			options->window = (size_t)bench_number("--window", optarg, 60000);
			break;
		case 'R':
			options->rate = bench_number("--rate", optarg, 100000);
			break;
		case 'S':
			options->stall_s = bench_number("--stall", optarg, 3600);
			break;
		case 'q':
			options->qos = (int)bench_number("--qos", optarg, 1);
			break;
		default:
			bench_die("usage: bench_publisher --port N [--count N] [--rate N] …");
		}
	}
	if (options->handhelds == 0 || options->documents == 0 || options->window == 0 ||
		options->count == 0)
		bench_die("handhelds, documents, window and count must be above 0");
}

static void open_floor(struct floor *floor)
{
	uint8_t entropy[4];
	char text[TOPIC_MAX];
	unsigned i;

	if (getrandom(entropy, sizeof(entropy), 0) != (ssize_t)sizeof(entropy))
		bench_die("no entropy: %s", strerror(errno));
	(void)snprintf(floor->run, sizeof(floor->run), "7%x%02x-8%x%02x", entropy[0] & 15,
		entropy[1], entropy[2] & 15, entropy[3]);
	floor->sent_us = bench_alloc(floor->options.count, sizeof(*floor->sent_us));
	floor->latencies_us = bench_alloc(floor->options.count, sizeof(*floor->latencies_us));
	for (i = 0; i < floor->options.handhelds; i++) {
		(void)snprintf(text, sizeof(text), "bench-%s-%04u", floor->run, i);
		floor->handhelds[i] = wire_connect(floor->options.port, text);
		wire_start(floor->handhelds[i]);
	}
	(void)snprintf(text, sizeof(text), "bench-%s-acks", floor->run);
	floor->listener = wire_connect(floor->options.port, text);
	(void)snprintf(text, sizeof(text), "%s/%s/ack/+", floor->options.root, floor->options.site);
	wire_subscribe(floor->listener, text, 0);
	wire_start(floor->listener);
}

/* False when the handheld's buffer is full. */
static bool publish_next(struct floor *floor)
{
	unsigned handheld = (unsigned)(floor->sent % floor->options.handhelds);
	struct wire *wire = floor->handhelds[handheld];
	struct receipt receipt;
	char payload[RECEIPT_MAX], topic[TOPIC_MAX];
	size_t len;
	int n;

	if (!wire_has_room(wire, sizeof(topic), sizeof(payload)))
		return false;
	n = snprintf(topic, sizeof(topic), "%s/%s/event/receipt/tc52-%04u", floor->options.root,
		floor->options.site, handheld);
	if (n < 0 || (size_t)n >= sizeof(topic))
		bench_die("the topic is longer than %zu bytes", sizeof(topic));
	receipt_make(&receipt, floor->run, floor->sent, handheld,
		floor->sent % floor->options.documents);
	len = receipt_print_short(&receipt, payload);
	wire_publish(wire, topic, (size_t)n, payload, len, floor->options.qos);
	floor->sent_us[floor->sent++] = bench_now_us();
	return true;
}

/* How many to publish now; *ret_wait_ms: how long to sleep when nothing else happens. */
static size_t count_due(const struct floor *floor, int *ret_wait_ms)
{
	size_t flying = floor->sent - floor->acked, left = floor->options.count - floor->sent;
	size_t room = flying < floor->options.window ? floor->options.window - flying : 0;
	int64_t due_us, now_us = bench_now_us();

	*ret_wait_ms = 100;
	if (room > left)
		room = left;
	if (floor->options.rate == 0)
		return room >= floor->options.window / 8 || room == left ? room : 0;
	due_us = floor->started_us + (int64_t)floor->sent * 1000000 / floor->options.rate;
	if (now_us < due_us) {
		*ret_wait_ms = (int)((due_us - now_us + 999) / 1000);
		return 0;
	}
	/* Those that are late as well, so that the rate is kept. */
	size_t due = (size_t)((now_us - due_us) * floor->options.rate / 1000000) + 1;
	*ret_wait_ms = floor->options.rate < 1000 ? (int)(1000 / floor->options.rate) : 1;
	return due < room ? due : room;
}

/* The broker's PUBACKs say nothing about durability: they only have to leave the socket. */
static void forget_pubacks(struct wire *wire)
{
	struct wire_packet packet;
	size_t pos = 0;

	wire_read(wire);
	while (wire_next(wire, &pos, &packet))
		continue;
	wire_consume(wire, pos);
}

/* How long to sleep when no ack comes, in ms. */
static int publish_due(struct floor *floor)
{
	int wait_ms;
	size_t due = count_due(floor, &wait_ms);
	unsigned i;

	while (due > 0 && publish_next(floor))
		due--;
	for (i = 0; i < floor->options.handhelds; i++) {
		if (floor->handhelds[i]->out_len == 0)
			continue;
		if (!wire_flush(floor->handhelds[i]))
			wait_ms = 1;
		forget_pubacks(floor->handhelds[i]);
	}
	return wait_ms;
}

/* An ack names its event by id; those of other runs are not ours to count. */
static void on_ack(struct floor *floor, const char *payload, size_t len)
{
	static const char key[] = "\"id\":\"", stored[] = "\"status\":\"stored\"";
	const char *id = memmem(payload, len, key, sizeof(key) - 1);
	char digits[13] = "";
	size_t place;

	if (id == NULL || (size_t)(payload + len - id) < sizeof(key) - 1 + ID_LEN)
		return;
	id += sizeof(key) - 1;
	if (memcmp(id + 14, floor->run, 9) != 0)
		return;
	memcpy(digits, id + 24, 12);
	place = (size_t)strtoull(digits, NULL, 16);
	if (place >= floor->sent || floor->sent_us[place] == 0)
		return;
	floor->last_us = bench_now_us();
	floor->latencies_us[floor->acked++] = floor->last_us - floor->sent_us[place];
	floor->sent_us[place] = 0;
	if (memmem(payload, len, stored, sizeof(stored) - 1) != NULL)
		floor->stored++;
}

static void read_acks(struct floor *floor)
{
	struct wire_packet packet;
	struct wire_publish publish;
	size_t pos = 0;

	wire_read(floor->listener);
	while (wire_next(floor->listener, &pos, &packet))
		if (wire_parse_publish(&packet, &publish))
			on_ack(floor, publish.payload, publish.len);
	wire_consume(floor->listener, pos);
}

/*
 * Acks come one by one. At full speed a millisecond's sleep lets some gather: a wake-up for each
 * would take from the agent the core that it is measured on.
 */
static void wait_for_acks(const struct floor *floor, int wait_ms)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };
	struct pollfd acks = { .fd = floor->listener->fd, .events = POLLIN };

	if (floor->options.rate == 0)
		(void)nanosleep(&pause, NULL);
	if (poll(&acks, 1, wait_ms) < 0 && errno != EINTR)
		bench_die("cannot wait for the broker: %s", strerror(errno));
}

static void run(struct floor *floor)
{
	int64_t stall_us = floor->options.stall_s * 1000000;

	floor->started_us = floor->last_us = bench_now_us();
	while (floor->acked < floor->options.count && bench_now_us() - floor->last_us <= stall_us) {
		wait_for_acks(floor, publish_due(floor));
		read_acks(floor);
	}
}

int main(int argc, char **argv)
{
	static struct floor floor;
	double seconds;
	size_t n;

	read_options(&floor.options, argc, argv);
	open_floor(&floor);
	run(&floor);
	n = floor.acked;
	seconds = (double)(floor.last_us - floor.started_us) / 1e6;
	bench_sort(floor.latencies_us, n);
	printf("{\"published\":%zu,\"acked\":%zu,\"stored\":%zu,\"seconds\":%.4f,"
	       "\"events_per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,"
	       "\"started_mono_us\":%lld,\"cpu_s\":%.3f}\n",
		floor.sent, n, floor.stored, seconds, seconds > 0 ? (double)n / seconds : 0.0,
		bench_percentile_ms(floor.latencies_us, n, 500),
		bench_percentile_ms(floor.latencies_us, n, 990),
		bench_percentile_ms(floor.latencies_us, n, 1000), (long long)floor.started_us,
		(double)bench_cpu_us() / 1e6);
	return n == floor.options.count ? 0 : 1;
}
