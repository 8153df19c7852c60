/*
 * mqtt_words.c - why a connection failed. Of TLS libmosquitto says that "a TLS error occurred", and what
 * OpenSSL says only to its log: "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify
 * failed". That is kept here until it is asked for, by the thread that meets it: the one that connects
 * has no business with the loop's client.
 *
 * The library writes a line for each packet to a log that somebody reads, so nobody does once the
 * connection is up.
 */
#include "mqtt_internal.h"

#include <stdio.h>
#include <string.h>

#define OPENSSL_SAYS "OpenSSL Error["

static _Thread_local char tls_words[MQTT_WORDS_MAX];

static void on_log(struct mosquitto *client, void *ctx, int level, const char *line)
{
	const char *reason = strrchr(line, ':');

	(void)client;
	(void)ctx;
	(void)level;
	if (reason && strncmp(line, OPENSSL_SAYS, sizeof(OPENSSL_SAYS) - 1) == 0)
		(void)snprintf(tls_words, sizeof(tls_words), "TLS: %s", reason + 1);
}

void mqtt_words_listen(struct mosquitto *client, bool is_listening)
{
	mosquitto_log_callback_set(client, is_listening ? on_log : NULL);
}

void mqtt_words(int rc, int error_number, char out[MQTT_WORDS_MAX])
{
	const char *words = rc == MOSQ_ERR_ERRNO ? strerror(error_number) : mosquitto_strerror(rc);

	if (rc == MOSQ_ERR_TLS && tls_words[0])
		words = tls_words;
	(void)snprintf(out, MQTT_WORDS_MAX, "%s", words);
	tls_words[0] = '\0';
}
