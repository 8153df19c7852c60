/*
 * fuzz_credential.c - any bytes as what a token endpoint and a CSRF path answer: what requests are
 * signed with is plain, what failed is told in words of one line, and no secret of ours in them.
 *
 * Input: a status (three digits), a Retry-After value, a NUL, a CSRF token, a NUL, a body.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "courier/courier.h"
#include "credential/credential.h"
#include "dray/utf8.h"
#include "help_fuzz.h"
#include "secret.h"

#define SECRET "s3cr3t!"

static struct {
	char dir[64];
	struct secret_dirs dirs;
	struct courier courier;
	struct config_destination destination;
	courier_done_fn done;
	void *ctx;
} box;

static int start(
	void *opened, const struct courier_request *request, courier_done_fn done, void *done_ctx)
{
	(void)opened;
	(void)request;
	box.done = done;
	box.ctx = done_ctx;
	return 0;
}

static void forget(void *opened, void *done_ctx)
{
	(void)opened;
	check(done_ctx == box.ctx);
	box.done = NULL;
}

static void open_box(void)
{
	char path[80];
	FILE *file;

	(void)snprintf(box.dir, sizeof(box.dir), "/tmp/fuzz-credential-XXXXXX");
	check(mkdtemp(box.dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/secret", box.dir);
	file = fopen(path, "w");
	check(file && fputs(SECRET, file) >= 0 && fclose(file) == 0);
	box.dirs.beside = box.dir;
	box.courier = (struct courier){ .start = start, .forget = forget };
	box.destination = (struct config_destination){
		.name = (char *)"erp",
		.url = (char *)"http://erp",
		.retry_base_ms = 1000,
		.breaker_probe_ms = 30000,
		.auth = { .type = CONFIG_AUTH_OAUTH2,
			.token_url = (char *)"http://login",
			.client_id = (char *)"dray",
			.client_secret = { (char *)"secret" },
			.expiry_skew_ms = 30000,
			.csrf = { (char *)"/csrf", (char *)"X-CSRF-Token" } },
	};
}

static void check_signed(const struct credential *credential)
{
	static const struct credential_request request = { .method = "POST", .url = "http://erp/" };
	struct buf out = BUF_INIT;
	int n = credential_sign(credential, &request, &out);

	check(n >= 0 && n <= CREDENTIAL_HEADERS_MAX);
	for (size_t i = 0; i < out.len; i++)
		check(out.data[i] == '\0' || (out.data[i] >= ' ' && out.data[i] <= '~'));
	buf_done(&out);
}

static void check_failure(const struct credential *credential)
{
	struct credential_failure failure = credential_failure(credential);

	check_words(failure.reason, strlen(failure.reason));
	check(!strstr(failure.reason, SECRET));
	check(strlen(failure.reason) < CREDENTIAL_REASON_MAX);
	check(failure.asked_ms >= 0 && failure.asked_ms <= INT64_C(86400000));
}

static void answer(int status, const struct connector_header *headers, const char *body, size_t len)
{
	courier_done_fn done = box.done;

	box.done = NULL;
	done(box.ctx, &(struct courier_answer){ .transport = TRANSPORT_ANSWERED,
			      .status = status,
			      .headers = headers,
			      .n_headers = 2,
			      .body = body,
			      .len = len,
			      .error = "" });
}

static void fuzz(
	int status, const char *retry_after, const char *token, const char *body, size_t len)
{
	const struct connector_header headers[] = { { "retry-after", retry_after },
		{ "x-csrf-token", token } };
	const struct credential_options options = { .destination = &box.destination,
		.site = "dc-1",
		.secrets = &box.dirs,
		.clock = fuzz_clock(),
		.courier = &box.courier };
	struct credential *credential = credential_new(&options, NULL);

	check(credential != NULL);
	credential_fetch(credential);
	for (int stage = 0; stage < 2 && box.done; stage++)
		answer(status, headers, body, len);
	check(!box.done);
	/* Nothing is as good as held without an answer that said so. */
	check(credential_state(credential) == CREDENTIAL_FAILED ||
		(credential_state(credential) == CREDENTIAL_HELD && status / 100 == 2));
	check_signed(credential);
	check_failure(credential);
	(void)credential_is_csrf_refusal(credential, status, headers, 2);
	credential_free(credential);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *first = size > 3 ? memchr(text + 3, '\0', size - 3) : NULL;
	const char *second =
		first ? memchr(first + 1, '\0', size - (size_t)(first + 1 - text)) : NULL;

	if (!second)
		return 0;
	if (!box.dir[0])
		open_box();
	int status = (text[0] & 7) * 100 + (text[1] & 15) * 10 + (text[2] & 15);
	/* The body ends with the input: no NUL stands behind it. */
	fuzz(status, text + 3, first + 1, second + 1, size - (size_t)(second + 1 - text));
	return 0;
}
