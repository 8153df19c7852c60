/*
 * fdatasync.c - the limit of a durable acknowledgement: append a page, make it durable, at a rate.
 *
 * The pages go over the same few megabytes again and again, as a write-ahead log does after its
 * first round, so that the file system has no blocks to allocate.
 */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define PAGE 4096
#define PAGES_MAX 1000

static void sleep_until(int64_t due_us)
{
	struct timespec due = { .tv_sec = (time_t)(due_us / 1000000),
		.tv_nsec = (long)(due_us % 1000000 * 1000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		continue;
}

static int open_file(const char *path, const char *page)
{
	int i, fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		bench_die("cannot open %s: %s", path, strerror(errno));
	for (i = 0; i < PAGES_MAX; i++)
		if (pwrite(fd, page, PAGE, (off_t)i * PAGE) != PAGE)
			bench_die("cannot write %s: %s", path, strerror(errno));
	if (fsync(fd) != 0)
		bench_die("cannot sync %s: %s", path, strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	static const struct option table[] = { { "file", required_argument, NULL, 'f' },
		{ "count", required_argument, NULL, 'c' }, { "rate", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 } };
	static char page[PAGE] = "dray";
	const char *path = NULL;
	size_t i, count = 1000;
	long rate = 200;
	int64_t start_us, *took_us;
	int c, fd;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'f')
			path = optarg;
		else if (c == 'c')
			count = (size_t)bench_number("--count", optarg, 1000000);
		else if (c == 'r')
			rate = bench_number("--rate", optarg, 100000);
		else
			bench_die("usage: bench_fdatasync --file PATH [--count N] [--rate N]");
	}
	if (path == NULL || count == 0 || rate == 0)
		bench_die("usage: bench_fdatasync --file PATH [--count N] [--rate N]");
	took_us = bench_alloc(count, sizeof(*took_us));
	fd = open_file(path, page);
	start_us = bench_now_us();
	for (i = 0; i < count; i++) {
		int64_t before_us;

		sleep_until(start_us + (int64_t)i * 1000000 / rate);
		before_us = bench_now_us();
		if (pwrite(fd, page, PAGE, (off_t)(i % PAGES_MAX) * PAGE) != PAGE ||
			fdatasync(fd) != 0)
			bench_die("cannot write %s: %s", path, strerror(errno));
		took_us[i] = bench_now_us() - before_us;
	}
	bench_sort(took_us, count);
	printf("{\"count\":%zu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n", count,
		bench_percentile_ms(took_us, count, 500), bench_percentile_ms(took_us, count, 990),
		bench_percentile_ms(took_us, count, 1000));
	free(took_us);
	if (close(fd) != 0 || unlink(path) != 0)
		bench_die("cannot remove %s: %s", path, strerror(errno));
	return 0;
}
