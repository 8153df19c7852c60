/*
 * error.h - what went wrong, in words a person can act on.
 *
 * A function of the core that can fail returns 0 or -1 and fills a struct error that its caller
 * handed in. It never logs. `path` says where (a configuration path such as
 * "destinations.erp.retry.max", a JSON Pointer, a file), `message` says what and why: lower case,
 * no full stop.
 */
#ifndef DRAY_ERROR_H
#define DRAY_ERROR_H

#include <stdarg.h>
#include <stddef.h>

struct error {
	char path[192];
	char message[256];
};

/*
 * Fill an error. NULL `err` is a no-op, so a caller that does not care may pass NULL.
 *
 * path     where; NULL or "" leaves it empty. Copied, cut at the size of the field.
 * Returns  -1, always, so that `return error_set(…)` reads as what it is; a macro, so that the
 *          compiler knows it too.
 */
#define error_set(...) (error_fill(__VA_ARGS__), -1)
void error_fill(struct error *err, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "prefix." before the path of an error that came from a deeper place. */
void error_prefix(struct error *err, const char *prefix);

/* "path: message", or the message alone. The result lives in `out`. */
const char *error_text(const struct error *err, char *out, size_t size);

#endif
