#include "dray/broker_account.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "dray/encode.h"
#include "dray/times.h"

#define ITERATIONS \
	101 /* mosquitto_passwd's: each CONNECT costs them, in the broker's only thread */
#define HASH_BYTES 64
#define PASSWORD_MAX 1024
#define ACL_BEGIN \
	"# dray begin: made by \"drayctl device setup\", and again by the next. Own lines: below its end.\n"
#define ACL_END "# dray end\n"

void broker_password(const uint8_t entropy[BROKER_PASSWORD_BYTES], char out[BROKER_PASSWORD_MAX])
{
	static const char letters[] = "abcdefghjkmnpqrstuvwxyz023456789";
	unsigned bits = 0, n_bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < BROKER_PASSWORD_BYTES; i++) {
		bits = bits << 8 | entropy[i];
		for (n_bits += 8; n_bits >= 5; n_bits -= 5)
			out[n++] = letters[bits >> (n_bits - 5) & 31];
	}
	out[n] = '\0';
}

int broker_password_check(const char *password)
{
	size_t len = strlen(password);

	return len > 0 && len <= PASSWORD_MAX && !strpbrk(password, "\r\n") ? 0 : -1;
}

/* --- the password file ----------------------------------------------------------------------------- */

bool broker_account_next(const char **at, struct broker_account *ret)
{
	const char *line = *at, *end = strchr(line, '\n'), *colon;

	if (!*line)
		return false;
	end = end ? end : line + strlen(line);
	*at = *end ? end + 1 : end;
	*ret = (struct broker_account){ .line = line, .len = (size_t)(*at - line) };
	colon = memchr(line, ':', (size_t)(end - line));
	if (!colon || *line == '#' || colon == line)
		return true;
	ret->name = line;
	ret->name_len = (size_t)(colon - line);
	colon = memchr(colon + 1, ':', (size_t)(end - colon - 1));
	if (colon) {
		ret->added = colon + 1;
		ret->added_len = (size_t)(end - colon - 1);
	}
	return true;
}

static bool is_of(const struct broker_account *account, const char *name)
{
	return account->name && strlen(name) == account->name_len &&
	       memcmp(account->name, name, account->name_len) == 0;
}

bool broker_account_is_in(const char *passwords, const char *name)
{
	struct broker_account account;

	while (broker_account_next(&passwords, &account))
		if (is_of(&account, name))
			return true;
	return false;
}

/* "2026-11-22T07:50:00.000Z" without what a field of the file can't hold. */
static void put_added(int64_t now_ms, struct buf *out)
{
	char text[TIME_TEXT_MAX];

	time_format(now_ms, text);
	buf_printf(out, "%.4s%.2s%.2sT%.2s%.2s%.2sZ\n", text, text + 5, text + 8, text + 11,
		text + 14, text + 17);
}

static int put_account(const char *name, const char *password,
	const uint8_t salt[BROKER_SALT_BYTES], int64_t now_ms, struct buf *out)
{
	uint8_t hash[HASH_BYTES];

	if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, BROKER_SALT_BYTES, ITERATIONS,
		    EVP_sha512(), HASH_BYTES, hash) != 1)
		return -1;
	buf_printf(out, "%s:$7$%d$", name, ITERATIONS);
	encode_base64(salt, BROKER_SALT_BYTES, out);
	buf_putc(out, '$');
	encode_base64(hash, HASH_BYTES, out);
	buf_putc(out, ':');
	put_added(now_ms, out);
	OPENSSL_cleanse(hash, sizeof(hash));
	return 0;
}

int broker_account_put(const char *passwords, const char *name, const char *password,
	const uint8_t salt[BROKER_SALT_BYTES], int64_t now_ms, struct buf *out)
{
	struct broker_account account;

	buf_puts(out, "");
	while (broker_account_next(&passwords, &account))
		if (!is_of(&account, name))
			buf_put(out, account.line, account.len);
	if (!password)
		return 0;
	if (out->len > 0 && out->data[out->len - 1] != '\n')
		buf_putc(out, '\n');
	return put_account(name, password, salt, now_ms, out);
}

static const char *drayd_of(const struct config *config)
{
	return config->mqtt.username ? config->mqtt.username : BROKER_USER_DRAYD;
}

const char *broker_device_flaw(const struct config *config, const char *name)
{
	if (!id_is_name(name, strlen(name)))
		return "a device's name has 1 to 64 of A-Z a-z 0-9 . _ -";
	if (strcmp(name, drayd_of(config)) == 0)
		return "that is drayd's own account; drayctl device setup makes it";
	/* A device's client id is its name: it would take over the session of drayd. */
	if (strncmp(name, config->mqtt.client_id, strlen(config->mqtt.client_id)) == 0)
		return "it begins as drayd's client id does (mqtt.client_id)";
	return NULL;
}

/* --- the ACL ------------------------------------------------------------------------------------------ */

/* A source beside dray's own topics, one level of which is open: that one is the device's name. */
static void put_source_pattern(const struct config *config, const char *filter, struct buf *out)
{
	const char *plus = strchr(filter, '+');
	size_t root_len = strlen(config->mqtt.root);

	if (!plus || strchr(plus + 1, '+') || strchr(filter, '#') ||
		(strncmp(filter, config->mqtt.root, root_len) == 0 && filter[root_len] == '/'))
		return;
	buf_printf(out, "pattern write %.*s%%u%s\n", (int)(plus - filter), filter, plus + 1);
}

static void put_devices(const struct config *config, const char *base, struct buf *out)
{
	buf_printf(out,
		"\n"
		"# A device speaks under its own name and hears what is for it.\n"
		"pattern write %s/event/+/%%u\n"
		"pattern read %s/ack/%%u\n"
		"pattern read %s/work/#\n"
		"pattern read %s/status\n",
		base, base, base, base);
	for (size_t i = 0; i < config->n_sources; i++)
		put_source_pattern(config, config->sources[i].topic, out);
}

void broker_acl_put(const struct config *config, struct buf *out)
{
	char base[256];

	(void)snprintf(base, sizeof(base), "%s/%s", config->mqtt.root, config->site);
	buf_puts(out, ACL_BEGIN);
	buf_printf(out, "user %s\n", drayd_of(config));
	for (size_t i = 0; i < config->n_sources; i++)
		buf_printf(out, "topic read %s\n", config->sources[i].topic);
	buf_printf(out,
		"topic write %s/ack/#\n"
		"topic write %s/work/#\n"
		"topic write %s/alert/#\n"
		"topic write %s/status\n"
		"topic read %s/config/desired\n"
		"topic write %s/config/reported\n"
		"topic read $SYS/broker/version\n",
		base, base, base, base, base, base);
	buf_printf(out,
		"\n"
		"# The fleet's tool: no device.\n"
		"user " BROKER_USER_FLEET "\n"
		"topic deny %s/event/#\n"
		"topic write %s/config/desired\n"
		"topic read %s/config/reported\n"
		"topic read %s/alert/#\n",
		base, base, base, base);
	put_devices(config, base, out);
	buf_puts(out, ACL_END);
}

/* dray's part; NULL: there is none. */
static const char *find_part(const char *acl, size_t *ret_len)
{
	const char *begin = strstr(acl, ACL_BEGIN);
	const char *end = begin ? strstr(begin, ACL_END) : NULL;

	*ret_len = end ? (size_t)(end - begin) + strlen(ACL_END) : 0;
	return end ? begin : NULL;
}

void broker_acl_merge(const char *acl, const struct config *config, struct buf *out)
{
	size_t len;
	const char *part = find_part(acl, &len);

	if (part)
		buf_put(out, acl, (size_t)(part - acl));
	broker_acl_put(config, out);
	buf_puts(out, part ? part + len : acl);
}

bool broker_acl_is_current(const char *acl, const struct config *config)
{
	struct buf wanted = BUF_INIT;
	size_t len;
	const char *part = find_part(acl, &len);
	bool is_current;

	broker_acl_put(config, &wanted);
	is_current = part && !buf_failed(&wanted) && len == wanted.len &&
		     memcmp(part, wanted.data, len) == 0;
	buf_done(&wanted);
	return is_current;
}
