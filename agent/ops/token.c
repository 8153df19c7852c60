#include "ops/token.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "dray/ids.h"

struct entry {
	struct token_holder holder;
	uint8_t digest[ID_DIGEST_BYTES];
};

struct tokens {
	size_t n;
	struct entry entries[];
};

bool token_may(enum config_role role, enum token_right right)
{
	switch (right) {
	case TOKEN_NONE:
		return true;
	case TOKEN_SEND:
		return role != CONFIG_ROLE_VIEWER;
	case TOKEN_WATCH:
	case TOKEN_VIEW:
		return role != CONFIG_ROLE_DEVICE;
	case TOKEN_WORK:
		return role == CONFIG_ROLE_OPERATOR || role == CONFIG_ROLE_ADMIN;
	case TOKEN_ALL:
		return role == CONFIG_ROLE_ADMIN;
	}
	return false;
}

/* Who has this digest; all are looked at. */
static const struct entry *find(const struct tokens *tokens, const uint8_t digest[ID_DIGEST_BYTES])
{
	const struct entry *found = NULL;

	for (size_t i = 0; i < tokens->n; i++)
		if (CRYPTO_memcmp(tokens->entries[i].digest, digest, ID_DIGEST_BYTES) == 0)
			found = &tokens->entries[i];
	return found;
}

static int check_text(const char *text, struct error *err)
{
	if (strlen(text) < TOKEN_MIN)
		return error_set(err, "token", "is shorter than %d characters", TOKEN_MIN);
	for (const char *at = text; *at; at++)
		if (*at <= ' ' || *at > '~')
			return error_set(err, "token",
				"holds a blank, or a character that is not ASCII: no client can "
				"send it");
	return 0;
}

static int add(struct tokens *tokens, const struct config_token *token,
	const struct secret_dirs *dirs, struct error *err)
{
	struct entry *entry = &tokens->entries[tokens->n];
	char *text = secret_read(dirs, &token->token, err);
	const struct entry *other;
	int rc;

	if (!text) {
		error_prefix(err, "token");
		return -1;
	}
	rc = check_text(text, err);
	id_digest(text, strlen(text), entry->digest);
	secret_free(text);
	if (rc != 0)
		return -1;
	other = find(tokens, entry->digest);
	if (other)
		return error_set(err, "token", "is the same as that of %s: give each its own",
			other->holder.name);
	entry->holder = (struct token_holder){ token->name, token->role, token->device };
	tokens->n++;
	return 0;
}

struct tokens *tokens_read(
	const struct config *config, const struct secret_dirs *dirs, struct error *err)
{
	size_t n = config->listen.n_tokens;
	struct tokens *tokens = calloc(1, sizeof(*tokens) + n * sizeof(tokens->entries[0]));

	if (!tokens) {
		error_fill(err, "listen.tokens", "no memory");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (add(tokens, &config->listen.tokens[i], dirs, err) != 0) {
			error_prefix(err, config->listen.tokens[i].name);
			error_prefix(err, "listen.tokens");
			tokens_free(tokens);
			return NULL;
		}
	}
	return tokens;
}

void tokens_free(struct tokens *tokens)
{
	free(tokens);
}

size_t tokens_count(const struct tokens *tokens)
{
	return tokens->n;
}

bool tokens_find(const struct tokens *tokens, const char *header, struct token_holder *ret)
{
	static const char scheme[] = "Bearer";
	size_t len = sizeof(scheme) - 1;
	uint8_t digest[ID_DIGEST_BYTES];
	const struct entry *found;
	const char *text;

	if (!header || strncasecmp(header, scheme, len) != 0 || header[len] != ' ')
		return false;
	text = header + len + strspn(header + len, " ");
	id_digest(text, strcspn(text, " \t"), digest);
	found = find(tokens, digest);
	if (found)
		*ret = found->holder;
	return found != NULL;
}
