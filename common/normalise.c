/* normalise.c - see normalise.h */
#include "normalise.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dray/gs1.h"
#include "dray/json.h"
#include "dray/words.h"
#include "event_data.h"

static void put_pointer(const struct place *place, const char *member, struct buf *out)
{
	buf_puts(out, "/data");
	if (place->package == PACKAGE_ONLY) {
		buf_puts(out, "/package");
	} else if (place->package >= 0) {
		buf_puts(out, "/packages/");
		buf_put_integer(out, place->package);
	}
	if (place->is_line) {
		buf_puts(out, "/lines/");
		buf_put_integer(out, (int64_t)place->line);
	}
	if (*member) {
		buf_putc(out, '/');
		buf_puts(out, member);
	}
}

static void put_note(
	const struct place *place, const char *rule, const char *member, struct buf *out)
{
	buf_puts(out, rule);
	buf_putc(out, ':');
	put_pointer(place, member, out);
}

void normalise_note(
	struct normalising *n, const struct place *place, const char *rule, const char *member)
{
	if (n->changes.len > 0)
		buf_putc(&n->changes, ' ');
	put_note(place, rule, member, &n->changes);
}

bool normalise_is_noted(const struct normalising *n, const struct place *place, const char *rule,
	const char *member)
{
	struct buf note = BUF_INIT;
	bool is_noted;

	put_note(place, rule, member, &note);
	is_noted = n->changes.data && !buf_failed(&note) &&
		   words_has(n->changes.data, note.data, note.len);
	buf_done(&note);
	return is_noted;
}

int normalise_refuse(const struct normalising *n, const struct place *place, enum reason reason,
	const char *member, const char *format, ...)
{
	struct buf pointer = BUF_INIT;
	char message[sizeof(n->problem->message)];
	va_list args;

	put_pointer(place, member, &pointer);
	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	va_end(args);
	problem_fill(n->problem, reason, pointer.data ? pointer.data : "", "%s", message);
	buf_done(&pointer);
	return -1;
}

int normalise_refuse_memory(const struct normalising *n)
{
	return problem_set(n->problem, REASON_STORE_FULL, "", "out of memory, send it again");
}

int normalise_refuse_store(const struct normalising *n)
{
	return problem_set(n->problem, REASON_STORE_FULL, "",
		"items and units can't be looked up now, send it again");
}

int normalise_set(struct normalising *n, const struct place *place, cJSON *object, const char *name,
	const char *text, const char *rule, const char *member)
{
	cJSON *item = json_get(object, name);

	if (item ? !event_data_set_string(item, text)
		 : !cJSON_AddStringToObject(object, name, text))
		return normalise_refuse_memory(n);
	normalise_note(n, place, rule, member);
	return 0;
}

/* An array's objects; what is none is for the check to say. */
static int walk_lines(
	struct normalising *n, const cJSON *array, int package, unsigned *lines, place_fn fn)
{
	struct place place = { .is_line = true, .package = package };

	if (!cJSON_IsArray(array))
		return 0;
	cJSON_ArrayForEach (place.value, array) {
		if (++*lines > n->context->limits->max_lines)
			return 0;
		if (cJSON_IsObject(place.value) && fn(n, &place) < 0)
			return -1;
		place.line++;
	}
	return 0;
}

static int walk_package(
	struct normalising *n, cJSON *package, int index, unsigned *lines, place_fn fn)
{
	const struct place place = { .value = package, .package = index };

	if (!cJSON_IsObject(package))
		return 0;
	if (fn(n, &place) < 0)
		return -1;
	return walk_lines(n, json_get(package, "lines"), index, lines, fn);
}

int normalise_walk(struct normalising *n, place_fn fn)
{
	const cJSON *packages = json_get(n->data, "packages");
	unsigned lines = 0;
	int index = 0;
	cJSON *package;

	if (walk_lines(n, json_get(n->data, "lines"), PACKAGE_NONE, &lines, fn) < 0 ||
		walk_package(n, json_get(n->data, "package"), PACKAGE_ONLY, &lines, fn) < 0)
		return -1;
	if (!cJSON_IsArray(packages))
		return 0;
	cJSON_ArrayForEach (package, packages)
		if (walk_package(n, package, index++, &lines, fn) < 0)
			return -1;
	return 0;
}

static int normalise_gtin(struct normalising *n, const struct place *place)
{
	cJSON *item = json_get(place->value, "item");
	const char *text = json_get_string(item, "gtin");
	char gtin[GS1_GTIN_MAX];

	if (!text || !*text)
		return 0;
	if (!gs1_gtin_normalise(text, gtin))
		return normalise_refuse(n, place, REASON_BARCODE_INVALID, "item/gtin",
			"gtin %s is no GTIN: its check digit or its length is wrong", text);
	if (strcmp(gtin, text) == 0)
		return 0;
	return normalise_set(n, place, item, "gtin", gtin, "key", "item/gtin");
}

/*
 * The 20 digits of an element string, 00 and the SSCC, become the 18 of the SSCC. What stands there
 * otherwise passes: many a site puts its own plate numbers into `sscc`.
 */
static int normalise_sscc(struct normalising *n, const struct place *place)
{
	const char *text = json_get_string(place->value, "sscc");
	char sscc[20];

	if (!text || strlen(text) != 20 || strncmp(text, "00", 2) != 0 ||
		!gs1_sscc_is_valid(text + 2))
		return 0;
	(void)text_join(sscc, sizeof(sscc), text + 2);
	return normalise_set(n, place, place->value, "sscc", sscc, "key", "sscc");
}

static int normalise_package(struct normalising *n, const struct place *place)
{
	if (!n->context->reference)
		return 0;
	if (normalise_uom(n, place, json_get(place->value, "weight"), "weight/uom") < 0)
		return -1;
	return normalise_uom(n, place, json_get(place->value, "dimensions"), "dimensions/uom");
}

static int normalise_place(struct normalising *n, const struct place *place)
{
	if (normalise_sscc(n, place) < 0)
		return -1;
	if (!place->is_line)
		return normalise_package(n, place);
	if (normalise_gtin(n, place) < 0)
		return -1;
	return n->context->reference ? normalise_line(n, place) : 0;
}

int normalise_items(struct normalising *n)
{
	return normalise_walk(n, normalise_place);
}
