/*
 * How much an event makes the disk write, and whether the store says so truly.
 *
 * An event's whole life is counted: stored with its delivery, claimed, settled, and moved from the
 * WAL into the database. Its handheld sent 480 bytes, which are 688 as stored (bench/receipt.h).
 * Counted are pages, not time: the figures are the same on every run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include <cmocka.h>

#include "help_store.h"

#define PAYLOAD_BYTES 480
#define BODY_BYTES 688
#define TMPFS_MAGIC 0x01021994 /* include/uapi/linux/magic.h of Linux */
#define AT_ONCE_MAX 200
#define MORE_THAN_CACHED 4000 /* events: some 5 MB, and the cache holds 1 */
#define EVENTS 2000
#define EVENTS_PER_CHECKPOINT 200

struct wear {
	double ratio; /* written bytes for a payload byte */
	int64_t written, by_kernel;
};

/* What the kernel says that this process made it write; -1: it doesn't say. */
static int64_t kernel_written(void)
{
	FILE *file = fopen("/proc/self/io", "re");
	char line[128];
	long long bytes = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "write_bytes: %lld", &bytes) == 1)
			break;
	if (file)
		(void)fclose(file);
	return bytes;
}

static int64_t written(struct shed *shed)
{
	struct store_sizes sizes;

	store_sizes(shed->store, &sizes);
	return sizes.written_bytes;
}

/* One turn: stored, routed, claimed. */
static void capture(struct shed *shed, int *n, unsigned at_once, int64_t *seqs)
{
	char key[32];

	for (unsigned i = 0; i < at_once; i++) {
		(void)snprintf(key, sizeof(key), "purchase_order/PO-%07d", *n);
		seqs[i] = shed_put(shed, (*n)++, 1, key);
		shed_claim(shed, 1, seqs[i]);
	}
	shed_commit(shed);
}

/* Another, when the answers are there. */
static void settle(struct shed *shed, unsigned at_once, const int64_t *seqs)
{
	for (unsigned i = 0; i < at_once; i++)
		shed_settle(shed, 1, seqs[i], DELIVERY_DONE);
	shed_commit(shed);
}

static void live(struct shed *shed, int *n, unsigned at_once, bool is_delivered)
{
	int64_t seqs[AT_ONCE_MAX];

	if (is_delivered) {
		capture(shed, n, at_once, seqs);
		settle(shed, at_once, seqs);
		return;
	}
	for (unsigned i = 0; i < at_once; i++)
		(void)shed_put_event(shed, (*n)++);
	shed_commit(shed);
}

/* The figures are those of so many events, `at_once` to a commit. */
static struct wear measure(unsigned at_once, bool is_delivered)
{
	struct shed shed;
	struct wear wear = { 0 };
	int n = 0;

	shed_init_on_disk(&shed);
	shed.body_bytes = BODY_BYTES;
	assert_int_equal(store_destination_id(shed.store, "erp"), 1);
	live(&shed, &n, AT_ONCE_MAX, is_delivered);
	int64_t began = written(&shed), by_kernel = kernel_written();
	for (unsigned i = 1; i <= EVENTS / at_once; i++) {
		live(&shed, &n, at_once, is_delivered);
		if (i * at_once % EVENTS_PER_CHECKPOINT == 0)
			store_checkpoint_tail(shed.store);
	}
	wear.written = written(&shed) - began;
	wear.by_kernel = kernel_written() - by_kernel;
	wear.ratio = (double)wear.written / EVENTS / PAYLOAD_BYTES;
	print_message("%3u a commit, %s: %.0f bytes written an event, %.1f times its payload\n",
		at_once, is_delivered ? "delivered" : "stored", (double)wear.written / EVENTS,
		wear.ratio);
	shed_done(&shed);
	return wear;
}

static void test_two_hundred_events_a_commit_write_at_most_eight_times_their_payload(void **state)
{
	(void)state;
	double stored = measure(200, false).ratio, delivered = measure(200, true).ratio;
	assert_true(stored > 1 && stored < delivered);
	assert_true(delivered <= 8);
}

/* A page of each tree, and of the counts, for one event: what a quiet day costs. README says so. */
static void test_few_events_a_commit_write_what_the_readme_says(void **state)
{
	(void)state;
	assert_in_range((unsigned)measure(1, false).ratio, 45, 75);
	assert_in_range((unsigned)measure(1, true).ratio, 110, 160);
	assert_in_range((unsigned)measure(20, true).ratio, 9, 16);
}

static void skip_where_the_kernel_does_not_count(void)
{
	struct statfs about;

	if (statfs("/tmp", &about) == 0 && about.f_type != TMPFS_MAGIC && kernel_written() >= 0)
		return;
	print_message("the kernel doesn't count what is written to /tmp\n");
	skip();
}

static void assert_counts_agree(int64_t counted, int64_t by_kernel)
{
	double ratio = (double)counted / (double)by_kernel;

	print_message("the store counts %.3f of what the kernel does\n", ratio);
	assert_true(ratio > 0.97 && ratio < 1.03);
}

/* What does not fit into the cache is written before its commit, changed, and written again in place. */
static void test_what_is_written_twice_before_a_sync_is_counted_once(void **state)
{
	static int64_t seqs[MORE_THAN_CACHED];
	char key[32];
	struct shed shed;

	(void)state;
	skip_where_the_kernel_does_not_count();
	shed_init_on_disk(&shed);
	shed.body_bytes = BODY_BYTES;
	assert_int_equal(store_destination_id(shed.store, "erp"), 1);
	int64_t began = written(&shed), by_kernel = kernel_written();
	for (int i = 0; i < MORE_THAN_CACHED; i++) {
		(void)snprintf(key, sizeof(key), "purchase_order/PO-%07d", i);
		seqs[i] = shed_put(&shed, i, 1, key);
	}
	for (int i = 0; i < MORE_THAN_CACHED; i++)
		shed_claim(&shed, 1, seqs[i]);
	shed_commit(&shed);
	assert_counts_agree(written(&shed) - began, kernel_written() - by_kernel);
	shed_done(&shed);
}

static void test_the_count_is_the_kernels(void **state)
{
	(void)state;
	skip_where_the_kernel_does_not_count();
	for (unsigned at_once = 1; at_once <= AT_ONCE_MAX; at_once *= 10) {
		struct wear wear = measure(at_once, true);

		assert_counts_agree(wear.written, wear.by_kernel);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_two_hundred_events_a_commit_write_at_most_eight_times_their_payload),
		cmocka_unit_test(test_few_events_a_commit_write_what_the_readme_says),
		cmocka_unit_test(test_the_count_is_the_kernels),
		cmocka_unit_test(test_what_is_written_twice_before_a_sync_is_counted_once),
	};

	return cmocka_run_group_tests_name("wear", tests, NULL, NULL);
}
