/*
 * normalise_barcode.c - what a scan says, beside what the line says itself; see normalise.h
 *
 * A key or an attribute that both name must be the same in both. A quantity that stands in the line was
 * counted there: what a label promises is no contradiction to it, and fills in only where the line
 * says neither how much nor of what unit.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "dray/gs1.h"
#include "dray/json.h"
#include "dray/times.h"
#include "dray/units.h"
#include "dray/utf8.h"
#include "normalise.h"

#define RULE "gs1"

static bool is_absent(const cJSON *item)
{
	return !item || cJSON_IsNull(item);
}

static int refuse_conflict(const struct normalising *n, const struct place *place, const char *ai,
	const char *scanned, const char *member, const char *said)
{
	return normalise_refuse(n, place, REASON_BARCODE_CONFLICT, member,
		"(%s) of the barcode is %s, %s is %s", ai, scanned, member, said);
}

/* A member that is an object, made where there is none. NULL: it is something else, or memory is out. */
static cJSON *own_object(cJSON *object, const char *name)
{
	cJSON *member = json_get(object, name);

	if (cJSON_IsNull(member))
		cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	if (is_absent(member))
		return cJSON_AddObjectToObject(object, name);
	return cJSON_IsObject(member) ? member : NULL;
}

/* A member of another type is left to the check. */
static int fill_text(struct normalising *n, const struct place *place, cJSON *object,
	const char *name, const char *member, const char *ai, const char *scanned)
{
	const cJSON *item = json_get(object, name);

	if (!scanned)
		return 0;
	if (is_absent(item))
		return normalise_set(n, place, object, name, scanned, RULE, member);
	if (!cJSON_IsString(item) || strcmp(item->valuestring, scanned) == 0)
		return 0;
	return refuse_conflict(n, place, ai, scanned, member, item->valuestring);
}

static int fill_sscc(struct normalising *n, const struct place *place, const struct gs1_scan *scan)
{
	const char *said = json_get_string(place->value, "sscc");
	const char *scanned = gs1_value(scan, "00");

	if (scanned && said && strlen(said) == 20 && strncmp(said, "00", 2) == 0 &&
		strcmp(said + 2, scanned) == 0)
		return 0;
	return fill_text(n, place, place->value, "sscc", "sscc", "00", scanned);
}

static int fill_gtin(struct normalising *n, const struct place *place, const struct gs1_scan *scan)
{
	const char *ai = gs1_value(scan, "01") ? "01" : "02";
	const char *scanned = gs1_value(scan, ai);
	cJSON *item = json_get(place->value, "item");
	const char *said = json_get_string(item, "gtin");
	char gtin[GS1_GTIN_MAX];

	if (!scanned || (!is_absent(item) && !cJSON_IsObject(item)))
		return 0;
	/* One that is no GTIN at all is refused as such, later. */
	if (said && (!gs1_gtin_normalise(said, gtin) || strcmp(gtin, scanned) == 0))
		return 0;
	item = own_object(place->value, "item");
	if (!item)
		return normalise_refuse_memory(n);
	return fill_text(n, place, item, "gtin", "item/gtin", ai, scanned);
}

static int fill_serial(
	struct normalising *n, const struct place *place, const struct gs1_scan *scan)
{
	const char *scanned = gs1_value(scan, "21");
	cJSON *serials = json_get(place->value, "serials");
	const cJSON *serial;
	cJSON *text;

	if (!scanned || (!is_absent(serials) && !cJSON_IsArray(serials)))
		return 0;
	cJSON_ArrayForEach (serial, serials)
		if (cJSON_IsString(serial) && strcmp(serial->valuestring, scanned) == 0)
			return 0;
	if (serials && serials->child)
		return refuse_conflict(n, place, "21", scanned, "serials", "without it");
	if (cJSON_IsNull(serials))
		cJSON_DeleteItemFromObjectCaseSensitive(place->value, "serials");
	if (!cJSON_IsArray(serials))
		serials = cJSON_AddArrayToObject(place->value, "serials");
	text = serials ? cJSON_CreateString(scanned) : NULL;
	if (!text || !cJSON_AddItemToArray(serials, text)) {
		cJSON_Delete(text);
		return normalise_refuse_memory(n);
	}
	normalise_note(n, place, RULE, "serials");
	return 0;
}

static int fill_expiry(
	struct normalising *n, const struct place *place, const struct gs1_scan *scan)
{
	char date[GS1_DATE_MAX];

	if (!gs1_date(scan, "17", date))
		return 0;
	return fill_text(n, place, place->value, "expiry", "expiry", "17", date);
}

/* The one measure there is, of the goods or of the whole logistic unit; NULL: none, or several. */
static const struct gs1_element *find_measure(const struct gs1_scan *scan, bool is_logistic)
{
	const struct gs1_element *found = NULL;

	for (size_t i = 0; i < scan->n; i++) {
		const struct gs1_element *element = &scan->elements[i];

		if (!gs1_uom(element) || gs1_is_logistic(element) != is_logistic)
			continue;
		if (found)
			return NULL;
		found = element;
	}
	return found;
}

static int fill_quantity(
	struct normalising *n, const struct place *place, const struct gs1_scan *scan)
{
	const struct gs1_element *element = gs1_find(scan, "37");
	struct decimal value;
	char text[DECIMAL_TEXT_MAX];

	/* What is added to or taken from a stock stands on no label. */
	if (strcmp(n->type, "adjust") == 0 || !is_absent(json_get(place->value, "quantity")) ||
		!is_absent(json_get(place->value, "uom")))
		return 0;
	if (!element)
		element = gs1_find(scan, "30");
	if (!element)
		element = find_measure(scan, false);
	if (!element || !gs1_number(element, &value))
		return 0;
	decimal_format(&value, text);
	if (normalise_set(n, place, place->value, "quantity", text, RULE, "quantity") < 0)
		return -1;
	if (!gs1_uom(element))
		return 0;
	return normalise_set(n, place, place->value, "uom", gs1_uom(element), RULE, "uom");
}

static int fill_weight(
	struct normalising *n, const struct place *place, const struct gs1_scan *scan)
{
	const struct gs1_element *element = find_measure(scan, true);
	struct decimal value;
	char text[DECIMAL_TEXT_MAX];
	cJSON *weight;

	if (!element || unit_kind(gs1_uom(element)) != UNIT_MASS ||
		!is_absent(json_get(place->value, "weight")) || !gs1_number(element, &value))
		return 0;
	decimal_format(&value, text);
	weight = own_object(place->value, "weight");
	if (!weight)
		return normalise_refuse_memory(n);
	if (normalise_set(n, place, weight, "value", text, RULE, "weight/value") < 0)
		return -1;
	return normalise_set(n, place, weight, "uom", gs1_uom(element), RULE, "weight/uom");
}

static int refuse_scan(
	const struct normalising *n, const struct place *place, const struct gs1_error *error)
{
	char text[sizeof(n->problem->message)];

	return normalise_refuse(n, place, REASON_BARCODE_INVALID, "barcode", "barcode: %s",
		gs1_error_text(error, text, sizeof(text)));
}

/*
 * What the line says itself goes along with the symbol, as if it stood in it. So does an SSCC: on a
 * logistic label it has a symbol of its own, which need not be scanned, or is scanned elsewhere.
 */
static int check_pairs(
	const struct normalising *n, const struct place *place, const struct gs1_scan *scan)
{
	const char *known[4] = { "00" };
	size_t n_known = 1;
	struct gs1_error error;

	if (json_get(place->value, "item")) {
		known[n_known++] = "01";
		known[n_known++] = "02";
	}
	if (gs1_check_pairs(&scan, 1, known, &error))
		return 0;
	return refuse_scan(n, place, &error);
}

static int take_scan(struct normalising *n, const struct place *place, const struct gs1_scan *scan)
{
	if (check_pairs(n, place, scan) < 0 || fill_sscc(n, place, scan) < 0)
		return -1;
	if (!place->is_line)
		return fill_weight(n, place, scan);
	if (fill_gtin(n, place, scan) < 0 ||
		fill_text(n, place, place->value, "lot", "lot", "10", gs1_value(scan, "10")) < 0 ||
		fill_serial(n, place, scan) < 0 || fill_expiry(n, place, scan) < 0)
		return -1;
	return fill_quantity(n, place, scan);
}

static bool is_text(const unsigned char *bytes, size_t len)
{
	size_t length;

	for (size_t i = 0; i < len; i += length) {
		length = utf8_length(bytes + i, len - i);
		if (length == 0 || bytes[i] == '\0')
			return false;
	}
	return len > 0;
}

/* The text in scan_bytes, where it is one. False: other bytes, or no base64, which the check tells. */
static bool decode_scan(const char *base64, char out[GS1_TEXT_MAX + 1])
{
	unsigned char bytes[(GS1_TEXT_MAX + 3) / 3 * 3];
	size_t len = strlen(base64);
	int decoded;

	if (len == 0 || len % 4 != 0 || len / 4 * 3 > sizeof(bytes))
		return false;
	decoded = EVP_DecodeBlock(bytes, (const unsigned char *)base64, (int)len);
	for (size_t i = len; i > len - 2 && base64[i - 1] == '='; i--)
		decoded--;
	if (decoded < 0 || decoded > GS1_TEXT_MAX || !is_text(bytes, (size_t)decoded))
		return false;
	memcpy(out, bytes, (size_t)decoded);
	out[decoded] = '\0';
	return true;
}

static int read_year(const struct normalising *n)
{
	char text[TIME_TEXT_MAX];

	time_format(n->context->received_at_ms, text);
	return (int)strtol(text, NULL, 10);
}

static int read_barcode(struct normalising *n, const struct place *place)
{
	const cJSON *barcode = json_get(place->value, "barcode");
	const char *bytes = json_get_string(place->value, "scan_bytes");
	char decoded[GS1_TEXT_MAX + 1];
	const char *text = cJSON_GetStringValue(barcode);
	struct gs1_scan scan;
	struct gs1_error error;

	if (is_absent(barcode) && bytes && decode_scan(bytes, decoded)) {
		if (normalise_set(n, place, place->value, "barcode", decoded, "scan", "barcode") <
			0)
			return -1;
		text = decoded;
	}
	if (!text)
		return 0;
	switch (gs1_read(text, strlen(text), read_year(n), &scan, &error)) {
	case GS1_PLAIN:
		return 0;
	case GS1_INVALID:
		return refuse_scan(n, place, &error);
	case GS1_READ:
		break;
	}
	return take_scan(n, place, &scan);
}

int normalise_barcodes(struct normalising *n)
{
	return normalise_walk(n, read_barcode);
}
