/*
 * Any text as a barcode: what is read lies inside its bounds, is sound when it is read again as an
 * element string, and says numbers and dates that are; what is refused names a place in the text.
 */
#include "dray/gs1.h"

#include <string.h>

#include "dray/gs1_ai.h"
#include "help_fuzz.h"

#define YEAR 2026

static void check_element(const struct gs1_scan *scan, const struct gs1_element *e, size_t size)
{
	char date[GS1_DATE_MAX];
	char text[DECIMAL_TEXT_MAX];
	struct decimal number;

	check(e->row && gs1_ai_exact(e->ai, strlen(e->ai)) == e->row);
	check(e->value >= scan->text && e->value + e->len < scan->text + sizeof(scan->text));
	check(strlen(e->value) == e->len && e->len > 0);
	check(e->position >= scan->start && e->position < size);
	for (size_t i = 0; i < e->len; i++)
		check(e->value[i] > ' ' && e->value[i] < 0x7f);
	if (gs1_number(e, &number)) {
		struct decimal back;

		decimal_format(&number, text);
		check(decimal_parse(text, strlen(text), &back));
		check(back.digits == number.digits && back.scale == number.scale);
	}
	check(!gs1_uom(e) || gs1_number(e, &number));
	if (gs1_date(scan, e->ai, date))
		check(strlen(date) == GS1_DATE_MAX - 1);
}

/* The elements behind one another, as a reader of GS1-128 would send them. */
static size_t write_elements(const struct gs1_scan *scan, char *out, size_t size)
{
	size_t len = 3;

	memcpy(out, "]C1", 3);
	for (size_t i = 0; i < scan->n; i++) {
		const struct gs1_element *e = &scan->elements[i];
		size_t digits = strlen(e->ai);

		if (len + digits + e->len + 1 > size)
			return 0;
		memcpy(out + len, e->ai, digits);
		memcpy(out + len + digits, e->value, e->len);
		len += digits + e->len;
		out[len++] = '\x1d';
	}
	return len;
}

static void check_again(const struct gs1_scan *scan)
{
	static struct gs1_scan again;
	struct gs1_error error;
	char text[GS1_TEXT_MAX];
	size_t len = write_elements(scan, text, sizeof(text));

	if (len == 0)
		return;
	check(gs1_read(text, len, YEAR, &again, &error) == GS1_READ);
	check(again.n == scan->n);
	for (size_t i = 0; i < scan->n; i++) {
		check(strcmp(again.elements[i].ai, scan->elements[i].ai) == 0);
		check(strcmp(again.elements[i].value, scan->elements[i].value) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gs1_scan scan;
	const struct gs1_scan *scans[] = { &scan };
	struct gs1_error error = { .ai = "", .message = "" };
	char words[160];

	switch (gs1_read((const char *)data, size, YEAR, &scan, &error)) {
	case GS1_READ:
		check(scan.n > 0 && scan.n <= GS1_ELEMENTS_MAX);
		for (size_t i = 0; i < scan.n; i++)
			check_element(&scan, &scan.elements[i], size);
		check_again(&scan);
		gs1_check_pairs(scans, 1, NULL, &error);
		break;
	case GS1_INVALID:
		check(scan.n == 0 && error.position <= size && error.message[0] != '\0');
		gs1_error_text(&error, words, sizeof(words));
		check_words(words, strlen(words));
		break;
	case GS1_PLAIN:
		check(scan.n == 0 && scan.start <= scan.end && scan.end <= size);
		break;
	}
	return 0;
}
