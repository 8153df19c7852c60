#include "config_options.h"

#include <stdlib.h>
#include <string.h>

#include "dray/json.h"

#define STATUSES_MAX 32

static int out_of_memory(struct error *err)
{
	return error_set(err, NULL, "out of memory");
}

void option_store_number(const struct option *option, void *base, int64_t number)
{
	int32_t narrow = (int32_t)number;
	uint8_t flag = number != 0;

	if (option->width == sizeof(number))
		memcpy(option_field(option, base), &number, sizeof(number));
	else if (option->width == sizeof(narrow))
		memcpy(option_field(option, base), &narrow, sizeof(narrow));
	else if (option->width == sizeof(flag))
		memcpy(option_field(option, base), &flag, sizeof(flag));
}

static int store_bounded(const struct option *option, void *base, int64_t number, struct error *err)
{
	char least[AMOUNT_MAX], most[AMOUNT_MAX];

	if (number < option->min || number > option->max) {
		option_print_amount(option->type, option->min, least);
		option_print_amount(option->type, option->max, most);
		return error_set(err, option->name, "must be between %s and %s", least, most);
	}
	option_store_number(option, base, number);
	return 0;
}

static int store_copy(
	const struct option *option, char **field, const char *text, struct error *err)
{
	size_t len = strlen(text);

	if ((int64_t)len < option->min || (int64_t)len > option->max)
		return error_set(err, option->name, "must be %lld to %lld bytes long, not %zu",
			(long long)option->min, (long long)option->max, len);
	*field = strdup(text);
	return *field ? 0 : out_of_memory(err);
}

static int store_text(const struct option *option, void *base, const char *text, struct error *err)
{
	if (!option->form->is_valid(text))
		return error_set(err, option->name, "must be %s, not \"%.64s\"",
			option->form->expects, text);
	return store_copy(option, option_field(option, base), text, err);
}

/* The words that this version has, for an error. */
static int refuse_word(const struct option *option, const char *text, struct error *err)
{
	struct buf known = BUF_INIT;

	for (const struct option_word *word = option->words; word->text; word++) {
		if (word->value != WORD_LATER)
			buf_printf(&known, "%s%s", known.len ? ", " : "", word->text);
	}
	error_fill(err, option->name, "must be one of %s, not \"%.64s\"",
		buf_failed(&known) ? "the known words" : known.data, text);
	buf_done(&known);
	return -1;
}

static int store_word(const struct option *option, void *base, const char *text, struct error *err)
{
	for (const struct option_word *word = option->words; word->text; word++) {
		if (strcmp(word->text, text) != 0)
			continue;
		if (word->value == WORD_LATER)
			return error_set(
				err, option->name, "\"%s\" is not part of this version", text);
		option_store_number(option, base, word->value);
		return 0;
	}
	return refuse_word(option, text, err);
}

static int store_order(const struct option *option, void *base, const char *text, struct error *err)
{
	static const char *const words[] = { [CONFIG_ORDER_DOCUMENT] = "document",
		[CONFIG_ORDER_DEVICE] = "device",
		[CONFIG_ORDER_NONE] = "none" };
	struct config_destination *destination = base;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0) {
			destination->order = (enum config_order)i;
			return 0;
		}
	}
	if (!form_is_pointer(text))
		return error_set(err, option->name,
			"must be document, device, none or a JSON Pointer such as /data/shipment, "
			"not \"%.64s\"",
			text);
	destination->order = CONFIG_ORDER_POINTER;
	return store_copy(option, &destination->order_pointer, text, err);
}

/* What is to stand in the quotes. */
static const char *expected_text(const struct option *option)
{
	switch (option->type) {
	case OPTION_DURATION:
		return "a duration such as \"250ms\", \"30s\", \"15m\", \"72h\" or \"30d\"";
	case OPTION_SIZE:
		return "a size such as \"256KiB\", \"2GiB\" or a number of bytes";
	case OPTION_RATE:
		return "a rate such as \"20/s\", \"500/m\" or \"10/h\"";
	default:
		return "a text in quotes";
	}
}

static int store_amount(
	const struct option *option, void *base, const char *text, struct error *err)
{
	bool is_fine = false;
	int64_t amount = 0;

	if (option->type == OPTION_DURATION)
		is_fine = config_parse_duration(text, &amount);
	else if (option->type == OPTION_SIZE)
		is_fine = config_parse_size(text, &amount);
	else if (option->type == OPTION_RATE)
		is_fine = config_parse_rate(text, &amount);
	if (!is_fine)
		return error_set(err, option->name, "must be %s, not \"%.64s\"",
			expected_text(option), text);
	return store_bounded(option, base, amount, err);
}

static int store_object(
	const struct option *option, void *base, const cJSON *value, struct error *err)
{
	cJSON **field = option_field(option, base);

	*field = cJSON_Duplicate(value, true);
	return *field ? 0 : out_of_memory(err);
}

static int read_secret(
	const struct option *option, void *base, const cJSON *value, struct error *err)
{
	struct config_secret *secret = option_field(option, base);
	const char *file = json_get_string(value, "file");

	if (!file || value->child->next)
		return error_set(err, option->name, "must be {\"file\": \"name\"}");
	if (!form_any.is_valid(file))
		return error_set(
			err, option->name, "the name of the file must be %s", form_any.expects);
	secret->file = strdup(file);
	return secret->file ? 0 : out_of_memory(err);
}

static int read_names(const struct option *option, const cJSON *value, struct error *err)
{
	const cJSON *name;

	if (!cJSON_IsArray(value))
		return error_set(err, option->name, "must be a list of names");
	int n = cJSON_GetArraySize(value);
	if (n < option->min || n > option->max)
		return error_set(err, option->name, "must hold %lld to %lld names",
			(long long)option->min, (long long)option->max);
	cJSON_ArrayForEach (name, value) {
		if (!cJSON_IsString(name))
			return error_set(err, option->name, "must be a list of names");
	}
	return 0;
}

static int read_statuses(
	const struct option *option, void *base, const cJSON *value, struct error *err)
{
	const cJSON *status;

	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > STATUSES_MAX)
		return error_set(
			err, option->name, "must be a list of at most %d statuses", STATUSES_MAX);
	cJSON_ArrayForEach (status, value) {
		double number = cJSON_IsNumber(status) ? status->valuedouble : 0;
		if (number < (double)option->min || number > (double)option->max ||
			number != (double)(int)number)
			return error_set(err, option->name,
				"must be a list of whole numbers between %lld and %lld",
				(long long)option->min, (long long)option->max);
	}
	return store_object(option, base, value, err);
}

static bool is_in_list(const struct option *option, const char *text)
{
	if (option->type == OPTION_TYPES)
		return event_type_is_known(text);
	for (const struct option_word *word = option->words; word->text; word++)
		if (strcmp(word->text, text) == 0)
			return true;
	return false;
}

/* Kept as one text with a blank around each. */
static int read_list(const struct option *option, void *base, const cJSON *value, struct error *err)
{
	const char *what = option->type == OPTION_TYPES ? "event type" : "such part";
	struct buf text = BUF_INIT;
	const cJSON *item;
	char *kept;

	if (!cJSON_IsArray(value) || !value->child)
		return error_set(err, option->name, "must be a list of %ss",
			option->type == OPTION_TYPES ? what : "top-level key");
	buf_putc(&text, ' ');
	cJSON_ArrayForEach (item, value) {
		if (!cJSON_IsString(item) || !is_in_list(option, item->valuestring)) {
			buf_done(&text);
			return error_set(err, option->name, "\"%.64s\" is no %s",
				cJSON_IsString(item) ? item->valuestring : "", what);
		}
		buf_puts(&text, item->valuestring);
		buf_putc(&text, ' ');
	}
	kept = buf_take(&text, NULL);
	if (!kept)
		return error_set(err, option->name, "out of memory");
	memcpy(option_field(option, base), &kept, sizeof(kept));
	return 0;
}

static int read_number(
	const struct option *option, void *base, const cJSON *value, struct error *err)
{
	double number = value->valuedouble;

	if (!(number >= -1e15 && number <= 1e15) || number != (double)(int64_t)number)
		return error_set(err, option->name, "must be a whole number");
	return store_bounded(option, base, (int64_t)number, err);
}

int option_read(const struct option *option, void *base, const cJSON *value, struct error *err)
{
	switch (option->type) {
	case OPTION_INTEGER:
		if (!cJSON_IsNumber(value))
			return error_set(err, option->name, "must be a whole number");
		return read_number(option, base, value, err);
	case OPTION_SIZE:
		if (cJSON_IsNumber(value))
			return read_number(option, base, value, err);
		break;
	case OPTION_BOOL:
		if (!cJSON_IsBool(value))
			return error_set(err, option->name, "must be true or false");
		option_store_number(option, base, cJSON_IsTrue(value));
		return 0;
	case OPTION_SECRET:
		return read_secret(option, base, value, err);
	case OPTION_OBJECT:
		if (!cJSON_IsObject(value))
			return error_set(err, option->name, "must be an object");
		return store_object(option, base, value, err);
	case OPTION_NAMES:
		return read_names(option, value, err);
	case OPTION_TYPES:
	case OPTION_PARTS:
		return read_list(option, base, value, err);
	case OPTION_STATUSES:
		return read_statuses(option, base, value, err);
	case OPTION_LATER:
		return error_set(err, option->name, "not part of this version");
	default:
		break;
	}
	if (!cJSON_IsString(value))
		return error_set(err, option->name, "must be %s", expected_text(option));
	return option_store_text(option, base, value->valuestring, err);
}

int option_store_text(const struct option *option, void *base, const char *text, struct error *err)
{
	const cJSON empty = { .type = cJSON_Object };

	switch (option->type) {
	case OPTION_TEXT:
		return store_text(option, base, text, err);
	case OPTION_PARTS:
		return store_copy(option, option_field(option, base), text, err);
	case OPTION_ENUM:
		return store_word(option, base, text, err);
	case OPTION_ORDER:
		return store_order(option, base, text, err);
	case OPTION_BOOL:
		option_store_number(option, base, strcmp(text, "true") == 0);
		return 0;
	case OPTION_INTEGER:
		return store_bounded(option, base, strtoll(text, NULL, 10), err);
	case OPTION_OBJECT:
		return store_object(option, base, &empty, err);
	default:
		return store_amount(option, base, text, err);
	}
}
