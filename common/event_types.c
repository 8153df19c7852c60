/* event_types.c - the one declared table; see event_types.h */
#include "dray/event_types.h"

#include <stdbool.h>
#include <string.h>

#include "dray/event.h"

#define TEXT(name_, max_)                                                  \
	{                                                                  \
		.name = (name_), .kind = FIELD_STRING, .max_bytes = (max_) \
	}
#define KIND(name_, kind_)                       \
	{                                        \
		.name = (name_), .kind = (kind_) \
	}
#define WORD(name_, words_)                                                             \
	{                                                                               \
		.name = (name_), .kind = FIELD_WORD, .max_bytes = 64, .words = (words_) \
	}
#define NEST(name_, kind_, shape_)                                                     \
	{                                                                              \
		.name = (name_), .kind = (kind_), .max_bytes = 128, .shape = &(shape_) \
	}
#define END                  \
	{                    \
		.name = NULL \
	}
#define SHAPE(...)                                     \
	{                                              \
		.fields = (const struct event_field[]) \
		{                                      \
			__VA_ARGS__, END               \
		}                                      \
	}

static const char *const conditions[] = { "good", "damaged", "expired", "quarantine", NULL };
static const char *const statuses[] = { "on_hand", "allocated", "in_transit", "quarantined",
	"available", NULL };

static const struct event_shape document =
	SHAPE({ .name = "type", .kind = FIELD_NAME, .need = FIELD_REQUIRED, .max_bytes = 32 },
		{ .name = "id", .kind = FIELD_STRING, .need = FIELD_REQUIRED, .max_bytes = 128 });

static const struct event_shape item = SHAPE(
	{ .name = "sku", .kind = FIELD_STRING, .need = FIELD_ONE_OF, .max_bytes = 64 },
	{ .name = "gtin", .kind = FIELD_STRING, .need = FIELD_ONE_OF, .max_bytes = 14 },
	{ .name = "supplier_item", .kind = FIELD_STRING, .need = FIELD_ONE_OF, .max_bytes = 64 });

/* A line that was handled (`need` FIELD_REQUIRED, `which` FIELD_ONE_OF), or only told of. */
#define LINE(quantity_, need_, which_)                                                            \
	SHAPE({ .name = "line", .kind = FIELD_NUMBER, .max_bytes = 32 },                          \
		{ .name = "item", .kind = FIELD_OBJECT, .need = (which_), .shape = &item },       \
		{ .name = "quantity", .kind = (quantity_), .need = (need_) }, TEXT("uom", 16),    \
		TEXT("lot", 64), { .name = "serials", .kind = FIELD_STRINGS, .max_bytes = 64 },   \
		KIND("expiry", FIELD_DATE), TEXT("location", 64), TEXT("to_location", 64),        \
		{ .name = "sscc", .kind = FIELD_STRING, .need = (which_), .max_bytes = 20 },      \
		WORD("condition", conditions),                                                    \
		{ .name = "barcode", .kind = FIELD_STRING, .need = (which_), .max_bytes = 512 },  \
		{ .name = "scan_bytes",                                                           \
			.kind = FIELD_BASE64,                                                     \
			.need = (which_),                                                         \
			.max_bytes = 684 },                                                       \
		TEXT("reason", 256), KIND("requested", FIELD_DECIMAL), TEXT("short_reason", 256), \
		KIND("allocated", FIELD_DECIMAL), KIND("failed", FIELD_DECIMAL),                  \
		WORD("from_status", statuses), WORD("to_status", statuses),                       \
		KIND("accepted", FIELD_DECIMAL), KIND("promised_date", FIELD_DATE),               \
		TEXT("exception_code", 64))

static const struct event_shape handled_line = LINE(FIELD_DECIMAL, FIELD_REQUIRED, FIELD_ONE_OF);
static const struct event_shape adjusted_line = LINE(FIELD_DELTA, FIELD_REQUIRED, FIELD_ONE_OF);
static const struct event_shape told_line = LINE(FIELD_DECIMAL, FIELD_OPTIONAL, FIELD_OPTIONAL);

static const struct event_shape partner = SHAPE(TEXT("id", 128), TEXT("name", 256));

static const struct event_shape carrier =
	SHAPE(TEXT("scac", 16), TEXT("name", 256), TEXT("service", 64), TEXT("account", 64));

static const struct event_shape address = SHAPE(TEXT("id", 128), TEXT("site", 64),
	TEXT("location", 64), TEXT("name", 256), TEXT("street", 256), TEXT("city", 128),
	TEXT("region", 128), TEXT("postal_code", 32), TEXT("country", 64), TEXT("phone", 64),
	TEXT("email", 256));

static const struct event_shape measure = SHAPE(KIND("value", FIELD_DECIMAL), TEXT("uom", 16));

static const struct event_shape dimensions = SHAPE(KIND("length", FIELD_DECIMAL),
	KIND("width", FIELD_DECIMAL), KIND("height", FIELD_DECIMAL), TEXT("uom", 16));

static const struct event_shape money = SHAPE(KIND("amount", FIELD_AMOUNT), TEXT("currency", 3));

static const struct event_shape package = SHAPE(TEXT("sscc", 20), TEXT("barcode", 512),
	{ .name = "scan_bytes", .kind = FIELD_BASE64, .max_bytes = 684 }, TEXT("type", 64),
	TEXT("tracking", 128), NEST("weight", FIELD_OBJECT, measure),
	NEST("dimensions", FIELD_OBJECT, dimensions), NEST("lines", FIELD_LINES, told_line));

#define LINES(line_, need_)                                                              \
	{                                                                                \
		.name = "lines", .kind = FIELD_LINES, .need = (need_), .shape = &(line_) \
	}
#define HANDLED NEST("document", FIELD_OBJECT, document), LINES(handled_line, FIELD_REQUIRED)
#define TOLD NEST("document", FIELD_OBJECT, document), LINES(told_line, FIELD_OPTIONAL)
#define SHIPPING                                                                                  \
	TEXT("shipment", 128), NEST("carrier", FIELD_OBJECT, carrier), TEXT("tracking", 128),     \
		NEST("ship_to", FIELD_OBJECT, address), NEST("packages", FIELD_OBJECTS, package), \
		TEXT("trailer", 64), TEXT("seal", 64), TEXT("bol", 64),                           \
		NEST("freight_cost", FIELD_OBJECT, money)
#define ORDER TOLD, NEST("supplier", FIELD_OBJECT, partner), NEST("customer", FIELD_OBJECT, partner)
#define FINDING                                                                    \
	TOLD, TEXT("kind", 64), TEXT("severity", 32), KIND("expected", FIELD_ANY), \
		KIND("actual", FIELD_ANY)
#define ANSWER                                                                \
	TOLD, TEXT("shipment", 128), TEXT("ref", 256), TEXT("tracking", 128), \
		TEXT("label_url", 2048)

static const struct event_type types[] = {
	{ "receipt", SHAPE(HANDLED, NEST("supplier", FIELD_OBJECT, partner), TEXT("dock", 64),
			     KIND("final", FIELD_BOOL), TEXT("shipment", 128)) },
	{ "putaway", SHAPE(HANDLED) },
	{ "pick", SHAPE(HANDLED, TEXT("tote", 64)) },
	{ "pack", SHAPE(HANDLED, TEXT("shipment", 128), NEST("package", FIELD_OBJECT, package)) },
	{ "ship", SHAPE(TOLD, SHIPPING) },
	{ "transfer", SHAPE(HANDLED, NEST("from", FIELD_PLACE, address),
			      NEST("to", FIELD_PLACE, address)) },
	{ "adjust", SHAPE(NEST("document", FIELD_OBJECT, document),
			    LINES(adjusted_line, FIELD_REQUIRED), TEXT("reason", 256)) },
	{ "count", SHAPE(HANDLED, TEXT("reason", 256)) },
	{ "status", SHAPE(HANDLED, WORD("from_status", statuses), WORD("to_status", statuses),
			    TEXT("reason", 256)) },
	{ "allocation", SHAPE(TOLD, WORD("from_status", statuses), WORD("to_status", statuses),
				KIND("allocated", FIELD_DECIMAL), KIND("failed", FIELD_DECIMAL)) },
	{ "delivery", SHAPE(TOLD, TEXT("shipment", 128), TEXT("signed_by", 128),
			      KIND("delivered_at", FIELD_TIME), KIND("documents", FIELD_ARRAY)) },
	{ "tracking", SHAPE(TOLD, TEXT("shipment", 128), TEXT("tracking", 128),
			      TEXT("milestone", 64), NEST("location", FIELD_PLACE, address),
			      KIND("eta", FIELD_TIME), NEST("freight_cost", FIELD_OBJECT, money)) },
	{ "po.created", SHAPE(ORDER) },
	{ "po.changed", SHAPE(ORDER) },
	{ "po.acknowledged", SHAPE(ORDER) },
	{ "asn", SHAPE(ORDER, SHIPPING, KIND("eta", FIELD_TIME)) },
	{ "order.released", SHAPE(ORDER, NEST("ship_to", FIELD_OBJECT, address)) },
	{ "invoice", SHAPE(ORDER) },
	{ "discrepancy", SHAPE(FINDING) },
	{ "match", SHAPE(FINDING) },
	{ "shipment.booked", SHAPE(ANSWER) },
	{ "shipment.label", SHAPE(ANSWER) },
	{ "document.posted", SHAPE(ANSWER) },
};

#define N_TYPES (sizeof(types) / sizeof(*types))

const struct event_type *event_type_find(const char *name)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

bool event_type_is_known(const char *type)
{
	return event_type_find(type) != NULL;
}

const struct event_type *event_type_at(size_t index)
{
	return index < N_TYPES ? &types[index] : NULL;
}

const char *event_type_name(const struct event_type *type)
{
	return type->name;
}
