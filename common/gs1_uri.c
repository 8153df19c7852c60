/*
 * gs1_uri.c - GS1 Digital Link URIs: https://id.gs1.org/01/09506000134352/10/L77?17=270331
 *
 * Any host, any path in front. The primary key is the last in the path, so that a path may hold
 * numbers before; behind it stand its qualifiers in their order, and in the query what else is known of
 * the thing. Names of a query that are not digits are somebody else's.
 *
 * A URI whose path ends otherwise, or whose key has not the form of one, is somebody's plain link.
 *
 * Source: GS1 Digital Link Standard: URI Syntax; short names and compressed URIs are not read.
 */
#include "gs1_read.h"

#include <string.h>
#include <strings.h>

#include "gs1_check.h"

struct uri {
	size_t path; /* of its first slash */
	size_t path_end;
	size_t query;
	size_t query_end;
};

/* Bytes of "http://" or "https://", 0 when it is neither. */
static size_t scheme_of(const char *text, size_t len)
{
	if (len > 7 && strncasecmp(text, "http://", 7) == 0)
		return 7;
	return len > 8 && strncasecmp(text, "https://", 8) == 0 ? 8 : 0;
}

bool gs1_is_uri(const char *text, size_t len)
{
	return scheme_of(text, len) > 0;
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that an escape says; -1 when it says none. */
static int escaped(const char *text, size_t left)
{
	int high = left >= 3 ? hex_of(text[1]) : -1;
	int low = left >= 3 ? hex_of(text[2]) : -1;

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool gs1_uri_decode(const char *text, size_t len, char *out, size_t size, size_t *ret_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			c = escaped(text + i, len - i);
			i += 2;
		}
		if (c < 0 || n + 1 >= size)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	*ret_len = n;
	return true;
}

size_t gs1_uri_offset(const char *text, size_t len, size_t n)
{
	size_t at = 0;

	for (; n > 0 && at < len; n--)
		at += text[at] == '%' ? 3 : 1;
	return at < len ? at : len;
}

static bool is_any(char c, const char *characters)
{
	for (; *characters; characters++)
		if (c == *characters)
			return true;
	return false;
}

static size_t find_any(const char *text, size_t at, size_t end, const char *characters)
{
	while (at < end && !is_any(text[at], characters))
		at++;
	return at;
}

static bool split_uri(const struct gs1_reader *r, struct uri *ret)
{
	size_t start = r->scan->start;
	size_t host = start + scheme_of(r->text + start, r->end - start);

	ret->path = find_any(r->text, host, r->end, "/?#");
	if (ret->path == host || ret->path == r->end || r->text[ret->path] != '/')
		return false;
	ret->path_end = find_any(r->text, ret->path, r->end, "?#");
	ret->query = ret->query_end = ret->path_end;
	if (ret->query < r->end && r->text[ret->query] == '?') {
		ret->query++;
		ret->query_end = find_any(r->text, ret->query, r->end, "#");
	}
	if (r->text[ret->path_end - 1] == '/')
		ret->path_end--;
	return true;
}

/* The last slash of the path in front of `end`. 0: there is none. */
static size_t slash_before(const struct gs1_reader *r, const struct uri *uri, size_t end)
{
	while (end > uri->path)
		if (r->text[--end] == '/')
			return end;
	return 0;
}

/* The pair "/AI/value" that ends at `end`. */
static bool pair_before(
	const struct gs1_reader *r, const struct uri *uri, size_t end, struct gs1_found *ret)
{
	size_t middle = slash_before(r, uri, end);
	size_t first = middle > 0 ? slash_before(r, uri, middle) : 0;

	if (first == 0)
		return false;
	*ret = (struct gs1_found){ .ai = r->text + first + 1,
		.ai_len = middle - first - 1,
		.position = first + 1,
		.value = middle + 1,
		.len = end - middle - 1,
		.is_encoded = true };
	ret->row = gs1_ai_exact(ret->ai, ret->ai_len);
	return ret->row != NULL;
}

static bool find_key(const struct gs1_reader *r, const struct uri *uri, struct gs1_found *ret)
{
	size_t end = uri->path_end;

	while (pair_before(r, uri, end, ret)) {
		ret->is_key = ret->row->key != NULL;
		if (ret->is_key)
			return true;
		end = ret->position - 1;
	}
	return false;
}

/* How many of the elements stand in the order of a list such as "22,10,21". */
static size_t count_ordered(
	const char *list, size_t len, const struct gs1_element *elements, size_t n)
{
	size_t at = 0;
	size_t found = 0;

	while (found < n && at < len) {
		size_t digits = strcspn(list + at, ",|");

		if (strlen(elements[found].ai) == digits &&
			memcmp(elements[found].ai, list + at, digits) == 0)
			found++;
		at += digits + 1;
	}
	return found;
}

/* The key's qualifiers, and no others, in the order of one of its lists. */
static bool check_order(struct gs1_reader *r)
{
	const struct gs1_element *elements = r->scan->elements;
	const char *lists = elements[0].row->key;
	size_t n = r->scan->n - 1;
	size_t best = 0;
	struct gs1_found odd = { 0 };

	for (const char *list = lists; best < n; list += strcspn(list, "|") + 1) {
		size_t len = strcspn(list, "|");
		size_t ordered = count_ordered(list, len, elements + 1, n);

		best = ordered > best ? ordered : best;
		if (list[len] == '\0')
			break;
	}
	if (best == n)
		return true;
	odd.ai = elements[1 + best].ai;
	odd.ai_len = strlen(odd.ai);
	return gs1_refuse(r, &odd, elements[1 + best].position,
		"it is no qualifier of (%s), or out of order", elements[0].ai);
}

/* The pairs behind the key, which find_key() has walked over. */
static bool read_qualifiers(struct gs1_reader *r, const struct uri *uri, size_t at)
{
	while (at < uri->path_end) {
		size_t middle = find_any(r->text, at + 1, uri->path_end, "/");
		size_t end = find_any(r->text, middle + 1, uri->path_end, "/");
		struct gs1_found found = { .ai = r->text + at + 1,
			.ai_len = middle - at - 1,
			.position = at + 1,
			.value = middle + 1,
			.len = end - middle - 1,
			.is_encoded = true };

		found.row = gs1_ai_exact(found.ai, found.ai_len);
		if (!gs1_add(r, &found))
			return false;
		at = end;
	}
	return check_order(r);
}

static bool read_attribute(struct gs1_reader *r, size_t at, size_t end)
{
	size_t middle = find_any(r->text, at, end, "=");
	struct gs1_found found = { .ai = r->text + at,
		.ai_len = middle - at,
		.position = at,
		.value = middle + 1,
		.is_encoded = true };

	if (middle == at || !gs1_are_digits(found.ai, found.ai_len))
		return true;
	found.row = gs1_ai_exact(found.ai, found.ai_len);
	if (!found.row)
		return gs1_refuse(r, NULL, at, "there is no such AI");
	if (middle == end || !(found.row->flags & GS1_ATTRIBUTE))
		return gs1_refuse(r, &found, at, "it may not stand in the query of a URI");
	found.len = end - found.value;
	return gs1_add(r, &found);
}

static bool read_query(struct gs1_reader *r, const struct uri *uri)
{
	for (size_t at = uri->query; at < uri->query_end;) {
		size_t end = find_any(r->text, at, uri->query_end, "&;");

		if (!read_attribute(r, at, end))
			return false;
		at = end + 1;
	}
	return true;
}

enum gs1_reading gs1_read_uri(struct gs1_reader *r)
{
	struct uri uri;
	struct gs1_found key;

	if (!split_uri(r, &uri) || !find_key(r, &uri, &key))
		return GS1_PLAIN;
	if (!gs1_add(r, &key))
		return r->error->is_misread ? GS1_INVALID : GS1_PLAIN;
	if (!read_qualifiers(r, &uri, key.value + key.len) || !read_query(r, &uri))
		return GS1_INVALID;
	return GS1_READ;
}
