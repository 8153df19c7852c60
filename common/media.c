#include "dray/media.h"

#include <stddef.h>
#include <string.h>

/* RFC 9110 section 5.6.2. */
static const char token_characters[] = "!#$%&'*+-.^_`|~0123456789"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool copy_lower(const char *from, size_t len, char *out, size_t size)
{
	if (len >= size)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] + ('a' - 'A') : from[i]);
	out[len] = '\0';
	return true;
}

/* A quoted string at **at, which stands behind it afterwards; without its quotes and backslashes. */
static bool read_quoted(const char **at, char *out, size_t size)
{
	size_t len = 0;

	for (++*at; **at && **at != '"'; ++*at) {
		if (**at == '\\' && !*++*at)
			return false;
		if (len + 1 >= size)
			return false;
		out[len++] = **at;
	}
	out[len] = '\0';
	if (**at != '"')
		return false;
	++*at;
	return true;
}

/* One "name=value" at *at; the value in lower case, for a charset's case says nothing. */
static bool read_parameter(
	const char **at, char name[MEDIA_CHARSET_MAX], char value[MEDIA_TYPE_MAX])
{
	size_t len = strspn(*at, token_characters);

	if (len == 0 || (*at)[len] != '=' || !copy_lower(*at, len, name, MEDIA_CHARSET_MAX))
		return false;
	*at += len + 1;
	if (**at == '"')
		return read_quoted(at, value, MEDIA_TYPE_MAX) &&
		       copy_lower(value, strlen(value), value, MEDIA_TYPE_MAX);
	len = strspn(*at, token_characters);
	if (len == 0 || !copy_lower(*at, len, value, MEDIA_TYPE_MAX))
		return false;
	*at += len;
	return true;
}

static bool read_parameters(const char *at, struct media *ret)
{
	char name[MEDIA_CHARSET_MAX] = "", value[MEDIA_TYPE_MAX] = "";

	for (;;) {
		at += strspn(at, " \t");
		if (!*at)
			return true;
		if (*at != ';')
			return false;
		at += 1 + strspn(at + 1, " \t");
		if (!*at || *at == ';')
			continue;
		if (!read_parameter(&at, name, value))
			return false;
		if (strcmp(name, "charset") == 0 &&
			!copy_lower(value, strlen(value), ret->charset, sizeof(ret->charset)))
			return false;
	}
}

bool media_parse(const char *header, struct media *ret)
{
	struct media media = { .charset = "" };
	size_t main_len, sub_len;

	header += strspn(header, " \t");
	main_len = strspn(header, token_characters);
	if (main_len == 0 || header[main_len] != '/')
		return false;
	sub_len = strspn(header + main_len + 1, token_characters);
	if (sub_len == 0 ||
		!copy_lower(header, main_len + 1 + sub_len, media.type, sizeof(media.type)) ||
		!read_parameters(header + main_len + 1 + sub_len, &media))
		return false;
	*ret = media;
	return true;
}
