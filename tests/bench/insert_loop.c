/*
 * insert_loop.c - the limit of storing: the rows that an event costs, inserted bare.
 *
 * The store's own file (schema, pragmas, WAL, synchronous=FULL), transactions of 200, SQLite's
 * default checkpoints. With every commit the counts of each handheld, as the store keeps them.
 * Nothing is parsed, looked up or acknowledged. With --delivery each event has one delivery row as
 * well. Bodies and ids are made before the clock starts.
 */
#include <getopt.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "bench.h"
#include "receipt.h"
#include "store/store.h"

#define EVENTS_PER_COMMIT 200
#define CHECKPOINT_PAGES 1000
#define HANDHELDS 20

static const char insert_event[] =
	"INSERT INTO event (seq, source, id, type, document, device, correlation, origin,"
	" occurred_at_ms, sent_at_ms, received_at_ms, digest, body, raw)"
	" VALUES (?1, ?2, ?3, 'receipt', ?4, ?5, NULL, 'handhelds', ?6, NULL, ?6, ?7, ?8, NULL)";
static const char insert_delivery[] =
	"INSERT INTO delivery (destination, seq, state, lane, held_key) VALUES (1, ?1, ?2, 1, ?3)";
static const char add_count[] =
	"INSERT INTO tally (day, source, device, type, destination, outcome, detail, n)"
	" VALUES (20000, 'handhelds', ?1, 'receipt', 0, ?2, '', ?3)"
	" ON CONFLICT DO UPDATE SET n = n + excluded.n";

struct row {
	struct receipt receipt;
	char source[32], document[40], digest[ID_DIGEST_BYTES], body[RECEIPT_MAX];
	size_t len;
};

struct loop {
	const char *path;
	size_t count, documents;
	bool with_delivery;
	sqlite3 *db;
	sqlite3_stmt *event, *delivery, *tally;
};

static void check(const struct loop *loop, int rc, const char *doing)
{
	if (rc != SQLITE_OK)
		bench_die("%s: %s", doing,
			loop->db != NULL ? sqlite3_errmsg(loop->db) : "no database");
}

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	bench_die("%s", what);
}

static void remove_file(const char *path, const char *suffix)
{
	char name[4096];

	if ((size_t)snprintf(name, sizeof(name), "%s%s", path, suffix) >= sizeof(name))
		bench_die("the path is too long: %s", path);
	if (unlink(name) != 0 && errno != ENOENT)
		bench_die("cannot remove %s: %s", name, strerror(errno));
}

static void remove_database(const char *path)
{
	remove_file(path, "");
	remove_file(path, "-wal");
	remove_file(path, "-shm");
}

/* The store makes the file; a connection of our own, with the store's pragmas, fills it. */
static void open_database(struct loop *loop)
{
	struct store_options options = {
		.path = loop->path, .max_bytes = (int64_t)1 << 40, .on_fatal = on_fatal
	};
	struct store *store;
	struct error err;

	remove_database(loop->path);
	if (store_open(&options, &store, &err) != 0)
		bench_die("cannot make %s: %s", loop->path, err.message);
	store_close(store);
	check(loop, sqlite3_open(loop->path, &loop->db), "opening");
	check(loop,
		sqlite3_exec(loop->db,
			"PRAGMA synchronous = FULL; PRAGMA cache_size = -1024;"
			"PRAGMA secure_delete = OFF; PRAGMA foreign_keys = OFF",
			NULL, NULL, NULL),
		"configuring");
	check(loop, sqlite3_wal_autocheckpoint(loop->db, CHECKPOINT_PAGES), "configuring");
	check(loop, sqlite3_prepare_v2(loop->db, insert_event, -1, &loop->event, NULL),
		"preparing");
	check(loop, sqlite3_prepare_v2(loop->db, add_count, -1, &loop->tally, NULL), "preparing");
	check(loop, sqlite3_prepare_v2(loop->db, insert_delivery, -1, &loop->delivery, NULL),
		"preparing");
}

static void make_row(const struct loop *loop, size_t place, struct row *ret)
{
	receipt_make(&ret->receipt, "7abc-8def", place, (unsigned)(place % HANDHELDS),
		place % loop->documents);
	ret->len = receipt_print_canonical(&ret->receipt, ret->body);
	(void)snprintf(ret->source, sizeof(ret->source), "/bench/tc52-%04u", ret->receipt.handheld);
	(void)snprintf(ret->document, sizeof(ret->document), "purchase_order/PO-%07zu",
		ret->receipt.document);
	memset(ret->digest, (int)(place & 0x7f), sizeof(ret->digest));
}

static void bind_text(const struct loop *loop, sqlite3_stmt *stmt, int at, const char *text)
{
	check(loop, sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC), "binding");
}

static void run_statement(const struct loop *loop, sqlite3_stmt *stmt)
{
	(void)sqlite3_step(stmt);
	check(loop, sqlite3_reset(stmt), "inserting");
}

static void insert_row(const struct loop *loop, size_t place, const struct row *row)
{
	sqlite3_stmt *stmt = loop->event;
	sqlite3_int64 seq = (sqlite3_int64)place + 1;

	check(loop, sqlite3_bind_int64(stmt, 1, seq), "binding");
	bind_text(loop, stmt, 2, row->source);
	bind_text(loop, stmt, 3, row->receipt.id);
	bind_text(loop, stmt, 4, row->document);
	bind_text(loop, stmt, 5, row->source + sizeof("/bench/") - 1);
	check(loop, sqlite3_bind_int64(stmt, 6, row->receipt.at_ms), "binding");
	check(loop, sqlite3_bind_blob(stmt, 7, row->digest, ID_DIGEST_BYTES, SQLITE_STATIC),
		"binding");
	check(loop, sqlite3_bind_text(stmt, 8, row->body, (int)row->len, SQLITE_STATIC), "binding");
	run_statement(loop, stmt);
	if (!loop->with_delivery)
		return;
	check(loop, sqlite3_bind_int64(loop->delivery, 1, seq), "binding");
	check(loop, sqlite3_bind_int(loop->delivery, 2, DELIVERY_READY), "binding");
	bind_text(loop, loop->delivery, 3, row->document);
	run_statement(loop, loop->delivery);
}

static void count_handhelds(const struct loop *loop, const char *outcome)
{
	char device[32];
	unsigned i;

	for (i = 0; i < HANDHELDS; i++) {
		(void)snprintf(device, sizeof(device), "tc52-%04u", i);
		bind_text(loop, loop->tally, 1, device);
		bind_text(loop, loop->tally, 2, outcome);
		check(loop, sqlite3_bind_int(loop->tally, 3, EVENTS_PER_COMMIT / HANDHELDS),
			"binding");
		run_statement(loop, loop->tally);
	}
}

static void commit(const struct loop *loop)
{
	count_handhelds(loop, "stored");
	count_handhelds(loop, loop->with_delivery ? "routed" : "unrouted");
	check(loop, sqlite3_exec(loop->db, "COMMIT", NULL, NULL, NULL), "committing");
}

static void insert_all(const struct loop *loop, const struct row *rows)
{
	size_t place;

	for (place = 0; place < loop->count; place++) {
		if (place % EVENTS_PER_COMMIT == 0)
			check(loop, sqlite3_exec(loop->db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
				"beginning");
		insert_row(loop, place, &rows[place]);
		if ((place + 1) % EVENTS_PER_COMMIT == 0 || place + 1 == loop->count)
			commit(loop);
	}
}

static void close_database(struct loop *loop)
{
	(void)sqlite3_finalize(loop->event);
	(void)sqlite3_finalize(loop->delivery);
	(void)sqlite3_finalize(loop->tally);
	check(loop, sqlite3_close(loop->db), "closing");
	remove_database(loop->path);
}

static void read_options(struct loop *loop, int argc, char **argv)
{
	static const struct option table[] = { { "file", required_argument, NULL, 'f' },
		{ "count", required_argument, NULL, 'c' },
		{ "documents", required_argument, NULL, 'd' },
		{ "delivery", no_argument, NULL, 'D' }, { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'f')
			loop->path = optarg;
		else if (c == 'c')
			loop->count = (size_t)bench_number("--count", optarg, 1000000);
		else if (c == 'd')
			loop->documents = (size_t)bench_number("--documents", optarg, 9999999);
		else if (c == 'D')
			loop->with_delivery = true;
		else
			loop->count = 0;
	}
	if (loop->path == NULL || loop->count == 0 || loop->documents == 0)
		bench_die("usage: bench_insert_loop --file PATH [--count N] [--documents N] "
			  "[--delivery]");
}

int main(int argc, char **argv)
{
	struct loop loop = { .count = 100000, .documents = 10000 };
	struct row *rows;
	int64_t started_us, cpu_us;
	double seconds;
	size_t place;

	read_options(&loop, argc, argv);
	rows = bench_alloc(loop.count, sizeof(*rows));
	for (place = 0; place < loop.count; place++)
		make_row(&loop, place, &rows[place]);
	open_database(&loop);
	started_us = bench_now_us();
	cpu_us = bench_cpu_us();
	insert_all(&loop, rows);
	cpu_us = bench_cpu_us() - cpu_us;
	seconds = (double)(bench_now_us() - started_us) / 1e6;
	printf("{\"events\":%zu,\"seconds\":%.4f,\"events_per_s\":%.0f,"
	       "\"cpu_us_per_event\":%.3f}\n",
		loop.count, seconds, (double)loop.count / seconds,
		(double)cpu_us / (double)loop.count);
	close_database(&loop);
	free(rows);
	return 0;
}
