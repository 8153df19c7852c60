/*
 * bench.h - what every load program does: read the clock, its own CPU time, its options, and say
 * what it found. Each program prints one JSON object on stdout and nothing else there.
 */
#ifndef DRAY_BENCH_H
#define DRAY_BENCH_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static inline int64_t bench_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* User and system time of this process so far, all threads, in microseconds. */
static inline int64_t bench_cpu_us(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return 0;
	return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void bench_die(
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(2);
}

/* An option's number, 0 to `max`; ends the program on anything else. */
static inline long bench_number(const char *name, const char *text, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < 0 || n > max)
		bench_die("%s: expected a number from 0 to %ld, not \"%s\"", name, max, text);
	return n;
}

static inline void *bench_alloc(size_t n, size_t size)
{
	void *bytes = calloc(n, size);

	if (bytes == NULL)
		bench_die("out of memory for %zu x %zu bytes", n, size);
	return bytes;
}

static inline int bench_compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static inline void bench_sort(int64_t *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), bench_compare);
}

/* Of sorted microseconds, in milliseconds; nearest rank. */
static inline double bench_percentile_ms(const int64_t *sorted, size_t n, unsigned per_thousand)
{
	size_t rank = (n * per_thousand + 999) / 1000;

	if (n == 0)
		return 0.0;
	return (double)sorted[rank > 0 ? rank - 1 : 0] / 1000.0;
}

#endif
