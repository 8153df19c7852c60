/*
 * api.c - what can be asked, as one table.
 */
#include "ops/room.h"

#include <stdlib.h>
#include <string.h>

#define READING .is_change = false
#define CHANGE .is_change = true
#define FOR(needed) .right = (needed)

static const struct ops_route routes[] = {
	{ "/v1/status", NULL, api_status, READING, FOR(TOKEN_VIEW) },
	{ "/v1/queue", NULL, api_queue, READING, FOR(TOKEN_VIEW) },
	{ "/v1/events", " id document device type since until limit cursor ", api_list_events,
		READING, FOR(TOKEN_VIEW) },
	{ "/v1/events/{}", " device ", api_show_event, READING, FOR(TOKEN_VIEW) },
	{ "/v1/events", " device ", api_send_events, CHANGE, FOR(TOKEN_SEND),
		.body_max = OPS_EVENTS_MAX },
	{ "/v1/hooks/{}", "", api_take_hook, CHANGE, FOR(TOKEN_NONE) },
	{ "/v1/deliveries", " destination state limit cursor ", api_list_deliveries, READING,
		FOR(TOKEN_VIEW) },
	{ "/v1/destinations", NULL, api_list_destinations, READING, FOR(TOKEN_VIEW) },
	{ "/v1/destinations/{}/pause", NULL, api_pause_destination, CHANGE, FOR(TOKEN_WORK) },
	{ "/v1/destinations/{}/resume", NULL, api_resume_destination, CHANGE, FOR(TOKEN_WORK) },
	{ "/v1/exceptions", " kind severity destination all limit cursor ", api_list_exceptions,
		READING, FOR(TOKEN_VIEW) },
	{ "/v1/exceptions/{}", NULL, api_show_exception, READING, FOR(TOKEN_VIEW) },
	{ "/v1/exceptions/{}/retry", NULL, api_retry_exception, CHANGE, FOR(TOKEN_WORK) },
	{ "/v1/exceptions/{}/discard", NULL, api_discard_exception, CHANGE, FOR(TOKEN_WORK) },
	{ "/v1/exceptions/retry", NULL, api_retry_exceptions, CHANGE, FOR(TOKEN_WORK) },
	{ "/v1/exceptions/discard", NULL, api_discard_exceptions, CHANGE, FOR(TOKEN_WORK) },
	{ "/v1/replay", NULL, api_replay, CHANGE, FOR(TOKEN_WORK) },
	{ "/v1/reference", " kind limit cursor ", api_list_reference, READING, FOR(TOKEN_VIEW) },
	{ "/v1/reference", " kind line dry_run ", api_import_reference, CHANGE, FOR(TOKEN_ALL) },
	{ "/v1/reference/delete", NULL, api_delete_reference, CHANGE, FOR(TOKEN_ALL) },
	{ "/v1/reference/{}/{}", NULL, api_show_reference, READING, FOR(TOKEN_VIEW) },
	{ "/v1/ledger", NULL, api_ledger, READING, FOR(TOKEN_VIEW) },
	{ "/v1/config", NULL, api_show_config, READING, FOR(TOKEN_VIEW) },
	{ "/v1/config/history", NULL, api_config_history, READING, FOR(TOKEN_VIEW) },
	{ "/v1/config/check", NULL, api_check_config, CHANGE, FOR(TOKEN_ALL) },
	{ "/v1/config/apply", NULL, api_apply_config, CHANGE, FOR(TOKEN_ALL) },
	{ "/v1/config/reload", NULL, api_reload_config, CHANGE, FOR(TOKEN_ALL) },
	{ "/v1/config/rollback", NULL, api_roll_back_config, CHANGE, FOR(TOKEN_ALL) },
	{ "/v1/backup", NULL, api_show_backup, READING, FOR(TOKEN_VIEW) },
	{ "/v1/backup", NULL, api_make_backup, CHANGE, FOR(TOKEN_ALL) },
	{ "/metrics", NULL, api_metrics, READING, FOR(TOKEN_WATCH) },
	{ "/healthz", NULL, api_healthz, READING, FOR(TOKEN_NONE) },
	{ "/readyz", NULL, api_readyz, READING, FOR(TOKEN_NONE) },
};

/* Decode one segment; false when it is empty, too long, or hides a NUL. */
static bool decode_segment(const char *from, size_t len, char out[OPS_PARAMETER_MAX])
{
	char encoded[3 * OPS_PARAMETER_MAX];
	size_t decoded_len;
	char *decoded;
	bool fits;

	if (len == 0 || len >= sizeof(encoded))
		return false;
	memcpy(encoded, from, len);
	encoded[len] = '\0';
	decoded = evhttp_uridecode(encoded, 0, &decoded_len);
	if (!decoded)
		return false;
	fits = decoded_len > 0 && decoded_len < OPS_PARAMETER_MAX && strlen(decoded) == decoded_len;
	if (fits)
		memcpy(out, decoded, decoded_len + 1);
	free(decoded);
	return fits;
}

/* At most two holes. */
static bool matches_path(const char *pattern, const char *path, struct call *call)
{
	char *holes[] = { call->parameter, call->second };

	call->parameter[0] = call->second[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		const char *hole = strstr(pattern, "{}");
		size_t before, segment;

		if (!hole)
			break;
		before = (size_t)(hole - pattern);
		if (strncmp(pattern, path, before) != 0)
			return false;
		segment = strcspn(path + before, "/");
		if (!decode_segment(path + before, segment, holes[i]))
			return false;
		pattern = hole + 2;
		path += before + segment;
	}
	return strcmp(pattern, path) == 0;
}

int api_find(
	struct call *call, const char *path, enum evhttp_cmd_type method, const char **ret_allow)
{
	bool is_read = method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD;
	bool has_reading = false;
	bool has_change = false;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct ops_route *route = &routes[i];

		if (!matches_path(route->path, path, call))
			continue;
		if (route->is_change ? method == EVHTTP_REQ_POST : is_read) {
			call->route = route;
			return 0;
		}
		has_reading = has_reading || !route->is_change;
		has_change = has_change || route->is_change;
	}
	if (!has_reading && !has_change)
		return 404;
	*ret_allow = !has_change ? "GET, HEAD" : has_reading ? "GET, HEAD, POST" : "POST";
	return 405;
}
