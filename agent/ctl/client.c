/*
 * client.c - the control API by libcurl over the Unix socket.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#define TIMEOUT_S 30L
#define CONNECT_S 5L

static size_t on_bytes(char *bytes, size_t size, size_t n, void *ctx)
{
	struct buf *text = ctx;

	buf_put(text, bytes, size * n);
	return buf_failed(text) ? 0 : size * n;
}

/* Which socket, and what to do: the only two things that help. */
static int print_unreached(const struct ctl *ctl, CURLcode code)
{
	if (ctl->is_patient)
		return CTL_UNREACHED;
	if (code == CURLE_COULDNT_CONNECT)
		(void)fprintf(stderr,
			"drayctl: nobody answers at %s: is drayd running (systemctl status drayd), and "
			"are you root or in its group (--socket FILE for another)\n",
			ctl->socket);
	else
		(void)fprintf(stderr,
			"drayctl: no answer from the agent at %s: %s; look at its log (journalctl -u "
			"drayd)\n",
			ctl->socket, curl_easy_strerror(code));
	return CTL_UNREACHED;
}

static int print_problem(const struct answer *answer)
{
	const char *detail = text_of(answer->root, "detail");

	if (detail[0])
		(void)fprintf(stderr, "drayctl: %s\n", detail);
	else
		(void)fprintf(
			stderr, "drayctl: the agent answered with status %ld\n", answer->status);
	if (answer->status == 401 || answer->status == 403)
		return CTL_REFUSED;
	return answer->status == 400 ? CTL_USAGE : CTL_NO;
}

static CURLcode perform(
	const struct ctl *ctl, const char *url, const void *body, size_t len, struct answer *ret)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	CURL *curl = curl_easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;

	if (!curl || !headers)
		goto out;
	if ((code = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, ctl->socket)) ||
		(code = curl_easy_setopt(curl, CURLOPT_URL, url)) ||
		(code = curl_easy_setopt(curl, CURLOPT_PROXY, "")) ||
		(code = curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S)) ||
		(code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes)) ||
		(code = curl_easy_setopt(curl, CURLOPT_WRITEDATA, &ret->text)))
		goto out;
	if (body && ((code = curl_easy_setopt(curl, CURLOPT_POST, 1L)) ||
			    (code = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body)) ||
			    (code = curl_easy_setopt(
				     curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len)) ||
			    (code = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers))))
		goto out;
	code = curl_easy_perform(curl);
	if (!code)
		code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
out:
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	return code;
}

static CURLcode ask_agent(
	const struct ctl *ctl, const char *path, const void *body, size_t len, struct answer *ret)
{
	struct buf url = BUF_INIT;
	CURLcode code;

	*ret = (struct answer){ 0 };
	buf_printf(&url, "http://drayd%s", path);
	code = buf_failed(&url) ? CURLE_OUT_OF_MEMORY : perform(ctl, url.data, body, len, ret);
	buf_done(&url);
	if (!code && ret->text.len > 0)
		ret->root = cJSON_ParseWithLength(ret->text.data, ret->text.len);
	return code;
}

int ask(const struct ctl *ctl, const char *path, const void *body, size_t len, struct answer *ret)
{
	CURLcode code = ask_agent(ctl, path, body, len, ret);

	if (code)
		return print_unreached(ctl, code);
	if (ret->status / 100 == 2 || (ret->status == 422 && cJSON_IsArray(ret->root)))
		return CTL_DONE;
	return print_problem(ret);
}

bool ask_quietly(const struct ctl *ctl, const char *path, struct answer *ret)
{
	return ask_agent(ctl, path, NULL, 0, ret) == CURLE_OK && ret->status / 100 == 2 &&
	       ret->root;
}

bool can_connect(const char *host, int port)
{
	CURL *curl = curl_easy_init();
	struct buf url = BUF_INIT;
	bool is_there = false;

	buf_printf(&url, strchr(host, ':') ? "http://[%s]:%d" : "http://%s:%d", host, port);
	if (curl && !buf_failed(&url) &&
		curl_easy_setopt(curl, CURLOPT_URL, url.data) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, CONNECT_S) == CURLE_OK)
		is_there = curl_easy_perform(curl) == CURLE_OK;
	buf_done(&url);
	curl_easy_cleanup(curl);
	return is_there;
}

void answer_done(struct answer *answer)
{
	cJSON_Delete(answer->root);
	answer->root = NULL;
	buf_done(&answer->text);
}

void answer_print(const struct answer *answer)
{
	(void)fwrite(answer->text.data, 1, answer->text.len, stdout);
	(void)putchar('\n');
}

void path_put(struct buf *path, const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text; text++) {
		if (strchr(plain, *text))
			buf_putc(path, *text);
		else
			buf_printf(path, "%%%02X", (unsigned)(unsigned char)*text);
	}
}

void path_put_options(struct buf *path, const struct ctl *ctl, uint64_t takes)
{
	char before = '?';

	for (int option = 0; option < OPTION_N; option++) {
		if (!(takes & TAKES(option)) || !ctl->values[option])
			continue;
		buf_putc(path, before);
		buf_puts(path, option_name((enum ctl_option)option));
		buf_putc(path, '=');
		path_put(path, ctl->values[option]);
		before = '&';
	}
}
