#include "credential/credential.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "credential/credential_internal.h"
#include "dray/encode.h"
#include "dray/retry.h"
#include "log.h"
#include "mapper/mapper.h"
#include "secret.h"

#define DAY_MS INT64_C(86400000)
#define LINES_MAX 32
#define SIGNATURE_BYTES 1024
#define STARS 3        /* in place of a secret */
#define REDACTED_MIN 4 /* what is shorter stands in any text */

/* --- parts ----------------------------------------------------------------------------------------- */

void credential_parts_done(struct credential_parts *parts)
{
	for (size_t i = 0; i < parts->n; i++)
		secret_free(parts->headers[i]);
	secret_free(parts->secret);
	*parts = (struct credential_parts){ .n = 0 };
}

int credential_put_header(struct credential_parts *parts, char *line)
{
	if (!line || parts->n == CREDENTIAL_HEADERS_MAX) {
		secret_free(line);
		return -1;
	}
	parts->headers[parts->n++] = line;
	return 0;
}

char *credential_line(const char *name, const char *scheme, const char *value)
{
	size_t size = strlen(name) + 2 + strlen(scheme) + strlen(value) + 1;
	char *line = malloc(size);

	if (line)
		(void)text_join(line, size, name, ": ", scheme, value);
	return line;
}

bool credential_is_plain(const char *text, bool has_spaces, size_t max)
{
	size_t len = 0;

	for (; len <= max && text[len]; len++) {
		unsigned char c = (unsigned char)text[len];

		if (c < (has_spaces ? ' ' : '!') || c > '~')
			return false;
	}
	return len > 0 && len <= max;
}

/* --- words without secrets ------------------------------------------------------------------------- */

static void redact(char *text, const char *secret)
{
	size_t len = secret ? strlen(secret) : 0;

	if (len < REDACTED_MIN)
		return;
	while ((text = strstr(text, secret))) {
		memset(text, '*', STARS);
		text += STARS;
		memmove(text, text + len - STARS, strlen(text + len - STARS) + 1);
	}
}

/* The value of "Name: value", and of "Name: scheme value" what is behind the scheme. */
static void redact_line(char *text, const char *line)
{
	const char *value = strstr(line, ": ");
	const char *last = strrchr(line, ' ');

	if (value)
		redact(text, value + 2);
	if (last)
		redact(text, last + 1);
}

static void redact_parts(char *text, const struct credential_parts *parts)
{
	for (size_t i = 0; i < parts->n; i++)
		redact_line(text, parts->headers[i]);
	redact(text, parts->secret);
}

/* As it stands in a form. */
static void redact_encoded(char *text, const char *secret)
{
	struct buf encoded = BUF_INIT;

	if (secret && buf_reserve(&encoded, 3 * strlen(secret))) {
		encode_percent(secret, &encoded);
		redact(text, encoded.data);
	}
	buf_wipe(&encoded);
	buf_done(&encoded);
}

void credential_redact(const struct credential *credential, char *text)
{
	const struct buf *sent = &credential->fetch.headers;

	redact_parts(text, &credential->own);
	redact_parts(text, &credential->held);
	redact_parts(text, &credential->fetch.made);
	redact_encoded(text, credential->own.secret);
	for (size_t at = 0; at < sent->len; at += strlen(sent->data + at) + 1)
		if (strncasecmp(sent->data + at, "authorization:", 14) == 0)
			redact_line(text, sent->data + at);
}

/* Between two characters of UTF-8. */
static void cut(const char *text, char *out, size_t size)
{
	size_t len = strlen(text);

	if (len >= size)
		for (len = size - 1; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
			len--;
	memcpy(out, text, len);
	out[len] = '\0';
}

void credential_read_refusal(
	const struct credential *credential, const char *body, size_t len, char *out, size_t size)
{
	char words[CREDENTIAL_WORDS_MAX];

	connector_read_refusal(body, len, words, sizeof(words));
	credential_redact(credential, words);
	cut(words, out, size);
}

/* --- a fetch --------------------------------------------------------------------------------------- */

static int64_t now_mono_ms(const struct credential *credential)
{
	return clock_mono_ms(credential->options.clock);
}

/* The stage behind this one. STAGE_NONE before the first, and behind the last. */
static enum credential_stage next_stage(const struct config_auth *auth, enum credential_stage stage)
{
	if (stage == STAGE_NONE && auth->type == CONFIG_AUTH_OAUTH2)
		return STAGE_TOKEN;
	if (stage == STAGE_NONE && auth->type == CONFIG_AUTH_SESSION)
		return STAGE_LOGIN;
	if (stage != STAGE_CSRF && auth->csrf.path)
		return STAGE_CSRF;
	return STAGE_NONE;
}

static bool is_fetched(const struct credential *credential)
{
	return credential->options.courier &&
	       credential->options.destination->kind == CONFIG_KIND_HTTP &&
	       next_stage(credential->auth, STAGE_NONE) != STAGE_NONE;
}

static void wipe_request(struct credential_fetch *fetch)
{
	buf_wipe(&fetch->headers);
	buf_wipe(&fetch->body);
}

static void end_fetch(struct credential *credential)
{
	struct credential_fetch *fetch = &credential->fetch;

	wipe_request(fetch);
	credential_parts_done(&fetch->made);
	free(fetch->carry);
	fetch->carry = NULL;
	fetch->n_requests = 0;
	fetch->stage = STAGE_NONE;
	if (!credential->is_beginning && credential->options.on_change)
		credential->options.on_change(credential->options.ctx);
}

/* A credential that lives shortly is not asked anew all the time: half its life it is left alone. */
static void set_times(struct credential *credential)
{
	const struct credential_fetch *fetch = &credential->fetch;
	int64_t skew_ms = credential->auth->expiry_skew_ms;

	credential->refresh_mono_ms = INT64_MAX;
	credential->expires_mono_ms = INT64_MAX;
	if (fetch->lifetime_ms <= 0)
		return;
	if (skew_ms > fetch->lifetime_ms / 2)
		skew_ms = fetch->lifetime_ms / 2;
	credential->expires_mono_ms = fetch->begun_mono_ms + fetch->lifetime_ms;
	credential->refresh_mono_ms = credential->expires_mono_ms - skew_ms;
}

static void take_into_use(struct credential *credential)
{
	credential_parts_done(&credential->held);
	credential->held = credential->fetch.made;
	credential->fetch.made = (struct credential_parts){ .n = 0 };
	set_times(credential);
	credential->is_held = true;
	credential->is_failed = false;
	credential->failures_in_row = 0;
	credential->generation++;
	end_fetch(credential);
}

void credential_go_on(struct credential *credential)
{
	struct credential_fetch *fetch = &credential->fetch;

	wipe_request(fetch);
	fetch->stage = next_stage(credential->auth, fetch->stage);
	switch (fetch->stage) {
	case STAGE_TOKEN:
		oauth2_begin(credential);
		break;
	case STAGE_LOGIN:
		session_begin(credential);
		break;
	case STAGE_CSRF:
		csrf_begin(credential);
		break;
	case STAGE_NONE:
		take_into_use(credential);
		break;
	}
}

static void note_failure(struct credential *credential, bool is_refused)
{
	const struct config_destination *is = credential->options.destination;
	int64_t wait_ms = is->breaker_probe_ms;

	if (credential->failures_in_row < UINT32_MAX)
		credential->failures_in_row++;
	if (!is_refused)
		wait_ms = retry_ceiling(
			is->retry_base_ms, is->breaker_probe_ms, credential->failures_in_row);
	if (wait_ms < credential->failure.asked_ms)
		wait_ms = credential->failure.asked_ms;
	credential->is_failed = true;
	credential->retry_mono_ms = now_mono_ms(credential) + wait_ms;
	credential->failure.nth++;
	credential->failure.is_refused = is_refused;
	credential->failure.reason = credential->reason;
}

void credential_fail(struct credential *credential, bool is_refused, const char *format, ...)
{
	char words[2 * CREDENTIAL_WORDS_MAX];
	va_list args;

	va_start(args, format);
	if (vsnprintf(words, sizeof(words), format, args) < 0)
		words[0] = '\0';
	va_end(args);
	credential_redact(credential, words);
	cut(words, credential->reason, sizeof(credential->reason));
	note_failure(credential, is_refused);
	end_fetch(credential);
}

static void note_asked_wait(struct credential *credential, const struct courier_answer *answer)
{
	int64_t asked_ms = outcome_retry_after_ms(courier_find_header(answer, "retry-after"),
		clock_wall_ms(credential->options.clock));

	credential->failure.asked_ms = asked_ms < 0 ? 0 : asked_ms < DAY_MS ? asked_ms : DAY_MS;
}

static void on_answer(void *ctx, const struct courier_answer *answer)
{
	struct credential *credential = ctx;

	credential->fetch.is_sent = false;
	note_asked_wait(credential, answer);
	switch (credential->fetch.stage) {
	case STAGE_TOKEN:
		oauth2_answer(credential, answer);
		break;
	case STAGE_LOGIN:
		session_answer(credential, answer);
		break;
	case STAGE_CSRF:
		csrf_answer(credential, answer);
		break;
	case STAGE_NONE:
		break;
	}
}

void credential_send(struct credential *credential, const char *method, const char *url)
{
	const struct credential_options *options = &credential->options;
	struct credential_fetch *fetch = &credential->fetch;
	const struct buf *headers = &fetch->headers;
	const char *list[LINES_MAX + 1];
	size_t n = 0;

	for (size_t at = 0; at < headers->len && n < LINES_MAX;
		at += strlen(headers->data + at) + 1)
		list[n++] = headers->data + at;
	list[n] = NULL;
	const struct courier_request request = {
		.destination = options->destination->name,
		.method = method,
		.url = url,
		.headers = list,
		.body = fetch->body.data,
		.len = fetch->body.len,
		.forgets_cookies = fetch->n_requests == 0,
	};
	if (buf_failed(headers) || buf_failed(&fetch->body) ||
		options->courier->start(options->opened, &request, on_answer, credential) != 0) {
		credential_fail(credential, false,
			"a request for credentials could not be started, memory may be short");
		return;
	}
	fetch->n_requests++;
	fetch->is_sent = true;
}

static bool may_pass(int status)
{
	return status == 408 || status == 425 || status == 429 || status >= 500 || status < 200;
}

bool credential_is_answered(struct credential *credential, const struct courier_answer *answer,
	const char *who, const char *words)
{
	int status = answer->status;

	if (answer->transport != TRANSPORT_ANSWERED)
		credential_fail(credential, false, "%s cannot be reached: %s", who, answer->error);
	else if (status < 200 || status >= 300)
		credential_fail(credential, !may_pass(status), "%s answered %d%s%s", who, status,
			words[0] ? ": " : "", words);
	else
		return true;
	return false;
}

/* --- states ---------------------------------------------------------------------------------------- */

static bool is_usable(const struct credential *credential)
{
	if (!is_fetched(credential))
		return !credential->is_unread;
	return credential->is_held && now_mono_ms(credential) < credential->expires_mono_ms;
}

static bool is_waiting(const struct credential *credential)
{
	return credential->is_failed && now_mono_ms(credential) < credential->retry_mono_ms;
}

enum credential_state credential_state(const struct credential *credential)
{
	if (is_usable(credential))
		return CREDENTIAL_HELD;
	if (credential->fetch.stage != STAGE_NONE)
		return CREDENTIAL_FETCHING;
	return is_waiting(credential) ? CREDENTIAL_FAILED : CREDENTIAL_NEEDED;
}

static bool is_due(const struct credential *credential)
{
	return (is_fetched(credential) || credential->is_unread) &&
	       credential->fetch.stage == STAGE_NONE && !is_waiting(credential) &&
	       (!is_usable(credential) || now_mono_ms(credential) >= credential->refresh_mono_ms);
}

void credential_fetch(struct credential *credential)
{
	struct credential_fetch *fetch = &credential->fetch;
	char text[sizeof(struct error)];
	struct error err = { 0 };

	if (!is_due(credential))
		return;
	credential->is_beginning = true;
	credential->failure.asked_ms = 0;
	fetch->begun_mono_ms = now_mono_ms(credential);
	fetch->lifetime_ms = 0;
	if (static_read(credential->auth, credential->options.secrets, &credential->own, &err) !=
		0) {
		credential_fail(credential, true, "%s", error_text(&err, text, sizeof(text)));
	} else {
		credential->is_unread = false;
		credential_go_on(credential);
	}
	credential->is_beginning = false;
}

struct credential_failure credential_failure(const struct credential *credential)
{
	return credential->failure;
}

unsigned credential_generation(const struct credential *credential)
{
	return credential->generation;
}

bool credential_is_fresh(const struct credential *credential)
{
	/* While it is fetched anew, what is sent is signed with the old one. */
	return credential->was_refused && (credential->is_held || !is_fetched(credential));
}

/* Static ones. What can't be read leaves the old one in use. */
static void read_anew(struct credential *credential)
{
	const struct credential_options *options = &credential->options;
	char text[sizeof(struct error)];
	struct error err = { 0 };

	if (static_read(credential->auth, options->secrets, &credential->own, &err) != 0)
		LOG_ERROR("credentials cannot be read, the old ones are used",
			LOG_S("destination", options->destination->name),
			LOG_S("error", error_text(&err, text, sizeof(text))));
	credential->was_refused = true;
	credential->generation++;
}

void credential_accepted(struct credential *credential, unsigned generation)
{
	if (generation == credential->generation)
		credential->was_refused = false;
}

/* Single-flight: the first of several refusals moves it, the others find it done. */
void credential_refused(struct credential *credential, unsigned generation)
{
	if (generation != credential->generation)
		return;
	if (!is_fetched(credential)) {
		read_anew(credential);
		return;
	}
	credential->was_refused = true;
	credential->is_held = false;
}

void credential_reread(struct credential *credential)
{
	credential->is_failed = false;
	if (!is_fetched(credential) && !credential->is_unread)
		read_anew(credential);
}

bool credential_is_csrf_refusal(const struct credential *credential, int status,
	const struct connector_header *headers, size_t n_headers)
{
	const char *name = credential->auth->csrf.header;

	if (status != 403 || !credential->auth->csrf.path)
		return false;
	for (size_t i = 0; i < n_headers; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return strcasecmp(headers[i].value, "required") == 0;
	return false;
}

/* --- signing --------------------------------------------------------------------------------------- */

static size_t length_of(const struct credential_parts *parts)
{
	size_t len = 0;

	for (size_t i = 0; i < parts->n; i++)
		len += strlen(parts->headers[i]) + 1;
	return len;
}

static void put_parts(const struct credential_parts *parts, struct buf *out)
{
	for (size_t i = 0; i < parts->n; i++)
		buf_put(out, parts->headers[i], strlen(parts->headers[i]) + 1);
}

int credential_put(const struct credential *credential, const struct credential_parts *fetched,
	const struct credential_request *request, struct buf *out)
{
	const struct credential_parts *own = &credential->own;
	int n = (int)(own->n + fetched->n), n_signature = 0;

	if (credential->options.destination->kind != CONFIG_KIND_HTTP)
		return 0;
	if (!buf_reserve(out, length_of(own) + length_of(fetched) + SIGNATURE_BYTES))
		return -1;
	put_parts(own, out);
	put_parts(fetched, out);
	if (credential->auth->type == CONFIG_AUTH_HMAC)
		n_signature = hmac_sign(credential, request, out);
	return n_signature < 0 || buf_failed(out) ? -1 : n + n_signature;
}

int credential_sign(const struct credential *credential, const struct credential_request *request,
	struct buf *out)
{
	return credential_put(credential, &credential->held, request, out);
}

/* --- life ------------------------------------------------------------------------------------------ */

struct credential *credential_new(const struct credential_options *options, struct error *err)
{
	struct credential *credential = calloc(1, sizeof(*credential));

	if (!credential) {
		error_fill(err, "auth", "out of memory");
		return NULL;
	}
	credential->options = *options;
	credential->auth = &options->destination->auth;
	credential->generation = options->generation + 1;
	credential->failure.reason = credential->reason;
	if (options->program)
		credential->options.program = mapper_program_ref(options->program);
	credential->is_unread =
		static_read(credential->auth, options->secrets, &credential->own, err) != 0;
	if (!credential->is_unread || options->courier)
		return credential;
	credential_free(credential);
	return NULL;
}

void credential_free(struct credential *credential)
{
	struct credential_fetch *fetch;

	if (!credential)
		return;
	fetch = &credential->fetch;
	if (fetch->is_sent)
		credential->options.courier->forget(credential->options.opened, credential);
	if (fetch->call)
		mapper_call_cancel(fetch->call);
	credential->options.on_change = NULL;
	end_fetch(credential);
	buf_done(&fetch->headers);
	buf_done(&fetch->body);
	credential_parts_done(&credential->own);
	credential_parts_done(&credential->held);
	mapper_program_unref(credential->options.program);
	free(credential);
}
