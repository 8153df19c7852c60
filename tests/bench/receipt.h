/*
 * receipt.h - the event of the benchmarks: the receipt of EVENTS.md, as a handheld sends it (about
 * 480 bytes) and as drayd stores and posts it (about 640), so that the bare loops move what drayd
 * moves. Ids are UUIDv7 whose last twelve digits are the event's place in the run.
 */
#ifndef DRAY_RECEIPT_H
#define DRAY_RECEIPT_H

#include "bench.h"

#define RECEIPT_MAX 1024
#define RECEIPT_ID_MAX 48
#define RECEIPT_TIME_MAX 32

#define RECEIPT_LINES(first, second)                                                        \
	"\"supplier\":{\"id\":\"ACME\"},\"dock\":\"D4\",\"final\":false,"                   \
	"\"lines\":[{\"line\":1,\"item\":{\"sku\":\"SKU-1\",\"gtin\":\"09506000134352\"},"  \
	"\"quantity\":" first ",\"uom\":\"EA\",\"lot\":\"L77\",\"expiry\":\"2027-03-31\"}," \
	"{\"line\":2,\"item\":{\"sku\":\"SKU-2\"},\"quantity\":" second ",\"uom\":\"KGM\"," \
	"\"condition\":\"damaged\",\"reason\":\"wet\"}]"

struct receipt {
	char id[RECEIPT_ID_MAX];
	char time[RECEIPT_TIME_MAX];
	unsigned handheld;
	size_t document;
	int64_t at_ms;
};

static inline int64_t receipt_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* `run` is nine characters of the id that tell runs apart: "7rrr-8rrr". */
static inline void receipt_make_at(struct receipt *receipt, const char *run, size_t place,
	unsigned handheld, size_t document, int64_t at_ms)
{
	time_t at_s = (time_t)(at_ms / 1000);
	struct tm utc;
	char second[20];

	(void)gmtime_r(&at_s, &utc);
	(void)strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &utc);
	receipt->at_ms = at_ms;
	(void)snprintf(receipt->time, sizeof(receipt->time), "%s.%03dZ", second,
		(int)(receipt->at_ms % 1000));
	(void)snprintf(receipt->id, sizeof(receipt->id), "%08llx-%04llx-%s-%012llx",
		(unsigned long long)receipt->at_ms >> 16,
		(unsigned long long)receipt->at_ms & 0xffff, run, (unsigned long long)place);
	receipt->handheld = handheld;
	receipt->document = document;
}

static inline void receipt_make(
	struct receipt *receipt, const char *run, size_t place, unsigned handheld, size_t document)
{
	receipt_make_at(receipt, run, place, handheld, document, receipt_now_ms());
}

static inline size_t receipt_fit(int printed)
{
	if (printed < 0 || printed >= RECEIPT_MAX)
		bench_die("a receipt does not fit %d bytes", RECEIPT_MAX);
	return (size_t)printed;
}

/* As a handheld sends it. */
static inline size_t receipt_print_short(const struct receipt *receipt, char out[RECEIPT_MAX])
{
	return receipt_fit(snprintf(out, RECEIPT_MAX,
		"{\"id\":\"%s\",\"type\":\"receipt\",\"time\":\"%s\",\"operator\":\"u117\",\"data\":"
		"{\"document\":{\"type\":\"purchase_order\",\"id\":\"PO-%07zu\"}," RECEIPT_LINES(
			"12", "\"2.50\"") "}}",
		receipt->id, receipt->time, receipt->document));
}

/* As drayd stores and posts it. */
static inline size_t receipt_print_canonical(const struct receipt *receipt, char out[RECEIPT_MAX])
{
	return receipt_fit(snprintf(out, RECEIPT_MAX,
		"{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"/bench/tc52-%04u\","
		"\"type\":\"receipt\",\"subject\":\"purchase_order/PO-%07zu\",\"time\":\"%s\","
		"\"datacontenttype\":\"application/json\",\"site\":\"bench\","
		"\"device\":\"tc52-%04u\",\"operator\":\"u117\",\"correlationid\":\"PO-%07zu\","
		"\"receivedtime\":\"%s\",\"data\":{\"document\":{\"type\":\"purchase_order\","
		"\"id\":\"PO-%07zu\"}," RECEIPT_LINES("\"12\"", "\"2.5\"") "}}",
		receipt->id, receipt->handheld, receipt->document, receipt->time, receipt->handheld,
		receipt->document, receipt->time, receipt->document));
}

#endif
