#include "help_credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static int64_t read_wall_ms(void *ctx)
{
	return ((struct box *)ctx)->now_ms + WALL_AHEAD_MS;
}

static int64_t read_mono_us(void *ctx)
{
	return ((struct box *)ctx)->now_ms * 1000;
}

static int start(
	void *opened, const struct courier_request *request, courier_done_fn done, void *done_ctx)
{
	struct box *box = opened;
	size_t at = 0;

	if (box->refuses_to_start)
		return -1;
	assert_false(box->is_out);
	assert_true(request->len < sizeof(box->body));
	(void)snprintf(box->method, sizeof(box->method), "%s", request->method);
	(void)snprintf(box->url, sizeof(box->url), "%s", request->url);
	(void)snprintf(box->body, sizeof(box->body), "%.*s", (int)request->len,
		request->body ? request->body : "");
	box->headers[0] = '\0';
	for (const char *const *header = request->headers; *header; header++)
		at += (size_t)snprintf(
			box->headers + at, sizeof(box->headers) - at, "%s|", *header);
	box->forgets_cookies = request->forgets_cookies;
	box->done = done;
	box->ctx = done_ctx;
	box->is_out = true;
	box->n_sent++;
	return 0;
}

static void forget(void *opened, void *done_ctx)
{
	struct box *box = opened;

	assert_true(box->is_out);
	assert_ptr_equal(done_ctx, box->ctx);
	box->is_out = false;
	box->n_forgotten++;
}

static void on_change(void *ctx)
{
	((struct box *)ctx)->n_changes++;
}

void box_write(struct box *box, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", box->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

void box_open(struct box *box)
{
	memset(box, 0, sizeof(*box));
	(void)snprintf(box->dir, sizeof(box->dir), "/tmp/dray-credential-XXXXXX");
	assert_non_null(mkdtemp(box->dir));
	box->now_ms = 1000000;
	box->clock = (struct clock){ .wall_ms = read_wall_ms, .mono_us = read_mono_us, .ctx = box };
	box->secrets = (struct secret_dirs){ .beside = box->dir };
	box->courier = (struct courier){ .start = start, .forget = forget };
	box->destination = (struct config_destination){
		.name = (char *)"erp",
		.url = (char *)"http://erp",
		.retry_base_ms = 1000,
		.breaker_probe_ms = 30000,
	};
	box_write(box, "secret", "s3cr3t!\n");
}

void box_close(struct box *box)
{
	char command[128];

	credential_free(box->credential);
	(void)snprintf(command, sizeof(command), "rm -rf %s", box->dir);
	assert_int_equal(system(command), 0);
}

static struct credential_options options_of(struct box *box)
{
	return (struct credential_options){
		.destination = &box->destination,
		.site = "dc-1",
		.secrets = &box->secrets,
		.clock = &box->clock,
		.courier = &box->courier,
		.opened = box,
		.connector = &box->connector,
		.program = box->program,
		.on_change = on_change,
		.ctx = box,
	};
}

void box_make(struct box *box)
{
	const struct credential_options options = options_of(box);
	struct error err = { 0 };

	box->credential = credential_new(&options, &err);
	if (!box->credential)
		fail_msg("%s: %s", err.path, err.message);
}

void box_fetch(struct box *box)
{
	unsigned n = box->n_changes;

	credential_fetch(box->credential);
	assert_int_equal(box->n_changes, n);
}

void box_answer(struct box *box, int status, const char *const *headers, const char *body)
{
	struct connector_header list[16];
	size_t n = 0;

	for (; headers && *headers; headers += 2)
		list[n++] = (struct connector_header){ headers[0], headers[1] };
	assert_true(box->is_out);
	box->is_out = false;
	box->done(box->ctx, &(struct courier_answer){ .transport = TRANSPORT_ANSWERED,
				    .status = status,
				    .headers = list,
				    .n_headers = n,
				    .body = body,
				    .len = strlen(body),
				    .error = "" });
}

void box_fail(struct box *box, enum outcome_transport transport)
{
	assert_true(box->is_out);
	box->is_out = false;
	box->done(box->ctx,
		&(struct courier_answer){
			.transport = transport, .body = "", .error = "the line is dead" });
}

const char *box_sign(struct box *box)
{
	static char text[4096];
	static const struct credential_request request = {
		.method = "POST", .url = "http://erp/x?a=1", .body = "{}", .len = 2
	};
	struct buf out = BUF_INIT;
	int n = credential_sign(box->credential, &request, &out), seen = 0;
	size_t to = 0;

	assert_true(n >= 0 && n <= CREDENTIAL_HEADERS_MAX);
	text[0] = '\0';
	for (size_t at = 0; at < out.len; at += strlen(out.data + at) + 1, seen++)
		to += (size_t)snprintf(text + to, sizeof(text) - to, "%s|", out.data + at);
	assert_int_equal(seen, n);
	buf_done(&out);
	return text;
}

const char *box_reason(const struct box *box)
{
	return credential_failure(box->credential).reason;
}
