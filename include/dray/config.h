/*
 * config.h - the configuration: one declared option table, one immutable struct.
 *
 *   bytes ─► json_parse (comments) ─► merge patches of conf.d ─► config_apply_connectors()
 *         ─► config_build() ─► struct config
 *
 * Every option is one row: name, type, unit, default, bounds, help. The same rows build the struct,
 * name the path of an error ("destinations.erp.retry.max"), print the reference with defaults and
 * the JSON Schema. An unknown key is an error. Sources, destinations and routes are objects by
 * name; a merge patch adds, changes or (with null) removes one.
 *
 * A struct config is never changed after config_build(); a reload builds another one. Secrets are
 * names here ({"file": "name"}); agent/secret.c reads them.
 *
 * Pure: no file is read here.
 */
#ifndef DRAY_CONFIG_H
#define DRAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/error.h"
#include "dray/event.h"
#include "dray/ids.h"

/* {"file": "name"}; NULL: not set. Owned by the config. */
struct config_secret {
	char *file;
};

struct config_tls {
	char *ca;   /* path of a PEM bundle; NULL: the system's */
	char *cert; /* path; NULL: no client certificate */
	struct config_secret key;
};

enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARNING, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };
enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };

struct config_mqtt {
	char *host;
	int64_t port;
	char *client_id; /* default "drayd-" + site */
	char *root;      /* default "dray/v1" */
	char *username;  /* NULL: none */
	struct config_secret password;
	bool has_tls;
	struct config_tls tls;
	int64_t keepalive_ms;
	int64_t session_expiry_ms;
	int64_t receive_maximum;
};

enum config_on_invalid { CONFIG_INVALID_REJECT, CONFIG_INVALID_ACCEPT };

struct config_source {
	char *name;
	char *topic; /* an MQTT topic filter */
	enum config_on_invalid on_invalid;
	bool ack_delivered;
	char *types;   /* that it may send, a blank around each: " pick ship "; NULL: all */
	char *adapter; /* folder of its program; NULL: events come as they are */
	cJSON *vars;   /* the adapter's; an object, never NULL */
};

enum config_hmac_hash { CONFIG_HMAC_SHA256, CONFIG_HMAC_SHA1, CONFIG_HMAC_SHA512 };
enum config_hmac_encoding { CONFIG_HMAC_HEX, CONFIG_HMAC_BASE64 };
/* What is signed, parts joined by auth.hmac.separator. */
enum config_hmac_signs {
	CONFIG_HMAC_BODY,                       /* body */
	CONFIG_HMAC_TIMESTAMP_BODY,             /* timestamp, body */
	CONFIG_HMAC_TIMESTAMP_METHOD_PATH_BODY, /* timestamp, method, path with query, body */
};

/* Each role may do what stands before it, but for a device, which sends events and nothing else. */
enum config_role {
	CONFIG_ROLE_DEVICE,
	CONFIG_ROLE_VIEWER,
	CONFIG_ROLE_OPERATOR,
	CONFIG_ROLE_ADMIN
};

/* A bearer token of the TCP listener. */
struct config_token {
	char *name; /* names the hand in the audit trail, and is the device where none is said */
	enum config_role role;
	struct config_secret token;
	char *device; /* role device: it may speak for this one only; NULL: for any of the site */
};

enum config_hook_scheme {
	CONFIG_HOOK_STANDARD, /* Standard Webhooks: webhook-id, -timestamp, -signature */
	CONFIG_HOOK_HMAC,     /* a signature in a header */
	CONFIG_HOOK_TOKEN, /* the secret itself, in a header, a parameter or a member of the body */
};

/* POST /v1/hooks/NAME. */
struct config_hook {
	char *name;
	char *types;   /* as of a source */
	char *adapter; /* NULL: the body is events */
	cJSON *vars;   /* the adapter's; an object, never NULL */
	enum config_on_invalid on_invalid;
	enum config_hook_scheme scheme;
	struct config_secret
		secret; /* a file with a secret a line: each holds, while they rotate */
	char *header; /* hmac: of the signature; token: of the token, "Authorization" with Bearer */
	char *parameter; /* token: of the query; NULL: none */
	char *member;    /* token: JSON Pointer into the body, one "*" any element; NULL: none */
	struct {
		enum config_hmac_hash hash;
		enum config_hmac_encoding encoding;
		char *signs;            /* "{timestamp}.{body}": hook.h; default "{body}" */
		char *prefix;           /* before the signature; default "" */
		char *timestamp_header; /* NULL: none, or within the signature's header */
		char *timestamp_prefix; /* within the signature's header; default "t=" */
	} hmac;
	int64_t tolerance_ms;  /* of the timestamp, either way */
	int64_t rate_per_hour; /* 0: no limit */
};

enum config_kind { CONFIG_KIND_HTTP, CONFIG_KIND_MQTT, CONFIG_KIND_SFTP, CONFIG_KIND_N };

enum config_auth_type {
	CONFIG_AUTH_NONE,
	CONFIG_AUTH_BASIC,
	CONFIG_AUTH_BEARER,
	CONFIG_AUTH_API_KEY,
	CONFIG_AUTH_OAUTH2,
	CONFIG_AUTH_HMAC,
	CONFIG_AUTH_SESSION,
	CONFIG_AUTH_KEY
};
struct config_auth {
	enum config_auth_type type;
	char *username;                /* basic, session; key (sftp) */
	struct config_secret password; /* basic, session */
	struct config_secret token;    /* bearer */
	char *header; /* api_key: header name, default "X-API-Key"; hmac: "X-Signature" */
	struct config_secret key; /* api_key; hmac: the shared secret; key: the private SSH key */
	char *token_url;          /* oauth2: client credentials, RFC 6749 section 4.4 */
	char *client_id;
	struct config_secret client_secret;
	char *scope;         /* NULL: not sent */
	char *audience;      /* NULL: not sent */
	bool client_in_body; /* oauth2: auth.client "body", not HTTP basic */
	int64_t expiry_skew_ms; /* oauth2, session: made anew so long before it expires; default 30 s */
	struct {
		enum config_hmac_hash hash;
		enum config_hmac_encoding encoding;
		enum config_hmac_signs signs;
		char *prefix;           /* before the signature; default "" */
		char *separator;        /* default "." */
		char *timestamp_header; /* NULL: none; seconds since the epoch */
	} hmac;
	struct {
		char *path;   /* GET, appended to url; NULL: no CSRF token */
		char *header; /* default "X-CSRF-Token": asked for with "Fetch", then replayed */
	} csrf;
	bool keeps_cookies; /* Set-Cookie of log-in, token and CSRF answers is sent back; default:
			     * with csrf.path */
	char *host_key; /* kind sftp: SHA-256 of the server's key, 43 characters of base64; NULL: by known_hosts */
};

enum config_order {
	CONFIG_ORDER_DOCUMENT,
	CONFIG_ORDER_DEVICE,
	CONFIG_ORDER_NONE,
	CONFIG_ORDER_POINTER
};
enum config_idempotency {
	CONFIG_IDEMPOTENCY_HEADER,  /* default of kind http */
	CONFIG_IDEMPOTENCY_NATURAL, /* default of kinds mqtt and sftp */
	CONFIG_IDEMPOTENCY_LOOKUP,
	CONFIG_IDEMPOTENCY_NONE
};
/* What a batch's members share. */
enum config_batch_kind {
	CONFIG_BATCH_PARTIAL, /* each has its own fate, in no order */
	CONFIG_BATCH_ORDERED, /* applied one after another: a key's chain may go together */
	CONFIG_BATCH_ATOMIC,  /* all or none; likewise */
};

struct config_destination {
	char *name;
	enum config_kind kind;
	char *connector;
	char *url;
	char *account; /* destinations of the same account share concurrency and rate; NULL: none */
	struct config_auth auth;
	bool has_tls;
	struct config_tls tls;
	cJSON *vars; /* an object, never NULL */
	int64_t concurrency;
	int64_t rate_per_hour; /* 0: no limit; "20/s" is 72000 */
	int64_t timeout_ms;
	int64_t settle_ms;
	int64_t retry_base_ms, retry_max_ms, retry_give_up_ms;
	int64_t batch_max, batch_max_bytes, batch_linger_ms;
	enum config_batch_kind batch_kind;
	enum config_order order;
	char *order_pointer;   /* for CONFIG_ORDER_POINTER */
	bool exception_passes; /* on_exception: "pass" */
	enum config_idempotency idempotency;
	char *idempotency_header;
	struct id_shape idempotency_shape;
	int64_t idempotency_lifetime_ms; /* 0 for ever; default of header 24 h, of others 0 */
	int64_t looks;                   /* lookups before a person is asked */
	cJSON *answers_done; /* array of statuses that mean "already there"; NULL none */
	char *answers_wait;  /* header that says how long to wait, beside Retry-After; NULL none */
	char *answers_remaining; /* header: requests left; 0 waits until answers_reset; NULL none */
	char *answers_reset;     /* header: seconds, or epoch seconds, until there are more; NULL */
	bool resend_on_doubt;    /* on_doubt: "resend" */
	int64_t breaker_failures;
	int64_t breaker_probe_ms;
};

enum config_lane { CONFIG_LANE_CRITICAL, CONFIG_LANE_NORMAL, CONFIG_LANE_BULK, CONFIG_LANE_N };

struct config_route {
	char *name;
	cJSON *when; /* an object; NULL: everything */
	size_t *to;  /* indices into config.destinations */
	size_t n_to;
	enum config_lane lane;
};

struct config {
	cJSON *document; /* as the site has it, merged, without what connectors declare; NULL: not kept */
	char *site;
	char *timezone;
	char *state_dir;
	struct {
		char *socket;
		char *group;
	} control;
	struct {
		enum config_log_level level;
		enum config_log_format format;
	} log;
	struct {
		int64_t max_bytes, reserve_bytes, retain_ms, max_turn_events;
	} store;
	struct event_limits limits; /* "limits": message, depth, lines */
	struct config_mqtt mqtt;
	int64_t max_skew_ms; /* limits.max_skew: beyond it an event says drayskew; 0: none does */
	struct {
		char *address; /* "127.0.0.1:8750"; NULL: no TCP listener */
		bool has_tls;
		struct config_tls tls; /* ca: of client certificates; NULL: none is asked for */
		struct config_token *tokens; /* in name order */
		size_t n_tokens;
		struct config_hook *hooks; /* in name order */
		size_t n_hooks;
	} listen;
	struct config_source *sources; /* in name order; at least one */
	size_t n_sources;
	struct config_destination *destinations; /* in name order */
	size_t n_destinations;
	struct config_route *routes; /* in name order */
	size_t n_routes;
	int64_t sla_critical_ms, sla_normal_ms, sla_low_ms;
	bool has_fleet;
	struct {
		char *allow; /* top-level keys, a blank around each: " routes sources " */
		char *url;   /* NULL: none */
		int64_t every_ms;
		struct config_secret token;
		bool has_tls;
		struct config_tls tls;
		char *public_key; /* jws_parse_keys(); NULL: nothing need be signed */
		int64_t probation_ms;
	} fleet;
};

/*
 * Build from the merged document.
 *
 * document  stays the caller's.
 * ret       owned by the caller, config_free().
 * Returns   0, or -1 with the path of what is wrong. Everything is checked here that can be
 *           checked without a file: names, bounds, references between objects, URLs, combinations
 *           (batch.max > 1 with idempotency none, …).
 */
int config_build(const cJSON *document, struct config **ret, struct error *err);

/*
 * Give every destination of the document what its connector declares, below what the document says
 * (RFC 7396, the document being the patch). Before config_build(). Members of connector.json that are
 * its own (name, version, title, vars, request, serial) are left out; so is `auth` where the document
 * names another auth.type.
 *
 * find     gives a connector.json by its name, borrowed; NULL: there is none, or it can't be read:
 *          whoever loads the connector says so.
 * Returns  0, or -1 when memory ran out.
 */
typedef const cJSON *(*config_connector_fn)(void *ctx, const char *name);
int config_apply_connectors(
	cJSON *document, config_connector_fn find, void *ctx, struct error *err);

/*
 * Behind a config_build() that failed: if what err->path names stands in the document as applied, but
 * not in the site's own, say in the message which connector said it.
 */
void config_blame_connector(const cJSON *site, const cJSON *applied, struct error *err);

/*
 * Are the options that a connector.json declares options of a destination, with values that they may
 * have? What only a site can say may be missing. 0, or -1 with the option's name as err->path.
 */
int config_check_declaration(const cJSON *declaration, struct error *err);

void config_free(struct config *config);

/* By its name; NULL: there is none. The config's. */
const struct config_destination *config_find_destination(
	const struct config *config, const char *name);

/* A JSON document (draft 2020-12 schema; a complete configuration with every default). */
void config_print_schema(struct buf *out);
void config_print_defaults(struct buf *out);

/* Is the address (of listen.address) one of this machine's own loopback? */
bool config_is_loopback(const char *address);

/* "250ms" "5s" "15m" "72h" "30d"; "256KiB" "2GiB" or a number of bytes; "20/s" "500/m" "10/h". */
bool config_parse_duration(const char *text, int64_t *ret_ms);
bool config_parse_size(const char *text, int64_t *ret_bytes);
bool config_parse_rate(const char *text, int64_t *ret_per_hour);

#endif
