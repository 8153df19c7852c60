/*
 * ctl.h - drayctl: an operator's hand on the agent, over the control API and nothing else.
 *
 * A command is one file with a static table entry; main.c reads the options, finds the entry, and
 * runs it. A command asks the agent, prints a table for people or (--json) the agent's own answer,
 * and returns an exit code.
 */
#ifndef DRAY_CTL_H
#define DRAY_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "mapper/connector_folder.h"

enum ctl_exit {
	CTL_DONE = 0,
	CTL_NO = 1, /* the answer is no: a check failed, nothing matched */
	CTL_USAGE = 2,
	CTL_UNREACHED = 3, /* the agent can't be reached */
	CTL_REFUSED = 4    /* the role does not permit it */
};

/* Options with a value, as bits: what a command takes, and what was given. */
enum ctl_option {
	OPTION_ID,
	OPTION_DOCUMENT,
	OPTION_DEVICE,
	OPTION_TYPE,
	OPTION_SINCE,
	OPTION_UNTIL,
	OPTION_LIMIT,
	OPTION_CURSOR,
	OPTION_KIND,
	OPTION_SEVERITY,
	OPTION_DESTINATION,
	OPTION_WHY,
	OPTION_CONFIG,
	OPTION_SITE,
	OPTION_EVENT,
	OPTION_FORMAT,
	OPTION_VAR, /* may be given many times: values[] has the last, vars[] all */
	OPTION_MESSAGE,
	OPTION_TOPIC,
	OPTION_HEADER, /* likewise, headers[] */
	OPTION_SOURCE,
	OPTION_KEY,
	OPTION_REVISION,
	OPTION_PASSWORD_FILE,
	OPTION_MOSQUITTO,
	OPTION_HOST,
	/* Flags, as main.c says of them. */
	OPTION_ALL,
	OPTION_FORCE,
	OPTION_DRY_RUN,
	OPTION_REPLACE,
	OPTION_WAIT,
	OPTION_EFFECTIVE,
	OPTION_DESIRED,
	OPTION_FILES,
	OPTION_PRINT_PUBLIC_KEY,
	OPTION_N
};
#define TAKES(option) (UINT64_C(1) << (option))
#define CTL_MANY_MAX 64

struct table;

struct ctl {
	const char *socket;
	bool has_socket; /* it was given */
	bool is_json;
	bool has_color;
	bool is_patient; /* ask() says nothing when nobody answers: it is asked again */
	const char *values[OPTION_N];       /* NULL: not given */
	const char *vars[CTL_MANY_MAX + 1]; /* "NAME=VALUE", NULL ends */
	int n_vars;
	const char *headers[CTL_MANY_MAX + 1]; /* "Name: value", NULL ends */
	int n_headers;
	int n_args;
	char **args; /* behind the command's words */
};

struct command {
	const char *noun, *verb; /* verb NULL: the noun is the command */
	const char *synopsis;    /* arguments and options, for --help */
	const char *help;
	uint64_t takes;
	int min_args, max_args;
	int (*run)(struct ctl *ctl);
};

/* The long name of an option, without dashes: also its name in a query and in a body. */
const char *option_name(enum ctl_option option);

/* --- asking (client.c) -------------------------------------------------------------------------- */

struct answer {
	long status;
	struct buf text;
	cJSON *root; /* NULL when the text is not JSON */
};

/*
 * Ask the agent. `body` NULL: GET, else POST.
 * Returns CTL_DONE for a 2xx; else an exit code after the reason was printed on stderr. A 422 of
 * `events send` is an answer like a 2xx: the caller looks at the status.
 */
int ask(const struct ctl *ctl, const char *path, const void *body, size_t len, struct answer *ret);
/* As ask() with GET, without a word. False: nobody answers, or with anything but a 2xx. */
bool ask_quietly(const struct ctl *ctl, const char *path, struct answer *ret);
/* Does somebody take a TCP connection there? */
bool can_connect(const char *host, int port);
void answer_done(struct answer *answer);
/* Print the agent's own words, for --json. */
void answer_print(const struct answer *answer);

/* Append ?name=value or &name=value for each option that was given, percent-encoded. */
void path_put_options(struct buf *path, const struct ctl *ctl, uint64_t takes);
/* Append one segment or value, percent-encoded. */
void path_put(struct buf *path, const char *text);

/* --- showing (show.c) ---------------------------------------------------------------------------- */

enum color { COLOR_NONE, COLOR_GOOD, COLOR_WARN, COLOR_BAD, COLOR_DIM, COLOR_HEAD };

/* A text in a color, when there is any; printed at once. */
void print_colored(const struct ctl *ctl, enum color color, const char *text);
/* The color of a state's word: "up", "held", "exception", … */
enum color color_of_state(const char *state);

/* The cell for a destination's state, with the time until which it is throttled. */
void put_state(struct table *table, const cJSON *destination);

/* The clock is the site's: set TZ from the status' `timezone`. Failures leave it as it is. */
void use_site_zone(const struct ctl *ctl);
/* The same, from a status that is there already. */
void use_zone_of(const cJSON *status);

int64_t now_ms(void);

/* Members of an answer; "" and 0 when absent. */
const char *text_of(const cJSON *object, const char *name);
int64_t number_of(const cJSON *object, const char *name);

typedef void (*print_fn)(const struct ctl *ctl, const cJSON *what);
/* The whole of a command that lists `/v1/{what}`, with the options that `takes` names. */
int run_list(struct ctl *ctl, const char *what, uint64_t takes, print_fn print_items);
/* What came, as it came, where a row has its `raw`: a stranger's, so it can't steer the terminal. */
void print_received(const cJSON *row);
/* The whole of a command that shows `/v1/{what}/{its argument}`. */
int run_show(struct ctl *ctl, const char *what, uint64_t takes, print_fn print_one);

/* --- files (input.c) -------------------------------------------------------------------------------- */

/* A file of at most `max` bytes, "-" stdin. CTL_DONE, or CTL_USAGE after a line on stderr. */
int read_input(const char *name, size_t max, struct buf *out);

/* --- connectors on this machine (connectors.c): the agent isn't asked ----------------------------- */

#define CTL_CONFIG "/etc/dray/dray.json" /* where --config names no other */
#define CTL_CONNECTOR_DIRS 3

struct mapper_run;

/* Where connectors lie: beside the configuration, where they are installed, in a build tree. */
struct connector_dirs {
	char texts[CTL_CONNECTOR_DIRS][4096];
	const char *list[CTL_CONNECTOR_DIRS + 1];
};
void find_connector_dirs(const struct ctl *ctl, struct connector_dirs *ret);

/* By its name, or a folder by a path with a '/'. Else a line on stderr and CTL_NO. */
int open_connector(const struct ctl *ctl, const char *which, struct connector_folder *ret);
int open_adapter(const struct ctl *ctl, const char *which, struct connector_folder *ret);
/* The same of both, at least one of which is there; the other's `path` is NULL. */
struct sides {
	struct connector_folder out; /* a connector: what goes out */
	struct connector_folder in;  /* an adapter: what comes in */
};
int open_sides(const struct ctl *ctl, const char *which, struct sides *ret);
void sides_done(struct sides *sides);
/* The configuration that --config names, or the one of this machine; config_free(). CTL_DONE, or CTL_NO
 * after a line on stderr. */
struct config;
int load_config(const struct ctl *ctl, struct config **ret);
/* Put what --var says over `vars`. CTL_DONE, or CTL_USAGE after a line on stderr. */
int put_vars(const struct ctl *ctl, cJSON *vars);
/* Something that runs programs. NULL after a line on stderr. */
struct mapper_run *start_mapper(const char *zone);

/* --- commands (cmd_*.c) ---------------------------------------------------------------------------- */

extern const struct command cmd_status;
extern const struct command cmd_queue;
extern const struct command cmd_events_list;
extern const struct command cmd_events_show;
extern const struct command cmd_events_send;
extern const struct command cmd_destinations_list;
extern const struct command cmd_destinations_pause;
extern const struct command cmd_destinations_resume;
extern const struct command cmd_exceptions_list;
extern const struct command cmd_exceptions_show;
extern const struct command cmd_exceptions_retry;
extern const struct command cmd_exceptions_discard;
extern const struct command cmd_replay;
extern const struct command cmd_ledger;
extern const struct command cmd_backup;
extern const struct command cmd_config_check;
extern const struct command cmd_config_show;
extern const struct command cmd_config_diff;
extern const struct command cmd_config_apply;
extern const struct command cmd_config_rollback;
extern const struct command cmd_config_history;
extern const struct command cmd_config_sign;
extern const struct command cmd_reference_list;
extern const struct command cmd_reference_show;
extern const struct command cmd_reference_import;
extern const struct command cmd_reference_export;
extern const struct command cmd_reference_remove;
extern const struct command cmd_connector_list;
extern const struct command cmd_connector_test;
extern const struct command cmd_connector_try;
extern const struct command cmd_device_setup;
extern const struct command cmd_device_add;
extern const struct command cmd_device_remove;
extern const struct command cmd_device_list;
extern const struct command cmd_doctor;

#endif
