/*
 * broker_account.h - who may connect to the site's Mosquitto, and what each may say and hear: its password
 * file and its ACL, as texts.
 *
 * The password file has a line an account, as mosquitto_passwd writes it (mosquitto_passwd(1)):
 *
 *   NAME:$7$ITERATIONS$SALT$HASH:ADDED      PBKDF2-HMAC-SHA512, salt and hash in base64
 *
 * ADDED ("20261122T075000Z") is dray's; neither Mosquitto nor mosquitto_passwd looks at a third field.
 *
 * The ACL (mosquitto.conf(5), acl_file) is dray's from ACL_BEGIN to ACL_END, made from the configuration
 * alone: devices by a pattern on their name, drayd and the fleet tool by theirs. What stands outside of
 * that is the site's own.
 *
 * Pure: time and entropy are handed in.
 */
#ifndef DRAY_BROKER_ACCOUNT_H
#define DRAY_BROKER_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/buf.h"
#include "dray/config.h"

#define BROKER_SALT_BYTES 12 /* Mosquitto 2.0 takes no other */
#define BROKER_PASSWORD_BYTES 15
#define BROKER_PASSWORD_MAX 32
#define BROKER_USER_DRAYD "drayd" /* where the configuration names no other */
#define BROKER_USER_FLEET "fleet"

/* A password for people to type: 24 letters and digits of which none looks like another, 120 bits. */
void broker_password(const uint8_t entropy[BROKER_PASSWORD_BYTES], char out[BROKER_PASSWORD_MAX]);

/* 0, or -1: it is of no use in a password file or a CONNECT (empty, a line break, more than 1024). */
int broker_password_check(const char *password);

struct broker_account {
	const char *name; /* NULL: the line is none */
	size_t name_len;
	const char *added; /* "20261122T075000Z"; len 0: not known */
	size_t added_len;
	const char *line; /* with its line break */
	size_t len;
};
/* The next line of a password file, from *at on; false at its end. */
bool broker_account_next(const char **at, struct broker_account *ret);
/* Is it in there? */
bool broker_account_is_in(const char *passwords, const char *name);

/*
 * Append the password file without an account, and with it anew where there is a password.
 *
 * passwords  the file; "" where there is none.
 * password   NULL: the account is only left out.
 * Returns    0, or -1 when libcrypto fails. Of memory `out` tells.
 */
int broker_account_put(const char *passwords, const char *name, const char *password,
	const uint8_t salt[BROKER_SALT_BYTES], int64_t now_ms, struct buf *out);

/* Why there may be no device of that name; NULL: there may. Static. */
const char *broker_device_flaw(const struct config *config, const char *name);

/* dray's part of the ACL, from ACL_BEGIN to ACL_END. */
void broker_acl_put(const struct config *config, struct buf *out);
/* The ACL with dray's part in the place of the one that `acl` has, else in front of it. */
void broker_acl_merge(const char *acl, const struct config *config, struct buf *out);
/* Is dray's part in it, as this configuration needs it? */
bool broker_acl_is_current(const char *acl, const struct config *config);

#endif
