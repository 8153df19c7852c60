/* error.c - see error.h */
#include "dray/error.h"

#include <stdio.h>
#include <string.h>

static void copy_cut(char *out, size_t size, const char *text)
{
	if (!memccpy(out, text, '\0', size - 1))
		out[size - 1] = '\0';
}

void error_fill(struct error *err, const char *path, const char *format, ...)
{
	va_list args;

	if (!err)
		return;
	copy_cut(err->path, sizeof(err->path), path ? path : "");
	va_start(args, format);
	if (vsnprintf(err->message, sizeof(err->message), format, args) < 0)
		copy_cut(err->message, sizeof(err->message), format);
	va_end(args);
}

void error_prefix(struct error *err, const char *prefix)
{
	char deeper[sizeof(err->path)];
	size_t prefix_len;
	size_t deeper_len;

	if (!err || !prefix || !*prefix)
		return;
	copy_cut(deeper, sizeof(deeper), err->path);
	copy_cut(err->path, sizeof(err->path), prefix);
	if (!*deeper)
		return;
	prefix_len = strlen(err->path);
	deeper_len = strlen(deeper);
	if (prefix_len + 1 >= sizeof(err->path))
		return;
	if (deeper_len > sizeof(err->path) - prefix_len - 2)
		deeper_len = sizeof(err->path) - prefix_len - 2;
	err->path[prefix_len] = '.';
	memcpy(err->path + prefix_len + 1, deeper, deeper_len);
	err->path[prefix_len + 1 + deeper_len] = '\0';
}

const char *error_text(const struct error *err, char *out, size_t size)
{
	const char *gap = *err->path && *err->message ? ": " : "";

	if (size == 0)
		return "";
	if (snprintf(out, size, "%s%s%s", err->path, gap, err->message) < 0)
		*out = '\0';
	return out;
}
