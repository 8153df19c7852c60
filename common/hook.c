#include "dray/hook.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "dray/buf.h"
#include "dray/encode.h"
#include "dray/hmac.h"
#include "dray/json.h"
#include "dray/times.h"

#define BLANKS " \t\r"
#define DEPTH_MAX 32
#define MEMBERS_MAX 200000

/* --- secrets ---------------------------------------------------------------------------------------- */

static bool begins_with(const char *text, size_t len, const char *start)
{
	size_t start_len = strlen(start);

	return len >= start_len && memcmp(text, start, start_len) == 0;
}

/* "whsec_" is only a mark; some hand the bare base64 out. */
static int read_standard(
	const char *text, size_t len, unsigned line, struct hook_secrets *ret, struct error *err)
{
	static const char mark[] = "whsec_";

	if (begins_with(text, len, "whpk_") || begins_with(text, len, "whsk_"))
		return error_set(err, NULL,
			"line %u is an asymmetric key: only secrets that begin with whsec_ are known",
			line);
	if (begins_with(text, len, mark)) {
		text += sizeof(mark) - 1;
		len -= sizeof(mark) - 1;
	}
	if (!decode_base64(
		    text, len, ret->of[ret->n].bytes, HOOK_SECRET_MAX, &ret->of[ret->n].len) ||
		ret->of[ret->n].len == 0)
		return error_set(err, NULL, "line %u is not base64 behind whsec_", line);
	return 0;
}

static int read_line(enum config_hook_scheme scheme, const char *text, size_t len, unsigned line,
	struct hook_secrets *ret, struct error *err)
{
	if (ret->n == HOOK_SECRETS_MAX)
		return error_set(err, NULL, "more than %d secrets", HOOK_SECRETS_MAX);
	if (scheme == CONFIG_HOOK_STANDARD) {
		if (read_standard(text, len, line, ret, err) != 0)
			return -1;
		ret->n++;
		return 0;
	}
	if (scheme == CONFIG_HOOK_TOKEN && len < HOOK_TOKEN_MIN)
		return error_set(
			err, NULL, "line %u has less than %d characters", line, HOOK_TOKEN_MIN);
	if (len > HOOK_SECRET_MAX)
		return error_set(
			err, NULL, "line %u is longer than %d bytes", line, HOOK_SECRET_MAX);
	memcpy(ret->of[ret->n].bytes, text, len);
	ret->of[ret->n++].len = len;
	return 0;
}

int hook_secrets_read(enum config_hook_scheme scheme, const char *text, struct hook_secrets *ret,
	struct error *err)
{
	*ret = (struct hook_secrets){ .n = 0 };
	for (unsigned line = 1; *text; line++) {
		size_t len = strcspn(text, "\n");
		const char *next = text + len + (text[len] == '\n');
		size_t skipped = strspn(text, BLANKS);

		if (skipped < len) {
			text += skipped;
			len -= skipped;
			while (strchr(BLANKS, text[len - 1]))
				len--;
			if (read_line(scheme, text, len, line, ret, err) != 0) {
				hook_secrets_wipe(ret);
				return -1;
			}
		}
		text = next;
	}
	return ret->n > 0 ? 0 : error_set(err, NULL, "there is no secret in it");
}

void hook_secrets_wipe(struct hook_secrets *secrets)
{
	OPENSSL_cleanse(secrets, sizeof(*secrets));
}

/* --- what a rule signs ------------------------------------------------------------------------------ */

enum piece { PIECE_TEXT, PIECE_ID, PIECE_TIME, PIECE_METHOD, PIECE_PATH, PIECE_BODY, PIECES };

static const char *const pieces[PIECES] = { [PIECE_ID] = "{id}",
	[PIECE_TIME] = "{timestamp}",
	[PIECE_METHOD] = "{method}",
	[PIECE_PATH] = "{path}",
	[PIECE_BODY] = "{body}" };

/* The piece that `at` begins with, and its length; PIECE_TEXT is one character. */
static enum piece find_piece(const char *at, size_t *ret_len)
{
	for (enum piece piece = PIECE_ID; piece < PIECES; piece++) {
		*ret_len = strlen(pieces[piece]);
		if (strncmp(at, pieces[piece], *ret_len) == 0)
			return piece;
	}
	*ret_len = 1;
	return PIECE_TEXT;
}

bool hook_signs_is_valid(const char *signs, bool *ret_has_time)
{
	bool has[PIECES] = { false };
	size_t len;

	for (; *signs; signs += len) {
		enum piece piece = find_piece(signs, &len);

		if (piece == PIECE_ID || (piece != PIECE_TEXT && has[piece]) ||
			(piece == PIECE_TEXT && strchr("{}", *signs)))
			return false;
		has[piece] = true;
	}
	*ret_has_time = has[PIECE_TIME];
	return has[PIECE_BODY];
}

/* How a scheme signs. */
struct rule {
	const char *header;     /* of the signatures */
	const char *separators; /* between its parts */
	const char *prefix;     /* of a part that is a signature */
	const char *signs;
	enum hmac_hash hash;
	enum config_hmac_encoding encoding;
	const char *id_header; /* NULL: signs has no {id} */
	const char
		*timestamp_header; /* NULL: the time is the header's part behind timestamp_prefix */
	const char *timestamp_prefix; /* NULL as well: signs has no {timestamp} */
};

/* A text within a header. */
struct slice {
	const char *text;
	size_t len;
};

static const char *find_header(const struct hook_call *call, const char *name)
{
	for (size_t i = 0; i < call->n_headers; i++)
		if (strcasecmp(call->headers[i].name, name) == 0)
			return call->headers[i].value;
	return NULL;
}

/* The next part of a header's value that has the prefix; *at moves behind it. */
static bool next_part(
	const char **at, const char *separators, const char *prefix, struct slice *ret)
{
	while (**at) {
		size_t len = strcspn(*at, separators);
		const char *part = *at;

		*at += len + (part[len] != '\0');
		if (len > 0 && begins_with(part, len, prefix)) {
			*ret = (struct slice){ part + strlen(prefix), len - strlen(prefix) };
			return true;
		}
	}
	return false;
}

/* The time that is signed, as text and as an instant. False: *why says what it lacks. */
static bool find_time(const struct rule *rule, const struct hook_call *call, struct slice *ret,
	int64_t *ret_at_ms, char *why)
{
	const char *header = rule->timestamp_header ? rule->timestamp_header : rule->header;
	const char *value = find_header(call, header);

	if (!value) {
		(void)snprintf(why, HOOK_WHY_MAX, "the header %s is missing", header);
		return false;
	}
	*ret = (struct slice){ value, strlen(value) };
	if (!rule->timestamp_header &&
		!next_part(&value, rule->separators, rule->timestamp_prefix, ret)) {
		(void)snprintf(why, HOOK_WHY_MAX, "the header %s has no part that begins with %s",
			header, rule->timestamp_prefix);
		return false;
	}
	if (time_parse(ret->text, ret->len, ret_at_ms))
		return true;
	(void)snprintf(why, HOOK_WHY_MAX, "the time in %s can't be read", header);
	return false;
}

static void put_signed(const struct rule *rule, const struct hook_call *call, const char *id,
	const struct slice *time, struct buf *out)
{
	const char *at = rule->signs;
	size_t len;

	for (; *at; at += len)
		switch (find_piece(at, &len)) {
		case PIECE_ID:
			buf_puts(out, id);
			break;
		case PIECE_TIME:
			buf_put(out, time->text, time->len);
			break;
		case PIECE_METHOD:
			buf_puts(out, "POST");
			break;
		case PIECE_PATH:
			buf_puts(out, call->path);
			break;
		case PIECE_BODY:
			buf_put(out, call->body, call->len);
			break;
		default:
			buf_putc(out, *at);
		}
}

/* --- signatures --------------------------------------------------------------------------------------- */

struct digests {
	uint8_t of[HOOK_SECRETS_MAX][HMAC_BYTES_MAX];
	size_t n, len;
};

static bool make_digests(const struct rule *rule, const struct hook_secrets *secrets,
	const struct buf *signed_text, struct digests *ret)
{
	ret->len = 0;
	for (ret->n = 0; ret->n < secrets->n; ret->n++) {
		ret->len = hmac_digest(rule->hash, secrets->of[ret->n].bytes,
			secrets->of[ret->n].len, signed_text->data ? signed_text->data : "",
			signed_text->len, ret->of[ret->n]);
		if (ret->len == 0)
			return false;
	}
	return true;
}

static bool is_one_of(
	const struct digests *digests, const struct rule *rule, struct slice signature)
{
	uint8_t bytes[HMAC_BYTES_MAX];
	size_t len;
	bool is_read =
		rule->encoding == CONFIG_HMAC_HEX
			? decode_hex(signature.text, signature.len, bytes, sizeof(bytes), &len)
			: decode_base64(signature.text, signature.len, bytes, sizeof(bytes), &len);
	bool is_equal = false;

	if (!is_read || len != digests->len)
		return false;
	for (size_t i = 0; i < digests->n; i++)
		is_equal |= CRYPTO_memcmp(bytes, digests->of[i], len) == 0;
	return is_equal;
}

/* Every signature of every header of that name, up to a bound. */
static bool has_signature(const struct rule *rule, const struct hook_call *call,
	const struct digests *digests, char *why)
{
	unsigned n_seen = 0;
	bool is_there = false, is_equal = false;

	for (size_t i = 0; i < call->n_headers; i++) {
		const char *at = call->headers[i].value;
		struct slice part;

		if (strcasecmp(call->headers[i].name, rule->header) != 0)
			continue;
		is_there = true;
		while (n_seen < HOOK_SIGNATURES_MAX &&
			next_part(&at, rule->separators, rule->prefix, &part)) {
			n_seen++;
			is_equal |= is_one_of(digests, rule, part);
		}
	}
	if (!is_there)
		(void)snprintf(why, HOOK_WHY_MAX, "the header %s is missing", rule->header);
	else if (n_seen == 0)
		(void)snprintf(why, HOOK_WHY_MAX, "the header %s has no part that begins with %s",
			rule->header, rule->prefix);
	else if (!is_equal)
		(void)snprintf(why, HOOK_WHY_MAX,
			"the signature in %s doesn't match: another secret, or the body was changed on its way",
			rule->header);
	return is_equal;
}

static bool is_recent(const struct config_hook *hook, int64_t at_ms, int64_t now_ms, char *why)
{
	int64_t off_ms = at_ms > now_ms ? at_ms - now_ms : now_ms - at_ms;

	if (off_ms <= hook->tolerance_ms)
		return true;
	(void)snprintf(why, HOOK_WHY_MAX,
		"its time lies %lld s %s, and tolerance allows %lld s: an old call, or a wrong clock",
		(long long)(off_ms / 1000), at_ms > now_ms ? "ahead" : "back",
		(long long)(hook->tolerance_ms / 1000));
	return false;
}

static enum hook_verdict check_signature(const struct config_hook *hook, const struct rule *rule,
	const struct hook_secrets *secrets, const struct hook_call *call, char *why)
{
	const char *id = rule->id_header ? find_header(call, rule->id_header) : "";
	bool has_time = rule->timestamp_header || rule->timestamp_prefix;
	struct buf signed_text = BUF_INIT;
	struct digests digests;
	struct slice time = { "", 0 };
	int64_t at_ms = call->now_ms;
	bool is_made;

	if (!id) {
		(void)snprintf(why, HOOK_WHY_MAX, "the header %s is missing", rule->id_header);
		return HOOK_FOREIGN;
	}
	if (has_time && !find_time(rule, call, &time, &at_ms, why))
		return HOOK_FOREIGN;
	put_signed(rule, call, id, &time, &signed_text);
	is_made = !buf_failed(&signed_text) && make_digests(rule, secrets, &signed_text, &digests);
	buf_done(&signed_text);
	if (!is_made)
		return HOOK_UNDECIDED;
	if (!has_signature(rule, call, &digests, why))
		return HOOK_FOREIGN;
	return is_recent(hook, at_ms, call->now_ms, why) ? HOOK_GENUINE : HOOK_STALE;
}

/* Svix's own names beside the standard's: its customers' calls have one or the other. */
static enum hook_verdict check_standard(const struct config_hook *hook,
	const struct hook_secrets *secrets, const struct hook_call *call, char *why)
{
	bool is_svix =
		!find_header(call, "webhook-signature") && find_header(call, "svix-signature");
	const struct rule rule = {
		.header = is_svix ? "svix-signature" : "webhook-signature",
		.separators = " ",
		.prefix = "v1,",
		.signs = "{id}.{timestamp}.{body}",
		.hash = HMAC_HASH_SHA256,
		.encoding = CONFIG_HMAC_BASE64,
		.id_header = is_svix ? "svix-id" : "webhook-id",
		.timestamp_header = is_svix ? "svix-timestamp" : "webhook-timestamp",
	};

	return check_signature(hook, &rule, secrets, call, why);
}

static enum hook_verdict check_hmac(const struct config_hook *hook,
	const struct hook_secrets *secrets, const struct hook_call *call, char *why)
{
	static const enum hmac_hash hashes[] = { [CONFIG_HMAC_SHA256] = HMAC_HASH_SHA256,
		[CONFIG_HMAC_SHA1] = HMAC_HASH_SHA1,
		[CONFIG_HMAC_SHA512] = HMAC_HASH_SHA512 };
	const struct rule rule = {
		.header = hook->header,
		.separators = " ,;",
		.prefix = hook->hmac.prefix,
		.signs = hook->hmac.signs,
		.hash = hashes[hook->hmac.hash],
		.encoding = hook->hmac.encoding,
		.timestamp_header = hook->hmac.timestamp_header,
		.timestamp_prefix = hook->hmac.timestamp_prefix,
	};

	return check_signature(hook, &rule, secrets, call, why);
}

/* --- tokens --------------------------------------------------------------------------------------------- */

static bool is_secret(const struct hook_secrets *secrets, const char *text)
{
	size_t len = strlen(text);
	bool is_equal = false;

	for (size_t i = 0; i < secrets->n; i++)
		if (secrets->of[i].len == len)
			is_equal |= CRYPTO_memcmp(secrets->of[i].bytes, text, len) == 0;
	return is_equal;
}

/* What stands behind Bearer; of another scheme all of it ("Basic …"), as the secret then has it. */
static const char *find_token_header(const struct config_hook *hook, const struct hook_call *call)
{
	static const char bearer[] = "Bearer ";
	const char *value = find_header(call, hook->header);

	if (value && strcasecmp(hook->header, "Authorization") == 0 &&
		strncasecmp(value, bearer, sizeof(bearer) - 1) == 0) {
		value += sizeof(bearer) - 1;
		value += strspn(value, " ");
	}
	return value;
}

/* The whole element "*", where it stands; NULL: there is none. */
static const char *find_star(const char *member)
{
	for (const char *at = member; (at = strstr(at, "/*")); at++)
		if (at[2] == '/' || at[2] == '\0')
			return at;
	return NULL;
}

bool hook_member_is_valid(const char *member)
{
	const char *star = find_star(member);

	if (*member != '/')
		return false;
	for (const char *at = member; (at = strchr(at, '~')); at++)
		if (at[1] != '0' && at[1] != '1')
			return false;
	return !star || !find_star(star + 1);
}

static bool is_secret_value(const struct hook_secrets *secrets, const cJSON *value)
{
	return cJSON_IsString(value) && is_secret(secrets, value->valuestring);
}

/* Every element must have it: what a call brings beside one genuine element is not genuine by that. */
static bool has_member(cJSON *root, const char *member, const struct hook_secrets *secrets)
{
	const char *star = find_star(member);
	char before[257];
	cJSON *array, *element;

	if (!star)
		return is_secret_value(secrets, json_pointer(root, member));
	(void)snprintf(before, sizeof(before), "%.*s", (int)(star - member), member);
	array = json_pointer(root, before);
	if (!cJSON_IsArray(array) || !array->child)
		return false;
	cJSON_ArrayForEach (element, array)
		if (!is_secret_value(secrets, json_pointer(element, star + 2)))
			return false;
	return true;
}

static bool check_member(const struct config_hook *hook, const struct hook_secrets *secrets,
	const struct hook_call *call, char *why)
{
	const struct json_limits limits = { call->len, DEPTH_MAX, MEMBERS_MAX, false };
	bool has_mark = call->len >= 3 && memcmp(call->body, "\xef\xbb\xbf", 3) == 0;
	size_t start = has_mark ? 3 : 0;
	struct buf scratch = BUF_INIT;
	struct json_error flaw = { .message = "no memory" };
	cJSON *root = json_parse(
		(const char *)call->body + start, call->len - start, &limits, &scratch, &flaw);
	bool is_equal = root && has_member(root, hook->member, secrets);

	if (!root)
		(void)snprintf(why, HOOK_WHY_MAX, "the body is not JSON: %s", flaw.message);
	else if (!is_equal)
		(void)snprintf(why, HOOK_WHY_MAX, "the body does not have the token at %.100s",
			hook->member);
	cJSON_Delete(root);
	buf_done(&scratch);
	return is_equal;
}

static bool check_token(const struct config_hook *hook, const struct hook_secrets *secrets,
	const struct hook_call *call, char *why)
{
	const char *value;

	if (hook->member)
		return check_member(hook, secrets, call, why);
	value = hook->parameter ? call->parameter : find_token_header(hook, call);
	if (value && is_secret(secrets, value))
		return true;
	(void)snprintf(why, HOOK_WHY_MAX, "the %s %s %s",
		hook->parameter ? "query parameter" : "header",
		hook->parameter ? hook->parameter : hook->header,
		value ? "does not hold the token" : "is missing");
	return false;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

enum hook_verdict hook_check(const struct config_hook *hook, const struct hook_secrets *secrets,
	const struct hook_call *call, char why[HOOK_WHY_MAX])
{
	why[0] = '\0';
	switch (hook->scheme) {
	case CONFIG_HOOK_STANDARD:
		return check_standard(hook, secrets, call, why);
	case CONFIG_HOOK_HMAC:
		return check_hmac(hook, secrets, call, why);
	case CONFIG_HOOK_TOKEN:
		break;
	}
	return check_token(hook, secrets, call, why) ? HOOK_GENUINE : HOOK_FOREIGN;
}

static bool is_fit(const char *token)
{
	size_t len = strlen(token);

	for (const char *at = token; *at; at++)
		if (*at < 0x20 || *at > 0x7e || strchr("<>&\"", *at))
			return false;
	return len > 0 && len <= HOOK_ECHO_MAX;
}

enum hook_echo hook_handshake(const struct config_hook *hook, const struct hook_secrets *secrets,
	const struct hook_call *call, const char *token)
{
	char why[HOOK_WHY_MAX];

	if (!token || call->len > 0 || hook->scheme != CONFIG_HOOK_TOKEN)
		return HOOK_NO_HANDSHAKE;
	if (!hook->member && !check_token(hook, secrets, call, why))
		return HOOK_ECHO_FOREIGN;
	return is_fit(token) ? HOOK_ECHO : HOOK_ECHO_UNFIT;
}

bool hook_passes_header(const struct config_hook *hook, const char *name)
{
	static const char *const kept_back[] = { "authorization", "proxy-authorization", "cookie",
		"webhook-signature", "svix-signature" };

	for (size_t i = 0; i < sizeof(kept_back) / sizeof(kept_back[0]); i++)
		if (strcasecmp(name, kept_back[i]) == 0)
			return false;
	return !hook->header || strcasecmp(name, hook->header) != 0;
}
