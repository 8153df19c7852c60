/*
 * api_ledger.c - does it add up: routed = delivered + pending + exceptions + discarded + lost.
 *
 * From running counts only; no event is looked at. It runs after the commit like every reading, so
 * the tally (rows) and the depths (memory) speak of the same moment.
 */
#include "ops/room.h"

#include <stdlib.h>
#include <string.h>

#include "ops/view.h"
#include "ops/writer.h"
#include "store/store.h"

/* Beyond it, or when memory runs out, devices are left out, and the answer says so. */
#define DEVICES_MAX 10000

struct account {
	int64_t routed, delivered, discarded, lost;
};

struct device {
	char name[65];
	int64_t stored, duplicate, rejected;
	int64_t *delivered; /* by destination's number, 1.. */
};

struct ledger {
	struct call *call;
	int n_destinations;
	int64_t stored, duplicate, rejected;
	struct account *accounts; /* by destination's number, 1.. */
	struct device *devices;
	size_t n_devices, cap_devices;
	bool is_cut, is_closed;
};

static int on_total(void *ctx, const struct store_tally_row *row)
{
	struct ledger *ledger = ctx;

	if (strcmp(row->outcome, "stored") == 0)
		ledger->stored += row->n;
	else if (strcmp(row->outcome, "duplicate") == 0)
		ledger->duplicate += row->n;
	else if (strcmp(row->outcome, "rejected") == 0)
		ledger->rejected += row->n;
	if (row->destination < 1 || row->destination > ledger->n_destinations)
		return 0;
	if (strcmp(row->outcome, "routed") == 0)
		ledger->accounts[row->destination].routed += row->n;
	else if (strcmp(row->outcome, "done") == 0)
		ledger->accounts[row->destination].delivered += row->n;
	else if (strcmp(row->outcome, "discarded") == 0)
		ledger->accounts[row->destination].discarded += row->n;
	else if (strcmp(row->outcome, "lost") == 0)
		ledger->accounts[row->destination].lost += row->n;
	return 0;
}

static struct device *add_device(struct ledger *ledger, const char *name)
{
	struct device *device;

	if (ledger->n_devices == ledger->cap_devices) {
		size_t cap = ledger->cap_devices ? 2 * ledger->cap_devices : 64;
		struct device *grown = realloc(ledger->devices, cap * sizeof(*grown));

		if (!grown)
			return NULL;
		ledger->devices = grown;
		ledger->cap_devices = cap;
	}
	device = &ledger->devices[ledger->n_devices];
	*device = (struct device){ 0 };
	memcpy(device->name, name, strnlen(name, sizeof(device->name) - 1));
	device->delivered = calloc((size_t)ledger->n_destinations + 1, sizeof(int64_t));
	if (!device->delivered)
		return NULL;
	ledger->n_devices++;
	return device;
}

/* Rows of one device come together, so the search begins with the last. */
static struct device *find_device(struct ledger *ledger, const char *name)
{
	for (size_t i = ledger->n_devices; i > 0; i--)
		if (strcmp(ledger->devices[i - 1].name, name) == 0)
			return &ledger->devices[i - 1];
	return add_device(ledger, name);
}

static int on_device(void *ctx, const struct store_tally_row *row)
{
	struct ledger *ledger = ctx;
	struct device *device;

	if (!row->device || !row->device[0])
		return 0;
	device = ledger->n_devices < DEVICES_MAX ? find_device(ledger, row->device) : NULL;
	if (!device) {
		ledger->is_cut = true;
		return 1;
	}
	if (strcmp(row->outcome, "stored") == 0)
		device->stored += row->n;
	else if (strcmp(row->outcome, "duplicate") == 0)
		device->duplicate += row->n;
	else if (strcmp(row->outcome, "rejected") == 0)
		device->rejected += row->n;
	else if (strcmp(row->outcome, "done") == 0 && row->destination > 0 &&
		 row->destination <= ledger->n_destinations)
		device->delivered[row->destination] += row->n;
	return 0;
}

static void put_account(struct ledger *ledger, int id)
{
	struct store *store = ledger->call->ops->with.store;
	struct buf *out = &ledger->call->body;
	const struct account *account = &ledger->accounts[id];
	int64_t pending = store_pending(store, id);
	int64_t exceptions = store_depth(store, id, DELIVERY_EXCEPTION);
	int64_t balance = account->routed - account->delivered - pending - exceptions -
			  account->discarded - account->lost;

	ledger->is_closed = ledger->is_closed && balance == 0;
	write_open(out, NULL, '{');
	write_text(out, "destination", store_destination_name(store, id));
	write_int(out, "routed", account->routed);
	write_int(out, "delivered", account->delivered);
	write_int(out, "pending", pending);
	write_int(out, "exceptions", exceptions);
	write_int(out, "discarded", account->discarded);
	write_int(out, "lost", account->lost);
	write_int(out, "balance", balance);
	write_close(out, '}');
}

static void put_device(struct ledger *ledger, const struct device *device)
{
	struct store *store = ledger->call->ops->with.store;
	struct buf *out = &ledger->call->body;

	write_open(out, NULL, '{');
	write_text(out, "device", device->name);
	write_int(out, "stored", device->stored);
	write_int(out, "duplicates", device->duplicate);
	write_int(out, "rejected", device->rejected);
	write_open(out, "delivered", '{');
	for (int id = 1; id <= ledger->n_destinations; id++)
		if (device->delivered[id] > 0)
			write_int(out, store_destination_name(store, id), device->delivered[id]);
	write_close(out, '}');
	write_close(out, '}');
}

static int on_sequence(void *ctx, const char *source, int64_t first, int64_t last, int64_t seen)
{
	struct buf *out = &((struct ledger *)ctx)->call->body;
	int64_t missing = last - first + 1 - seen;

	if (missing <= 0)
		return 0;
	write_open(out, NULL, '{');
	write_text(out, "source", source);
	write_int(out, "first", first);
	write_int(out, "last", last);
	write_int(out, "seen", seen);
	write_int(out, "missing", missing);
	write_close(out, '}');
	return 0;
}

/* Read and write all of it. 0, or -1: the store could not be read. */
static int put_ledger(struct ledger *ledger)
{
	struct store *store = ledger->call->ops->with.store;
	struct buf *out = &ledger->call->body;

	if (store_sum_tally(store, STORE_TALLY_METRICS, 0, on_total, ledger) < 0 ||
		store_sum_tally(store, STORE_TALLY_DEVICE, 0, on_device, ledger) < 0)
		return -1;
	write_open(out, NULL, '{');
	write_int(out, "accepted", ledger->stored);
	write_int(out, "duplicates", ledger->duplicate);
	write_int(out, "rejected", ledger->rejected);
	write_open(out, "by_destination", '[');
	for (int id = 1; id <= ledger->n_destinations; id++)
		put_account(ledger, id);
	write_close(out, ']');
	write_open(out, "by_device", '[');
	for (size_t i = 0; i < ledger->n_devices; i++)
		put_device(ledger, &ledger->devices[i]);
	write_close(out, ']');
	write_bool(out, "devices_cut", ledger->is_cut);
	write_open(out, "gaps", '[');
	if (store_list_sequences(store, on_sequence, ledger) < 0)
		return -1;
	write_close(out, ']');
	write_bool(out, "closed", ledger->is_closed);
	write_close(out, '}');
	return 0;
}

void api_ledger(struct call *call)
{
	struct ledger ledger = { .call = call, .is_closed = true };

	ledger.n_destinations = store_destination_count(call->ops->with.store);
	ledger.accounts = calloc((size_t)ledger.n_destinations + 1, sizeof(*ledger.accounts));
	if (!ledger.accounts)
		call_problem(call, 500, "no memory");
	else if (put_ledger(&ledger) != 0)
		call_store_failed(call);
	else
		call_answer(call, 200);
	for (size_t i = 0; i < ledger.n_devices; i++)
		free(ledger.devices[i].delivered);
	free(ledger.devices);
	free(ledger.accounts);
}
