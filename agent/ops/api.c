/*
 * api.c - what can be asked, as one table.
 */
#include "ops/room.h"

#include <stdlib.h>
#include <string.h>

static const struct ops_route routes[] = {
	{ false, "/v1/status", NULL, api_status, false },
	{ false, "/v1/queue", NULL, api_queue, false },
	{ false, "/v1/events", " id document device type since until limit cursor ",
		api_list_events, false },
	{ false, "/v1/events/{}", NULL, api_show_event, false },
	{ true, "/v1/events", " device ", api_send_events, false },
	{ false, "/v1/deliveries", " destination state limit cursor ", api_list_deliveries, false },
	{ false, "/v1/destinations", NULL, api_list_destinations, false },
	{ true, "/v1/destinations/{}/pause", NULL, api_pause_destination, false },
	{ true, "/v1/destinations/{}/resume", NULL, api_resume_destination, false },
	{ false, "/v1/exceptions", " kind severity destination all limit cursor ",
		api_list_exceptions, false },
	{ false, "/v1/exceptions/{}", NULL, api_show_exception, false },
	{ true, "/v1/exceptions/{}/retry", NULL, api_retry_exception, false },
	{ true, "/v1/exceptions/{}/discard", NULL, api_discard_exception, false },
	{ true, "/v1/exceptions/retry", NULL, api_retry_exceptions, false },
	{ true, "/v1/exceptions/discard", NULL, api_discard_exceptions, false },
	{ false, "/v1/ledger", NULL, api_ledger, false },
	{ false, "/metrics", NULL, api_metrics, true },
	{ false, "/healthz", NULL, api_healthz, true },
	{ false, "/readyz", NULL, api_readyz, true },
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

static bool matches_path(const char *pattern, const char *path, char out[OPS_PARAMETER_MAX])
{
	const char *hole = strstr(pattern, "{}");
	size_t before, segment;

	if (!hole)
		return strcmp(pattern, path) == 0;
	before = (size_t)(hole - pattern);
	if (strncmp(pattern, path, before) != 0)
		return false;
	segment = strcspn(path + before, "/");
	if (strcmp(hole + 2, path + before + segment) != 0)
		return false;
	return decode_segment(path + before, segment, out);
}

int api_find(struct call *call, const char *path, enum evhttp_cmd_type method, bool is_control,
	const char **ret_allow)
{
	bool is_read = method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD;
	int status = 404;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct ops_route *route = &routes[i];

		if (!is_control && !route->is_open)
			continue;
		if (!matches_path(route->path, path, call->parameter))
			continue;
		if (route->is_change ? method == EVHTTP_REQ_POST : is_read) {
			call->route = route;
			return 0;
		}
		/* A path that both methods know is never refused for its method. */
		*ret_allow = route->is_change ? "POST" : "GET, HEAD";
		status = 405;
	}
	return status;
}
