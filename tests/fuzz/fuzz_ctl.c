/*
 * fuzz_ctl.c - any text as what the agent answers to drayctl: the first byte says which command asks; and
 * as a private key in PEM.
 * Whatever it is, what a person's terminal is sent is lines of plain text. libcurl is played here.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "agent.h"
#include "ctl/ctl.h"
#include "ctl/signing_key.h"
#include "help_fuzz.h"

static struct {
	const char *text;
	size_t len;
	curl_write_callback write;
	void *ctx;
} agent;

/* --- libcurl -------------------------------------------------------------------------------------- */

#undef curl_easy_setopt
#undef curl_easy_getinfo

CURL *curl_easy_init(void)
{
	return &agent;
}

CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
	va_list args;

	(void)curl;
	va_start(args, option);
	if (option == CURLOPT_WRITEFUNCTION)
		agent.write = va_arg(args, curl_write_callback);
	else if (option == CURLOPT_WRITEDATA)
		agent.ctx = va_arg(args, void *);
	va_end(args);
	return CURLE_OK;
}

CURLcode curl_easy_perform(CURL *curl)
{
	(void)curl;
	check(agent.write((char *)agent.text, 1, agent.len, agent.ctx) == agent.len);
	return CURLE_OK;
}

CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
	va_list args;

	(void)curl;
	va_start(args, info);
	if (info == CURLINFO_RESPONSE_CODE)
		*va_arg(args, long *) = 200;
	va_end(args);
	return CURLE_OK;
}

void curl_easy_cleanup(CURL *curl)
{
	(void)curl;
}

const char *curl_easy_strerror(CURLcode code)
{
	(void)code;
	return "";
}

CURLcode curl_global_init(long flags)
{
	(void)flags;
	return CURLE_OK;
}

void curl_global_cleanup(void) {}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
	static struct curl_slist slist;

	(void)list;
	(void)text;
	return &slist;
}

void curl_slist_free_all(struct curl_slist *list)
{
	(void)list;
}

/* Of files, which are not asked for here. */
int agent_check(const char *config_path, struct error *err)
{
	(void)config_path;
	return error_set(err, NULL, "not now");
}

/* --- drayctl -------------------------------------------------------------------------------------- */

/* A body is printed with tabs. */
static void check_lines(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\t')
			text[i] = ' ';
	while (len > 0) {
		char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;

		check_words(text, line);
		text += line + (end ? 1 : 0);
		len -= line + (end ? 1 : 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct command *const commands[] = { &cmd_status, &cmd_queue, &cmd_events_list,
		&cmd_events_show, &cmd_destinations_list, &cmd_exceptions_list,
		&cmd_exceptions_show, &cmd_exceptions_retry, &cmd_ledger, &cmd_reference_list,
		&cmd_reference_show, &cmd_config_show, &cmd_config_history };
	char *args[] = { (char *)"1", (char *)"2", NULL };
	uint8_t key[JWS_KEY_BYTES];
	struct error err = { 0 };
	struct ctl ctl = { .socket = "/x", .n_args = 1, .args = args };
	FILE *out = stdout, *errors = stderr;
	char *printed = NULL;
	size_t len = 0;

	if (size == 0)
		return 0;
	agent.text = (const char *)data + 1;
	agent.len = size - 1;
	check(signing_key_parse(agent.text, agent.len, key, &err) == 0 || err.message[0]);
	stdout = open_memstream(&printed, &len);
	stderr = stdout;
	check(stdout != NULL);
	(void)commands[data[0] % (sizeof(commands) / sizeof(commands[0]))]->run(&ctl);
	check(fclose(stdout) == 0);
	stdout = out;
	stderr = errors;
	/* The agent says nothing but JSON that the scanner passes. */
	if (is_json(agent.text, agent.len))
		check_lines(printed, len);
	free(printed);
	return 0;
}
