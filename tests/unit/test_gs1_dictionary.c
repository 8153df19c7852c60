/*
 * The table of application identifiers against GS1's own Barcode Syntax Dictionary, line by line, and
 * every AI read and refused in the form that its line says.
 */
#include "dray/gs1.h"
#include "dray/gs1_ai.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 2026
#define WORDS_MAX 16
#define VALUE_MAX 128
#define DICTIONARY "gs1/gs1-syntax-dictionary.txt"

/* --- the dictionary ------------------------------------------------------------------------------- */

static FILE *open_dictionary(void)
{
	const char *folder = getenv("DRAY_FIXTURES");
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : "../shared/fixtures", DICTIONARY);
	file = fopen(path, "r");
	if (!file) {
		print_message("there is no %s\n", path);
		skip();
	}
	return file;
}

/* A line's words in front of the title. */
struct entry {
	char line[512];
	char *words[WORDS_MAX];
	size_t n;
};

static bool next_entry(FILE *file, struct entry *ret)
{
	char *rest = NULL;

	do {
		if (!fgets(ret->line, sizeof(ret->line), file))
			return false;
		ret->line[strcspn(ret->line, "\n")] = '\0';
	} while (ret->line[0] == '#' || ret->line[0] == '\0');
	ret->line[strcspn(ret->line, "#")] = '\0';
	ret->n = 0;
	for (char *word = strtok_r(ret->line, " ", &rest); word;
		word = strtok_r(NULL, " ", &rest)) {
		assert_true(ret->n < WORDS_MAX);
		ret->words[ret->n++] = word;
	}
	return true;
}

/* "[N3],iso3166": a part as the dictionary writes it. */
static void write_part(const struct gs1_part *part, char *out, size_t size)
{
	size_t len = (size_t)snprintf(out, size, "%s%c%s%u%s", part->is_optional ? "[" : "",
		part->characters, part->min == part->max ? "" : "..", part->max,
		part->is_optional ? "]" : "");

	for (size_t i = 0; i < GS1_CHECKS_MAX && part->checks[i]; i++)
		len += (size_t)snprintf(
			out + len, size - len, ",%s", gs1_check_name(part->checks[i]));
}

/* A word of an entry that must be the row's: an attribute that it has, "name" or "name=list". */
static bool is_attribute(const char *word, const char *name, const char *list)
{
	char text[256];

	if (!list)
		return false;
	snprintf(text, sizeof(text), "%s%s%s", name, *list ? "=" : "", list);
	return strcmp(word, text) == 0;
}

static void check_attributes(const struct entry *entry, size_t from, const struct gs1_ai *row)
{
	size_t n = 0;

	for (size_t i = from; i < entry->n; i++)
		if (!is_attribute(entry->words[i], "req", row->req) &&
			!is_attribute(entry->words[i], "ex", row->ex) &&
			!is_attribute(entry->words[i], "dlpkey", row->key))
			fail_msg("(%s): the row doesn't have %s", row->first, entry->words[i]);
	n += row->req != NULL;
	n += row->ex != NULL;
	n += row->key != NULL;
	if (n != entry->n - from)
		fail_msg("(%s): the row has %zu attributes, the dictionary %zu", row->first, n,
			entry->n - from);
}

static void check_entry(const struct entry *entry, const struct gs1_ai *row)
{
	char text[64];
	size_t word = 0;

	bool is_range = strcmp(row->first, row->last) != 0;

	snprintf(text, sizeof(text), "%s%s%s", row->first, is_range ? "-" : "",
		is_range ? row->last : "");
	assert_string_equal(entry->words[word++], text);
	snprintf(text, sizeof(text), "%s%s", row->flags & GS1_FIXED ? "*" : "",
		row->flags & GS1_ATTRIBUTE ? "?" : "");
	if (text[0] != '\0')
		assert_string_equal(entry->words[word++], text);
	for (size_t i = 0; i < GS1_PARTS_MAX && row->parts[i].characters; i++) {
		write_part(&row->parts[i], text, sizeof(text));
		assert_true(word < entry->n);
		assert_string_equal(entry->words[word++], text);
	}
	check_attributes(entry, word, row);
}

static void test_every_line_of_the_dictionary_is_a_row_and_no_row_is_more(void **state)
{
	FILE *file = open_dictionary();
	struct entry entry;
	size_t n = 0;

	(void)state;
	while (next_entry(file, &entry)) {
		const struct gs1_ai *row = gs1_ai_at(n);

		if (!row)
			fail_msg("there is no row for %s", entry.words[0]);
		else
			check_entry(&entry, row);
		n++;
	}
	fclose(file);
	assert_true(n > 200);
	assert_null(gs1_ai_at(n));
}

/* --- values of every form ------------------------------------------------------------------------- */

/* What passes a check and what doesn't, as long as the parts that are asked for it. */
static const struct {
	enum gs1_check check;
	const char *good;
	const char *bad;
} samples[] = {
	{ GS1_COUPONCODE, "012345612345611110123", "912345612345611110123" },
	{ GS1_COUPONPOSOFFER, "001234561234560123456", "201234561234560123456" },
	{ GS1_CSUMALPHA, "1987654Ad4X4bL5ttr2310c2K", "1987654Ad4X4bL5ttr2310c2X" },
	{ GS1_HH, "23", "24" },
	{ GS1_HHMI, "2359", "2360" },
	{ GS1_HYPHEN, "-", "+" },
	{ GS1_IBAN, "DE91100000000123456789", "DE91100000000123456788" },
	{ GS1_IMPORTERIDX, "z", "." },
	{ GS1_ISO3166, "276", "277" },
	{ GS1_ISO3166999, "999", "998" },
	{ GS1_ISO3166ALPHA2, "DE", "XX" },
	{ GS1_ISO4217, "978", "100" },
	{ GS1_ISO5218, "9", "3" },
	{ GS1_LATITUDE, "1800000000", "1800000001" },
	{ GS1_LONGITUDE, "3600000000", "3600000001" },
	{ GS1_MEDIATYPE, "80", "11" },
	{ GS1_MI, "59", "60" },
	{ GS1_NOZEROPREFIX, "123456789012", "012345678901" },
	{ GS1_PACKAGETYPE, "APE", "1" },
	{ GS1_PCENC, "A%20", "A%2" },
	{ GS1_PIECEOFTOTAL, "0202", "0302" },
	{ GS1_POSINSEQSLASH, "2/3", "3/2" },
	{ GS1_SS, "59", "60" },
	{ GS1_WINDING, "9", "2" },
	{ GS1_YESNO, "1", "2" },
	{ GS1_YYMMD0, "260200", "260230" },
	{ GS1_YYMMDD, "260228", "260200" },
	{ GS1_YYYYMMDD, "20260228", "20260200" },
};
#define SAMPLES (sizeof(samples) / sizeof(*samples))

/* Digits that a part of the length can begin with, whatever it is asked. */
static const char filler[] = "123456789012345678901234567890123456789012345678901234567890"
			     "123456789012345678901234567890";

static char check_digit(const char *digits, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (unsigned)(digits[i] - '0') * ((len - i) % 2 ? 3 : 1);
	return (char)('0' + (10 - sum % 10) % 10);
}

/* A value of the part that is right, or wrong in its `nth` check. False: the check is never wrong. */
static bool write_value(const struct gs1_part *part, int nth, char out[VALUE_MAX])
{
	enum gs1_check first = part->checks[0];
	enum gs1_check asked = nth < 0 ? GS1_NO_CHECK : part->checks[nth];

	snprintf(out, part->max + 1U, "%s", filler);
	if (first == GS1_CSUM)
		out[part->max - 1] = check_digit(out, part->max - 1U);
	if (first == GS1_ZERO)
		memset(out, '0', part->max);
	for (size_t i = 0; i < SAMPLES; i++) {
		if (samples[i].check == first)
			snprintf(out, VALUE_MAX, "%s", samples[i].good);
		if (samples[i].check == asked)
			snprintf(out, VALUE_MAX, "%s", samples[i].bad);
	}
	if (asked == GS1_CSUM)
		out[part->max - 1] = out[part->max - 1] == '0' ? '1' : '0';
	if (asked == GS1_NONZERO)
		memset(out, '0', part->max);
	if (asked == GS1_ZERO)
		memset(out, '1', part->max);
	if (asked == GS1_GCPPOS1 || asked == GS1_GCPPOS2) {
		if (part->characters == 'N' || first == GS1_CSUMALPHA)
			return false;
		out[3] = 'A';
	}
	/* With its right pair: there is no other way to be without a letter in it. */
	if (asked == GS1_HASNONDIGIT)
		snprintf(out, VALUE_MAX, "%s", "0000000101842");
	return true;
}

/* The value of all parts, those that may be absent included; the one at `odd` wrong in a check. */
static bool write_whole(const struct gs1_ai *row, int odd, int nth, char out[VALUE_MAX])
{
	size_t len = 0;

	for (int i = 0; i < GS1_PARTS_MAX && row->parts[i].characters; i++) {
		char part[VALUE_MAX];

		if (!write_value(&row->parts[i], i == odd ? nth : -1, part))
			return false;
		len += (size_t)snprintf(out + len, VALUE_MAX - len, "%s", part);
	}
	return true;
}

static struct gs1_scan scan;
static struct gs1_error error;

static enum gs1_reading read_element(const char *ai, const char *value)
{
	char text[GS1_TEXT_MAX];
	int len = snprintf(text, sizeof(text), "]C1%s%s", ai, value);

	return gs1_read(text, (size_t)len, NOW, &scan, &error);
}

static void expect_read(const char *ai, const char *value)
{
	if (read_element(ai, value) != GS1_READ)
		fail_msg("(%s)%s is refused at %zu: %s", ai, value, error.position, error.message);
	assert_int_equal(scan.n, 1);
	assert_string_equal(scan.elements[0].ai, ai);
	assert_string_equal(scan.elements[0].value, value);
}

static void expect_refused(const char *ai, const char *value)
{
	if (read_element(ai, value) != GS1_INVALID)
		fail_msg("(%s)%s is read", ai, value);
	if (strcmp(error.ai, ai) != 0)
		fail_msg("(%s)%s: the error names (%s)", ai, value, error.ai);
	assert_true(error.position >= 3 + strlen(ai));
	assert_true(error.position <= 3 + strlen(ai) + strlen(value));
}

/* The length that all mandatory parts have at least, and all parts at most. */
static void measure(const struct gs1_ai *row, size_t *ret_min, size_t *ret_max)
{
	*ret_min = *ret_max = 0;
	for (size_t i = 0; i < GS1_PARTS_MAX && row->parts[i].characters; i++) {
		*ret_min += row->parts[i].is_optional ? 0 : row->parts[i].min;
		*ret_max += row->parts[i].max;
	}
}

static void check_lengths(const struct gs1_ai *row)
{
	char value[VALUE_MAX];
	size_t min;
	size_t max;

	measure(row, &min, &max);
	assert_true(write_whole(row, -1, -1, value));
	expect_read(row->first, value);
	expect_read(row->last, value);
	if (strlen(value) == max) {
		if (row->flags & GS1_FIXED) {
			/* What goes on is another element: here none that there is. */
			value[max] = 'X';
			value[max + 1] = '\0';
			assert_int_equal(read_element(row->first, value), GS1_INVALID);
			assert_string_equal(error.ai, "");
			assert_int_equal(error.position, 3 + strlen(row->first) + max);
		} else {
			value[max] = '1';
			value[max + 1] = '\0';
			expect_refused(row->first, value);
		}
	}
	value[min - 1] = '\0';
	expect_refused(row->first, value);
}

/* Blanks are in no set; a letter is no digit; small letters are not in set 39. */
static void check_characters(const struct gs1_ai *row)
{
	size_t at = 0;

	for (size_t i = 0; i < GS1_PARTS_MAX && row->parts[i].characters; i++) {
		char value[VALUE_MAX];
		char part[VALUE_MAX];

		assert_true(write_whole(row, -1, -1, value));
		value[at] = ' ';
		expect_refused(row->first, value);
		assert_int_equal(error.position, 3 + strlen(row->first) + at);
		value[at] = row->parts[i].characters == 'N'   ? 'A'
			    : row->parts[i].characters == 'Y' ? 'a'
			    : row->parts[i].characters == 'Z' ? '+'
							      : '#';
		expect_refused(row->first, value);
		assert_int_equal(error.position, 3 + strlen(row->first) + at);
		assert_true(write_value(&row->parts[i], -1, part));
		at += strlen(part);
	}
}

static void check_checks(const struct gs1_ai *row)
{
	for (int i = 0; i < GS1_PARTS_MAX && row->parts[i].characters; i++)
		for (int k = 0; k < GS1_CHECKS_MAX && row->parts[i].checks[k]; k++) {
			char value[VALUE_MAX];

			if (write_whole(row, i, k, value))
				expect_refused(row->first, value);
		}
}

static void test_every_ai_is_read_in_its_form_and_refused_in_others(void **state)
{
	const struct gs1_ai *row;

	(void)state;
	for (size_t i = 0; (row = gs1_ai_at(i)) != NULL; i++) {
		check_lengths(row);
		check_characters(row);
		check_checks(row);
	}
}

/* --- rules, by what they do ------------------------------------------------------------------------ */

/* The first AI that fits a pattern, "310n" or "35nn", and is not `own`. */
static const struct gs1_ai *fitting(const char *pattern, size_t len, const char *own, char ai[5])
{
	const struct gs1_ai *row = NULL;

	for (int n = 0; n < 100 && !row; n++) {
		int digits = n;

		snprintf(ai, 5, "%.*s", (int)len, pattern);
		for (size_t i = len; i > 0; i--)
			if (ai[i - 1] == 'n') {
				ai[i - 1] = (char)('0' + digits % 10);
				digits /= 10;
			}
		row = strcmp(ai, own) == 0 ? NULL : gs1_ai_exact(ai, len);
	}
	return row;
}

static void write_element(const char *ai, const struct gs1_ai *row, char out[GS1_TEXT_MAX])
{
	size_t len = strlen(out);
	char value[VALUE_MAX];

	assert_true(write_whole(row, -1, -1, value));
	snprintf(out + len, GS1_TEXT_MAX - len, "%s%s\x1d", ai, value);
}

static void test_what_a_line_excludes_is_refused_in_one_symbol(void **state)
{
	const struct gs1_ai *row;
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; (row = gs1_ai_at(i)) != NULL; i++)
		for (const char *p = row->ex; p && *p;
			p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
			size_t len = strcspn(p, ",");
			char other[5];
			const struct gs1_ai *other_row = fitting(p, len, row->first, other);
			char text[GS1_TEXT_MAX] = "]C1";

			assert_non_null(other_row);
			write_element(row->first, row, text);
			write_element(other, other_row, text);
			assert_int_equal(
				gs1_read(text, strlen(text), NOW, &scan, &error), GS1_INVALID);
			assert_string_equal(error.ai, other);
			assert_non_null(strstr(error.message, "beside"));
			tried++;
		}
	assert_true(tried > 80);
}

/* One group of a rule, "01+21", as AIs that are known otherwise. */
static void read_group(const char *group, char ais[4][5], const char *known[5])
{
	size_t n = 0;

	for (const char *p = group;; p++) {
		size_t len = strcspn(p, "+,");

		assert_true(n < 4);
		assert_non_null(fitting(p, len, "", ais[n]));
		known[n] = ais[n];
		known[++n] = NULL;
		p += len;
		if (*p != '+')
			return;
	}
}

static void test_what_a_line_requires_is_missed_and_each_of_its_groups_is_enough(void **state)
{
	const struct gs1_ai *row;
	const struct gs1_scan *scans[1] = { &scan };
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; (row = gs1_ai_at(i)) != NULL; i++) {
		char text[GS1_TEXT_MAX] = "]C1";
		char ais[4][5];
		const char *known[5];

		write_element(row->first, row, text);
		assert_int_equal(gs1_read(text, strlen(text), NOW, &scan, &error), GS1_READ);
		assert_int_equal(gs1_check_pairs(scans, 1, NULL, &error), row->req == NULL);
		for (const char *p = row->req; p && *p;
			p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
			read_group(p, ais, known);
			assert_true(gs1_check_pairs(scans, 1, known, &error));
			known[0] = known[1]; /* all but the first are not enough */
			if (known[0]) {
				known[1] = NULL;
				assert_false(gs1_check_pairs(scans, 1, known, &error));
			}
			tried++;
		}
	}
	assert_true(tried > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_line_of_the_dictionary_is_a_row_and_no_row_is_more),
		cmocka_unit_test(test_every_ai_is_read_in_its_form_and_refused_in_others),
		cmocka_unit_test(test_what_a_line_excludes_is_refused_in_one_symbol),
		cmocka_unit_test(
			test_what_a_line_requires_is_missed_and_each_of_its_groups_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
