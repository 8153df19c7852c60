/* gs1_pairs.c - see gs1.h: what must, and what may not, stand together */
#include <stdio.h>
#include <string.h>

#include "gs1_read.h"

/* Everything that marks one thing. */
struct marks {
	const struct gs1_scan *const *scans;
	size_t n;
	const char *const *known;
};

/* "310n" fits any of 3100 to 3109. */
static bool fits(const char *pattern, size_t len, const char *ai)
{
	if (strlen(ai) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (pattern[i] != ai[i] && pattern[i] != 'n')
			return false;
	return true;
}

bool gs1_is_excluded(const char *ex, const char *own, const char *ai)
{
	size_t len;

	if (!ex || strcmp(own, ai) == 0)
		return false;
	for (const char *p = ex;; p += len + 1) {
		len = strcspn(p, ",");
		if (fits(p, len, ai))
			return true;
		if (p[len] == '\0')
			return false;
	}
}

static bool is_marked(const struct marks *m, const char *pattern, size_t len)
{
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < m->scans[i]->n; k++)
			if (fits(pattern, len, m->scans[i]->elements[k].ai))
				return true;
	for (const char *const *ai = m->known; ai && *ai; ai++)
		if (fits(pattern, len, *ai))
			return true;
	return false;
}

/* "01+21,02": one of the groups whole. */
static bool is_satisfied(const struct marks *m, const char *req)
{
	const char *p = req;
	bool is_whole = true;

	for (;;) {
		size_t len = strcspn(p, "+,");

		is_whole = is_whole && is_marked(m, p, len);
		if (p[len] != '+' && is_whole)
			return true;
		if (p[len] == '\0')
			return false;
		if (p[len] == ',')
			is_whole = true;
		p += len + 1;
	}
}

static void blame(struct gs1_error *error, const struct gs1_element *element)
{
	error->is_misread = false;
	error->position = element->position;
	memcpy(error->ai, element->ai, sizeof(error->ai));
}

static bool refuse_beside(
	struct gs1_error *error, const struct gs1_element *element, const char *ai)
{
	blame(error, element);
	(void)snprintf(error->message, sizeof(error->message), "it may not stand beside (%s)", ai);
	return false;
}

/* "00+02,00+8026": it needs (00) and (02) or (00) and (8026) beside it */
static bool refuse_alone(struct gs1_error *error, const struct gs1_element *element)
{
	const char *before = "it needs";
	size_t at = 0, len;

	blame(error, element);
	for (const char *p = element->row->req; p; p = p[len] ? p + len + 1 : NULL) {
		len = strcspn(p, "+,");
		at += (size_t)snprintf(error->message + at, sizeof(error->message) - at,
			"%s (%.*s)%s", before, (int)len, p, p[len] ? "" : " beside it");
		if (at >= sizeof(error->message))
			break;
		before = p[len] == '+' ? " and" : " or";
	}
	return false;
}

/* Elements of one scan are held against each other as it is read. */
static bool check_excluded(const struct marks *m, const struct gs1_scan *own,
	const struct gs1_element *element, struct gs1_error *error)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->scans[i] == own)
			continue;
		for (size_t k = 0; k < m->scans[i]->n; k++) {
			const char *ai = m->scans[i]->elements[k].ai;

			if (gs1_is_excluded(element->row->ex, element->ai, ai))
				return refuse_beside(error, element, ai);
		}
	}
	return true;
}

bool gs1_check_pairs(const struct gs1_scan *const *scans, size_t n, const char *const *known,
	struct gs1_error *ret_error)
{
	struct marks m = { scans, n, known };

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < scans[i]->n; k++) {
			const struct gs1_element *element = &scans[i]->elements[k];

			if (!check_excluded(&m, scans[i], element, ret_error))
				return false;
			if (element->row->req && !is_satisfied(&m, element->row->req))
				return refuse_alone(ret_error, element);
		}
	return true;
}
