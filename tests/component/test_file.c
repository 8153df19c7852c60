/* A file, read to its end: how much, and what stands in the way. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/dray-file-XXXXXX";
static char path[sizeof(folder) + 8];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static void write_file(size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	for (size_t i = 0; i < len; i++)
		assert_int_not_equal(fputc('a' + (int)(i % 26), file), EOF);
	assert_int_equal(fclose(file), 0);
}

static void test_a_file_is_read_up_to_its_bound_and_no_byte_more(void **state)
{
	static const struct {
		size_t len, max;
		int failed;
	} rows[] = {
		{ 0, 10, 0 },
		{ 0, 0, 0 },
		{ 9, 10, 0 },
		{ 10, 10, 0 },
		{ 11, 10, EFBIG },
		{ 255, 1000, 0 },
		{ 256, 1000, 0 },
		{ 100000, 100000, 0 },
		{ 100000, 99999, EFBIG },
		{ 100000, 0, EFBIG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = BUF_INIT;

		write_file(rows[i].len);
		assert_int_equal(file_read(path, rows[i].max, &out), rows[i].failed);
		assert_int_equal(out.len, rows[i].failed ? rows[i].max + 1 : rows[i].len);
		assert_int_equal(strlen(out.data), out.len);
		buf_done(&out);
	}
}

static void test_it_comes_behind_what_is_there(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	write_file(3);
	buf_puts(&out, "before ");
	assert_int_equal(file_read(path, 3, &out), 0);
	assert_string_equal(out.data, "before abc");
	buf_done(&out);
}

/* Else a secret would stand in memory that was given back. It comes in pieces, a read each. */
static void test_room_that_is_reserved_is_not_outgrown(void **state)
{
	const size_t max = 254; /* its room is all that the smallest buffer has */
	const char piece[100] = "piece";
	struct buf out = BUF_INIT;
	const char *room = buf_reserve(&out, max + 1);
	size_t cap = out.cap;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(write(ends[1], piece, sizeof(piece)), sizeof(piece));
	assert_int_equal(file_read_open(ends[0], max, &out), EFBIG);
	assert_int_equal(out.len, max + 1);
	assert_int_equal(out.cap, cap);
	assert_ptr_equal(out.data, room);
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(close(ends[1]), 0);
	buf_done(&out);
}

static void test_only_a_regular_file_is_opened_and_nothing_is_waited_for(void **state)
{
	struct buf out = BUF_INIT;
	char fifo[sizeof(path) + 8];

	(void)state;
	(void)snprintf(fifo, sizeof(fifo), "%s/pipe", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(file_read(fifo, 10, &out), EINVAL);
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(file_read(folder, 10, &out), EINVAL);
	assert_int_equal(file_read("/dev/null", 10, &out), EINVAL);
	assert_int_equal(file_read(fifo, 10, &out), ENOENT);
	buf_done(&out);
}

/* What is piped in comes in pieces; what /proc shows has no size. */
static void test_what_is_open_is_read_to_its_end_whatever_it_is(void **state)
{
	struct buf out = BUF_INIT;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "ab", 2), 2);
	assert_int_equal(write(ends[1], "cd", 2), 2);
	assert_int_equal(close(ends[1]), 0);
	assert_int_equal(file_read_open(ends[0], 4, &out), 0);
	assert_string_equal(out.data, "abcd");
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(file_read_open(ends[0], 4, &out), EBADF);
	buf_reset(&out);
	assert_int_equal(file_read("/proc/self/comm", 4096, &out), 0);
	assert_true(out.len > 0);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_is_read_up_to_its_bound_and_no_byte_more),
		cmocka_unit_test(test_it_comes_behind_what_is_there),
		cmocka_unit_test(test_room_that_is_reserved_is_not_outgrown),
		cmocka_unit_test(test_only_a_regular_file_is_opened_and_nothing_is_waited_for),
		cmocka_unit_test(test_what_is_open_is_read_to_its_end_whatever_it_is),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
