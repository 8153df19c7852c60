/*
 * fuzz_salvage.c - any damage to a small database: what is read of it passes the schema, comes in
 * order, and there is an end.
 *
 * Input: patches, each of a page (2 bytes), a place in it (2), a kind and a length (1 each), then as
 * many bytes as the kind takes: 0 the bytes themselves, 1 one byte repeated, 2 the page becomes a
 * copy of another one (2 bytes), 3 the file ends here.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/salvage/read.h"
#include "store/store.h"

#define PAGE 4096
#define EVENTS 40
#define PATCHES_MAX 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char folder[64], path[96], chunk_path[96];
static uint8_t *sound;
static size_t sound_len;

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void put_event(struct store *store, int n, int destination)
{
	char id[16];
	char body[9000];
	uint8_t digest[ID_DIGEST_BYTES] = { (uint8_t)n };
	int64_t seq;
	enum delivery_state state;
	(void)snprintf(id, sizeof(id), "e%d", n);
	int len = snprintf(body, sizeof(body),
		"{\"id\":\"%s\",\"source\":\"/a/b\",\"type\":\"pick\",\"data\":{\"x\":\"%0*d\"}}",
		id, n % 5 ? 200 : 8000, n);
	const struct store_event event = {
		.source = "/a/b",
		.id = id,
		.type = "pick",
		.device = "b",
		.document = "order/1",
		.correlation = "1",
		.origin = "handhelds",
		.sent_at_ms = -1,
		.sequence = n,
		.digest = digest,
		.body = body,
		.len = (size_t)len,
	};
	must(store_put_event(store, &event, &seq) == STORE_STORED);
	must(store_put_delivery(store, destination, seq, n % 2 ? "k" : "", 1, &state) == 0);
}

static void make_sound(void)
{
	struct store *store;
	const struct store_options options = { .path = path };
	struct stat about;
	must(store_open(&options, &store, NULL) == 0);
	int destination = store_destination_id(store, "erp");
	for (int n = 1; n <= EVENTS; n++)
		put_event(store, n, destination);
	must(store_audit(store, 1, "a", "b", "c", "d") == 0 && store_commit(store) == 0);
	store_close(store);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0 && fstat(fd, &about) == 0);
	sound_len = (size_t)about.st_size;
	sound = malloc(sound_len);
	must(sound != NULL && read(fd, sound, sound_len) == about.st_size);
	(void)close(fd);
}

static void clean_up(void)
{
	(void)unlink(path);
	(void)unlink(chunk_path);
	(void)rmdir(folder);
	free(sound);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	(void)snprintf(folder, sizeof(folder), "%s", "/dev/shm/dray-fuzz-XXXXXX");
	must(mkdtemp(folder) != NULL);
	(void)snprintf(path, sizeof(path), "%s/dray.db", folder);
	(void)snprintf(chunk_path, sizeof(chunk_path), "%s/chunk", folder);
	make_sound();
	return atexit(clean_up);
}

static size_t patch(uint8_t *bytes, size_t *len, const uint8_t *data, size_t size)
{
	size_t n_pages = sound_len / PAGE;
	size_t page = ((size_t)data[0] << 8 | data[1]) % n_pages;
	size_t at = page * PAGE + ((size_t)data[2] << 8 | data[3]) % PAGE;
	size_t n = data[5];
	n = n > sound_len - at ? sound_len - at : n;
	switch (data[4] % 4) {
	case 0:
		n = n > size - 6 ? size - 6 : n;
		memcpy(bytes + at, data + 6, n);
		return 6 + n;
	case 1:
		memset(bytes + at, size > 6 ? data[6] : 0,
			n                       ? n
			: sound_len - at < PAGE ? sound_len - at
						: PAGE);
		return 7;
	case 2:
		if (size >= 8)
			memmove(bytes + page * PAGE,
				sound + ((size_t)data[6] << 8 | data[7]) % n_pages * PAGE, PAGE);
		return 8;
	default:
		*len = at;
		return 6;
	}
}

static void write_broken(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(sound_len);
	size_t len = sound_len;
	must(bytes != NULL);
	memcpy(bytes, sound, sound_len);
	for (int i = 0; i < PATCHES_MAX && size >= 6; i++) {
		size_t n = patch(bytes, &len, data, size);
		n = n > size ? size : n;
		data += n;
		size -= n;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	(void)close(fd);
	free(bytes);
}

static int64_t ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	must(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
	must(sqlite3_step(stmt) == SQLITE_ROW);
	int64_t answer = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return answer;
}

static void check_chunk(const struct salvage_chunk *chunk, int64_t after_seq)
{
	sqlite3 *db;
	must(sqlite3_open(chunk_path, &db) == SQLITE_OK);
	must(ask(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'") ==
		0);
	must(ask(db, "SELECT count(*) FROM event") <= SALVAGE_CHUNK_EVENTS);
	must(ask(db, "SELECT coalesce(min(seq), 1 << 60) FROM event") > after_seq);
	must(ask(db, "SELECT coalesce(max(seq), 0) FROM event") <= chunk->to_seq);
	must(ask(db, "SELECT count(*) FROM delivery WHERE seq NOT IN (SELECT seq FROM event)") ==
		0);
	must(ask(db, "SELECT count(*) FROM lost") <= SALVAGE_LOST_LISTED);
	must(sqlite3_close(db) == SQLITE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct salvage_options options = { .path = path };
	atomic_bool is_stopping = false;
	struct salvage_chunk chunk;
	struct reader reader;
	int64_t after_seq = 0;
	write_broken(data, size);
	must(reader_open(&reader, &options, &is_stopping, NULL) == 0);
	do {
		must(reader_fill(&reader, chunk_path, &chunk) == SQLITE_OK);
		check_chunk(&chunk, after_seq);
		must(chunk.is_last || chunk.to_seq > after_seq);
		after_seq = chunk.to_seq;
	} while (!chunk.is_last);
	reader_close(&reader);
	return 0;
}
