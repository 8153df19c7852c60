#include "config_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/json.h"
#include "dray/words.h"
#include "tree.h"

#define NAME_PATTERN "^[A-Za-z0-9._-]{1,64}$"

/* The object at the option's section. `inner` is what stands between the levels, or NULL. */
static cJSON *find_section(cJSON *root, const char *name, const char *inner)
{
	const char *dot;
	char part[64];

	for (; (dot = strchr(name, '.')); name = dot + 1) {
		size_t len = (size_t)(dot - name);
		if (len >= sizeof(part))
			return NULL;
		memcpy(part, name, len);
		part[len] = '\0';
		root = json_get(inner ? json_get(root, inner) : root, part);
	}
	return root;
}

/* " a b " as a list. */
static cJSON *make_list(const char *words)
{
	cJSON *list = cJSON_CreateArray();
	size_t len;

	for (const char *at = words; (at = words_next(at, &len)); at += len) {
		char word[64];

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, at);
		if (!cJSON_AddItemToArray(list, cJSON_CreateString(word)))
			break;
	}
	return list;
}

static cJSON *make_value(const struct option *option, const char *text)
{
	switch (option->type) {
	case OPTION_BOOL:
		return cJSON_CreateBool(strcmp(text, "true") == 0);
	case OPTION_INTEGER:
		return cJSON_CreateNumber((double)strtoll(text, NULL, 10));
	case OPTION_OBJECT:
		return cJSON_CreateObject();
	case OPTION_NAMES:
		return cJSON_CreateStringArray(&text, 1);
	case OPTION_PARTS:
		return make_list(text);
	default:
		return cJSON_CreateString(text);
	}
}

static void describe_text(struct buf *out, const struct option *option, cJSON *schema)
{
	tree_add_text(out, schema, "type", "string");
	tree_add_number(out, schema, "minLength", option->min);
	tree_add_number(out, schema, "maxLength", option->max);
	if (option->form->pattern)
		tree_add_text(out, schema, "pattern", option->form->pattern);
}

static void describe_words(struct buf *out, const struct option *option, cJSON *schema)
{
	cJSON *words = cJSON_CreateArray();

	for (const struct option_word *word = option->words; word->text; word++) {
		if (word->value != WORD_LATER)
			tree_add_text(out, words, NULL, word->text);
	}
	tree_add(out, schema, "enum", words);
}

static void describe_numbers(struct buf *out, const struct option *option, cJSON *schema)
{
	tree_add_number(out, schema, "minimum", option->min);
	tree_add_number(out, schema, "maximum", option->max);
}

static void describe_size(struct buf *out, const struct option *option, cJSON *schema)
{
	static const char *const types[] = { "string", "integer" };

	tree_add(out, schema, "type", cJSON_CreateStringArray(types, 2));
	tree_add_text(out, schema, "pattern", "^[0-9]{1,18}(KiB|MiB|GiB|TiB)?$");
	describe_numbers(out, option, schema);
}

static void describe_secret(struct buf *out, cJSON *schema)
{
	static const char *const required[] = { "file" };
	cJSON *properties = cJSON_CreateObject(), *file = cJSON_CreateObject();

	tree_add_text(out, file, "type", "string");
	tree_add_number(out, file, "minLength", 1);
	tree_add(out, properties, "file", file);
	tree_add_text(out, schema, "type", "object");
	tree_add(out, schema, "properties", properties);
	tree_add(out, schema, "required", cJSON_CreateStringArray(required, 1));
	tree_add(out, schema, "additionalProperties", cJSON_CreateFalse());
}

static void describe_names(struct buf *out, const struct option *option, cJSON *schema)
{
	cJSON *items = cJSON_CreateObject();

	tree_add_text(out, items, "type", "string");
	tree_add_text(out, items, "pattern", NAME_PATTERN);
	tree_add_text(out, schema, "type", "array");
	tree_add(out, schema, "items", items);
	tree_add_number(out, schema, "minItems", option->min);
	tree_add_number(out, schema, "maxItems", option->max);
	tree_add(out, schema, "uniqueItems", cJSON_CreateTrue());
}

static void describe_list(struct buf *out, const struct option *option, cJSON *schema)
{
	cJSON *items = cJSON_CreateObject();

	tree_add_text(out, items, "type", "string");
	if (option->words)
		describe_words(out, option, items);
	tree_add_text(out, schema, "type", "array");
	tree_add(out, schema, "items", items);
	tree_add_number(out, schema, "minItems", 1);
}

static void describe_statuses(struct buf *out, const struct option *option, cJSON *schema)
{
	cJSON *items = cJSON_CreateObject();

	tree_add_text(out, items, "type", "integer");
	describe_numbers(out, option, items);
	tree_add_text(out, schema, "type", "array");
	tree_add(out, schema, "items", items);
}

static void describe_section(struct buf *out, cJSON *schema)
{
	tree_add_text(out, schema, "type", "object");
	tree_add(out, schema, "properties", cJSON_CreateObject());
	tree_add(out, schema, "additionalProperties", cJSON_CreateFalse());
}

static void describe_kind(struct buf *out, const struct option_kind *kind, cJSON *schema);

/* One level deep: no kind of named object holds a map. */
static void describe_map(struct buf *out, const struct option *option, cJSON *schema)
{
	cJSON *names = cJSON_CreateObject(), *objects = cJSON_CreateObject();

	tree_add_text(out, names, "pattern", NAME_PATTERN);
	describe_kind(out, option->kind, objects);
	tree_add_text(out, schema, "type", "object");
	tree_add(out, schema, "propertyNames", names);
	tree_add_number(out, schema, "maxProperties", option->max);
	tree_add(out, schema, "additionalProperties", objects);
}

static void describe_type(struct buf *out, const struct option *option, cJSON *schema)
{
	static const char *const patterns[] = {
		[OPTION_DURATION] = "^[0-9]{1,18}(ms|s|m|h|d)$",
		[OPTION_RATE] = "^[0-9]{1,18}/(s|m|h)$",
		[OPTION_ORDER] = "^(document|device|none|/.*)$",
	};

	switch (option->type) {
	case OPTION_SECTION:
		describe_section(out, schema);
		break;
	case OPTION_TEXT:
		describe_text(out, option, schema);
		break;
	case OPTION_INTEGER:
		tree_add_text(out, schema, "type", "integer");
		describe_numbers(out, option, schema);
		break;
	case OPTION_BOOL:
		tree_add_text(out, schema, "type", "boolean");
		break;
	case OPTION_ENUM:
		describe_words(out, option, schema);
		break;
	case OPTION_DURATION:
	case OPTION_RATE:
	case OPTION_ORDER:
		tree_add_text(out, schema, "type", "string");
		tree_add_text(out, schema, "pattern", patterns[option->type]);
		break;
	case OPTION_SIZE:
		describe_size(out, option, schema);
		break;
	case OPTION_SECRET:
		describe_secret(out, schema);
		break;
	case OPTION_OBJECT:
		tree_add_text(out, schema, "type", "object");
		break;
	case OPTION_NAMES:
		describe_names(out, option, schema);
		break;
	case OPTION_TYPES:
	case OPTION_PARTS:
		describe_list(out, option, schema);
		break;
	case OPTION_STATUSES:
		describe_statuses(out, option, schema);
		break;
	case OPTION_MAP:
		describe_map(out, option, schema);
		break;
	case OPTION_LATER:
		break;
	}
}

static bool has_unit(const struct option *option)
{
	return option->type == OPTION_DURATION || option->type == OPTION_RATE ||
	       option->type == OPTION_SIZE;
}

static cJSON *describe_option(struct buf *out, const struct option *option)
{
	cJSON *schema = cJSON_CreateObject();
	char least[AMOUNT_MAX], most[AMOUNT_MAX], text[256];
	int len;

	option_print_amount(option->type, option->min, least);
	option_print_amount(option->type, option->max, most);
	if (has_unit(option))
		len = snprintf(text, sizeof(text), "%s (%s to %s)", option->help, least, most);
	else
		len = snprintf(text, sizeof(text), "%s", option->help);
	if (len < 0 || (size_t)len >= sizeof(text))
		out->failed = true;
	else
		tree_add_text(out, schema, "description", text);
	describe_type(out, option, schema);
	if (option->fallback)
		tree_add(out, schema, "default", make_value(option, option->fallback));
	return schema;
}

static void require_option(struct buf *out, const struct option *option, cJSON *parent)
{
	if (!json_get(parent, "required"))
		tree_add(out, parent, "required", cJSON_CreateArray());
	tree_add_text(out, json_get(parent, "required"), NULL, option_leaf(option));
}

static void describe_kind(struct buf *out, const struct option_kind *kind, cJSON *schema)
{
	describe_section(out, schema);
	for (size_t i = 0; i < kind->n_options; i++) {
		const struct option *option = &kind->options[i];
		cJSON *parent = find_section(schema, option->name, "properties");

		if (option->type == OPTION_LATER)
			continue;
		tree_add(out, json_get(parent, "properties"), option_leaf(option),
			describe_option(out, option));
		if (option->is_required)
			require_option(out, option, parent);
	}
}

void config_print_schema(struct buf *out)
{
	cJSON *schema = cJSON_CreateObject();

	tree_add_text(out, schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
	tree_add_text(out, schema, "title", "dray.json, the configuration of drayd");
	describe_kind(out, &config_kind, schema);
	tree_print(out, schema);
}

/* Sections that hold nothing (no defaults) are left away: their presence means something. */
static void add_default(struct buf *out, const struct option *option, cJSON *root)
{
	const char *text = option->fallback ? option->fallback : option->sample;
	char section[64];
	const char *dot = strrchr(option->name, '.');

	if (!text)
		return;
	size_t len = dot ? (size_t)(dot - option->name) : 0;
	for (size_t i = 0; i <= len && len > 0; i++) {
		if (i < len && option->name[i] != '.')
			continue;
		memcpy(section, option->name, i);
		section[i] = '\0';
		cJSON *parent = find_section(root, section, NULL);
		const char *leaf = strrchr(section, '.') ? strrchr(section, '.') + 1 : section;
		if (!json_get(parent, leaf))
			tree_add(out, parent, leaf, cJSON_CreateObject());
	}
	tree_add(out, find_section(root, option->name, NULL), option_leaf(option),
		make_value(option, text));
}

static cJSON *make_defaults(struct buf *out, const struct option_kind *kind)
{
	cJSON *root = cJSON_CreateObject();

	for (size_t i = 0; i < kind->n_options; i++)
		add_default(out, &kind->options[i], root);
	return root;
}

void config_print_defaults(struct buf *out)
{
	cJSON *root = make_defaults(out, &config_kind);

	for (size_t i = 0; i < config_kind.n_options; i++) {
		const struct option *option = &config_kind.options[i];
		cJSON *parent = find_section(root, option->name, NULL);
		if (option->type != OPTION_MAP || !parent)
			continue;
		cJSON *map = cJSON_CreateObject();
		tree_add(out, map, option->kind->sample, make_defaults(out, option->kind));
		tree_add(out, parent, option_leaf(option), map);
	}
	tree_print(out, root);
}
