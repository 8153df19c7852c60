/*
 * admit.c - a request has come in: is it whole, what does it ask for, who asks, and may they.
 */
#include "ops/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#define TOKEN_PREFIX "token:"

/* --- who asks --------------------------------------------------------------------------------- */

/* Who can open the socket is an operator; root, and whom drayd runs as, are admins. False: answered. */
static bool admit_peer(struct call *call)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(call->request);
	struct bufferevent *channel = evhttp_connection_get_bufferevent(connection);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);

	if (getsockopt(bufferevent_getfd(channel), SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		(void)snprintf(call->who, sizeof(call->who), "unknown");
	else
		(void)snprintf(call->who, sizeof(call->who), "uid:%u", (unsigned)peer.uid);
	if (call->route->right != TOKEN_ALL || peer.uid == 0 || peer.uid == geteuid())
		return true;
	call_problem(call, 403, "%s may not do this: become root, or the user that drayd runs as",
		call->who);
	return false;
}

static bool is_open(const struct call *call)
{
	enum token_right right = call->route->right;

	return right == TOKEN_NONE ||
	       (right == TOKEN_WATCH && config_is_loopback(call->ops->config->listen.address));
}

static void ask_for_token(struct call *call, const char *presented)
{
	call_put_header(call, "WWW-Authenticate",
		presented ? "Bearer realm=\"dray\", error=\"invalid_token\""
			  : "Bearer realm=\"dray\"");
	if (tokens_count(call->ops->tokens) == 0)
		call_problem(
			call, 401, "this needs a token, and none is configured: see listen.tokens");
	else
		call_problem(call, 401,
			presented ? "nobody has this token"
				  : "this needs a token: Authorization: Bearer TOKEN");
}

/* False: the call is answered. */
static bool admit_bearer(struct call *call)
{
	const char *header = call_header(call, "Authorization");
	struct token_holder holder;

	if (is_open(call))
		return true;
	if (!tokens_find(call->ops->tokens, header, &holder)) {
		ask_for_token(call, header);
		return false;
	}
	(void)snprintf(call->who, sizeof(call->who), TOKEN_PREFIX "%s", holder.name);
	call->token = call->who + sizeof(TOKEN_PREFIX) - 1;
	if (!token_may(holder.role, call->route->right)) {
		call_problem(call, 403, "%s may not do this", call->who);
		return false;
	}
	if (holder.device)
		(void)snprintf(call->device, sizeof(call->device), "%s", holder.device);
	return true;
}

static bool admit(struct call *call, const struct ops_door *door)
{
	return door->is_control ? admit_peer(call) : admit_bearer(call);
}

/* --- what is asked for ------------------------------------------------------------------------ */

/* evhttp keeps a blank in front of the colon as part of the name, and so would not find it. */
static bool has_sound_name(const struct evkeyval *header)
{
	return header->key[strcspn(header->key, " \t\r\v\f")] == '\0';
}

/* How the length of the body is said; NULL: in one way, as RFC 9112 has it. */
static const char *find_framing_flaw(const struct call *call)
{
	const struct evkeyval *header;
	unsigned n_lengths = 0, n_codings = 0;

	TAILQ_FOREACH (header, evhttp_request_get_input_headers(call->request), next) {
		const char *value = header->value;

		if (!has_sound_name(header))
			return "a header's name must not have a blank in it or behind it";
		if (strcasecmp(header->key, "Content-Length") == 0) {
			n_lengths++;
			if (!*value || value[strspn(value, "0123456789")])
				return "Content-Length: must be a whole number";
		} else if (strcasecmp(header->key, "Transfer-Encoding") == 0) {
			n_codings++;
			if (strcasecmp(value, "chunked") != 0)
				return "Transfer-Encoding: must be chunked, and without Content-Length";
		}
	}
	if (n_lengths > 1)
		return "Content-Length: must stand there once";
	return n_codings > 1 || (n_codings == 1 && n_lengths == 1)
		       ? "Transfer-Encoding: must be chunked, and without Content-Length"
		       : NULL;
}

/* What another program on the way could read as two requests, or as none, is not read at all. */
static bool is_framed(struct call *call)
{
	const char *flaw = find_framing_flaw(call);

	if (!flaw)
		return true;
	call_put_header(call, "Connection", "close");
	call_problem(call, 400, "%s", flaw);
	return false;
}

static bool is_small_enough(struct call *call)
{
	size_t max = call->route->body_max > 0 ? call->route->body_max : OPS_BODY_MAX;
	size_t len = evbuffer_get_length(evhttp_request_get_input_buffer(call->request));

	if (len <= max)
		return true;
	call_refuse(call, 413, "too_large", "the body is larger than %zu bytes", max);
	return false;
}

static bool is_query_known(struct call *call)
{
	const struct evkeyval *pair;
	char name[34];

	if (call->route->query && !*call->route->query)
		return true;
	TAILQ_FOREACH (pair, &call->query, next) {
		int n = snprintf(name, sizeof(name), " %s ", pair->key);

		if (n > 0 && (size_t)n < sizeof(name) && !strchr(pair->key, ' ') &&
			call->route->query && strstr(call->route->query, name))
			continue;
		call_problem(call, 400, "unknown query parameter %.64s", pair->key);
		return false;
	}
	return true;
}

static bool is_route_found(struct call *call, const struct evhttp_uri *uri)
{
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *allow = NULL;
	int status =
		api_find(call, path ? path : "", evhttp_request_get_command(call->request), &allow);

	if (status == 404)
		call_problem(call, 404, "there is nothing at this path");
	if (status == 405) {
		call_put_header(call, "Allow", allow);
		call_problem(call, 405, "this path answers to %s only", allow);
	}
	return status == 0;
}

/* False: the call is answered. */
static bool read_request(struct call *call, const struct ops_door *door)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(call->request);
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;

	if (!is_framed(call) || !is_route_found(call, uri) || !admit(call, door) ||
		!is_small_enough(call))
		return false;
	if (query && query[0] && evhttp_parse_query_str(query, &call->query) != 0) {
		call_problem(call, 400, "the query cannot be read");
		return false;
	}
	return is_query_known(call);
}

void call_on_request(struct evhttp_request *request, void *arg)
{
	struct ops_door *door = arg;
	struct guest *guest = guest_of(&door->guests, evhttp_request_get_connection(request));
	struct call *call = guest ? calloc(1, sizeof(*call)) : NULL;

	if (!call) {
		evhttp_send_error(request, 503, NULL);
		return;
	}
	call->ops = door->ops;
	call->guest = guest;
	call->request = request;
	call->content_type = "application/json";
	TAILQ_INIT(&call->query);
	TAILQ_INSERT_TAIL(&door->ops->outbox, call, link);
	guest_asked(guest, call);
	if (!door->is_control)
		ops_rotate(door->ops);
	if (read_request(call, door) && call->route->is_change)
		call->route->handle(call);
}
