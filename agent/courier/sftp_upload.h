/*
 * sftp_upload.h - one file to an SFTP server, by libcurl, synchronously: for a thread of its own.
 *
 *   write DIR/.NAME.DIGEST.part ─► rename to NAME ─► 201
 *                                     └ NAME is there: the same bytes ─► 200, others ─► 409
 *
 * A file is seen under its name whole or not at all, and is never replaced: SFTP's rename (version 3,
 * which libssh2 speaks) fails where the target exists. The temporary name holds a digest of the
 * bytes, so that a repeat overwrites what it left behind, and two files that claim one name don't
 * write into each other.
 *
 * In libcurl's multi interface the close and the rename block the caller (7.88: 417 ms on a line of
 * 100 ms each way, for as long as the server is silent): hence a thread.
 */
#ifndef DRAY_SFTP_UPLOAD_H
#define DRAY_SFTP_UPLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/outcome.h"

#define SFTP_WORDS_MAX 256
#define SFTP_NAME_MAX 200

struct sftp_session;

/* Texts are borrowed for the session's life. */
struct sftp_account {
	const char *url; /* sftp://HOST[:PORT]/FOLDER; a folder "/~/…" is below the log-in's own */
	const char *username;
	const char *key_path;    /* private key; NULL: a password */
	const char *host_key;    /* SHA-256 of the server's key, base64; NULL: known_hosts says */
	const char *known_hosts; /* path, OpenSSH's form; NULL where there is a host_key */
};

struct sftp_file {
	const char *name;
	const char *body;
	size_t len;
	const char *password;           /* NULL none */
	int64_t timeout_ms;             /* > 0, of the whole */
	const atomic_bool *is_unwanted; /* becomes true: end soon, the result is of no interest */
};

/* As courier_answer says it; words are why it is no 2xx. */
struct sftp_result {
	enum outcome_transport transport;
	int status;
	char words[SFTP_WORDS_MAX];
};

/* A connection that is kept from file to file. NULL when memory ran out. */
struct sftp_session *sftp_session_new(const struct sftp_account *account);
void sftp_session_free(struct sftp_session *session);
void sftp_put(struct sftp_session *session, const struct sftp_file *file, struct sftp_result *ret);

/* 1..200 bytes of UTF-8 without a slash and control characters, not beginning with a full stop. */
bool sftp_name_is_valid(const char *name);

#endif
