#include "config_options.h"

#include <stdio.h>
#include <string.h>

struct unit {
	const char *text;
	int64_t factor;
};

/* Rising, each dividing the next; they end with a NULL text. */
static const struct unit durations[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60000 },
	{ "h", 3600000 },
	{ "d", 86400000 },
	{ NULL, 0 },
};
static const struct unit sizes[] = {
	{ "", 1 },
	{ "KiB", INT64_C(1) << 10 },
	{ "MiB", INT64_C(1) << 20 },
	{ "GiB", INT64_C(1) << 30 },
	{ "TiB", INT64_C(1) << 40 },
	{ NULL, 0 },
};
static const struct unit rates[] = {
	{ "/h", 1 },
	{ "/m", 60 },
	{ "/s", 3600 },
	{ NULL, 0 },
};
static const struct unit plain[] = {
	{ "", 1 },
	{ NULL, 0 },
};

/* Digits and one unit, nothing else: "1.5s" and "1 s" are refused rather than guessed at. */
static bool parse_amount(const char *text, const struct unit *unit, int64_t *ret)
{
	size_t n_digits = strspn(text, "0123456789");
	int64_t amount = 0;

	if (n_digits == 0 || n_digits > 18)
		return false;
	for (size_t i = 0; i < n_digits; i++)
		amount = amount * 10 + (text[i] - '0');
	for (; unit->text; unit++) {
		if (strcmp(text + n_digits, unit->text) == 0)
			break;
	}
	if (!unit->text || __builtin_mul_overflow(amount, unit->factor, &amount))
		return false;
	*ret = amount;
	return true;
}

bool config_parse_duration(const char *text, int64_t *ret_ms)
{
	return parse_amount(text, durations, ret_ms);
}

bool config_parse_size(const char *text, int64_t *ret_bytes)
{
	return parse_amount(text, sizes, ret_bytes);
}

bool config_parse_rate(const char *text, int64_t *ret_per_hour)
{
	return parse_amount(text, rates, ret_per_hour);
}

static const struct unit *units_of(enum option_type type)
{
	switch (type) {
	case OPTION_DURATION:
		return durations;
	case OPTION_SIZE:
		return sizes;
	case OPTION_RATE:
		return rates;
	default:
		return plain;
	}
}

void option_print_amount(enum option_type type, int64_t amount, char out[AMOUNT_MAX])
{
	const struct unit *unit = units_of(type);

	while (unit[1].text && amount != 0 && amount % unit[1].factor == 0)
		unit++;
	int len =
		snprintf(out, AMOUNT_MAX, "%lld%s", (long long)(amount / unit->factor), unit->text);
	if (len < 0 || len >= AMOUNT_MAX)
		out[0] = '\0';
}
