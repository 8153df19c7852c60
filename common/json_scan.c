/*
 * json_scan.c - the scanner: one pass over the bytes, no recursion, no allocation per token.
 *
 * Keys are remembered as 64-bit hashes on a stack that grows and shrinks with the objects; when an
 * object ends its hashes are compared (pairwise while they are few, sorted when they are many, so
 * that a hostile text costs n log n). Equal keys always have equal hashes, so no duplicate passes;
 * a text made to collide is refused, which harms nobody but its author.
 */
#include "json_lex.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_LIMIT 64
#define KEYS_AT_HAND 96
#define PAIRWISE_MAX 16

struct key {
	uint64_t hash;
	const char *at;
};

struct frame {
	bool is_object;
	size_t first_key;
};

struct scanner {
	struct lexer lex;
	const struct json_limits *limits;
	size_t members;
	unsigned depth;
	struct frame frames[DEPTH_LIMIT];
	struct key *keys; /* keys_at_hand until they are too many */
	size_t n_keys;
	size_t cap_keys;
	struct key keys_at_hand[KEYS_AT_HAND];
};

/* Keys */

static inline uint64_t hash_byte(uint64_t hash, unsigned byte)
{
	return (hash ^ byte) * 0x100000001b3ULL; /* FNV-1a */
}

static uint64_t hash_code_point(uint64_t hash, unsigned long code)
{
	if (code < 0x80)
		return hash_byte(hash, (unsigned)code);
	if (code < 0x800) {
		hash = hash_byte(hash, 0xc0 | (unsigned)(code >> 6));
	} else {
		if (code < 0x10000) {
			hash = hash_byte(hash, 0xe0 | (unsigned)(code >> 12));
		} else {
			hash = hash_byte(hash, 0xf0 | (unsigned)(code >> 18));
			hash = hash_byte(hash, 0x80 | (unsigned)(code >> 12 & 0x3f));
		}
		hash = hash_byte(hash, 0x80 | (unsigned)(code >> 6 & 0x3f));
	}
	return hash_byte(hash, 0x80 | (unsigned)(code & 0x3f));
}

/* One escape that scan_escape() has passed, as the UTF-8 it stands for. */
static const char *hash_escape(const char *p, const char *end, uint64_t *hash)
{
	static const char plain[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	unsigned long code;

	if (p[1] != 'u') {
		*hash = hash_byte(*hash, (unsigned char)meant[strchr(plain, p[1]) - plain]);
		return p + 2;
	}
	code = (unsigned long)lex_hex_unit(p + 2, end);
	p += 6;
	if (code >= 0xd800 && code <= 0xdbff) {
		code = 0x10000 + ((code - 0xd800) << 10) +
		       ((unsigned long)lex_hex_unit(p + 2, end) - 0xdc00);
		p += 6;
	}
	*hash = hash_code_point(*hash, code);
	return p;
}

static uint64_t hash_key(const char *p, const char *end, bool has_escape)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	while (p < end) {
		if (has_escape && *p == '\\')
			p = hash_escape(p, end, &hash);
		else
			hash = hash_byte(hash, (unsigned char)*p++);
	}
	return hash;
}

static bool grow_keys(struct scanner *s)
{
	bool is_at_hand = s->keys == s->keys_at_hand;
	size_t cap = s->cap_keys * 2;
	struct key *keys = realloc(is_at_hand ? NULL : s->keys, cap * sizeof(*keys));

	if (!keys)
		return lex_fail(&s->lex, JSON_NO_MEMORY, s->lex.p, "out of memory");
	if (is_at_hand)
		memcpy(keys, s->keys_at_hand, sizeof(s->keys_at_hand));
	s->keys = keys;
	s->cap_keys = cap;
	return true;
}

static int compare_keys(const void *left, const void *right)
{
	const struct key *a = left;
	const struct key *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static bool check_keys(struct scanner *s, struct key *keys, size_t n)
{
	size_t reach = n;

	if (n > PAIRWISE_MAX) {
		qsort(keys, n, sizeof(*keys), compare_keys);
		reach = 1;
	}
	for (size_t i = 1; i < n; i++)
		for (size_t j = i > reach ? i - reach : 0; j < i; j++)
			if (keys[i].hash == keys[j].hash)
				return lex_fail(&s->lex, JSON_DUPLICATE_KEY, keys[i].at,
					"the same key stands twice in one object");
	return true;
}

/* A member's name and its colon. */
static bool scan_key(struct scanner *s)
{
	const char *start = s->lex.p;
	bool has_escape;

	if (start == s->lex.end)
		return lex_fail_at_end(&s->lex);
	if (*start != '"')
		return lex_fail(&s->lex, JSON_SYNTAX, start, "a key in quotes is expected here");
	if (!lex_string(&s->lex, &has_escape))
		return false;
	if (s->n_keys == s->cap_keys && !grow_keys(s))
		return false;
	s->keys[s->n_keys].hash = hash_key(start + 1, s->lex.p - 1, has_escape);
	s->keys[s->n_keys].at = start;
	s->n_keys++;
	if (!lex_blanks(&s->lex))
		return false;
	if (s->lex.p == s->lex.end)
		return lex_fail_at_end(&s->lex);
	if (*s->lex.p != ':')
		return lex_fail(&s->lex, JSON_SYNTAX, s->lex.p, "':' is expected behind a key");
	s->lex.p++;
	return true;
}

static bool scan_scalar(struct scanner *s)
{
	bool has_escape;

	switch (*s->lex.p) {
	case '"':
		return lex_string(&s->lex, &has_escape);
	case 't':
		return lex_word(&s->lex, "true");
	case 'f':
		return lex_word(&s->lex, "false");
	case 'n':
		return lex_word(&s->lex, "null");
	default:
		return lex_number(&s->lex);
	}
}

/* Containers */

static bool open_container(struct scanner *s)
{
	struct frame *frame;

	if (s->depth == s->limits->max_depth || s->depth == DEPTH_LIMIT)
		return lex_fail(&s->lex, JSON_TOO_DEEP, s->lex.p, "nested deeper than allowed");
	frame = &s->frames[s->depth++];
	frame->is_object = *s->lex.p == '{';
	frame->first_key = s->n_keys;
	s->lex.p++;
	return true;
}

static bool close_container(struct scanner *s)
{
	const struct frame *frame = &s->frames[--s->depth];
	size_t n = s->n_keys - frame->first_key;

	s->n_keys = frame->first_key;
	s->lex.p++;
	return n < 2 || check_keys(s, s->keys + frame->first_key, n);
}

static inline char closing(const struct scanner *s)
{
	return s->frames[s->depth - 1].is_object ? '}' : ']';
}

/* Behind a value: close what ends here. *ret_more: another value follows, and s->lex.p is at it. */
static bool scan_behind_value(struct scanner *s, bool *ret_more)
{
	*ret_more = false;
	while (s->depth > 0) {
		if (!lex_blanks(&s->lex))
			return false;
		if (s->lex.p == s->lex.end)
			return lex_fail_at_end(&s->lex);
		if (*s->lex.p == ',') {
			s->lex.p++;
			*ret_more = true;
			if (!s->frames[s->depth - 1].is_object)
				return true;
			return lex_blanks(&s->lex) && scan_key(s);
		}
		if (*s->lex.p != closing(s))
			return lex_fail(&s->lex, JSON_SYNTAX, s->lex.p,
				"',' or a closing bracket is expected here");
		if (!close_container(s))
			return false;
	}
	return true;
}

/* Open a container; an empty one is closed again. *ret_more as above. */
static bool scan_opening(struct scanner *s, bool *ret_more)
{
	if (!open_container(s) || !lex_blanks(&s->lex))
		return false;
	if (s->lex.p == s->lex.end)
		return lex_fail_at_end(&s->lex);
	if (*s->lex.p == closing(s))
		return close_container(s) && scan_behind_value(s, ret_more);
	*ret_more = true;
	return !s->frames[s->depth - 1].is_object || scan_key(s);
}

static bool scan_value(struct scanner *s)
{
	bool has_more = true;

	while (has_more) {
		bool is_fine;

		if (!lex_blanks(&s->lex))
			return false;
		if (s->lex.p == s->lex.end)
			return lex_fail_at_end(&s->lex);
		if (++s->members > s->limits->max_members)
			return lex_fail(
				&s->lex, JSON_TOO_LARGE, s->lex.p, "more values than allowed");
		if (*s->lex.p == '{' || *s->lex.p == '[')
			is_fine = scan_opening(s, &has_more);
		else
			is_fine = scan_scalar(s) && scan_behind_value(s, &has_more);
		if (!is_fine)
			return false;
	}
	return true;
}

/* The whole text: blanks, one value within max_bytes, blanks. */
static bool scan_text(struct scanner *s, size_t len, bool is_alone)
{
	const char *start;

	if (!lex_blanks(&s->lex))
		return false;
	if (s->lex.p == s->lex.end)
		return lex_fail(&s->lex, JSON_EMPTY, s->lex.p, "nothing in it");
	start = s->lex.p;
	if ((size_t)(s->lex.end - start) > s->limits->max_bytes) {
		s->lex.end = start + s->limits->max_bytes + 1;
		s->lex.is_cut = true;
	}
	if (!scan_value(s))
		return false;
	if ((size_t)(s->lex.p - start) > s->limits->max_bytes)
		return lex_fail_at_end(&s->lex);
	s->lex.end = s->lex.text + len;
	s->lex.is_cut = false;
	if (!lex_blanks(&s->lex))
		return false;
	if (is_alone && s->lex.p != s->lex.end)
		return lex_fail(
			&s->lex, JSON_SYNTAX, s->lex.p, "something stands behind the value");
	lex_flush(&s->lex, s->lex.p);
	if (buf_failed(s->lex.out))
		return lex_fail(&s->lex, JSON_NO_MEMORY, s->lex.p, "out of memory");
	return true;
}

static void tell_flaw(const struct lexer *lex, struct json_error *ret)
{
	const char *line_start = lex->text;

	ret->flaw = lex->flaw;
	ret->message = lex->message;
	ret->offset = (size_t)(lex->flaw_at - lex->text);
	ret->line = 1;
	for (const char *p = lex->text; p < lex->flaw_at; p++) {
		if (*p == '\n') {
			ret->line++;
			line_start = p + 1;
		}
	}
	ret->column = (unsigned)(lex->flaw_at - line_start) + 1;
}

enum json_flaw json_scan(const char *text, size_t len, const struct json_limits *limits,
	struct buf *out, size_t *ret_consumed, struct json_error *ret_error)
{
	struct scanner s;

	buf_reset(out);
	text = len > 0 ? text : "";
	s.lex = (struct lexer){ .text = text,
		.p = text,
		.end = text + len,
		.span = text,
		.out = out,
		.has_comments = limits->comments };
	s.limits = limits;
	s.members = 0;
	s.depth = 0;
	s.keys = s.keys_at_hand;
	s.n_keys = 0;
	s.cap_keys = KEYS_AT_HAND;
	if (scan_text(&s, len, !ret_consumed)) {
		if (ret_consumed)
			*ret_consumed = (size_t)(s.lex.p - text);
	} else if (ret_error) {
		tell_flaw(&s.lex, ret_error);
	}
	if (s.keys != s.keys_at_hand)
		free(s.keys);
	return s.lex.flaw;
}
