/*
 * map.c - a claim whose connector has a program: what it is asked, and what follows from what it says.
 * Whatever that is, it goes through the turn: a request leaves with the next release, what ends is
 * settled.
 */
#include <string.h>

#include "credential/credential.h"
#include "deliver_internal.h"
#include "turn.h"

bool map_has_request(const struct claim *claim)
{
	return claim->map == MAP_SAID && claim->said->verb == CONNECTOR_SEND;
}

bool map_has_carry(const struct claim *claim)
{
	const char *carry = claim->map == MAP_SAID ? claim->said->carry : NULL;

	return carry && (claim->carry.len == 0 || strcmp(carry, claim->carry.data) != 0);
}

void map_cancel(struct claim *claim)
{
	if (claim->call)
		mapper_call_cancel(claim->call);
	claim->call = NULL;
}

static void fail(struct claim *claim, enum map_end end, const char *why)
{
	claim->map = end;
	reason_put(
		claim->words, "connector %s %s", claim->destination->settings->is.connector, why);
	credential_redact(claim->destination->credential, claim->words);
}

/* Why a request can't be sent as it was asked for; NULL: it can. */
static const char *find_fault(const struct claim *claim)
{
	const struct connector_output *said = claim->said;
	const char *path = said->send.path;
	bool is_http = claim->destination->settings->is.kind == CONFIG_KIND_HTTP;

	if (claim->n_requests >= STEPS_MAX)
		return "asks for more than 32 requests at once: a step that waits is a retry";
	if (is_http && !connector_is_url_path(path))
		return "sends to a path that does not begin with /, or is not percent-encoded";
	if (!is_http && !path[0])
		return "sends without a path";
	return NULL;
}

static void read_output(struct claim *claim, const char *text, size_t len)
{
	struct error err = { 0 };
	const char *fault;

	if (connector_read_output(text, len, claim->op, claim->n, &claim->said, &err) != 0) {
		char why[REASON_MAX], where[sizeof(err.path) + sizeof(err.message)];

		reason_put(
			why, "gave what is no answer: %s", error_text(&err, where, sizeof(where)));
		fail(claim, MAP_FAILED, why);
		return;
	}
	claim->map = MAP_SAID;
	fault = map_has_request(claim) ? find_fault(claim) : NULL;
	if (fault)
		fail(claim, MAP_FAILED, fault);
}

static void on_mapped(void *ctx, enum mapper_outcome outcome, const char *text, size_t len)
{
	struct claim *claim = ctx;

	claim->call = NULL;
	switch (outcome) {
	case MAPPER_OUTPUT:
		read_output(claim, text, len);
		break;
	case MAPPER_NOTHING:
		claim->map = MAP_QUIET;
		if (!claim->is_read)
			fail(claim, MAP_FAILED, "gave no request");
		break;
	case MAPPER_FAILED:
	case MAPPER_OVERRAN:
		fail(claim, MAP_FAILED, text);
		break;
	case MAPPER_HELD:
		fail(claim, MAP_HELD, text);
		break;
	}
	claim_move(claim, CLAIM_ANSWERED);
}

static struct mapper_call *call(struct claim *claim, const struct connector_response *response)
{
	const struct connector_event *events = claim_list_events(claim);
	const struct connector *connector = claim->revision->connector;
	struct mapper_call *call = NULL;
	struct buf text = BUF_INIT;
	char key[ID_KEY_MAX];
	const struct connector_input input = {
		.op = claim->op,
		.events = events,
		.n_events = claim->n,
		.key = key,
		.serial = claim->members[0].serial,
		.carry = claim->carry.len > 0 ? claim->carry.data : NULL,
		.response = response,
		.site = claim->destination->settings->site,
	};

	id_shape_key(&connector->key, claim->key, key);
	if (events)
		connector_put_input(connector, &input, &text);
	if (events && !buf_failed(&text))
		call = mapper_call(claim->revision->program, text.data, text.len, on_mapped, claim);
	buf_done(&text);
	return call;
}

void map_ask(struct claim *claim, const struct connector_response *response)
{
	connector_output_free(claim->said);
	claim->said = NULL;
	claim->map = MAP_QUIET;
	claim->is_read = response != NULL;
	claim->call = call(claim, response);
	if (claim->call) {
		claim_move(claim, CLAIM_MAPPING);
		return;
	}
	fail(claim, MAP_HELD, "could not be asked, memory is short");
	claim_move(claim, CLAIM_ANSWERED);
	turn_wake(claim->deliver->options.turn);
}
