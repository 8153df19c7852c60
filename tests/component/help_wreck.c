#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "help_wreck.h"
#include "store/salvage/chunk.h"
#include "store/salvage/read.h"
#include "store/store.h"

#define BODY_MAX 16384

/* --- building ------------------------------------------------------------------------------------------- */

/* Mostly less than a page, some of several; what differs stands all over it. */
static size_t make_body(int n, const char *id, const char *source, char out[BODY_MAX])
{
	int lines = n % 17 == 0 ? 120 + n % 100 : n % 5 == 0 ? 12 : 2;
	int len = snprintf(out, BODY_MAX,
		"{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"%s\",\"type\":\"receipt\","
		"\"data\":{\"lines\":[",
		id, source);
	for (int i = 0; i < lines; i++)
		len += snprintf(out + len, (size_t)(BODY_MAX - len),
			"%s{\"line\":\"%d\",\"item\":\"SKU-%d\",\"quantity\":\"%d\"}", i ? "," : "",
			i + 1, n * 1000 + i, n * 7 + i);
	len += snprintf(out + len, (size_t)(BODY_MAX - len), "]}}");
	assert_true(len < BODY_MAX);
	return (size_t)len;
}

static int64_t put_event(struct store *store, int n)
{
	char id[32];
	char source[32];
	char document[48];
	char body[BODY_MAX];
	uint8_t digest[ID_DIGEST_BYTES];
	int64_t seq = 0;
	(void)snprintf(id, sizeof(id), "e-%06d", n * 7919 % 1000003);
	(void)snprintf(source, sizeof(source), "/dc/tc52-%04d", n % 20);
	(void)snprintf(document, sizeof(document), "purchase_order/PO-%d", n / 4);
	size_t len = make_body(n, id, source, body);
	id_digest(body, len, digest);
	const struct store_event event = {
		.source = source,
		.id = id,
		.type = "receipt",
		.device = source + 4,
		.document = document,
		.correlation = document + strlen("purchase_order/"),
		.origin = "handhelds",
		.occurred_at_ms = 1795000000000 + n * 1000,
		.sent_at_ms = -1,
		.received_at_ms = 1795000000500 + n * 1000,
		.sequence = n,
		.digest = digest,
		.body = body,
		.len = len,
	};
	assert_int_equal(store_put_event(store, &event, &seq), STORE_STORED);
	return seq;
}

static void settle(struct store *store, int destination, int64_t seq, enum delivery_state to)
{
	const struct store_settlement settlement = {
		.to = to,
		.due_at_ms = 1795009000000,
		.now_ms = 1795008000000,
		.status = to == DELIVERY_DONE ? 201 : 503,
		.ref = to == DELIVERY_DONE ? "GR-4711" : "",
	};
	assert_int_equal(store_settle(store, destination, seq, &settlement), 0);
}

/* Every state that there is, in turn. */
static void put_delivery(struct store *store, int destination, int64_t seq, int n, int revision)
{
	static const enum delivery_state fates[] = { DELIVERY_DONE, DELIVERY_DONE, DELIVERY_READY,
		DELIVERY_CLAIMED, DELIVERY_WAITING, DELIVERY_EXCEPTION, DELIVERY_DONE,
		DELIVERY_SUSPECT };
	enum delivery_state fate = fates[n % 8];
	enum delivery_state state;
	char key[32] = "";
	if (n % 2 == 0)
		(void)snprintf(key, sizeof(key), "purchase_order/PO-%d", n / 4);
	assert_int_equal(store_put_delivery(store, destination, seq, key, n % 3, &state), 0);
	if (state != DELIVERY_READY || fate == DELIVERY_READY)
		return;
	assert_int_equal(
		store_claim(store, destination, seq, n % 4 ? 0 : seq, revision, 1795007000000), 0);
	if (fate == DELIVERY_CLAIMED)
		return;
	settle(store, destination, seq, fate);
	if (fate == DELIVERY_WAITING || fate == DELIVERY_EXCEPTION)
		assert_int_equal(store_put_attempt(store, destination, seq, 1, 1795007000000, 40,
					 "retry", 503, "busy, come again"),
			0);
}

static void put_small_things(struct store *store, int n)
{
	char text[64];
	char raw[64];
	(void)snprintf(text, sizeof(text), "thing-%d", n);
	(void)snprintf(raw, sizeof(raw), "{not json %d", n);
	const struct store_exception exception = {
		.kind = "unparsable",
		.severity = "normal",
		.code = "bad_json",
		.reason = "it is not JSON",
		.field = "",
		.origin = "handhelds",
		.device = "tc52-0001",
		.raw = raw,
		.raw_len = strlen(raw),
		.opened_at_ms = 1795000000000,
		.due_at_ms = 1795000900000,
	};
	assert_true(store_open_exception(store, &exception, NULL) > 0);
	assert_int_equal(store_put_cursor(store, text, "somewhere", 1795000000000), 0);
	assert_int_equal(store_audit(store, 1795000000000, "alice", "pause", text, "why not"), 0);
	assert_int_equal(
		store_count(store, 1795000000000, "handhelds", text, "receipt", 0, "rejected", "x"),
		0);
}

static void fill(struct store *store, int n_events)
{
	static const char revision_text[] = "{\"connector\":\"json-http\",\"vars\":{\"a\":1}}";
	uint8_t digest[ID_DIGEST_BYTES];
	int erp = store_destination_id(store, "erp");
	int tms = store_destination_id(store, "tms");
	id_digest(revision_text, sizeof(revision_text) - 1, digest);
	int revision = store_connector_revision(store, "json-http", revision_text,
		sizeof(revision_text) - 1, digest, 1795000000000);
	assert_true(erp > 0 && tms > 0 && revision > 0);
	for (int n = 1; n <= n_events; n++) {
		int64_t seq = put_event(store, n);
		put_delivery(store, erp, seq, n, revision);
		if (n % 3 == 0)
			put_delivery(store, tms, seq, n / 3, revision);
		if (n % 8 == 0)
			put_small_things(store, n);
		if (n % 50 == 0)
			assert_int_equal(store_commit(store), 0);
	}
	assert_int_equal(store_count(store, 1, "handhelds", "", "", 0, "rejected", "old"), 0);
	assert_int_equal(store_commit(store), 0);
	bool more;
	assert_int_equal(store_fold_tally(store, 1, 10, &more), 1);
	assert_int_equal(store_commit(store), 0);
}

static void copy_file(const char *from, const char *to)
{
	char bytes[65536];
	size_t n;
	FILE *in = fopen(from, "rb");
	FILE *out = fopen(to, "wb");
	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
	(void)fclose(in);
}

static void remove_wal(const char *path)
{
	char wal[128];
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	(void)unlink(wal);
}

static void copy_with_wal(const char *from, const char *to)
{
	char from_wal[128];
	char to_wal[128];
	(void)snprintf(from_wal, sizeof(from_wal), "%s-wal", from);
	(void)snprintf(to_wal, sizeof(to_wal), "%s-wal", to);
	copy_file(from, to);
	copy_file(from_wal, to_wal);
}

void wreck_init(struct wreck *wreck, int n_events)
{
	struct store *store;
	*wreck = (struct wreck){ .n_events = n_events };
	(void)snprintf(wreck->dir, sizeof(wreck->dir), "/tmp/dray-wreck-XXXXXX");
	assert_non_null(mkdtemp(wreck->dir));
	(void)snprintf(wreck->sound, sizeof(wreck->sound), "%s/sound.db", wreck->dir);
	(void)snprintf(wreck->broken, sizeof(wreck->broken), "%s/broken.db", wreck->dir);
	(void)snprintf(wreck->live, sizeof(wreck->live), "%s/live.db", wreck->dir);
	(void)snprintf(wreck->chunk, sizeof(wreck->chunk), "%s/chunk", wreck->dir);
	const struct store_options options = { .path = wreck->sound };
	assert_int_equal(store_open(&options, &store, NULL), 0);
	fill(store, n_events);
	copy_with_wal(wreck->sound, wreck->live);
	store_close(store);
	assert_int_equal(sqlite3_open(wreck->sound, &wreck->db), SQLITE_OK);
	wreck->n_pages = (uint32_t)wreck_ask(wreck, "PRAGMA page_count");
	/* So that a chunk can be compared while nothing is left beside the sound file. */
	assert_int_equal(sqlite3_exec(wreck->db,
				 "PRAGMA journal_mode = DELETE;"
				 "CREATE TEMP TABLE page AS SELECT * FROM dbstat",
				 NULL, NULL, NULL),
		SQLITE_OK);
	wreck_restore(wreck);
}

void wreck_done(struct wreck *wreck)
{
	assert_int_equal(sqlite3_close(wreck->db), SQLITE_OK);
	(void)unlink(wreck->sound);
	(void)unlink(wreck->broken);
	(void)unlink(wreck->chunk);
	remove_wal(wreck->broken);
	(void)unlink(wreck->live);
	remove_wal(wreck->live);
	assert_int_equal(rmdir(wreck->dir), 0);
}

void wreck_restore(struct wreck *wreck)
{
	copy_file(wreck->sound, wreck->broken);
	remove_wal(wreck->broken);
}

void wreck_restore_live(struct wreck *wreck)
{
	copy_with_wal(wreck->live, wreck->broken);
}

static void write_at(const char *path, int64_t at, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	(void)close(fd);
}

void wreck_write_wal(const struct wreck *wreck, int64_t at, const void *bytes, size_t len)
{
	char wal[128];
	(void)snprintf(wal, sizeof(wal), "%s-wal", wreck->broken);
	write_at(wal, at, bytes, len);
}

void wreck_write(const struct wreck *wreck, int64_t at, const void *bytes, size_t len)
{
	write_at(wreck->broken, at, bytes, len);
}

void wreck_truncate(const struct wreck *wreck, int64_t size)
{
	assert_int_equal(truncate(wreck->broken, size), 0);
}

int64_t wreck_ask(struct wreck *wreck, const char *sql)
{
	sqlite3_stmt *stmt;
	if (sqlite3_prepare_v2(wreck->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(wreck->db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t answer = sqlite3_column_int64(stmt, 0);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return answer;
}

/* --- comparing ------------------------------------------------------------------------------------------ */

static void compare_table(struct wreck *wreck, const char *table, const char *where)
{
	char sql[256];
	(void)snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM (SELECT * FROM chunk.%s WHERE %s"
		" EXCEPT SELECT * FROM main.%s)",
		table, where, table);
	if (wreck_ask(wreck, sql) != 0)
		fail_msg("rows of %s came back altered", table);
}

static int count_chunk(struct wreck *wreck, const char *what)
{
	char sql[512];
	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", what);
	return (int)wreck_ask(wreck, sql);
}

static void compare_chunk(struct wreck *wreck, int64_t after_seq, const struct salvage_chunk *chunk,
	struct wreck_yield *yield)
{
	static const char *const others[] = { "connector_revision", "sequence", "tally", "counter",
		"cursor", "exception", "audit" };
	compare_table(wreck, "event", "1");
	if (!wreck->may_be_older) {
		compare_table(wreck, "delivery", "state <> 0");
		compare_table(wreck, "attempt", "1");
	}
	compare_table(wreck, "destination", "1");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char what[64];
		if (!wreck->may_be_older)
			compare_table(wreck, others[i], "1");
		(void)snprintf(what, sizeof(what), "chunk.%s", others[i]);
		yield->other_rows += count_chunk(wreck, what);
	}
	int n = count_chunk(wreck, "chunk.event");
	assert_true(n <= SALVAGE_CHUNK_EVENTS);
	if (n > 0) {
		assert_true(wreck_ask(wreck, "SELECT min(seq) FROM chunk.event") > after_seq);
		assert_true(wreck_ask(wreck, "SELECT max(seq) FROM chunk.event") <= chunk->to_seq);
	}
	yield->events += n;
	assert_int_equal(count_chunk(wreck, "chunk.delivery WHERE seq NOT IN"
					    " (SELECT seq FROM chunk.event)"),
		0);
	if (!wreck->may_be_older &&
		count_chunk(wreck, "main.delivery AS d JOIN chunk.event AS e ON e.seq = d.seq"
				   " WHERE NOT EXISTS (SELECT 1 FROM chunk.delivery AS c"
				   " WHERE c.destination = d.destination AND c.seq = d.seq)") != 0)
		fail_msg("a delivery was passed over");
	int doubts = count_chunk(wreck, "chunk.delivery WHERE state = 0");
	int known = count_chunk(wreck, "chunk.delivery AS c JOIN main.delivery AS d"
				       " ON c.destination = d.destination AND c.seq = d.seq"
				       " WHERE c.state = 0");
	yield->doubts += known;
	yield->false_doubts += doubts - known;
}

static void attach(struct wreck *wreck)
{
	char sql[160];
	(void)snprintf(sql, sizeof(sql), "ATTACH '%s' AS chunk", wreck->chunk);
	assert_int_equal(sqlite3_exec(wreck->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

void wreck_read(struct wreck *wreck, struct wreck_yield *ret)
{
	const struct salvage_options options = { .path = wreck->broken };
	atomic_bool is_stopping = false;
	struct error err = { 0 };
	char text[512];
	struct reader reader;
	int64_t after_seq = 0;
	*ret = (struct wreck_yield){ 0 };
	if (reader_open(&reader, &options, &is_stopping, &err) < 0)
		fail_msg("%s", error_text(&err, text, sizeof(text)));
	do {
		int rc = reader_fill(&reader, wreck->chunk, &ret->last);
		if (rc != SQLITE_OK)
			fail_msg("the chunk: %s", sqlite3_errstr(rc));
		attach(wreck);
		compare_chunk(wreck, after_seq, &ret->last, ret);
		assert_int_equal(
			sqlite3_exec(wreck->db, "DETACH chunk", NULL, NULL, NULL), SQLITE_OK);
		after_seq = ret->last.to_seq;
		ret->events_lost += ret->last.events_lost;
		ret->n_chunks++;
	} while (!ret->last.is_last);
	reader_close(&reader);
}
