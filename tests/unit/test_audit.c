#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "dray/audit.h"

static const uint8_t zero[ID_DIGEST_BYTES];
static const struct audit_entry entry = { .at_ms = 1795269845123,
	.who = "uid:1000",
	.what = "destination.pause",
	.object = "erp",
	.why = "" };

static void test_hash_is_the_one_that_the_header_defines(void **state)
{
	/*
	 * python3: p = lambda s: struct.pack(">Q", len(s)) + s
	 * sha256(bytes(32) + struct.pack(">q", 1795269845123) + p(b"uid:1000") +
	 *        p(b"destination.pause") + p(b"erp") + p(b""))
	 */
	static const uint8_t expected[ID_DIGEST_BYTES] = { 0x5e, 0xf7, 0xce, 0x03, 0xb7, 0x74, 0xb9,
		0xcd, 0xc7, 0xd7, 0x7f, 0x71, 0xce, 0x72, 0x3c, 0x6f, 0x4e, 0xfb, 0x68, 0xce, 0x20,
		0xd5, 0x3b, 0x0d, 0x6f, 0xec, 0x93, 0xbb, 0x46, 0xec, 0x1c, 0x7a };
	uint8_t hash[ID_DIGEST_BYTES];
	(void)state;

	assert_int_equal(audit_hash(zero, &entry, hash), 0);
	assert_memory_equal(hash, expected, sizeof(hash));
}

static void test_every_part_changes_the_hash(void **state)
{
	struct audit_entry changed[5] = { entry, entry, entry, entry, entry };
	uint8_t base[ID_DIGEST_BYTES], hash[ID_DIGEST_BYTES];
	(void)state;

	changed[0].at_ms++;
	changed[1].who = "uid:1001";
	changed[2].what = "destination.resume";
	changed[3].object = "tms";
	changed[4].why = "maintenance";
	assert_int_equal(audit_hash(zero, &entry, base), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(audit_hash(zero, &changed[i], hash), 0);
		assert_memory_not_equal(hash, base, sizeof(hash));
	}
	assert_int_equal(audit_hash(base, &entry, hash), 0);
	assert_memory_not_equal(hash, base, sizeof(hash));
}

static void test_text_cannot_move_between_fields(void **state)
{
	struct audit_entry left = entry, right = entry;
	uint8_t a[ID_DIGEST_BYTES], b[ID_DIGEST_BYTES];
	(void)state;

	left.who = "ab";
	left.what = "c";
	right.who = "a";
	right.what = "bc";
	assert_int_equal(audit_hash(zero, &left, a), 0);
	assert_int_equal(audit_hash(zero, &right, b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void test_chain_may_be_computed_in_place_and_null_is_empty(void **state)
{
	struct audit_entry without = entry;
	uint8_t a[ID_DIGEST_BYTES] = { 0 }, b[ID_DIGEST_BYTES];
	(void)state;

	without.why = NULL;
	assert_int_equal(audit_hash(a, &without, a), 0);
	assert_int_equal(audit_hash(zero, &entry, b), 0);
	assert_memory_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash_is_the_one_that_the_header_defines),
		cmocka_unit_test(test_every_part_changes_the_hash),
		cmocka_unit_test(test_text_cannot_move_between_fields),
		cmocka_unit_test(test_chain_may_be_computed_in_place_and_null_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
