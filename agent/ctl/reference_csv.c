/*
 * reference_csv.c - items and units as lines of CSV, and back.
 *
 * A line adds to its record what it says: a name and a unit once, a GTIN, a pack, a supplier's number,
 * an old code each. `pack` is how many base units the line's GTIN stands for, and with `pack_uom` how
 * many one of that unit holds. Of a unit a line says a name.
 */
#include <string.h>

#include "ctl/reference_file.h"
#include "dray/json.h"

enum column { KIND, ID, NAME, UOM, GTIN, PACK_UOM, PACK, SUPPLIER, SUPPLIER_ITEM, CODE };
static const char *const columns[CSV_COLUMNS] = { "kind", "id", "name", "uom", "gtin", "pack_uom",
	"pack", "supplier", "supplier_item", "code" };
#define HEADER "kind,id,name,uom,gtin,pack_uom,pack,supplier,supplier_item,code"

static const char *cell(const struct reference_csv *csv, const struct csv *line, enum column column)
{
	return csv->column_of[column] < 0 ? "" : csv_field(line, (size_t)csv->column_of[column]);
}

/* --- reading -------------------------------------------------------------------------------------- */

static int find_column(const char *name)
{
	for (int i = 0; i < CSV_COLUMNS; i++)
		if (strcmp(columns[i], name) == 0)
			return i;
	return -1;
}

static int read_head(struct reference_csv *csv, const struct csv *line, struct error *err)
{
	for (int i = 0; i < CSV_COLUMNS; i++)
		csv->column_of[i] = -1;
	for (size_t i = 0; i < line->n; i++) {
		int column = find_column(csv_field(line, i));

		if (column < 0)
			return error_set(
				err, NULL, "column %zu of the header is none of " HEADER, i + 1);
		if (csv->column_of[column] >= 0)
			return error_set(err, columns[column], "stands in the header twice");
		csv->column_of[column] = (int)i;
	}
	if (csv->column_of[ID] < 0)
		return error_set(err, NULL, "the header has no column id");
	csv->n_fields = line->n;
	return 0;
}

/* A member that may be said again, if it says the same. */
static int set_once(cJSON *record, const char *name, const char *text, struct error *err)
{
	const char *said = json_get_string(record, name);

	if (!text[0] || (said && strcmp(said, text) == 0))
		return 0;
	if (said)
		return error_set(err, name, "is another one than in a line of the same id before");
	return cJSON_AddStringToObject(record, name, text) ? 0
							   : error_set(err, NULL, "out of memory");
}

/* Append to the list `name`, unless it is there. Owns `element`. */
static int add_to_list(cJSON *record, const char *name, cJSON *element, struct error *err)
{
	cJSON *list = json_get(record, name);
	const cJSON *other;

	if (!list)
		list = cJSON_AddArrayToObject(record, name);
	cJSON_ArrayForEach (other, list) {
		if (cJSON_Compare(other, element, true)) {
			cJSON_Delete(element);
			return 0;
		}
	}
	if (list && element && cJSON_AddItemToArray(list, element))
		return 0;
	cJSON_Delete(element);
	return error_set(err, NULL, "out of memory");
}

static int add_text(cJSON *record, const char *name, const char *text, struct error *err)
{
	return text[0] ? add_to_list(record, name, cJSON_CreateString(text), err) : 0;
}

/* {a_name: a, b_name: b}, or the bare `b` where a is empty. */
static int add_pair(cJSON *record, const char *list, const char *const names[2], const char *a,
	const char *b, const char *bare, struct error *err)
{
	cJSON *pair;

	if (!a[0] || !b[0])
		return add_text(record, list, bare, err);
	pair = cJSON_CreateObject();
	if (pair && cJSON_AddStringToObject(pair, names[0], a) &&
		cJSON_AddStringToObject(pair, names[1], b))
		return add_to_list(record, list, pair, err);
	cJSON_Delete(pair);
	return error_set(err, NULL, "out of memory");
}

static int add_pack(cJSON *record, const char *uom, const char *pack, struct error *err)
{
	cJSON *packs = json_get(record, "packs");

	if (!uom[0])
		return 0;
	if (!pack[0])
		return error_set(err, "pack", "is empty: how many base units one %.16s holds", uom);
	if (!packs)
		packs = cJSON_AddObjectToObject(record, "packs");
	return packs ? set_once(packs, uom, pack, err) : error_set(err, NULL, "out of memory");
}

static int add_item_line(struct reference_csv *csv, const struct csv *line, struct error *err)
{
	static const char *const of_gtin[] = { "gtin", "pack" };
	static const char *const of_supplier[] = { "supplier", "item" };
	const char *gtin = cell(csv, line, GTIN), *pack = cell(csv, line, PACK);
	const char *supplier = cell(csv, line, SUPPLIER), *item = cell(csv, line, SUPPLIER_ITEM);

	if (pack[0] && !gtin[0] && !cell(csv, line, PACK_UOM)[0])
		return error_set(err, "pack", "is of no gtin and of no pack_uom");
	if (supplier[0] && !item[0])
		return error_set(err, "supplier_item", "is empty, and supplier is not");
	if (set_once(csv->record, "name", cell(csv, line, NAME), err) < 0 ||
		set_once(csv->record, "uom", cell(csv, line, UOM), err) < 0 ||
		add_pair(csv->record, "gtins", of_gtin, gtin, pack, gtin, err) < 0 ||
		add_pack(csv->record, cell(csv, line, PACK_UOM), pack, err) < 0 ||
		add_pair(csv->record, "supplier_items", of_supplier, supplier, item, item, err) < 0)
		return -1;
	return add_text(csv->record, "codes", cell(csv, line, CODE), err);
}

static int add_unit_line(struct reference_csv *csv, const struct csv *line, struct error *err)
{
	for (int column = UOM; column < CSV_COLUMNS; column++)
		if (cell(csv, line, (enum column)column)[0])
			return error_set(
				err, columns[column], "is of items: a unit has id and name");
	return add_text(csv->record, "names", cell(csv, line, NAME), err);
}

static cJSON *open_record(const char *kind, const char *id)
{
	cJSON *record = cJSON_CreateObject();

	if (record && cJSON_AddStringToObject(record, "kind", kind) &&
		cJSON_AddStringToObject(record, "id", id))
		return record;
	cJSON_Delete(record);
	return NULL;
}

static bool is_of(const cJSON *record, const char *kind, const char *id)
{
	return record && strcmp(json_get_string(record, "kind"), kind) == 0 &&
	       strcmp(json_get_string(record, "id"), id) == 0;
}

int reference_csv_put(struct reference_csv *csv, const struct csv *line, cJSON **ret_record,
	size_t *ret_line, struct error *err)
{
	const char *kind, *id;

	*ret_record = NULL;
	if (csv->n_fields == 0)
		return read_head(csv, line, err);
	if (line->n != csv->n_fields)
		return error_set(
			err, NULL, "has %zu fields, the header has %zu", line->n, csv->n_fields);
	kind = cell(csv, line, KIND)[0] ? cell(csv, line, KIND) : csv->kind;
	id = cell(csv, line, ID);
	if (!id[0])
		return error_set(err, "id", "is empty");
	if (strcmp(kind, "item") != 0 && strcmp(kind, "unit") != 0)
		return error_set(err, "kind",
			"is %.32s: CSV holds items and units, other kinds come as JSON lines",
			kind);
	if (!is_of(csv->record, kind, id)) {
		*ret_record = reference_csv_end(csv, ret_line);
		csv->record = open_record(kind, id);
		csv->line = line->record_line;
		if (!csv->record)
			return error_set(err, NULL, "out of memory");
	}
	return strcmp(kind, "unit") == 0 ? add_unit_line(csv, line, err)
					 : add_item_line(csv, line, err);
}

cJSON *reference_csv_end(struct reference_csv *csv, size_t *ret_line)
{
	cJSON *record = csv->record;

	*ret_line = csv->line;
	csv->record = NULL;
	return record;
}

/* --- writing -------------------------------------------------------------------------------------- */

void reference_csv_write_head(struct buf *out)
{
	buf_puts(out, HEADER "\n");
}

static const char *text_at(const cJSON *list, int index, const char *member)
{
	const cJSON *element = cJSON_GetArrayItem(list, index);
	const char *text = cJSON_IsObject(element) ? json_get_string(element, member)
						   : cJSON_GetStringValue(element);

	return text ? text : "";
}

static void write_line(struct buf *out, const char *const cells[CSV_COLUMNS])
{
	for (int i = 0; i < CSV_COLUMNS; i++) {
		if (i > 0)
			buf_putc(out, ',');
		csv_write(out, cells[i] ? cells[i] : "");
	}
	buf_putc(out, '\n');
}

/* The line of the nth GTIN, or behind them of a pack, with the nth of all others. */
static void write_item_line(struct buf *out, const cJSON *record, int n)
{
	const cJSON *gtins = json_get(record, "gtins"), *codes = json_get(record, "codes");
	const cJSON *sellers = json_get(record, "supplier_items");
	const cJSON *gtin = cJSON_GetArrayItem(gtins, n);
	const cJSON *pack =
		cJSON_GetArrayItem(json_get(record, "packs"), n - cJSON_GetArraySize(gtins));
	const cJSON *seller = cJSON_GetArrayItem(sellers, n);
	const char *cells[CSV_COLUMNS] = {
		[KIND] = "item",
		[ID] = text_of(record, "id"),
		[GTIN] = text_at(gtins, n, "gtin"),
		[PACK] = pack ? cJSON_GetStringValue(pack) : json_get_string(gtin, "pack"),
		[PACK_UOM] = pack ? pack->string : NULL,
		[SUPPLIER] = json_get_string(seller, "supplier"),
		[SUPPLIER_ITEM] = text_at(sellers, n, "item"),
		[CODE] = text_at(codes, n, ""),
	};

	if (n == 0) {
		cells[NAME] = text_of(record, "name");
		cells[UOM] = text_of(record, "uom");
	}
	write_line(out, cells);
}

static void write_unit_line(struct buf *out, const cJSON *record, int n)
{
	const char *cells[CSV_COLUMNS] = {
		[KIND] = "unit",
		[ID] = text_of(record, "id"),
		[NAME] = text_at(json_get(record, "names"), n, ""),
	};

	write_line(out, cells);
}

/* Members that have columns, and are of a form that has one. */
static bool is_all_columns(const cJSON *record, const char *const *members)
{
	const cJSON *member;

	cJSON_ArrayForEach (member, record) {
		size_t i = 0;

		while (members[i] && strcmp(members[i], member->string) != 0)
			i++;
		if (!members[i])
			return false;
	}
	return true;
}

bool reference_csv_write(struct buf *out, const cJSON *record)
{
	static const char *const of_item[] = { "kind", "id", "name", "uom", "gtins", "packs",
		"supplier_items", "codes", NULL };
	static const char *const of_unit[] = { "kind", "id", "names", NULL };
	bool is_unit = strcmp(text_of(record, "kind"), "unit") == 0;
	int n = 1;

	if (is_unit) {
		n = cJSON_GetArraySize(json_get(record, "names"));
	} else {
		int sizes[] = { cJSON_GetArraySize(json_get(record, "gtins")) +
					cJSON_GetArraySize(json_get(record, "packs")),
			cJSON_GetArraySize(json_get(record, "supplier_items")),
			cJSON_GetArraySize(json_get(record, "codes")) };

		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			n = sizes[i] > n ? sizes[i] : n;
	}
	for (int i = 0; i < n || i == 0; i++)
		(is_unit ? write_unit_line : write_item_line)(out, record, i);
	return is_all_columns(record, is_unit ? of_unit : of_item);
}
