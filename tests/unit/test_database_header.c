/* The first 100 bytes of a database. */
#include "dray/database_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PAGE 4096

/* Of a database of 10 pages, schema 2. */
static void make(uint8_t header[DATABASE_HEADER_BYTES])
{
	(void)memset(header, 0, DATABASE_HEADER_BYTES);
	(void)memcpy(header, "SQLite format 3", 16);
	header[16] = PAGE >> 8;
	header[31] = 10;
	header[63] = 2;
}

static void test_what_is_no_database_is_told(void **state)
{
	static const struct {
		int at; /* that byte is changed; -1 none */
		uint8_t to;
		size_t len;
		int64_t file_bytes;
		bool is_alone;
		const char *says; /* NULL: nothing is wrong */
	} rows[] = {
		{ -1, 0, 100, 10 * PAGE, true, NULL }, { -1, 0, 100, 12 * PAGE, true, NULL },
		{ -1, 0, 99, 99, true, "shorter than its header" },
		{ -1, 0, 0, 0, false, "shorter than its header" },
		{ 3, 'x', 100, 10 * PAGE, true, "doesn't begin" },
		{ 16, 0, 100, 10 * PAGE, true, "page size" },
		{ 17, 7, 100, 10 * PAGE, true, "page size" },
		{ -1, 0, 100, 10 * PAGE - 1, true, "its end is gone" },
		{ -1, 0, 100, 9 * PAGE, false, NULL }, /* a checkpoint may be under way */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t header[DATABASE_HEADER_BYTES];
		uint32_t schema = 0;
		const char *flaw;

		make(header);
		if (rows[i].at >= 0)
			header[rows[i].at] = rows[i].to;
		flaw = database_header_flaw(
			header, rows[i].len, rows[i].file_bytes, rows[i].is_alone, &schema);
		assert_int_equal(flaw != NULL, rows[i].says != NULL);
		if (flaw)
			assert_non_null(strstr(flaw, rows[i].says));
		else
			assert_int_equal(schema, 2);
	}
}

static void test_pages_of_64_kib_are_written_as_1(void **state)
{
	uint8_t header[DATABASE_HEADER_BYTES];
	uint32_t schema;

	(void)state;
	make(header);
	header[16] = 0;
	header[17] = 1;
	assert_null(database_header_flaw(header, sizeof(header), 10 * 65536, true, &schema));
	assert_non_null(database_header_flaw(header, sizeof(header), 9 * 65536, true, &schema));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_no_database_is_told),
		cmocka_unit_test(test_pages_of_64_kib_are_written_as_1),
	};

	return cmocka_run_group_tests_name("database_header", tests, NULL, NULL);
}
