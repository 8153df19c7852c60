#include <dirent.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "help_store.h"

static void on_fatal(void *ctx, const char *what)
{
	(void)what;
	((struct shed *)ctx)->n_fatal++;
}

static void make_dir(struct shed *shed, const char *place)
{
	(void)snprintf(shed->dir, sizeof(shed->dir), "%s/dray-store-XXXXXX", place);
	assert_non_null(mkdtemp(shed->dir));
	(void)snprintf(shed->path, sizeof(shed->path), "%s/dray.db", shed->dir);
}

static void remove_dir(const char *dir)
{
	DIR *files = opendir(dir);
	const struct dirent *file;
	assert_non_null(files);
	while ((file = readdir(files)) != NULL)
		if (file->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(files), file->d_name, 0), 0);
	assert_int_equal(closedir(files), 0);
	assert_int_equal(rmdir(dir), 0);
}

void shed_open_options(struct shed *shed, struct store_options *ret)
{
	*ret = (struct store_options){
		.path = shed->path,
		.vfs = shed->vfs,
		.on_fatal = on_fatal,
		.ctx = shed,
	};
}

static void open_store(struct shed *shed)
{
	struct store_options options;
	struct error err = { 0 };
	char text[512];
	shed_open_options(shed, &options);
	if (store_open(&options, &shed->store, &err) < 0)
		fail_msg("%s", error_text(&err, text, sizeof(text)));
}

/* In memory where there is room for it: thousands of small files are made and synced. */
static const char *fast_place(void)
{
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

void shed_init(struct shed *shed, const char *vfs)
{
	*shed = (struct shed){ .vfs = vfs };
	make_dir(shed, fast_place());
	open_store(shed);
}

void shed_init_on_disk(struct shed *shed)
{
	*shed = (struct shed){ 0 };
	make_dir(shed, "/tmp");
	open_store(shed);
}

void shed_done(struct shed *shed)
{
	store_close(shed->store);
	remove_dir(shed->dir);
}

void shed_reopen(struct shed *shed)
{
	store_close(shed->store);
	open_store(shed);
}

static void copy_file(const char *from_dir, const char *to_dir, const char *name)
{
	char path[160];
	char bytes[4096];
	size_t n;
	(void)snprintf(path, sizeof(path), "%s/%s", from_dir, name);
	FILE *from = fopen(path, "rb");
	assert_non_null(from);
	(void)snprintf(path, sizeof(path), "%s/%s", to_dir, name);
	FILE *to = fopen(path, "wb");
	assert_non_null(to);
	while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, to), n);
	assert_int_equal(fclose(to), 0);
	(void)fclose(from);
}

void shed_crash(struct shed *shed)
{
	struct shed old = *shed;
	make_dir(shed, fast_place());
	copy_file(old.dir, shed->dir, "dray.db");
	copy_file(old.dir, shed->dir, "dray.db-wal");
	store_close(old.store);
	remove_dir(old.dir);
	open_store(shed);
}

#define BODY_MAX 2048

enum store_put shed_try_event(struct shed *shed, int n, int64_t *ret_seq)
{
	char body[BODY_MAX];
	static const uint8_t digest[ID_DIGEST_BYTES] = { 1, 2, 3 };
	char id[32];
	char device[32];
	char source[64];
	(void)snprintf(id, sizeof(id), "e%d", n);
	(void)snprintf(device, sizeof(device), "d%d", n % 3);
	(void)snprintf(source, sizeof(source), "/dc/%s", device);
	assert_true(shed->body_bytes <= sizeof(body));
	memset(body, ' ', sizeof(body));
	memcpy(body, id, strlen(id));
	const struct store_event event = {
		.source = source,
		.id = id,
		.type = "receipt",
		.device = device,
		.document = "purchase_order/PO-1",
		.correlation = "PO-1",
		.origin = "handhelds",
		.occurred_at_ms = 1000 * (int64_t)n - 5,
		.received_at_ms = 1000 * (int64_t)n,
		.sent_at_ms = -1,
		.sequence = -1,
		.digest = digest,
		.body = body,
		.len = shed->body_bytes > strlen(id) ? shed->body_bytes : strlen(id),
	};
	return store_put_event(shed->store, &event, ret_seq);
}

int64_t shed_put_event(struct shed *shed, int n)
{
	int64_t seq = 0;
	assert_int_equal(shed_try_event(shed, n, &seq), STORE_STORED);
	return seq;
}

enum delivery_state shed_put_delivery(
	struct shed *shed, int destination, int64_t seq, const char *key)
{
	enum delivery_state state = 0;
	assert_int_equal(store_put_delivery(shed->store, destination, seq, key, 1, &state), 0);
	return state;
}

int64_t shed_put(struct shed *shed, int n, int destination, const char *key)
{
	int64_t seq = shed_put_event(shed, n);
	(void)shed_put_delivery(shed, destination, seq, key);
	return seq;
}

void shed_claim(struct shed *shed, int destination, int64_t seq)
{
	assert_int_equal(store_claim(shed->store, destination, seq, 0, 0, 50000), 0);
}

void shed_settle(struct shed *shed, int destination, int64_t seq, enum delivery_state to)
{
	const struct store_settlement settlement = {
		.to = to, .due_at_ms = 90000, .now_ms = 60000
	};
	assert_int_equal(store_settle(shed->store, destination, seq, &settlement), 0);
}

void shed_commit(struct shed *shed)
{
	assert_int_equal(store_commit(shed->store), 0);
}

struct look {
	int destination;
	enum delivery_state state;
};

static int on_delivery(void *ctx, const struct store_delivery_row *row)
{
	struct look *look = ctx;
	if (row->destination == look->destination)
		look->state = row->state;
	return 0;
}

enum delivery_state shed_state(struct shed *shed, int destination, int64_t seq)
{
	struct look look = { .destination = destination };
	assert_int_equal(store_list_event_deliveries(shed->store, seq, on_delivery, &look), 0);
	return look.state;
}

int64_t shed_ask(struct shed *shed, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_open(shed->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t answer = sqlite3_column_int64(stmt, 0);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return answer;
}

int shed_set_up(void **state)
{
	struct shed *shed = calloc(1, sizeof(*shed));
	assert_non_null(shed);
	shed_init(shed, NULL);
	assert_int_equal(store_destination_id(shed->store, "erp"), 1);
	shed_commit(shed);
	*state = shed;
	return 0;
}

int shed_tear_down(void **state)
{
	shed_done(*state);
	free(*state);
	return 0;
}
