/*
 * config_options.h - the declared option table behind config.h, for the files of common/config*.c.
 *
 * One row per option, one table per kind of object (top level, source, destination, route). A
 * section ("mqtt", "mqtt.tls") is a row too and stands before its members. config.c reads by the
 * rows, config_print.c prints from them; nothing about an option is said anywhere else, but what
 * depends on two of them: that is config_check.c.
 */
#ifndef DRAY_CONFIG_OPTIONS_H
#define DRAY_CONFIG_OPTIONS_H

#include "dray/config.h"

enum option_type {
	OPTION_SECTION, /* an object; its field, if any, is a bool: is it there */
	OPTION_TEXT,    /* char *, of a form */
	OPTION_INTEGER, /* a number; fields of 4 or 8 bytes */
	OPTION_BOOL,
	OPTION_ENUM,     /* one of the words; fields of 1 or 4 bytes */
	OPTION_DURATION, /* int64_t, ms */
	OPTION_SIZE,     /* bytes */
	OPTION_RATE,     /* int64_t, per hour */
	OPTION_SECRET,   /* struct config_secret */
	OPTION_OBJECT,   /* cJSON *: kept as it is */
	OPTION_ORDER,    /* order and order_pointer of a destination */
	OPTION_NAMES,    /* a list of names, resolved by config_check.c */
	OPTION_TYPES,    /* char *: a list of event types, kept as " pick ship " */
	OPTION_PARTS,    /* char *: a list of the words, kept likewise, as is the fallback */
	OPTION_STATUSES, /* cJSON *: a list of numbers within the bounds, at most 32 */
	OPTION_MAP,      /* objects by name: an array of `kind` and its length */
	OPTION_LATER,    /* designed, but refused: not part of this version */
};

#define WORD_LATER (-1)

/* A word of an enum; the list ends with a NULL text. */
struct option_word {
	const char *text;
	int value; /* WORD_LATER: designed, but refused */
};

/* What a text must look like. */
struct option_form {
	bool (*is_valid)(const char *text);
	const char *expects; /* "an absolute path", behind "must be " */
	const char *pattern; /* for the schema; may admit a little more. NULL: none */
};

struct option_kind;

struct option {
	const char *name; /* dotted, from its object: "retry.max" */
	enum option_type type;
	const char *help;
	size_t offset, width; /* of the field; width 0: not stored */
	const char *fallback; /* as it would be written; NULL: none, or derived (help says how) */
	bool is_required;
	int64_t min, max; /* in the field's unit; of a text: bytes */
	const struct option_form *form;
	const struct option_word *words;
	const char *sample;             /* in --print-defaults, where there is no fallback */
	const struct option_kind *kind; /* OPTION_MAP */
	size_t count_offset;            /* OPTION_MAP: where the length is */
};

/* A kind of object. Where objects have names, `char *name` is the struct's first field. */
struct option_kind {
	const char *what; /* "destination" */
	const struct option *options;
	size_t n_options;
	size_t size;        /* of the struct */
	const char *sample; /* a name for --print-defaults */
};

extern const struct option_kind config_kind;
extern const struct option_kind config_destination_kind; /* config_destination.c */
extern const struct option_kind config_token_kind;       /* config_listen.c */
extern const struct option_kind config_hook_kind;        /* config_hook.c */

/* Words that several kinds share. */
extern const struct option_word config_on_invalid_words[];
extern const struct option_word config_hmac_hashes[], config_hmac_encodings[], config_hmac_signs[];

/* For the tables. */
#define OPTION_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OPTION_FIELD(owner, member) \
	.offset = offsetof(owner, member), .width = sizeof(((owner *)0)->member)
#define SECOND_MS INT64_C(1000)
#define HOUR_MS (3600 * SECOND_MS)
#define DAY_MS (24 * HOUR_MS)
#define DECADE_MS (3650 * DAY_MS)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define TIB (1024 * 1024 * MIB)

/* The part of a dotted name behind its last dot. */
const char *option_leaf(const struct option *option);
/* Is the option a direct member of the section (a dotted name, "" for the object itself)? */
bool option_is_in(const struct option *option, const char *section);

/* Forms, config_forms.c. */
extern const struct option_form form_any, form_path, form_name, form_timezone, form_visible,
	form_header, form_url, form_http_url, form_filter, form_root, form_listen, form_host,
	form_request_path, form_host_key, form_affix;

/* A JSON Pointer (RFC 6901) that is not empty. */
bool form_is_pointer(const char *text);

/*
 * Fill what one option derives from another (port, client id, the default source and topics), and
 * check what depends on two or more, references between objects included.
 */
int config_complete(const cJSON *document, struct config *config, struct error *err);
/* The same of one destination, config_check_destination.c; `object` is its part of the document. */
int config_complete_destination(
	const cJSON *object, struct config_destination *destination, struct error *err);

/* The same of the listener, config_listen.c; of one hook, config_hook.c: `object` is its part. */
int config_complete_listen(const cJSON *document, struct config *config, struct error *err);
int config_complete_hook(const cJSON *object, struct config_hook *hook, struct error *err);

/* Fill a text that is not set with two parts, and check what belongs together. */
int config_derive_text(char **field, const char *first, const char *second, struct error *err);
int config_check_tls(const struct config_tls *tls, struct error *err);

/*
 * config_value.c: put one value into the option's field of `base`, the struct that it belongs to.
 * 0, or -1 with the option's name as path. The field is empty before.
 */
int option_read(const struct option *option, void *base, const cJSON *value, struct error *err);
int option_store_text(const struct option *option, void *base, const char *text, struct error *err);
void option_store_number(const struct option *option, void *base, int64_t number);

static inline void *option_field(const struct option *option, void *base)
{
	return (char *)base + option->offset;
}

/* The amount in the largest unit that divides it: "15m", "1MiB", "20/s", "8". */
#define AMOUNT_MAX 32
void option_print_amount(enum option_type type, int64_t amount, char out[AMOUNT_MAX]);

#endif
