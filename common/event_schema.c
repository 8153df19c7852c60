/* event_schema.c - see dray/event_schema.h */
#include "dray/event_schema.h"

#include <stdio.h>
#include <string.h>

#include "dray/event.h"
#include "dray/event_types.h"
#include "tree.h"

#define NAME "^[A-Za-z0-9._-]{1,64}$"
#define DATE "(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
/* Digits without the zeros around them: at most 18. */
#define EXACT \
	"(?=[0.]*([0-9][.]?){0,18}[0.]*([eE]|$))[0-9]+([.][0-9]+)?([eE][+-]?0*(1[0-8]|[0-9]))?$"
#define INSTANT                                                                                  \
	"^([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:" \
	"([0-5][0-9]|60)([.,][0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)"               \
	"|0*[0-9]{1,17}([.][0-9]+)?)$"
#define LINES_MAX 500

/* --- values --------------------------------------------------------------------------------------- */

static cJSON *make_type(struct buf *out, const char *type)
{
	cJSON *schema = cJSON_CreateObject();

	tree_add_text(out, schema, "type", type);
	return schema;
}

static cJSON *make_text(struct buf *out, const char *pattern, unsigned min, unsigned max)
{
	cJSON *schema = make_type(out, "string");

	if (min > 0)
		tree_add_number(out, schema, "minLength", min);
	if (max > 0)
		tree_add_number(out, schema, "maxLength", max);
	if (pattern)
		tree_add_text(out, schema, "pattern", pattern);
	return schema;
}

static cJSON *make_words(struct buf *out, const char *const *words)
{
	cJSON *schema = cJSON_CreateObject(), *list = cJSON_CreateArray();

	for (; *words; words++)
		tree_add_text(out, list, NULL, *words);
	tree_add(out, schema, "enum", list);
	return schema;
}

/* Either of two; NULL counts as none. */
static cJSON *make_either(struct buf *out, cJSON *first, cJSON *second)
{
	cJSON *schema = cJSON_CreateObject(), *list = cJSON_CreateArray();

	tree_add(out, list, NULL, first);
	tree_add(out, list, NULL, second);
	tree_add(out, schema, "anyOf", list);
	return schema;
}

static cJSON *make_decimal(struct buf *out, bool may_be_negative)
{
	cJSON *number = make_type(out, "number");
	cJSON *text = make_text(
		out, may_be_negative ? "^-?" EXACT : "^(-(?=[0.]+([eE]|$)))?" EXACT, 0, 0);

	if (!may_be_negative)
		tree_add_number(out, number, "minimum", 0);
	else
		tree_add(out, number, "exclusiveMinimum", cJSON_CreateNumber(-1e18));
	tree_add(out, number, "exclusiveMaximum", cJSON_CreateNumber(1e18));
	return make_either(out, number, text);
}

static cJSON *make_count(struct buf *out, unsigned max_bytes)
{
	cJSON *number = make_type(out, "integer");

	tree_add_number(out, number, "minimum", 0);
	return make_either(out, number, make_text(out, NULL, 0, max_bytes));
}

static cJSON *make_instant(struct buf *out)
{
	cJSON *number = make_type(out, "number");

	tree_add_number(out, number, "minimum", 0);
	tree_add(out, number, "exclusiveMaximum", cJSON_CreateNumber(1e17));
	return make_either(out, make_text(out, INSTANT, 0, 0), number);
}

static cJSON *make_list(struct buf *out, cJSON *items, unsigned min, unsigned max)
{
	cJSON *schema = make_type(out, "array");

	if (items)
		tree_add(out, schema, "items", items);
	if (min > 0)
		tree_add_number(out, schema, "minItems", min);
	if (max > 0)
		tree_add_number(out, schema, "maxItems", max);
	return schema;
}

/* --- fields and shapes ----------------------------------------------------------------------------- */

static cJSON *make_shape(struct buf *out, const struct event_shape *shape);

static cJSON *make_field(struct buf *out, const struct event_field *field)
{
	unsigned min = field->need == FIELD_OPTIONAL ? 0 : 1;

	switch (field->kind) {
	case FIELD_STRING:
		return make_text(out, NULL, min, field->max_bytes);
	case FIELD_WORD:
		return make_words(out, field->words);
	case FIELD_NAME:
		return make_text(out, "^[a-z_]*$", min, field->max_bytes);
	case FIELD_NUMBER:
		return make_count(out, field->max_bytes);
	case FIELD_DECIMAL:
		return make_decimal(out, false);
	case FIELD_DELTA:
	case FIELD_AMOUNT:
		return make_decimal(out, true);
	case FIELD_BASE64:
		return make_text(out,
			"^(?=[^=])([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", 1,
			field->max_bytes);
	case FIELD_BOOL:
		return make_type(out, "boolean");
	case FIELD_TIME:
		return make_instant(out);
	case FIELD_DATE:
		return make_text(out, "^" DATE "$", 0, 0);
	case FIELD_OBJECT:
		return make_shape(out, field->shape);
	case FIELD_OBJECTS:
	case FIELD_LINES:
		return make_list(out, make_shape(out, field->shape), field->need == FIELD_REQUIRED,
			field->kind == FIELD_LINES ? LINES_MAX : 0);
	case FIELD_PLACE:
		return make_either(out, make_text(out, NULL, 0, field->max_bytes),
			make_shape(out, field->shape));
	case FIELD_STRINGS:
		return make_list(out, make_text(out, NULL, 0, field->max_bytes), 0, 0);
	case FIELD_ARRAY:
		return make_list(out, NULL, 0, 0);
	case FIELD_ANY:
		return cJSON_CreateObject();
	}
	return NULL;
}

/* {"required": [name], "properties": {name: {"not": {"type": "null"}}}} */
static cJSON *make_presence(struct buf *out, const char *name)
{
	cJSON *schema = cJSON_CreateObject(), *names = cJSON_CreateArray();
	cJSON *properties = cJSON_CreateObject(), *not_null = cJSON_CreateObject();

	tree_add(out, not_null, "not", make_type(out, "null"));
	tree_add(out, properties, name, not_null);
	tree_add_text(out, names, NULL, name);
	tree_add(out, schema, "required", names);
	tree_add(out, schema, "properties", properties);
	return schema;
}

static bool has_field(const struct event_shape *shape, const char *name)
{
	for (const struct event_field *field = shape->fields; field->name; field++)
		if (strcmp(field->name, name) == 0)
			return true;
	return false;
}

/* What must be there; where there is a barcode it may say it instead. */
static void add_required(struct buf *out, const struct event_shape *shape, cJSON *all)
{
	for (const struct event_field *field = shape->fields; field->name; field++) {
		cJSON *presence;

		if (field->need != FIELD_REQUIRED)
			continue;
		presence = make_presence(out, field->name);
		if (has_field(shape, "barcode"))
			presence = make_either(out, presence,
				make_either(out, make_presence(out, "barcode"),
					make_presence(out, "scan_bytes")));
		tree_add(out, all, NULL, presence);
	}
}

static void add_choice(struct buf *out, const struct event_shape *shape, cJSON *all)
{
	cJSON *choice = cJSON_CreateObject(), *list = cJSON_CreateArray();

	for (const struct event_field *field = shape->fields; field->name; field++)
		if (field->need == FIELD_ONE_OF)
			tree_add(out, list, NULL, make_presence(out, field->name));
	if (cJSON_GetArraySize(list) == 0) {
		cJSON_Delete(list);
		cJSON_Delete(choice);
		return;
	}
	tree_add(out, choice, "anyOf", list);
	tree_add(out, all, NULL, choice);
}

/* null counts as absent. */
static cJSON *make_nullable(struct buf *out, cJSON *schema)
{
	cJSON *type = cJSON_GetObjectItemCaseSensitive(schema, "type");
	cJSON *words = cJSON_GetObjectItemCaseSensitive(schema, "enum");
	cJSON *forms = cJSON_GetObjectItemCaseSensitive(schema, "anyOf");
	const char *const types[] = { cJSON_GetStringValue(type), "null" };

	if (types[0] && !cJSON_ReplaceItemInObjectCaseSensitive(
				schema, "type", cJSON_CreateStringArray(types, 2)))
		out->failed = true;
	else if (words)
		tree_add(out, words, NULL, cJSON_CreateNull());
	else if (forms)
		tree_add(out, forms, NULL, make_type(out, "null"));
	return schema;
}

static cJSON *make_shape(struct buf *out, const struct event_shape *shape)
{
	cJSON *schema = make_type(out, "object");
	cJSON *properties = cJSON_CreateObject(), *all = cJSON_CreateArray();

	for (const struct event_field *field = shape->fields; field->name; field++)
		tree_add(out, properties, field->name, make_nullable(out, make_field(out, field)));
	tree_add(out, schema, "properties", properties);
	add_required(out, shape, all);
	add_choice(out, shape, all);
	if (cJSON_GetArraySize(all) > 0)
		tree_add(out, schema, "allOf", all);
	else
		cJSON_Delete(all);
	return schema;
}

/* --- the envelope ---------------------------------------------------------------------------------- */

static void add_attribute(struct buf *out, cJSON *properties, const char *name, cJSON *schema)
{
	tree_add(out, properties, name, make_nullable(out, schema));
}

static cJSON *make_sequence(struct buf *out)
{
	cJSON *number = make_type(out, "integer");

	tree_add_number(out, number, "minimum", 0);
	tree_add(out, number, "exclusiveMaximum", cJSON_CreateNumber(1e18));
	return make_either(out, number, make_text(out, "^[0-9]{1,18}$", 0, 0));
}

static void add_envelope(struct buf *out, cJSON *properties, const char *type)
{
	const char *const types[] = { type, NULL };
	const char *const versions[] = { "1.0", NULL };

	add_attribute(out, properties, "specversion", make_words(out, versions));
	add_attribute(out, properties, "id", make_text(out, "^[!-~]{1,128}$", 0, 0));
	add_attribute(out, properties, "source", make_text(out, "^[!-~]{1,256}$", 0, 0));
	add_attribute(out, properties, "type", make_words(out, types));
	add_attribute(out, properties, "subject", make_text(out, NULL, 1, EVENT_KEY_MAX - 1));
	tree_add(out, properties, "time", make_instant(out));
	add_attribute(out, properties, "datacontenttype",
		make_text(out,
			"^[Aa][Pp][Pp][Ll][Ii][Cc][Aa][Tt][Ii][Oo][Nn]/[Jj][Ss][Oo][Nn]([; ].*)?$",
			1, EVENT_KEY_MAX - 1));
	add_attribute(out, properties, "site", make_text(out, NAME, 0, 0));
	add_attribute(out, properties, "device", make_text(out, NAME, 0, 0));
	add_attribute(out, properties, "operator", make_text(out, NULL, 1, EVENT_NAME_MAX - 1));
	add_attribute(out, properties, "correlationid", make_text(out, NULL, 1, EVENT_KEY_MAX - 1));
	add_attribute(out, properties, "sequence", make_sequence(out));
	add_attribute(out, properties, "senttime", make_instant(out));
	tree_add(out, properties, "data_base64", cJSON_CreateFalse());
}

bool event_schema_print(const char *type, struct buf *out)
{
	const struct event_type *row = event_type_find(type);
	cJSON *schema, *properties, *required;
	char title[EVENT_TYPE_MAX + 32];

	if (!row)
		return false;
	schema = cJSON_CreateObject();
	properties = cJSON_CreateObject();
	required = cJSON_CreateArray();
	(void)snprintf(title, sizeof(title), "dray event: %s", type);
	tree_add_text(out, schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
	tree_add_text(out, schema, "title", title);
	tree_add_text(out, schema, "type", "object");
	add_envelope(out, properties, type);
	tree_add(out, properties, "data", make_shape(out, &row->data));
	tree_add(out, schema, "properties", properties);
	tree_add_text(out, required, NULL, "time");
	tree_add_text(out, required, NULL, "data");
	tree_add(out, schema, "required", required);
	tree_print(out, schema);
	return true;
}
