/*
 * event_data.c - see event_data.h
 *
 * A walk over a tree and the shapes that declare it, side by side, on a stack of its own. The way
 * to a value is only put into words when there is something to say about it.
 */
#include "event_data.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dray/decimal.h"
#include "dray/json.h"
#include "dray/times.h"

#define LEVELS_MAX 10 /* data, packages, package, lines, line, item, and some to spare */

struct level {
	const char *name; /* in the object above; NULL for an array's element */
	const struct event_shape *shape;
	const struct event_field *array; /* set: an array of `shape`, declared by this */
	cJSON *value;
	cJSON *next;
	size_t index; /* of the element at hand */
	uint64_t seen;
};

struct walk {
	struct level levels[LEVELS_MAX];
	size_t depth;
	unsigned lines;
	unsigned max_lines;
	struct problem *problem;
};

static void put_step(char *out, size_t size, const char *name, size_t index)
{
	size_t len = strlen(out);

	/* A pointer that does not fit is cut; the shapes' names are far from that. */
	if (name)
		(void)snprintf(out + len, size - len, "/%s", name);
	else
		(void)snprintf(out + len, size - len, "/%zu", index);
}

/* Refuse the value `name` of the object at hand; NULL: the object or array itself. */
__attribute__((format(printf, 4, 5))) static int refuse(
	const struct walk *w, enum reason reason, const char *name, const char *format, ...)
{
	char field[sizeof(w->problem->field)] = "/data";
	char message[sizeof(w->problem->message)];
	va_list args;

	for (size_t i = 1; i < w->depth; i++)
		put_step(field, sizeof(field), w->levels[i].name, w->levels[i - 1].index);
	if (name)
		put_step(field, sizeof(field), name, 0);
	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	va_end(args);
	return problem_set(w->problem, reason, field, "%s", message);
}

static int refuse_type(const struct walk *w, const struct event_field *f, const char *expected)
{
	return refuse(w, REASON_FIELD_TYPE, f->name, "%s must be %s", f->name, expected);
}

static int refuse_memory(const struct walk *w)
{
	return refuse(w, REASON_STORE_FULL, NULL, "out of memory, send it again");
}

bool event_data_set_string(cJSON *item, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy;

	if (cJSON_IsString(item) && strlen(item->valuestring) + 1 >= size) {
		memcpy(item->valuestring, text, size);
		return true;
	}
	copy = cJSON_malloc(size);
	if (!copy)
		return false;
	memcpy(copy, text, size);
	cJSON_free(item->valuestring);
	item->valuestring = copy;
	item->type = (item->type & cJSON_StringIsConst) | cJSON_String;
	return true;
}

static int check_string(const struct walk *w, const struct event_field *f, const cJSON *item)
{
	size_t len;

	if (!cJSON_IsString(item))
		return refuse_type(w, f, "a string");
	len = strlen(item->valuestring);
	if (len > f->max_bytes)
		return refuse(w, REASON_FIELD_RANGE, f->name, "%s is longer than %u characters",
			f->name, f->max_bytes);
	if (len == 0 && f->need != FIELD_OPTIONAL)
		return refuse(w, REASON_FIELD_RANGE, f->name, "%s is empty", f->name);
	return 0;
}

static int check_word(const struct walk *w, const struct event_field *f, const cJSON *item)
{
	if (check_string(w, f, item) < 0)
		return -1;
	for (const char *const *word = f->words; *word; word++)
		if (strcmp(*word, item->valuestring) == 0)
			return 0;
	return refuse(
		w, REASON_FIELD_RANGE, f->name, "%s can't be '%s'", f->name, item->valuestring);
}

static int check_name(const struct walk *w, const struct event_field *f, const cJSON *item)
{
	if (check_string(w, f, item) < 0)
		return -1;
	if (item->valuestring[strspn(item->valuestring, "abcdefghijklmnopqrstuvwxyz_")] == '\0')
		return 0;
	return refuse(w, REASON_FIELD_RANGE, f->name, "%s may only have a-z and _", f->name);
}

/* A whole number that a double holds exactly. */
static bool is_whole(double value)
{
	int64_t whole;

	if (!(fabs(value) <= 0x1p53))
		return false;
	whole = (int64_t)value;
	return !((double)whole < value) && !((double)whole > value);
}

/* Groups of four, the last one filled up with '='. */
static bool is_base64(const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	size_t n_fill = strspn(text + n, "=");

	return n > 0 && n_fill <= 2 && (n + n_fill) % 4 == 0 && text[n + n_fill] == '\0';
}

static int check_base64(const struct walk *w, const struct event_field *f, const cJSON *item)
{
	if (check_string(w, f, item) < 0)
		return -1;
	if (is_base64(item->valuestring))
		return 0;
	return refuse(w, REASON_BARCODE_INVALID, f->name, "%s must be base64", f->name);
}

static int check_number(const struct walk *w, const struct event_field *f, const cJSON *item)
{
	if (cJSON_IsString(item))
		return check_string(w, f, item);
	if (!cJSON_IsNumber(item))
		return refuse_type(w, f, "a whole number");
	if (item->valuedouble < 0 || !is_whole(item->valuedouble))
		return refuse(w, REASON_FIELD_RANGE, f->name, "%s must be a whole number from 0",
			f->name);
	return 0;
}

/* The shortest text of a number; decimal_parse() judges it. */
static bool read_decimal(const cJSON *item, struct decimal *ret)
{
	char text[32];
	int len;

	if (cJSON_IsString(item))
		return decimal_parse(item->valuestring, strlen(item->valuestring), ret);
	if (is_whole(item->valuedouble)) {
		*ret = (struct decimal){ .digits = (int64_t)item->valuedouble };
		return true;
	}
	/* 15 digits are all that the scanner lets pass as a number with a fraction. */
	len = snprintf(text, sizeof(text), "%.15g", item->valuedouble);
	return len > 0 && decimal_parse(text, (size_t)len, ret);
}

static int check_decimal(const struct walk *w, const struct event_field *f, cJSON *item)
{
	struct decimal value;
	char text[DECIMAL_TEXT_MAX];

	if (!cJSON_IsString(item) && !cJSON_IsNumber(item))
		return refuse_type(w, f, "a number");
	if (!read_decimal(item, &value))
		return refuse(w, REASON_QUANTITY_INVALID, f->name,
			"%s must be a number of at most 18 digits", f->name);
	if (f->kind == FIELD_AMOUNT)
		return 0;
	decimal_format(&value, text);
	if (value.digits < 0 && f->kind == FIELD_DECIMAL)
		return refuse(
			w, REASON_QUANTITY_INVALID, f->name, "%s %s is below zero", f->name, text);
	return event_data_set_string(item, text) ? 0 : refuse_memory(w);
}

static int check_time(const struct walk *w, const struct event_field *f, cJSON *item)
{
	char text[TIME_TEXT_MAX];
	int64_t at_ms;
	bool is_fine;

	if (cJSON_IsString(item))
		is_fine = time_parse(item->valuestring, strlen(item->valuestring), &at_ms);
	else if (cJSON_IsNumber(item))
		is_fine = time_from_number(item->valuedouble, &at_ms);
	else
		return refuse_type(w, f, "a time");
	if (!is_fine)
		return refuse(w, REASON_TIME_INVALID, f->name,
			"%s must be a time with its zone, such as 2026-11-21T15:04:05+01:00",
			f->name);
	time_format(at_ms, text);
	return event_data_set_string(item, text) ? 0 : refuse_memory(w);
}

static int check_date(const struct walk *w, const struct event_field *f, const cJSON *item)
{
	char text[32];
	int64_t at_ms;
	int len;

	if (!cJSON_IsString(item))
		return refuse_type(w, f, "a date");
	len = snprintf(text, sizeof(text), "%sT00:00:00Z", item->valuestring);
	if (len != TIME_TEXT_MAX - 5 || !time_parse(text, (size_t)len, &at_ms))
		return refuse(w, REASON_TIME_INVALID, f->name,
			"%s must be a date such as 2027-03-31", f->name);
	return 0;
}

static int check_strings(const struct walk *w, const struct event_field *f, const cJSON *array)
{
	const cJSON *item;

	if (!cJSON_IsArray(array))
		return refuse_type(w, f, "an array of strings");
	cJSON_ArrayForEach (item, array) {
		if (!cJSON_IsString(item))
			return refuse_type(w, f, "an array of strings");
		if (strlen(item->valuestring) > f->max_bytes)
			return refuse(w, REASON_FIELD_RANGE, f->name,
				"one of %s is longer than %u characters", f->name, f->max_bytes);
	}
	return 0;
}

static int push_level(struct walk *w, const char *name, const struct event_shape *shape,
	const struct event_field *array, cJSON *value)
{
	if (w->depth == LEVELS_MAX)
		return refuse(w, REASON_TOO_DEEP, name, "nested too deep");
	w->levels[w->depth++] = (struct level){
		.name = name, .shape = shape, .array = array, .value = value, .next = value->child
	};
	return 0;
}

static int enter_object(struct walk *w, const struct event_field *f, cJSON *item)
{
	if (!cJSON_IsObject(item))
		return refuse_type(w, f, "an object");
	return push_level(w, f->name, f->shape, NULL, item);
}

static int enter_array(struct walk *w, const struct event_field *f, cJSON *item)
{
	if (!cJSON_IsArray(item))
		return refuse_type(w, f, "an array");
	if (f->need == FIELD_REQUIRED && !item->child)
		return refuse(w, REASON_FIELD_MISSING, f->name, "%s is empty", f->name);
	return push_level(w, f->name, f->shape, f, item);
}

static int check_field(struct walk *w, const struct event_field *f, cJSON *item)
{
	switch (f->kind) {
	case FIELD_STRING:
		return check_string(w, f, item);
	case FIELD_WORD:
		return check_word(w, f, item);
	case FIELD_NAME:
		return check_name(w, f, item);
	case FIELD_NUMBER:
		return check_number(w, f, item);
	case FIELD_DECIMAL:
	case FIELD_DELTA:
	case FIELD_AMOUNT:
		return check_decimal(w, f, item);
	case FIELD_BASE64:
		return check_base64(w, f, item);
	case FIELD_BOOL:
		return cJSON_IsBool(item) ? 0 : refuse_type(w, f, "true or false");
	case FIELD_TIME:
		return check_time(w, f, item);
	case FIELD_DATE:
		return check_date(w, f, item);
	case FIELD_OBJECT:
		return enter_object(w, f, item);
	case FIELD_OBJECTS:
	case FIELD_LINES:
		return enter_array(w, f, item);
	case FIELD_PLACE:
		return cJSON_IsString(item) ? check_string(w, f, item) : enter_object(w, f, item);
	case FIELD_STRINGS:
		return check_strings(w, f, item);
	case FIELD_ARRAY:
		return cJSON_IsArray(item) ? 0 : refuse_type(w, f, "an array");
	case FIELD_ANY:
		return 0;
	}
	return 0;
}

/* One member of the object at hand. */
static int check_member(struct walk *w, struct level *level, cJSON *member)
{
	const struct event_field *f = level->shape->fields;

	for (; f->name; f++)
		if (*f->name == *member->string && strcmp(f->name, member->string) == 0)
			break;
	if (!f->name || cJSON_IsNull(member))
		return 0;
	level->seen |= UINT64_C(1) << (f - level->shape->fields);
	return check_field(w, f, member);
}

/* One element of the array at hand. */
static int check_element(struct walk *w, struct level *level, cJSON *element)
{
	if (level->array->kind == FIELD_LINES && ++w->lines > w->max_lines)
		return refuse(w, REASON_TOO_MANY_LINES, NULL, "more than %u lines in one event",
			w->max_lines);
	if (push_level(w, NULL, level->shape, NULL, element) < 0)
		return -1;
	if (!cJSON_IsObject(element))
		return refuse(w, REASON_FIELD_TYPE, NULL, "each of %s must be an object",
			level->array->name);
	return 0;
}

static int refuse_choice(const struct walk *w, const struct event_field *fields)
{
	const char *first = NULL;
	char names[64] = "";

	for (const struct event_field *f = fields; f->name; f++) {
		size_t len = strlen(names);

		if (f->need != FIELD_ONE_OF)
			continue;
		(void)snprintf(
			names + len, sizeof(names) - len, "%s%s", first ? ", " : "", f->name);
		first = first ? first : f->name;
	}
	return refuse(w, REASON_FIELD_MISSING, first, "one of %s is needed", names);
}

/* All members are seen: are those there that must be? */
static int check_needs(const struct walk *w, const struct level *level)
{
	const struct event_field *fields = level->shape->fields;
	bool wants_choice = false;
	bool has_choice = false;

	if (level->array)
		return 0;
	for (size_t i = 0; fields[i].name; i++) {
		bool is_seen = level->seen >> i & 1;

		if (fields[i].need == FIELD_REQUIRED && !is_seen)
			return refuse(w, REASON_FIELD_MISSING, fields[i].name, "%s is missing",
				fields[i].name);
		if (fields[i].need == FIELD_ONE_OF) {
			wants_choice = true;
			has_choice |= is_seen;
		}
	}
	return wants_choice && !has_choice ? refuse_choice(w, fields) : 0;
}

int event_data_check(
	cJSON *data, const struct event_type *type, unsigned max_lines, struct problem *ret_problem)
{
	struct walk w;

	w.depth = 0;
	w.lines = 0;
	w.max_lines = max_lines;
	w.problem = ret_problem;
	if (push_level(&w, NULL, &type->data, NULL, data) < 0)
		return -1;
	while (w.depth > 0) {
		struct level *level = &w.levels[w.depth - 1];
		cJSON *item = level->next;

		if (!item) {
			if (check_needs(&w, level) < 0)
				return -1;
			w.depth--;
			if (w.depth > 0 && w.levels[w.depth - 1].array)
				w.levels[w.depth - 1].index++;
			continue;
		}
		level->next = item->next;
		if ((level->array ? check_element : check_member)(&w, level, item) < 0)
			return -1;
	}
	return 0;
}
