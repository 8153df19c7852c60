#include "courier/sftp_upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "dray/buf.h"
#include "dray/ids.h"
#include "dray/utf8.h"

#define SOCKETS_MAX 4 /* one, but while addresses are tried */
#define BACKSTOP_MS 5000

struct sftp_session {
	const struct sftp_account *account;
	CURL *easy;
	CURLU *url;
	char *folder;             /* without a slash at its end; below the log-in's own: "/~/…" */
	int sockets[SOCKETS_MAX]; /* -1 none */
	char error[CURL_ERROR_SIZE];
};

/* One file on its way. */
struct upload {
	struct sftp_session *session;
	const struct sftp_file *file;
	struct buf name, part; /* paths, as a URL has them */
	int64_t until_mono_ms;
	size_t at;          /* bytes of the body that were read, or compared */
	bool is_other;      /* what is there isn't the body */
	bool has_logged_in; /* so whatever fails now may have been done */
};

bool sftp_name_is_valid(const char *name)
{
	size_t len = strlen(name), size;

	if (len == 0 || len > SFTP_NAME_MAX || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i += size) {
		size = utf8_length(name + i, len - i);
		if (size == 0 || (unsigned char)name[i] < ' ' || name[i] == '/' || name[i] == 0x7F)
			return false;
	}
	return true;
}

/* --- what libcurl calls -------------------------------------------------------------------------- */

static size_t on_read(char *out, size_t size, size_t n, void *ctx)
{
	struct upload *upload = ctx;
	size_t left = upload->file->len - upload->at;
	size_t len = size * n < left ? size * n : left;

	if (len > 0)
		memcpy(out, upload->file->body + upload->at, len);
	upload->at += len;
	return len;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *ctx)
{
	struct upload *upload = ctx;
	size_t len = size * n;

	if (len > upload->file->len - upload->at ||
		memcmp(bytes, upload->file->body + upload->at, len) != 0) {
		upload->is_other = true;
		return CURL_WRITEFUNC_ERROR;
	}
	upload->at += len;
	return len;
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct sftp_session *session = ctx;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	(void)purpose;
	for (size_t i = 0; i < SOCKETS_MAX && fd >= 0; i++) {
		if (session->sockets[i] >= 0)
			continue;
		session->sockets[i] = fd;
		return fd;
	}
	if (fd >= 0)
		(void)close(fd);
	return CURL_SOCKET_BAD;
}

static int on_close(void *ctx, curl_socket_t fd)
{
	struct sftp_session *session = ctx;

	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (session->sockets[i] == fd)
			session->sockets[i] = -1;
	return close(fd);
}

/*
 * libcurl 7.88 says good-bye to an SSH server, waits a second for the answer, and when there is none
 * forgets to free the session. To a socket that is shut down nothing is said. 0: there was none.
 */
static unsigned hang_up(struct sftp_session *session)
{
	unsigned n = 0;

	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (session->sockets[i] >= 0) {
			(void)shutdown(session->sockets[i], SHUT_RDWR);
			n++;
		}
	return n;
}

static int64_t mono_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Called each second at least. Where there is no connection yet it ends the request, else the
 * connection ends. */
static int on_progress(
	void *ctx, curl_off_t to_get, curl_off_t got, curl_off_t to_put, curl_off_t put)
{
	const struct upload *upload = ctx;

	(void)to_get;
	(void)got;
	(void)to_put;
	(void)put;
	if (!atomic_load(upload->file->is_unwanted) && mono_ms() < upload->until_mono_ms)
		return 0;
	return hang_up(upload->session) == 0;
}

static int on_logged_in(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
	struct upload *upload = ctx;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	upload->has_logged_in = true;
	return CURL_PREREQFUNC_OK;
}

/* --- one request --------------------------------------------------------------------------------- */

static CURLcode set_account(CURL *easy, const struct sftp_account *account, const char *password)
{
	CURLcode code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "sftp");

	/* libcurl's own callback takes an entry that matches, and nothing else. */
	if (!code && account->host_key)
		code = curl_easy_setopt(
			easy, CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256, account->host_key);
	else if (!code)
		code = curl_easy_setopt(easy, CURLOPT_SSH_KNOWNHOSTS, account->known_hosts);
	if (!code && account->username)
		code = curl_easy_setopt(easy, CURLOPT_USERNAME, account->username);
	if (!code && account->key_path) {
		code = curl_easy_setopt(easy, CURLOPT_SSH_AUTH_TYPES, (long)CURLSSH_AUTH_PUBLICKEY);
		if (!code)
			code = curl_easy_setopt(
				easy, CURLOPT_SSH_PRIVATE_KEYFILE, account->key_path);
		if (!code) /* made of the private one */
			code = curl_easy_setopt(easy, CURLOPT_SSH_PUBLIC_KEYFILE, "");
	} else if (!code) {
		code = curl_easy_setopt(easy, CURLOPT_SSH_AUTH_TYPES,
			(long)(CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD));
		if (!code && password)
			code = curl_easy_setopt(easy, CURLOPT_PASSWORD, password);
	}
	return code;
}

static CURLcode set_callbacks(CURL *easy, struct upload *upload)
{
	CURLcode code = curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);

	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_READDATA, (void *)upload);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)upload);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_XFERINFODATA, (void *)upload);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_logged_in);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PREREQDATA, (void *)upload);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, upload->session->error);
	return code;
}

static CURLcode set_sockets(CURL *easy, struct sftp_session *session)
{
	CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);

	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, (void *)session);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, (void *)session);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	return code;
}

static CURLcode set_request(struct upload *upload, const char *path)
{
	struct sftp_session *session = upload->session;
	CURL *easy = session->easy;
	CURLcode code;

	curl_easy_reset(easy); /* the connection stays */
	session->error[0] = '\0';
	if (curl_url_set(session->url, CURLUPART_PATH, path, CURLU_URLENCODE) != CURLUE_OK)
		return CURLE_OUT_OF_MEMORY;
	code = curl_easy_setopt(easy, CURLOPT_CURLU, session->url);
	if (!code)
		code = set_account(easy, session->account, upload->file->password);
	if (!code)
		code = set_callbacks(easy, upload);
	if (!code)
		code = set_sockets(easy, session);
	return code;
}

static CURLcode perform(struct upload *upload)
{
	CURL *easy = upload->session->easy;
	int64_t left_ms = upload->until_mono_ms - mono_ms();
	CURLcode code;

	if (left_ms <= 0)
		return CURLE_OPERATION_TIMEDOUT;
	/* on_progress() is first. */
	code = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(left_ms + BACKSTOP_MS));
	if (!code)
		code = curl_easy_setopt(
			easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(left_ms + BACKSTOP_MS));
	return code ? code : curl_easy_perform(easy);
}

/* Perform with a command for the server: behind the transfer, or before. */
static CURLcode perform_with(struct upload *upload, CURLoption when, const struct buf *command)
{
	struct curl_slist *list;
	CURLcode code;

	if (buf_failed(command))
		return CURLE_OUT_OF_MEMORY;
	list = curl_slist_append(NULL, command->data);
	if (!list)
		return CURLE_OUT_OF_MEMORY;
	code = curl_easy_setopt(upload->session->easy, when, list);
	if (!code)
		code = perform(upload);
	curl_slist_free_all(list);
	return code;
}

/* A path as libcurl's commands want it: in quotes, which keep "/~/" from being understood, so below the
 * log-in's folder without it. */
static void put_path(struct buf *out, const char *path)
{
	if (strncmp(path, "/~/", 3) == 0)
		path += 3;
	buf_puts(out, " \"");
	for (; *path; path++) {
		if (*path == '"' || *path == '\\' || *path == '\'')
			buf_putc(out, '\\');
		buf_putc(out, *path);
	}
	buf_putc(out, '"');
}

static CURLcode write_part(struct upload *upload)
{
	CURL *easy = upload->session->easy;
	CURLcode code = set_request(upload, upload->part.data);
	struct buf command = BUF_INIT;

	upload->at = 0;
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	if (!code)
		code = curl_easy_setopt(
			easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)upload->file->len);
	buf_puts(&command, "rename");
	put_path(&command, upload->part.data);
	put_path(&command, upload->name.data);
	if (!code)
		code = perform_with(upload, CURLOPT_POSTQUOTE, &command);
	buf_done(&command);
	return code;
}

/* CURLE_OK: the file under its name is the body, byte for byte. */
static CURLcode compare(struct upload *upload)
{
	CURLcode code = set_request(upload, upload->name.data);

	upload->at = 0;
	upload->is_other = false;
	if (!code)
		code = perform(upload);
	if (!code && upload->at < upload->file->len)
		upload->is_other = true;
	return code;
}

/* As well as it goes. */
static void remove_part(struct upload *upload)
{
	struct buf folder = BUF_INIT, command = BUF_INIT;

	buf_puts(&folder, upload->session->folder);
	buf_putc(&folder, '/');
	buf_puts(&command, "*rm");
	put_path(&command, upload->part.data);
	if (!buf_failed(&folder) && set_request(upload, folder.data) == CURLE_OK &&
		curl_easy_setopt(upload->session->easy, CURLOPT_NOBODY, 1L) == CURLE_OK)
		(void)perform_with(upload, CURLOPT_QUOTE, &command);
	buf_done(&folder);
	buf_done(&command);
}

/* --- what it means ------------------------------------------------------------------------------- */

static void answer(struct sftp_result *ret, int status, const char *words)
{
	ret->transport = TRANSPORT_ANSWERED;
	ret->status = status;
	(void)snprintf(ret->words, sizeof(ret->words), "%s", words);
}

static int status_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 201;
	case CURLE_LOGIN_DENIED:
		return 401;
	case CURLE_PEER_FAILED_VERIFICATION: /* the host key */
	case CURLE_REMOTE_ACCESS_DENIED:
		return 403;
	case CURLE_REMOTE_FILE_NOT_FOUND: /* the folder */
		return 404;
	case CURLE_FILESIZE_EXCEEDED:
		return 413;
	case CURLE_REMOTE_DISK_FULL:
		return 507;
	default:
		return 0;
	}
}

static const char *words_of(const struct upload *upload, CURLcode code)
{
	const char *error = upload->session->error;

	if (mono_ms() >= upload->until_mono_ms)
		return "the server did not answer within the time-out";
	return error[0] ? error : curl_easy_strerror(code);
}

static void conclude(const struct upload *upload, CURLcode code, struct sftp_result *ret)
{
	int status = status_of(code);

	if (status > 0) {
		answer(ret, status, status < 300 ? "" : words_of(upload, code));
		return;
	}
	ret->transport = upload->has_logged_in ? TRANSPORT_NO_ANSWER : TRANSPORT_NOT_SENT;
	ret->status = 0;
	(void)snprintf(ret->words, sizeof(ret->words), "%s", words_of(upload, code));
}

/* The rename was refused: because the name is taken? */
static void conclude_taken(struct upload *upload, struct sftp_result *ret)
{
	char refusal[SFTP_WORDS_MAX];
	CURLcode code;

	(void)snprintf(refusal, sizeof(refusal), "%s", upload->session->error);
	code = compare(upload);
	if (upload->is_other)
		answer(ret, 409, "a file of that name is there already, with another content");
	else if (code == CURLE_OK)
		answer(ret, 200, "");
	else if (code == CURLE_REMOTE_FILE_NOT_FOUND)
		answer(ret, 500, refusal);
	else if (code == CURLE_REMOTE_ACCESS_DENIED)
		answer(ret, 409, "a file of that name is there already, and may not be read");
	else
		conclude(upload, code, ret);
	if (ret->transport == TRANSPORT_ANSWERED)
		remove_part(upload);
}

/* --- from outside -------------------------------------------------------------------------------- */

static int name_paths(struct upload *upload)
{
	const struct sftp_file *file = upload->file;
	const struct id_part parts[] = { { file->name, strlen(file->name) },
		{ file->body, file->len } };
	char digest[ID_UUID_MAX];

	id_derive(parts, sizeof(parts) / sizeof(parts[0]), digest);
	buf_printf(&upload->name, "%s/%s", upload->session->folder, file->name);
	buf_printf(&upload->part, "%s/.%s.%s.part", upload->session->folder, file->name, digest);
	return buf_failed(&upload->name) || buf_failed(&upload->part) ? -1 : 0;
}

void sftp_put(struct sftp_session *session, const struct sftp_file *file, struct sftp_result *ret)
{
	struct upload upload = {
		.session = session, .file = file, .until_mono_ms = mono_ms() + file->timeout_ms
	};
	CURLcode code = CURLE_OUT_OF_MEMORY;

	if (name_paths(&upload) == 0)
		code = write_part(&upload);
	if (code == CURLE_QUOTE_ERROR)
		conclude_taken(&upload, ret);
	else
		conclude(&upload, code, ret);
	buf_done(&upload.name);
	buf_done(&upload.part);
}

static int read_folder(struct sftp_session *session)
{
	char *path;
	size_t len;

	if (curl_url_get(session->url, CURLUPART_PATH, &path, CURLU_URLDECODE) != CURLUE_OK)
		return -1;
	len = strlen(path);
	while (len > 0 && path[len - 1] == '/')
		len--;
	session->folder = strndup(path, len);
	curl_free(path);
	return session->folder ? 0 : -1;
}

struct sftp_session *sftp_session_new(const struct sftp_account *account)
{
	struct sftp_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->account = account;
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		session->sockets[i] = -1;
	session->easy = curl_easy_init();
	session->url = curl_url();
	if (session->easy && session->url &&
		curl_url_set(session->url, CURLUPART_URL, account->url, 0) == CURLUE_OK &&
		read_folder(session) == 0)
		return session;
	sftp_session_free(session);
	return NULL;
}

void sftp_session_free(struct sftp_session *session)
{
	if (!session)
		return;
	(void)hang_up(session);
	curl_easy_cleanup(session->easy);
	curl_url_cleanup(session->url);
	free(session->folder);
	free(session);
}
