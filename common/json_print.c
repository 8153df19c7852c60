/*
 * json_print.c - a tree as text, without recursion.
 *
 * cJSON's own printer is not used: it compares numbers with a tolerance and so loses the last digit
 * of integers close to 2^53, it recurses, and it cannot append to a buffer.
 */
#include "dray/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRINT_DEPTH_MAX 80 /* the scanner's 64, and what is wrapped around */
#define NAMES_AT_HAND 64
#define INSERTION_MAX 16

/* A container that is being printed. */
struct level {
	const cJSON *next; /* the member that comes next; NULL: none left */
	size_t first;      /* sorted: where its members start in `sorted` */
	size_t left;       /* sorted: how many of them are still to come */
	bool is_object;
	bool is_sorted;
	bool has_printed; /* a member before the next one */
};

struct printer {
	struct buf *out;
	bool wants_sorted;
	size_t depth;
	struct level levels[PRINT_DEPTH_MAX];
	const cJSON **sorted; /* members of the open objects, as a stack */
	size_t n_sorted;
	size_t cap_sorted;
	const cJSON *sorted_at_hand[NAMES_AT_HAND];
};

static void print_integer(int64_t value, struct buf *out)
{
	char text[24];
	char *p = text + sizeof(text);
	bool is_negative = value < 0;
	uint64_t rest = is_negative ? 0 - (uint64_t)value : (uint64_t)value;

	do {
		*--p = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (is_negative)
		*--p = '-';
	buf_put(out, p, (size_t)(text + sizeof(text) - p));
}

static bool is_same(double a, double b)
{
	return !(a < b) && !(a > b);
}

static void print_number(double value, struct buf *out)
{
	char text[32];

	if (!isfinite(value)) {
		buf_puts(out, "null");
		return;
	}
	if (fabs(value) <= 0x1p53 && is_same((double)(int64_t)value, value)) {
		print_integer((int64_t)value, out);
		return;
	}
	if (snprintf(text, sizeof(text), "%.15g", value) < 0 || !is_same(strtod(text, NULL), value))
		(void)snprintf(text, sizeof(text), "%.17g", value);
	buf_puts(out, text);
}

static void print_scalar(const cJSON *value, struct buf *out)
{
	switch (value->type & 0xff) {
	case cJSON_String:
		buf_put_json(out, value->valuestring, strlen(value->valuestring));
		break;
	case cJSON_Number:
		print_number(value->valuedouble, out);
		break;
	case cJSON_True:
		buf_put(out, "true", 4);
		break;
	case cJSON_False:
		buf_put(out, "false", 5);
		break;
	default:
		buf_put(out, "null", 4);
		break;
	}
}

static int compare_names(const void *left, const void *right)
{
	const cJSON *const *a = left;
	const cJSON *const *b = right;

	return strcmp((*a)->string, (*b)->string);
}

static void sort_members(const cJSON **members, size_t n)
{
	if (n > INSERTION_MAX) {
		qsort(members, n, sizeof(cJSON *), compare_names);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		const cJSON *member = members[i];
		size_t j = i;

		for (; j > 0 && strcmp(members[j - 1]->string, member->string) > 0; j--)
			members[j] = members[j - 1];
		members[j] = member;
	}
}

static bool grow_sorted(struct printer *pr)
{
	bool is_at_hand = pr->sorted == pr->sorted_at_hand;
	size_t cap = pr->cap_sorted * 2;
	const cJSON **sorted = realloc(is_at_hand ? NULL : pr->sorted, cap * sizeof(cJSON *));

	if (!sorted)
		return false;
	if (is_at_hand)
		memcpy(sorted, pr->sorted_at_hand, sizeof(pr->sorted_at_hand));
	pr->sorted = sorted;
	pr->cap_sorted = cap;
	return true;
}

static bool open_level(struct printer *pr, const cJSON *value)
{
	struct level *level = &pr->levels[pr->depth];

	if (pr->depth == PRINT_DEPTH_MAX)
		return false;
	pr->depth++;
	level->next = value->child;
	level->has_printed = false;
	level->is_object = cJSON_IsObject(value);
	level->is_sorted = level->is_object && pr->wants_sorted;
	buf_putc(pr->out, level->is_object ? '{' : '[');
	if (!level->is_sorted)
		return true;
	level->first = pr->n_sorted;
	for (const cJSON *child = value->child; child; child = child->next) {
		if (pr->n_sorted == pr->cap_sorted && !grow_sorted(pr))
			return false;
		pr->sorted[pr->n_sorted++] = child;
	}
	level->left = pr->n_sorted - level->first;
	sort_members(pr->sorted + level->first, level->left);
	return true;
}

static const cJSON *take_next(struct printer *pr, struct level *level)
{
	const cJSON *next = level->next;

	if (!level->is_sorted) {
		level->next = next ? next->next : NULL;
		return next;
	}
	if (level->left == 0) {
		pr->n_sorted = level->first;
		return NULL;
	}
	return pr->sorted[pr->n_sorted - level->left--];
}

/* Close what has ended; the next value to print, NULL when all is printed. */
static const cJSON *print_between(struct printer *pr)
{
	while (pr->depth > 0) {
		struct level *level = &pr->levels[pr->depth - 1];
		const cJSON *next = take_next(pr, level);

		if (!next) {
			buf_putc(pr->out, level->is_object ? '}' : ']');
			pr->depth--;
			continue;
		}
		if (level->has_printed)
			buf_putc(pr->out, ',');
		level->has_printed = true;
		if (level->is_object) {
			buf_put_json(pr->out, next->string, strlen(next->string));
			buf_putc(pr->out, ':');
		}
		return next;
	}
	return NULL;
}

static void print_tree(const cJSON *value, struct buf *out, bool wants_sorted)
{
	struct printer pr;

	pr.out = out;
	pr.wants_sorted = wants_sorted;
	pr.depth = 0;
	pr.sorted = pr.sorted_at_hand;
	pr.n_sorted = 0;
	pr.cap_sorted = NAMES_AT_HAND;
	while (value && !buf_failed(out)) {
		if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
			print_scalar(value, out);
		else if (!open_level(&pr, value))
			out->failed = true;
		value = print_between(&pr);
	}
	if (pr.sorted != pr.sorted_at_hand)
		free(pr.sorted);
}

void json_print_sorted(const cJSON *value, struct buf *out)
{
	print_tree(value, out, true);
}

void json_print(const cJSON *value, struct buf *out)
{
	print_tree(value, out, false);
}
