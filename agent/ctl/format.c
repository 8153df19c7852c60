#include "ctl/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dray/times.h"

void format_age(int64_t seconds, char out[FORMAT_MAX])
{
	static const struct {
		int64_t below, unit;
		char letter;
	} steps[] = {
		{ 120, 1, 's' },
		{ 2 * 3600, 60, 'm' },
		{ 2 * 86400, 3600, 'h' },
		{ INT64_MAX, 86400, 'd' },
	};
	size_t i = 0;

	if (seconds < 1) {
		(void)snprintf(out, FORMAT_MAX, "now");
		return;
	}
	while (seconds >= steps[i].below)
		i++;
	(void)snprintf(out, FORMAT_MAX, "%" PRId64 "%c", seconds / steps[i].unit, steps[i].letter);
}

void format_size(int64_t bytes, char out[FORMAT_MAX])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t i = 0;

	while (value >= 1024 && i + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		i++;
	}
	(void)snprintf(out, FORMAT_MAX, i == 0 ? "%.0f %s" : "%.1f %s", value, units[i]);
}

void format_count(int64_t n, char out[FORMAT_MAX])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, n);
	size_t at = 0;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			out[at++] = ' ';
		out[at++] = digits[i];
	}
	out[at] = '\0';
}

void format_time(const char *rfc3339, int64_t now_ms, char out[FORMAT_MAX])
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm today;
	struct tm then;
	int64_t at_ms;
	time_t at;

	if (!rfc3339[0] || !time_parse(rfc3339, strlen(rfc3339), &at_ms)) {
		(void)snprintf(out, FORMAT_MAX, "%s", rfc3339[0] ? rfc3339 : "-");
		return;
	}
	at = (time_t)(at_ms / 1000);
	if (!localtime_r(&at, &then) || !localtime_r(&now, &today) ||
		strftime(out, FORMAT_MAX,
			then.tm_yday == today.tm_yday && then.tm_year == today.tm_year
				? "%H:%M:%S"
				: "%Y-%m-%d %H:%M:%S",
			&then) == 0)
		(void)snprintf(out, FORMAT_MAX, "%s", rfc3339);
}

/* One character; *ret_len its bytes. What is not UTF-8 is one byte wide and reads as U+FFFD. */
static uint32_t read_character(const char *text, size_t *ret_len)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t n = at[0] < 0x80 ? 1 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	uint32_t code = n == 1 ? at[0] : at[0] & (0x7fU >> n);

	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			*ret_len = 1;
			return 0xfffd;
		}
		code = code << 6 | (at[i] & 0x3fU);
	}
	*ret_len = n;
	return code;
}

/* Without the C library's tables: drayctl's tables must line up in the C locale too. */
static size_t width_of(uint32_t code)
{
	static const struct {
		uint32_t first, last;
		size_t width;
	} ranges[] = {
		{ 0x0300, 0x036f, 0 },   /* combining marks */
		{ 0x1100, 0x115f, 2 },   /* Hangul */
		{ 0x200b, 0x200f, 0 },   /* zero width, direction marks */
		{ 0x20d0, 0x20ff, 0 },   /* combining marks for symbols */
		{ 0x2e80, 0xa4cf, 2 },   /* CJK */
		{ 0xac00, 0xd7a3, 2 },   /* Hangul syllables */
		{ 0xf900, 0xfaff, 2 },   /* CJK compatibility */
		{ 0xfe00, 0xfe0f, 0 },   /* variation selectors */
		{ 0xff00, 0xff60, 2 },   /* full width forms */
		{ 0x1f300, 0x1faff, 2 }, /* pictographs */
		{ 0x20000, 0x3fffd, 2 }, /* CJK extensions */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return ranges[i].width;
	return 1;
}

size_t format_width(const char *text)
{
	size_t width = 0;
	size_t n;

	for (size_t at = 0; text[at] != '\0'; at += n)
		width += width_of(read_character(text + at, &n));
	return width;
}

/* C0, DEL, C1: a device's text must not steer a terminal. */
static int is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfffd ||
	       (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void format_cell(const char *text, size_t width, char *out, size_t size)
{
	size_t limit = width > 0 && format_width(text) > width ? width - 1 : width;
	size_t columns = 0;
	size_t len = 0;
	size_t n;

	for (size_t at = 0; text[at] != '\0'; at += n) {
		uint32_t code = read_character(text + at, &n);
		size_t bytes = is_control(code) ? 1 : n;

		if (columns + width_of(code) > limit || len + bytes + 4 > size) {
			memcpy(out + len, "\xe2\x80\xa6", 3);
			len += 3;
			break;
		}
		if (is_control(code))
			out[len] = '?';
		else
			memcpy(out + len, text + at, n);
		len += bytes;
		columns += width_of(code);
	}
	out[len] = '\0';
}
