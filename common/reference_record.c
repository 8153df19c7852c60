/*
 * reference_record.c - see reference_record.h
 */
#include "dray/reference_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/decimal.h"
#include "dray/gs1.h"
#include "dray/json.h"
#include "dray/units.h"
#include "event_data.h"

#define ITEM_ID_MAX 64 /* struct reference_item */
#define NAME_MAX_BYTES 200
#define PLACE_MAX 192

/* Where an alias' texts stand: the buffer they lie in may move until it is whole. */
struct place {
	size_t code, pack;
	bool has_pack;
};

struct reader {
	cJSON *object;
	const struct reference *known;
	struct unit_names *unit_names;
	struct reference_record *record;
	struct place places[REFERENCE_ALIASES_MAX];
	struct error *err;
};

typedef enum reference_reading (*read_fn)(struct reader *r);

/* Where a value stands, as a JSON Pointer: /NAME, /NAME/INDEX, /NAME/INDEX/MEMBER. */
static void name_member(char out[PLACE_MAX], const char *name)
{
	(void)snprintf(out, PLACE_MAX, "/%s", name);
}

static void name_element(char out[PLACE_MAX], const char *name, size_t index, const char *member)
{
	(void)snprintf(out, PLACE_MAX, "/%s/%zu%s%s", name, index, member ? "/" : "",
		member ? member : "");
}

/* A name that the record's author chose, with RFC 6901's escapes; cut where it is too long. */
static void name_chosen(char out[PLACE_MAX], const char *name, const char *member)
{
	size_t n = (size_t)snprintf(out, PLACE_MAX, "/%s/", name);

	for (; *member && n < PLACE_MAX - 3; member++) {
		if (*member == '~' || *member == '/') {
			out[n++] = '~';
			out[n++] = *member == '~' ? '0' : '1';
		} else {
			out[n++] = *member;
		}
	}
	out[n] = '\0';
}

/* A macro, so that the compiler knows what it gives. */
#define REFUSE(r, ...) (error_fill((r)->err, __VA_ARGS__), REFERENCE_REFUSED)

/* --- texts and numbers ---------------------------------------------------------------------------- */

/* C0, DEL, and C1 in UTF-8: none of them belongs on a screen. */
static bool has_control(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
			return true;
	return false;
}

static enum reference_reading check_text(
	struct reader *r, const char *where, const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len == 0)
		return REFUSE(r, where, "is empty");
	if (len > max)
		return REFUSE(r, where, "is longer than %zu bytes", max);
	if (has_control(text))
		return REFUSE(r, where, "holds a control character");
	if (text[0] == ' ' || text[len - 1] == ' ')
		return REFUSE(r, where, "begins or ends with a blank");
	return REFERENCE_READ;
}

static enum reference_reading read_text(
	struct reader *r, const char *where, const cJSON *value, size_t max, const char **ret)
{
	if (!value)
		return REFUSE(r, where, "is missing");
	if (!cJSON_IsString(value))
		return REFUSE(r, where, "must be a string");
	*ret = value->valuestring;
	return check_text(r, where, value->valuestring, max);
}

/* A quantity of base units: above 0, made canonical in place. */
static enum reference_reading read_pack(struct reader *r, const char *where, cJSON *value)
{
	static const struct decimal zero = { 0 };
	struct buf number = BUF_INIT;
	struct decimal pack;
	char text[DECIMAL_TEXT_MAX];
	bool is_fine;

	if (cJSON_IsNumber(value))
		json_print(value, &number);
	else if (cJSON_IsString(value))
		buf_puts(&number, value->valuestring);
	else
		return REFUSE(r, where, "must be a number or a decimal in a string");
	is_fine = !buf_failed(&number) && decimal_parse(number.data, number.len, &pack) &&
		  decimal_compare(&pack, &zero) > 0;
	buf_done(&number);
	if (!is_fine)
		return REFUSE(
			r, where, "must be a decimal above 0 of at most 18 digits: base units");
	decimal_format(&pack, text);
	return event_data_set_string(value, text) ? REFERENCE_READ : REFERENCE_FAILED;
}

/* The code of a unit: a local name's, or what everybody means by it. */
static enum reference_reading resolve_unit(
	struct reader *r, const char *where, const char *text, char ret[REFERENCE_UOM_MAX])
{
	char local[REFERENCE_UOM_MAX];
	int found = r->known ? r->known->find_unit(r->known->ctx, text, local) : 0;
	const char *code = unit_find(r->unit_names, found > 0 ? local : text);

	if (found < 0)
		return REFERENCE_FAILED;
	if (!code || strlen(code) >= REFERENCE_UOM_MAX)
		return REFUSE(r, where,
			"%.64s is no unit that is known: import it before as a name of one (kind unit)",
			text);
	(void)snprintf(ret, REFERENCE_UOM_MAX, "%s", code);
	return REFERENCE_READ;
}

/* --- what it is found by -------------------------------------------------------------------------- */

static enum reference_reading add_alias(
	struct reader *r, const char *where, const char *scheme, const char *code, const char *pack)
{
	struct reference_record *record = r->record;
	struct place *place = &r->places[record->n_aliases];

	if (strlen(code) >= REFERENCE_CODE_MAX)
		return REFUSE(r, where, "is longer than %d bytes", REFERENCE_CODE_MAX - 1);
	for (size_t i = 0; i < record->n_aliases; i++)
		if (record->aliases[i].scheme == scheme &&
			strcmp(record->texts.data + r->places[i].code, code) == 0)
			return REFUSE(r, where, "%s stands there twice", code);
	record->aliases[record->n_aliases++].scheme = scheme;
	place->code = record->texts.len;
	buf_put(&record->texts, code, strlen(code) + 1);
	place->has_pack = pack != NULL;
	place->pack = record->texts.len;
	if (pack)
		buf_put(&record->texts, pack, strlen(pack) + 1);
	return buf_failed(&record->texts) ? REFERENCE_FAILED : REFERENCE_READ;
}

/* Room for the aliases of all members that have some; each is counted where it stands. */
static enum reference_reading make_room(struct reader *r, const char *const *members)
{
	char where[PLACE_MAX];
	size_t n = 0;

	for (; *members; members++) {
		const cJSON *list = json_get(r->object, *members);
		int size = list ? cJSON_GetArraySize(list) : 0;

		n += (size_t)size;
		if (size == 0 || n <= REFERENCE_ALIASES_MAX)
			continue;
		name_member(where, *members);
		return REFUSE(r, where, "is one of more than %d codes of one record",
			REFERENCE_ALIASES_MAX);
	}
	r->record->aliases = calloc(n + 1, sizeof(*r->record->aliases));
	return r->record->aliases ? REFERENCE_READ : REFERENCE_FAILED;
}

/* The array `name`: NULL when it is not there, or is none, which *ret says. */
static cJSON *open_list(struct reader *r, const char *name, enum reference_reading *ret)
{
	cJSON *list = json_get(r->object, name);
	char where[PLACE_MAX];

	*ret = REFERENCE_READ;
	if (!list || cJSON_IsArray(list))
		return list;
	name_member(where, name);
	*ret = REFUSE(r, where, "must be an array");
	return NULL;
}

/* --- items ---------------------------------------------------------------------------------------- */

static enum reference_reading read_gtin(struct reader *r, cJSON *element, size_t index)
{
	bool is_object = cJSON_IsObject(element);
	cJSON *gtin = is_object ? json_get(element, "gtin") : element;
	cJSON *pack = is_object ? json_get(element, "pack") : NULL;
	enum reference_reading status;
	char where[PLACE_MAX], digits[GS1_GTIN_MAX];
	const char *text;

	name_element(where, "gtins", index, is_object ? "pack" : NULL);
	if (pack && (status = read_pack(r, where, pack)) != REFERENCE_READ)
		return status;
	name_element(where, "gtins", index, is_object ? "gtin" : NULL);
	status = read_text(r, where, gtin, 14, &text);
	if (status != REFERENCE_READ)
		return status;
	if (!gs1_gtin_normalise(text, digits))
		return REFUSE(r, where,
			"%s is no GTIN: 8, 12, 13 or 14 digits, the last one their check digit",
			text);
	if (!event_data_set_string(gtin, digits))
		return REFERENCE_FAILED;
	return add_alias(r, where, "gtin", digits, pack ? pack->valuestring : NULL);
}

static enum reference_reading read_supplier_item(struct reader *r, cJSON *element, size_t index)
{
	bool is_object = cJSON_IsObject(element);
	enum reference_reading status;
	char where[PLACE_MAX], code[2 * REFERENCE_CODE_MAX];
	const char *supplier = "", *item;

	name_element(where, "supplier_items", index, is_object ? "supplier" : NULL);
	if (is_object) {
		status = read_text(
			r, where, json_get(element, "supplier"), REFERENCE_CODE_MAX - 1, &supplier);
		if (status != REFERENCE_READ)
			return status;
		if (strchr(supplier, '/'))
			return REFUSE(r, where, "holds a '/'");
	}
	name_element(where, "supplier_items", index, is_object ? "item" : NULL);
	status = read_text(r, where, is_object ? json_get(element, "item") : element,
		REFERENCE_CODE_MAX - 1, &item);
	if (status != REFERENCE_READ)
		return status;
	(void)snprintf(code, sizeof(code), "%s%s%s", supplier, *supplier ? "/" : "", item);
	return add_alias(r, where, "supplier_item", code, NULL);
}

static enum reference_reading read_code(struct reader *r, cJSON *element, size_t index)
{
	enum reference_reading status;
	char where[PLACE_MAX];
	const char *code;

	name_element(where, "codes", index, NULL);
	status = read_text(r, where, element, REFERENCE_CODE_MAX - 1, &code);
	return status == REFERENCE_READ ? add_alias(r, where, "sku", code, NULL) : status;
}

static enum reference_reading read_list(struct reader *r, const char *name,
	enum reference_reading (*take)(struct reader *r, cJSON *element, size_t index))
{
	enum reference_reading status;
	cJSON *list = open_list(r, name, &status), *element;
	size_t index = 0;

	cJSON_ArrayForEach (element, list) {
		if (status != REFERENCE_READ)
			break;
		status = take(r, element, index++);
	}
	return status;
}

/* One member of `packs`, whose name becomes a code. */
static enum reference_reading read_pack_of(struct reader *r, cJSON *pack)
{
	enum reference_reading status;
	char where[PLACE_MAX], code[REFERENCE_CODE_MAX + REFERENCE_UOM_MAX];
	char uom[REFERENCE_UOM_MAX];
	const char *base = json_get_string(r->object, "uom");
	char *name;

	status = check_text(r, "/packs", pack->string, NAME_MAX_BYTES);
	name_chosen(where, "packs", pack->string);
	if (status == REFERENCE_READ)
		status = resolve_unit(r, where, pack->string, uom);
	if (status == REFERENCE_READ)
		status = read_pack(r, where, pack);
	if (status != REFERENCE_READ)
		return status;
	if (base && strcmp(base, uom) == 0 && strcmp(pack->valuestring, "1") != 0)
		return REFUSE(r, where, "%s is the item's own unit, and holds 1 of it", uom);
	if (strcmp(pack->string, uom) != 0) {
		name = cJSON_malloc(sizeof(uom));
		if (!name)
			return REFERENCE_FAILED;
		memcpy(name, uom, sizeof(uom));
		cJSON_free(pack->string);
		pack->string = name;
	}
	(void)snprintf(code, sizeof(code), "%s/%s", r->record->id, uom);
	return add_alias(r, where, "pack", code, pack->valuestring);
}

static enum reference_reading read_packs(struct reader *r)
{
	cJSON *packs = json_get(r->object, "packs"), *pack;
	enum reference_reading status = REFERENCE_READ;

	if (packs && !cJSON_IsObject(packs))
		return REFUSE(r, "/packs", "must be an object of units and quantities");
	cJSON_ArrayForEach (pack, packs) {
		if (status != REFERENCE_READ)
			break;
		status = read_pack_of(r, pack);
	}
	return status;
}

static enum reference_reading read_name_and_unit(struct reader *r)
{
	cJSON *name = json_get(r->object, "name"), *unit = json_get(r->object, "uom");
	enum reference_reading status = REFERENCE_READ;
	char uom[REFERENCE_UOM_MAX];
	const char *text;

	if (strlen(r->record->id) > ITEM_ID_MAX)
		return REFUSE(r, "/id", "of an item is at most %d bytes long", ITEM_ID_MAX);
	if (name)
		status = read_text(r, "/name", name, NAME_MAX_BYTES, &text);
	if (status != REFERENCE_READ || !unit)
		return status;
	status = read_text(r, "/uom", unit, NAME_MAX_BYTES, &text);
	if (status == REFERENCE_READ)
		status = resolve_unit(r, "/uom", text, uom);
	if (status == REFERENCE_READ && !event_data_set_string(unit, uom))
		status = REFERENCE_FAILED;
	return status;
}

static enum reference_reading read_item(struct reader *r)
{
	static const char *const members[] = { "gtins", "packs", "supplier_items", "codes", NULL };
	enum reference_reading status = read_name_and_unit(r);

	if (status == REFERENCE_READ)
		status = make_room(r, members);
	if (status == REFERENCE_READ)
		status = read_list(r, "gtins", read_gtin);
	if (status == REFERENCE_READ)
		status = read_packs(r);
	if (status == REFERENCE_READ)
		status = read_list(r, "supplier_items", read_supplier_item);
	if (status == REFERENCE_READ)
		status = read_list(r, "codes", read_code);
	return status;
}

/* --- units ---------------------------------------------------------------------------------------- */

/*
 * A code that warehouses count and measure in can't be another one's name: what was made canonical
 * would change when it is read again. Any other may: who says PAL means pallets, not pascals.
 */
static enum reference_reading read_unit_name(struct reader *r, cJSON *element, size_t index)
{
	enum reference_reading status;
	char where[PLACE_MAX];
	const char *name, *code, *code_name;

	name_element(where, "names", index, NULL);
	status = read_text(r, where, element, NAME_MAX_BYTES, &name);
	if (status != REFERENCE_READ)
		return status;
	code = unit_find(r->unit_names, name);
	code_name = code ? unit_name(r->unit_names, code) : NULL;
	if (code && strcmp(code, name) == 0 && unit_kind(code) != UNIT_OTHER &&
		strcmp(code, r->record->id) != 0)
		return REFUSE(r, where, "%s is the code of another unit%s%s", name,
			code_name ? ", " : "", code_name ? code_name : "");
	return add_alias(r, where, "unit", name, NULL);
}

static enum reference_reading read_unit(struct reader *r)
{
	static const char *const members[] = { "names", NULL };
	const char *code = unit_find(r->unit_names, r->record->id);
	enum reference_reading status;

	if (!code || strlen(code) >= REFERENCE_UOM_MAX)
		return REFUSE(r, "/id", "%s is no unit of Recommendation 20 or 21, nor of X12",
			r->record->id);
	(void)snprintf(r->record->id, sizeof(r->record->id), "%s", code);
	status = make_room(r, members);
	return status == REFERENCE_READ ? read_list(r, "names", read_unit_name) : status;
}

/* --- any record ----------------------------------------------------------------------------------- */

static bool is_kind(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len < REFERENCE_KIND_MAX && text[len] == '\0' && text[0] >= 'a' && text[0] <= 'z';
}

static enum reference_reading read_kind(struct reader *r, const char *kind)
{
	const cJSON *member = json_get(r->object, "kind");
	const char *said = json_get_string(r->object, "kind");

	if (member && !said)
		return REFUSE(r, "/kind", "must be a string");
	if (!said && !kind)
		return REFUSE(r, "/kind", "is missing: item, unit, supplier, location, …");
	if (!is_kind(said ? said : kind))
		return REFUSE(r, "/kind", "must be a lower-case word of at most %d characters",
			REFERENCE_KIND_MAX - 1);
	if (said && kind && strcmp(said, kind) != 0)
		return REFUSE(r, "/kind", "is %s, where all records are to be %s", said, kind);
	(void)snprintf(r->record->kind, sizeof(r->record->kind), "%s", said ? said : kind);
	return REFERENCE_READ;
}

static enum reference_reading read_id(struct reader *r)
{
	const char *text = NULL;
	enum reference_reading status =
		read_text(r, "/id", json_get(r->object, "id"), sizeof(r->record->id) - 1, &text);

	if (status == REFERENCE_READ)
		(void)snprintf(r->record->id, sizeof(r->record->id), "%s", text);
	return status;
}

static void put_text(struct buf *out, const char *before, const char *text)
{
	buf_puts(out, before);
	buf_put_json(out, text, strlen(text));
}

static void put_member(struct buf *out, const cJSON *member)
{
	put_text(out, ",", member->string);
	buf_putc(out, ':');
	json_print(member, out);
}

/* Behind kind and id; the members that are not known follow in their order. */
static const char *const known_order[] = { "name", "uom", "gtins", "packs", "supplier_items",
	"codes", "names" };
#define N_KNOWN (sizeof(known_order) / sizeof(known_order[0]))

static bool is_known(const char *name)
{
	for (size_t i = 0; i < N_KNOWN; i++)
		if (strcmp(known_order[i], name) == 0)
			return true;
	return strcmp(name, "kind") == 0 || strcmp(name, "id") == 0;
}

/* The record as it is kept. */
static enum reference_reading finish(struct reader *r)
{
	struct reference_record *record = r->record;
	struct buf *body = &record->body;
	const cJSON *member;

	put_text(body, "{\"kind\":", record->kind);
	put_text(body, ",\"id\":", record->id);
	for (size_t i = 0; i < N_KNOWN; i++) {
		member = json_get(r->object, known_order[i]);
		if (member)
			put_member(body, member);
	}
	cJSON_ArrayForEach (member, r->object) {
		if (!is_known(member->string))
			put_member(body, member);
	}
	buf_putc(body, '}');
	if (buf_failed(body))
		return REFERENCE_FAILED;
	for (size_t i = 0; i < record->n_aliases; i++) {
		const struct place *place = &r->places[i];

		record->aliases[i].code = record->texts.data + place->code;
		record->aliases[i].pack = place->has_pack ? record->texts.data + place->pack : NULL;
	}
	return REFERENCE_READ;
}

enum reference_reading reference_record_read(cJSON *object, const char *kind,
	const struct reference *known, struct reference_record *ret, struct error *err)
{
	static const struct {
		const char *kind;
		read_fn read;
	} kinds[] = { { "item", read_item }, { "unit", read_unit } };
	struct reader reader = { .object = object,
		.known = known,
		.unit_names = known ? known->unit_names : NULL,
		.record = ret,
		.err = err };
	enum reference_reading status;

	*ret = (struct reference_record){ 0 };
	if (!cJSON_IsObject(object))
		return REFUSE(&reader, NULL, "a record is a JSON object");
	status = read_kind(&reader, kind);
	if (status == REFERENCE_READ)
		status = read_id(&reader);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && status == REFERENCE_READ; i++)
		if (strcmp(kinds[i].kind, ret->kind) == 0)
			status = kinds[i].read(&reader);
	return status == REFERENCE_READ ? finish(&reader) : status;
}

void reference_record_done(struct reference_record *record)
{
	buf_done(&record->body);
	buf_done(&record->texts);
	free(record->aliases);
	record->aliases = NULL;
	record->n_aliases = 0;
}
