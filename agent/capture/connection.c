#include "capture/connection.h"

#include <string.h>

#include "secret.h"

int connection_read(const struct config *config, const struct secret_dirs *secrets,
	struct connection *ret, struct error *err)
{
	const struct config_mqtt *mqtt = &config->mqtt;

	*ret = (struct connection){ .options = {
					    .host = mqtt->host,
					    .port = (int)mqtt->port,
					    .client_id = mqtt->client_id,
					    .username = mqtt->username,
					    .has_tls = mqtt->has_tls,
					    .tls_ca = mqtt->tls.ca,
					    .tls_cert = mqtt->tls.cert,
					    .keepalive_s = (int)(mqtt->keepalive_ms / 1000),
					    .session_expiry_s =
						    (uint32_t)(mqtt->session_expiry_ms / 1000),
					    .receive_maximum = (int)mqtt->receive_maximum,
					    .max_turn_messages =
						    (unsigned)config->store.max_turn_events,
				    } };
	if (mqtt->password.file) {
		ret->password = secret_read(secrets, &mqtt->password, err);
		if (!ret->password) {
			error_prefix(err, "password");
			goto fail;
		}
		ret->options.password = ret->password;
	}
	if (mqtt->has_tls && mqtt->tls.key.file) {
		if (secret_path(secrets, &mqtt->tls.key, ret->key_path, sizeof(ret->key_path),
			    err) < 0) {
			error_prefix(err, "tls.key");
			goto fail;
		}
		ret->options.tls_key = ret->key_path;
	}
	return 0;
fail:
	secret_free(ret->password);
	error_prefix(err, "mqtt");
	return -1;
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool connection_is_same(const struct config *a, const struct config *b)
{
	const struct config_mqtt *x = &a->mqtt, *y = &b->mqtt;

	return is_same_text(x->host, y->host) && x->port == y->port &&
	       is_same_text(x->client_id, y->client_id) && is_same_text(x->root, y->root) &&
	       is_same_text(x->username, y->username) &&
	       is_same_text(x->password.file, y->password.file) && x->has_tls == y->has_tls &&
	       is_same_text(x->tls.ca, y->tls.ca) && is_same_text(x->tls.cert, y->tls.cert) &&
	       is_same_text(x->tls.key.file, y->tls.key.file) &&
	       x->keepalive_ms == y->keepalive_ms && x->session_expiry_ms == y->session_expiry_ms &&
	       x->receive_maximum == y->receive_maximum &&
	       a->store.max_turn_events == b->store.max_turn_events;
}
