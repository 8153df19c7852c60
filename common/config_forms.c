#include "config_options.h"

#include <string.h>

#include "dray/ids.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static bool is_only(const char *text, const char *set)
{
	return *text && text[strspn(text, set)] == '\0';
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

static bool is_any(const char *text)
{
	return *text && !has_control(text);
}

static bool is_path(const char *text)
{
	return *text == '/' && !has_control(text);
}

static bool is_name(const char *text)
{
	return id_is_name(text, strlen(text));
}

static bool is_timezone(const char *text)
{
	return is_only(text, LETTERS DIGITS "_+-/") && *text != '/' && !strstr(text, "//") &&
	       text[strlen(text) - 1] != '/';
}

static bool is_visible(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (*at <= 0x20 || *at > 0x7e)
			return false;
	}
	return *text != '\0';
}

/* RFC 9110 section 5.6.2, token. */
static bool is_header(const char *text)
{
	return is_only(text, LETTERS DIGITS "!#$%&'*+-.^_`|~");
}

static bool is_port(const char *text, size_t len)
{
	long port = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (text[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* host, host:port or [v6]:port. User information is refused: credentials are secrets. */
static bool is_authority(const char *text, size_t len)
{
	const char *end = text + len;
	const char *host_end = text;

	if (len > 0 && *text == '[') {
		host_end = memchr(text, ']', len);
		if (!host_end || host_end - text < 3)
			return false;
		host_end++;
	} else {
		while (host_end < end && *host_end != ':')
			host_end++;
	}
	if (host_end == text || memchr(text, '@', len))
		return false;
	if (host_end == end)
		return true;
	return *host_end == ':' && is_port(host_end + 1, (size_t)(end - host_end - 1));
}

static bool is_url_of(const char *text, const char *const *schemes)
{
	for (; *schemes; schemes++) {
		size_t len = strlen(*schemes);
		if (strncmp(text, *schemes, len) != 0)
			continue;
		return is_visible(text) && !strpbrk(text, "#\\\"<>") &&
		       is_authority(text + len, strcspn(text + len, "/?"));
	}
	return false;
}

static bool is_http_url(const char *text)
{
	static const char *const schemes[] = { "http://", "https://", NULL };

	return is_url_of(text, schemes);
}

static bool is_url(const char *text)
{
	static const char *const schemes[] = { "http://", "https://", "mqtt://", "mqtts://",
		"sftp://", NULL };

	return is_url_of(text, schemes);
}

static bool is_request_path(const char *text)
{
	return *text == '/' && is_visible(text) && !strchr(text, '#');
}

/* The 32 bytes of a SHA-256 in base64, without padding. */
static bool is_host_key(const char *text)
{
	return is_only(text, LETTERS DIGITS "+/") && strlen(text) == 43;
}

static bool is_affix(const char *text)
{
	return !*text || is_visible(text);
}

/* MQTT 5 section 4.7: "+" and "#" are whole levels, "#" the last one. */
static bool is_filter(const char *text)
{
	if (!is_any(text))
		return false;
	for (const char *at = text; (at = strpbrk(at, "+#")); at++) {
		if (at > text && at[-1] != '/')
			return false;
		if (at[1] != '\0' && (*at == '#' || at[1] != '/'))
			return false;
	}
	return true;
}

static bool is_root(const char *text)
{
	return is_any(text) && !strpbrk(text, "+#$ ") && *text != '/' && !strstr(text, "//") &&
	       text[strlen(text) - 1] != '/';
}

static bool is_host(const char *text)
{
	return is_only(text, LETTERS DIGITS ".-_:%");
}

static bool is_loopback_v4(const char *text, size_t len)
{
	size_t dots = 0, digits = 0;

	if (strncmp(text, "127.", 4) != 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool is_dot = text[i] == '.';
		if (!is_dot && (text[i] < '0' || text[i] > '9'))
			return false;
		digits = is_dot ? 0 : digits + 1;
		dots += is_dot;
		if (digits > 3 || (is_dot && i + 1 < len && text[i + 1] == '.'))
			return false;
	}
	return dots == 3 && digits > 0;
}

bool config_is_loopback(const char *address)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : strlen(address);

	return (len == 9 && memcmp(address, "localhost", len) == 0) ||
	       (len == 5 && memcmp(address, "[::1]", len) == 0) || is_loopback_v4(address, len);
}

/* An address, not a name that somebody else resolves; "localhost" is one. */
static bool is_listen(const char *text)
{
	const char *colon = strrchr(text, ':');

	if (!colon || colon == text || !is_port(colon + 1, strlen(colon + 1)))
		return false;
	size_t len = (size_t)(colon - text);
	if (len == 9 && memcmp(text, "localhost", len) == 0)
		return true;
	if (*text == '[')
		return len > 3 && text[len - 1] == ']' &&
		       strspn(text + 1, "0123456789abcdefABCDEF:.") == len - 2;
	return strspn(text, "0123456789.") == len;
}

bool form_is_pointer(const char *text)
{
	if (*text != '/' || has_control(text))
		return false;
	for (const char *at = text; (at = strchr(at, '~')); at++) {
		if (at[1] != '0' && at[1] != '1')
			return false;
	}
	return true;
}

const struct option_form form_any = { is_any, "a text without control characters", NULL };
const struct option_form form_path = { is_path, "an absolute path", "^/" };
const struct option_form form_name = { is_name, "1 to 64 of A-Z a-z 0-9 . _ -",
	"^[A-Za-z0-9._-]{1,64}$" };
const struct option_form form_timezone = { is_timezone, "a zone name such as Europe/Berlin",
	"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$" };
const struct option_form form_visible = { is_visible, "visible ASCII characters", "^[!-~]+$" };
const struct option_form form_header = { is_header, "the name of an HTTP header",
	"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" };
const struct option_form form_url = { is_url,
	"an http(s)://, mqtt(s):// or sftp:// URL with a host, without user and fragment",
	"^(https?|mqtts?|sftp)://[^#]+$" };
const struct option_form form_http_url = { is_http_url,
	"an http:// or https:// URL with a host, without user and fragment", "^https?://[^#]+$" };
const struct option_form form_request_path = { is_request_path,
	"a path that begins with a slash, of visible ASCII characters, such as \"/v1/token\"",
	"^/[!-~]*$" };
const struct option_form form_host_key = { is_host_key,
	"the 43 characters that ssh-keygen -lf prints behind SHA256:", "^[A-Za-z0-9+/]{43}$" };
const struct option_form form_affix = { is_affix, "visible ASCII characters, or empty",
	"^[!-~]*$" };
const struct option_form form_filter = { is_filter, "an MQTT topic filter", NULL };
const struct option_form form_root = { is_root,
	"an MQTT topic without wildcards, spaces and a slash at either end", "^[^/+#$ ][^+#$ ]*$" };
const struct option_form form_listen = { is_listen,
	"an address with a port (127.0.0.1:8750, 0.0.0.0:8750, [::1]:8750, localhost:8750)",
	"^([0-9.]+|\\[[0-9a-fA-F:.]+\\]|localhost):[0-9]{1,5}$" };
const struct option_form form_host = { is_host, "a host name or an address",
	"^[A-Za-z0-9._:%-]+$" };
