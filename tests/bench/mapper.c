/*
 * mapper.c - what a mapping costs: libjq in this process, and through dray-map one call at a time and
 * many at a time. The same program and the same input in one run, so that the ratios say something.
 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "bench.h"
#include "dray/buf.h"
#include "mapper/map_program.h"
#include "mapper/mapper.h"

#define OUTSTANDING 1000

static const char program_text[] =
	"def line: { \"item\": .item.sku, \"qty\": (.quantity | tonumber), \"uom\": .uom,"
	"  \"batch\": .lot, \"warehouse\": (if .condition == \"damaged\" then \"QC\" else \"MAIN\" end) }"
	"  | with_entries(select(.value != null));\n"
	"if .response == null then .events[0] as $e"
	"| { send: { method: \"POST\", path: \"/v1/receipts/\\($e.data.document.id)\","
	"    headers: { \"X-Company\": .vars.company },"
	"    body: { reference: (.key | uuid_hex), posting_date: ($e.time | local_date),"
	"      supplier: $e.data.supplier.id, lines: [$e.data.lines[] | line] } },"
	"    carry: { step: \"post\" } }\n"
	"elif .response.status == 201 then { done: { ref: .response.body.name } } else empty end";

static const char input[] =
	"{\"op\":\"deliver\",\"events\":[{\"specversion\":\"1.0\","
	"\"id\":\"01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11\",\"source\":\"/dc-muc-1/tc52-0042\","
	"\"type\":\"receipt\",\"subject\":\"purchase_order/PO-1001\","
	"\"time\":\"2026-11-21T14:04:05.123Z\",\"datacontenttype\":\"application/json\","
	"\"site\":\"dc-muc-1\",\"device\":\"tc52-0042\",\"operator\":\"u117\","
	"\"correlationid\":\"PO-1001\",\"receivedtime\":\"2026-11-21T14:04:05.301Z\","
	"\"data\":{\"document\":{\"type\":\"purchase_order\",\"id\":\"PO-1001\"},"
	"\"supplier\":{\"id\":\"ACME\"},\"dock\":\"D4\",\"final\":false,\"lines\":["
	"{\"line\":1,\"item\":{\"sku\":\"SKU-1\",\"gtin\":\"09506000134352\"},\"quantity\":\"12\","
	"\"uom\":\"EA\",\"lot\":\"L77\",\"expiry\":\"2027-03-31\"},{\"line\":2,"
	"\"item\":{\"sku\":\"SKU-2\"},\"quantity\":\"2.5\",\"uom\":\"KGM\","
	"\"condition\":\"damaged\",\"reason\":\"wet\"}]}}],"
	"\"key\":\"0d4b6a0e-0000-8000-8000-000000000001\",\"carry\":null,\"response\":null,"
	"\"site\":\"dc-muc-1\",\"vars\":{\"company\":\"ACME\"}}";

static struct event_base *base;
static struct mapper_program *program;
static size_t asked, answered, total;

static void ask(void);

static void on_done(void *ctx, enum mapper_outcome outcome, const char *text, size_t len)
{
	(void)ctx;
	(void)len;
	if (outcome != MAPPER_OUTPUT)
		bench_die("the mapper answered %d: %s", (int)outcome, text);
	answered++;
	if (asked < total)
		ask();
	else if (answered == total)
		(void)event_base_loopbreak(base);
}

static void ask(void)
{
	asked++;
	if (!mapper_call(program, input, sizeof(input) - 1, on_done, NULL))
		bench_die("out of memory");
}

/* Microseconds of `n` calls, so many of them under way. */
static int64_t run_calls(size_t n, size_t under_way)
{
	int64_t began = bench_now_us();

	asked = answered = 0;
	total = n;
	while (asked < under_way && asked < n)
		ask();
	if (event_base_dispatch(base) < 0 || answered != n)
		bench_die("the loop ended after %zu of %zu answers", answered, n);
	return bench_now_us() - began;
}

static int64_t run_in_process(size_t n, int64_t *ret_compile_us)
{
	struct map_program *own = map_program_new(program_text, sizeof(program_text) - 1);
	struct buf out = BUF_INIT;
	int64_t began = bench_now_us();

	if (!own || map_program_compile(own, &out) != 0)
		bench_die("%s", out.data);
	*ret_compile_us = bench_now_us() - began;
	began = bench_now_us();
	for (size_t i = 0; i < n; i++)
		if (map_program_run(own, input, sizeof(input) - 1, &out) != MAPPER_OUTPUT)
			bench_die("%s", out.data);
	began = bench_now_us() - began;
	buf_done(&out);
	map_program_free(own);
	return began;
}

/* A line of the child's status, in KiB; 0 when it can't be read. */
static long child_kib(const char *name)
{
	char path[PATH_MAX], line[256];
	long pid = 0, kib = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	if (file && fgets(line, sizeof(line), file))
		pid = strtol(line, NULL, 10);
	if (file)
		(void)fclose(file);
	(void)snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtol(line + strlen(name) + 1, NULL, 10);
	}
	if (file)
		(void)fclose(file);
	return kib;
}

int main(int argc, char **argv)
{
	const size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	const struct mapper_options options = { .path = DRAY_MAP, .zone = "Europe/Berlin" };
	int64_t compile_us, own_us, first_us, single_us, many_us, cpu_us;
	struct mapper *mapper;

	(void)setenv("TZ", "Europe/Berlin", 1);
	tzset();
	own_us = run_in_process(n, &compile_us);
	base = event_base_new();
	mapper = base ? mapper_new(base, &options) : NULL;
	program =
		mapper ? mapper_program_new(mapper, program_text, sizeof(program_text) - 1) : NULL;
	if (!program || n < 10)
		bench_die("usage: bench_mapper [CALLS]");
	first_us = run_calls(1, 1);
	single_us = run_calls(n / 4, 1);
	cpu_us = bench_cpu_us();
	many_us = run_calls(n, OUTSTANDING);
	cpu_us = bench_cpu_us() - cpu_us;
	(void)printf(
		"{\"calls\":%zu,\"input_bytes\":%zu,\"compile_ms\":%.1f,\"in_process_us\":%.2f,"
		"\"first_call_ms\":%.1f,\"round_trip_us\":%.2f,\"pipelined_us\":%.2f,"
		"\"pipelined_per_s\":%.0f,\"client_cpu_us\":%.2f,\"round_trip_ratio\":%.2f,"
		"\"pipelined_ratio\":%.2f,\"child_rss_kib\":%ld,\"child_anon_kib\":%ld}\n",
		n, sizeof(input) - 1, (double)compile_us / 1000, (double)own_us / (double)n,
		(double)first_us / 1000, (double)single_us / (double)(n / 4),
		(double)many_us / (double)n, 1e6 * (double)n / (double)many_us,
		(double)cpu_us / (double)n, (double)single_us * 4 / (double)own_us,
		(double)many_us / (double)own_us, child_kib("VmRSS"), child_kib("RssAnon"));
	mapper_program_unref(program);
	mapper_free(mapper);
	event_base_free(base);
	return 0;
}
