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
#define EVENTS_PER_CHECKPOINT 200

struct wear {
	double stored, whole; /* written bytes for a payload byte: stored with its delivery; all */
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

static void capture(struct shed *shed, int *n, unsigned at_once, int64_t seqs[AT_ONCE_MAX])
{
	char key[32];

	for (unsigned i = 0; i < at_once; i++) {
		(void)snprintf(key, sizeof(key), "purchase_order/PO-%07d", *n);
		seqs[i] = shed_put(shed, (*n)++, 1, key);
	}
	shed_commit(shed);
}

static void deliver(struct shed *shed, unsigned at_once, const int64_t seqs[AT_ONCE_MAX])
{
	for (unsigned i = 0; i < at_once; i++)
		shed_claim(shed, 1, seqs[i]);
	shed_commit(shed);
	for (unsigned i = 0; i < at_once; i++)
		shed_settle(shed, 1, seqs[i], DELIVERY_DONE);
	shed_commit(shed);
}

/* 2,000 events, `at_once` to a commit. */
static struct wear measure(unsigned at_once)
{
	struct shed shed;
	struct wear wear = { 0 };
	int64_t seqs[AT_ONCE_MAX], stored = 0;
	int n = 0;

	shed_init(&shed, NULL);
	shed.body_bytes = BODY_BYTES;
	assert_int_equal(store_destination_id(shed.store, "erp"), 1);
	capture(&shed, &n, AT_ONCE_MAX, seqs);
	deliver(&shed, AT_ONCE_MAX, seqs);
	int64_t began = written(&shed), kernel_began = kernel_written();
	for (unsigned i = 0; i < 2000 / at_once; i++) {
		int64_t before = written(&shed);
		capture(&shed, &n, at_once, seqs);
		stored += written(&shed) - before;
		deliver(&shed, at_once, seqs);
		if ((i + 1) * at_once % EVENTS_PER_CHECKPOINT == 0)
			store_checkpoint_tail(shed.store);
	}
	wear.written = written(&shed) - began;
	wear.by_kernel = kernel_written() - kernel_began;
	wear.stored = (double)stored / 2000 / PAYLOAD_BYTES;
	wear.whole = (double)wear.written / 2000 / PAYLOAD_BYTES;
	print_message(
		"%u events a commit: %.0f bytes written an event, %.1f times its payload (%.1f "
		"for the commit that stores it)\n",
		at_once, (double)wear.written / 2000, wear.whole, wear.stored);
	shed_done(&shed);
	return wear;
}

static void test_two_hundred_events_a_commit_write_at_most_eight_times_their_payload(void **state)
{
	(void)state;
	struct wear wear = measure(200);
	assert_true(wear.whole > 2);
	assert_true(wear.whole <= 8);
	assert_true(wear.stored <= wear.whole);
}

/* Whole pages of every index, for each: this is what a site's quiet day costs. README says so. */
static void test_one_event_a_commit_writes_what_the_readme_says(void **state)
{
	(void)state;
	struct wear wear = measure(1);
	assert_in_range((unsigned)wear.whole, 140, 200);
	wear = measure(20);
	assert_in_range((unsigned)wear.whole, 10, 20);
}

static void test_the_count_is_the_kernels(void **state)
{
	struct statfs about;

	(void)state;
	if (statfs("/tmp", &about) != 0 || about.f_type == TMPFS_MAGIC || kernel_written() < 0) {
		print_message("the kernel doesn't count what is written to /tmp\n");
		skip();
	}
	for (unsigned at_once = 1; at_once <= AT_ONCE_MAX; at_once *= 10) {
		struct wear wear = measure(at_once);
		double ratio = (double)wear.written / (double)wear.by_kernel;

		print_message("the store counts %.3f of what the kernel does\n", ratio);
		assert_true(ratio > 0.97 && ratio < 1.03);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_two_hundred_events_a_commit_write_at_most_eight_times_their_payload),
		cmocka_unit_test(test_one_event_a_commit_writes_what_the_readme_says),
		cmocka_unit_test(test_the_count_is_the_kernels),
	};

	return cmocka_run_group_tests_name("wear", tests, NULL, NULL);
}
