/*
 * Does a call come from the partner? The vectors are those of the vendors' own pages where they give one
 * (Standard Webhooks, GitHub, Slack); the others were made with Python's hmac.
 */
#include "dray/hook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/json.h"
#include "help_hook.h"

#define HEADERS_MAX 40
#define NOW 1614265330 /* s */
#define BODY "{\"id\":\"evt_1\",\"n\":1}"
#define STANDARD_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECOND_SECRET "whsec_c2Vjb25kIHNlY3JldCBmb3Igcm90YXRpb24h"
#define STANDARD_BODY "{\"test\": 2432232314}"
#define STANDARD_SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define SECOND_SIGNATURE "v1,xrYJt8Slj6nWBb7Cbi4Eg+WESyTmKEPbiQibQ2avyoo="
#define WRONG_SIGNATURE "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
#define STANDARD_ID "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\n"
#define STANDARD_TIME "webhook-timestamp: 1614265330\n"
#define GITHUB \
	"\"scheme\":\"hmac\",\"header\":\"X-Hub-Signature-256\",\"hmac\":{\"prefix\":\"sha256=\"}"
#define GITHUB_SECRET "It's a Secret to Everybody"
#define GITHUB_SIGNATURE "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
#define EASYPOST                                               \
	"\"scheme\":\"hmac\",\"header\":\"X-Hmac-Signature\"," \
	"\"hmac\":{\"prefix\":\"hmac-sha256-hex=\"}"
#define SHOPIFY                                                     \
	"\"scheme\":\"hmac\",\"header\":\"X-Shopify-Hmac-Sha256\"," \
	"\"hmac\":{\"encoding\":\"base64\"}"
#define SLACK                                                                                \
	"\"scheme\":\"hmac\",\"header\":\"X-Slack-Signature\",\"hmac\":{\"prefix\":\"v0=\"," \
	"\"signs\":\"v0:{timestamp}:{body}\",\"timestamp_header\":\"X-Slack-Request-Timestamp\"}"
#define SLACK_BODY                                                                         \
	"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"         \
	"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner" \
	"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F"  \
	"commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"                   \
	"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
#define STRIPE                                                 \
	"\"scheme\":\"hmac\",\"header\":\"Stripe-Signature\"," \
	"\"hmac\":{\"prefix\":\"v1=\",\"signs\":\"{timestamp}.{body}\"}"
#define STRIPE_SIGNATURE "00a5059d9869742d2229c110a940446b95ec1b26123f75648e047b2ae62ca150"
#define TOKEN "correct-horse-battery"
#define MEMBER "\"scheme\":\"token\",\"member\":\"/value/*/clientState\""

/* One call: the hook as configured, what came, and what is thought of it. */
struct row {
	const char *name, *hook, *secrets;
	const char *headers; /* a line each; "?…" is the query's parameter instead */
	const char *body;
	int64_t now_s;
	enum hook_verdict verdict;
	const char *why; /* a part of the reason */
};

static const struct row standard_rows[] = {
	{ "the specification's own", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE, STANDARD_BODY,
		NOW, HOOK_GENUINE, "" },
	{ "a secret without its mark", "", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE, STANDARD_BODY,
		NOW, HOOK_GENUINE, "" },
	{ "names in other letters", "", STANDARD_SECRET,
		"Webhook-ID: msg_p5jXN8AQM9LWM0D4loKWxJek\nWebhook-Timestamp: 1614265330\n"
		"Webhook-Signature: " STANDARD_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_GENUINE, "" },
	{ "Svix's names", "", STANDARD_SECRET,
		"svix-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nsvix-timestamp: 1614265330\n"
		"svix-signature: " STANDARD_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_GENUINE, "" },
	{ "one of several signatures", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " WRONG_SIGNATURE
					  " v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= "
					  "v1a,hnO3f9T8 " STANDARD_SIGNATURE " " WRONG_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_GENUINE, "" },
	{ "the sender rotates: the new one is not known here", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " SECOND_SIGNATURE
					  " " STANDARD_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_GENUINE, "" },
	{ "we rotate: both hold", "", SECOND_SECRET "\n" STANDARD_SECRET "\n",
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE, STANDARD_BODY,
		NOW, HOOK_GENUINE, "" },
	{ "the second secret", "", STANDARD_SECRET "\r\n\n  " SECOND_SECRET "  \r\n",
		STANDARD_ID STANDARD_TIME "webhook-signature: " SECOND_SIGNATURE, STANDARD_BODY,
		NOW, HOOK_GENUINE, "" },
	{ "another secret", "", SECOND_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE, STANDARD_BODY,
		NOW, HOOK_FOREIGN, "in webhook-signature doesn't match" },
	{ "another body", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE,
		STANDARD_BODY " ", NOW, HOOK_FOREIGN, "doesn't match" },
	{ "another id", "", STANDARD_SECRET,
		"webhook-id: msg_other\n" STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_FOREIGN, "doesn't match" },
	{ "another time", "", STANDARD_SECRET,
		STANDARD_ID "webhook-timestamp: 1614265331\nwebhook-signature: " STANDARD_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_FOREIGN, "doesn't match" },
	{ "a cut signature", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: v1,g0hM9SsE", STANDARD_BODY, NOW,
		HOOK_FOREIGN, "doesn't match" },
	{ "an empty signature", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: v1,", STANDARD_BODY, NOW,
		HOOK_FOREIGN, "doesn't match" },
	{ "only an asymmetric signature", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: v1a,hnO3f9T8", STANDARD_BODY, NOW,
		HOOK_FOREIGN, "webhook-signature has no part that begins with v1," },
	{ "no signature", "", STANDARD_SECRET, STANDARD_ID STANDARD_TIME, STANDARD_BODY, NOW,
		HOOK_FOREIGN, "the header webhook-signature is missing" },
	{ "no id", "", STANDARD_SECRET, STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_FOREIGN, "the header webhook-id is missing" },
	{ "no time", "", STANDARD_SECRET, STANDARD_ID "webhook-signature: " STANDARD_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_FOREIGN, "the header webhook-timestamp is missing" },
	{ "no time under Svix's names", "", STANDARD_SECRET,
		"svix-id: x\nsvix-signature: " STANDARD_SIGNATURE, STANDARD_BODY, NOW, HOOK_FOREIGN,
		"the header svix-timestamp is missing" },
	{ "an empty time", "", STANDARD_SECRET,
		STANDARD_ID "webhook-timestamp:\nwebhook-signature: " STANDARD_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_FOREIGN, "the time in webhook-timestamp can't be read" },
	{ "no time at all", "", STANDARD_SECRET,
		STANDARD_ID "webhook-timestamp: hello\nwebhook-signature: " STANDARD_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_FOREIGN, "the time in webhook-timestamp can't be read" },
	{ "as late as it may be", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE, STANDARD_BODY,
		NOW + 300, HOOK_GENUINE, "" },
	{ "too late", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE, STANDARD_BODY,
		NOW + 301, HOOK_STALE, "its time lies 301 s back, and tolerance allows 300 s" },
	{ "as early as it may be", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE, STANDARD_BODY,
		NOW - 300, HOOK_GENUINE, "" },
	{ "too early", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE, STANDARD_BODY,
		NOW - 301, HOOK_STALE, "its time lies 301 s ahead, and tolerance allows 300 s" },
	{ "within a tolerance that was set", "\"tolerance\":\"10m\"", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE, STANDARD_BODY,
		NOW + 600, HOOK_GENUINE, "" },
	{ "late and forged: it is not the time that is said", "", SECOND_SECRET,
		STANDARD_ID STANDARD_TIME "webhook-signature: " STANDARD_SIGNATURE, STANDARD_BODY,
		NOW + 9999, HOOK_FOREIGN, "doesn't match" },
	{ "more signatures than are looked at", "", STANDARD_SECRET,
		STANDARD_ID STANDARD_TIME
		"webhook-signature: v1,a v1,a v1,a v1,a v1,a v1,a v1,a v1,a v1,a v1,a v1,a v1,a "
		"v1,a v1,a v1,a v1,a " STANDARD_SIGNATURE,
		STANDARD_BODY, NOW, HOOK_FOREIGN, "doesn't match" },
};

static const struct row hmac_rows[] = {
	{ "GitHub's own", GITHUB, GITHUB_SECRET, "X-Hub-Signature-256: sha256=" GITHUB_SIGNATURE,
		"Hello, World!", 0, HOOK_GENUINE, "" },
	{ "GitHub, hex in capitals", GITHUB, GITHUB_SECRET,
		"X-Hub-Signature-256: "
		"sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17",
		"Hello, World!", 0, HOOK_GENUINE, "" },
	{ "GitHub, without the prefix", GITHUB, GITHUB_SECRET,
		"X-Hub-Signature-256: " GITHUB_SIGNATURE, "Hello, World!", 0, HOOK_FOREIGN,
		"X-Hub-Signature-256 has no part that begins with sha256=" },
	{ "GitHub, another secret", GITHUB, "It's a Secret to Nobody",
		"X-Hub-Signature-256: sha256=" GITHUB_SIGNATURE, "Hello, World!", 0, HOOK_FOREIGN,
		"doesn't match" },
	{ "GitHub, a signature in two headers, one of them good", GITHUB, GITHUB_SECRET,
		"X-Hub-Signature-256: sha256=00\nX-Hub-Signature-256: sha256=" GITHUB_SIGNATURE,
		"Hello, World!", 0, HOOK_GENUINE, "" },
	{ "GitHub before 2020",
		"\"scheme\":\"hmac\",\"header\":\"X-Hub-Signature\","
		"\"hmac\":{\"prefix\":\"sha1=\",\"hash\":\"sha1\"}",
		GITHUB_SECRET, "X-Hub-Signature: sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59",
		"Hello, World!", 0, HOOK_GENUINE, "" },
	{ "a digest of another hash", GITHUB, GITHUB_SECRET,
		"X-Hub-Signature-256: sha256=01dc10d0c83e72ed246219cdd91669667fe2ca59",
		"Hello, World!", 0, HOOK_FOREIGN, "doesn't match" },
	{ "SHA-512, the plainest form", "\"scheme\":\"hmac\",\"hmac\":{\"hash\":\"sha512\"}",
		"hush-512",
		"X-Signature: 77e77d7c98e3de4080e6fb923fddd162a4dd0c39fbe79ab1f95a679bb7b251d9"
		"cff9b7f412e0161ded20f883612fc7e58eb1d2bbb44c9dd8e285d1876a6843f2",
		BODY, 0, HOOK_GENUINE, "" },
	/* EasyPost normalises the secret (NFKD) before it signs: so must the file have it. */
	{ "EasyPost, an accent as NFKD has it", EASYPOST,
		"se\xcc\x81"
		"cret",
		"X-Hmac-Signature: hmac-sha256-hex="
		"d7a6b13c9556807754b9c23a493e9ba88106f06e5cccaa03185482d7697282a1",
		BODY, 0, HOOK_GENUINE, "" },
	{ "EasyPost, the same in one letter", EASYPOST,
		"s\xc3\xa9"
		"cret",
		"X-Hmac-Signature: hmac-sha256-hex="
		"d7a6b13c9556807754b9c23a493e9ba88106f06e5cccaa03185482d7697282a1",
		BODY, 0, HOOK_FOREIGN, "doesn't match" },
	{ "Shopify", SHOPIFY, "hush-shop-secret",
		"X-Shopify-Hmac-Sha256: O05cp73jffNkij27mIwOtbrUehWwo7fSYPPrgJHaE+4=", BODY, 0,
		HOOK_GENUINE, "" },
	{ "base64 for URLs, without padding", SHOPIFY, "hush-shop-secret",
		"X-Shopify-Hmac-Sha256: O05cp73jffNkij27mIwOtbrUehWwo7fSYPPrgJHaE-4", BODY, 0,
		HOOK_GENUINE, "" },
	{ "Slack's own", SLACK, "8f742231b10e8888abcd99yyyzzz85a5",
		"X-Slack-Request-Timestamp: 1531420618\nX-Slack-Signature: "
		"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
		SLACK_BODY, 1531420618, HOOK_GENUINE, "" },
	{ "Slack, too late", SLACK, "8f742231b10e8888abcd99yyyzzz85a5",
		"X-Slack-Request-Timestamp: 1531420618\nX-Slack-Signature: "
		"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
		SLACK_BODY, 1531424218, HOOK_STALE, "3600 s back" },
	{ "Stripe", STRIPE, "whsec_stripe_endpoint_secret",
		"Stripe-Signature: t=1614265330,v1=" STRIPE_SIGNATURE ",v0=deadbeef", BODY, NOW,
		HOOK_GENUINE, "" },
	{ "Stripe, while it rotates", STRIPE, "old_secret_of_the_endpoint",
		"Stripe-Signature: t=1614265330,v1=" STRIPE_SIGNATURE
		",v1=ec572c6fe10aa44feba3c878189b80ff81cc25124c462a221509fa02514bb38a",
		BODY, NOW, HOOK_GENUINE, "" },
	{ "Stripe, too late", STRIPE, "whsec_stripe_endpoint_secret",
		"Stripe-Signature: t=1614265330,v1=" STRIPE_SIGNATURE, BODY, NOW + 400, HOOK_STALE,
		"400 s back" },
	{ "Stripe, a time that nobody signed", STRIPE, "whsec_stripe_endpoint_secret",
		"Stripe-Signature: t=1614265730,v1=" STRIPE_SIGNATURE, BODY, NOW + 400,
		HOOK_FOREIGN, "doesn't match" },
	{ "Stripe, no time", STRIPE, "whsec_stripe_endpoint_secret",
		"Stripe-Signature: v1=" STRIPE_SIGNATURE, BODY, NOW, HOOK_FOREIGN,
		"Stripe-Signature has no part that begins with t=" },
	{ "Paddle: other names for the parts",
		"\"scheme\":\"hmac\",\"header\":\"Paddle-Signature\",\"hmac\":{\"prefix\":\"h1=\","
		"\"signs\":\"{timestamp}:{body}\",\"timestamp_prefix\":\"ts=\"}",
		"pdl_secret",
		"Paddle-Signature: ts=1614265330;"
		"h1=af251c29efbd81f9d41aca0d14f83e759a1ac413f5996deeafbaf7505c96cb27",
		BODY, NOW, HOOK_GENUINE, "" },
	{ "Zendesk: the time in words, and nothing between",
		"\"scheme\":\"hmac\",\"header\":\"X-Zendesk-Webhook-Signature\","
		"\"hmac\":{\"encoding\":\"base64\",\"signs\":\"{timestamp}{body}\","
		"\"timestamp_header\":\"X-Zendesk-Webhook-Signature-Timestamp\"}",
		"zd_secret",
		"X-Zendesk-Webhook-Signature: 92XSmepHIh8f968sg4kmcqTELP2hKLSMiBmVAM8EFy8=\n"
		"X-Zendesk-Webhook-Signature-Timestamp: 2021-02-25T15:02:10Z",
		BODY, NOW, HOOK_GENUINE, "" },
	{ "method and path are signed too",
		"\"scheme\":\"hmac\",\"hmac\":{\"signs\":\"{timestamp}{method}{path}{body}\","
		"\"timestamp_header\":\"X-Timestamp\"}",
		"path_secret",
		"X-Timestamp: 1614265330\n"
		"X-Signature: 7a7641fd8ac6bb7f5bfec2419e39ea8e10b7e071929067782eba5ceab82cf43d",
		BODY, NOW, HOOK_GENUINE, "" },
};

static const struct row token_rows[] = {
	{ "a bearer", "\"scheme\":\"token\"", TOKEN, "Authorization: Bearer " TOKEN, BODY, 0,
		HOOK_GENUINE, "" },
	{ "a bearer in small letters", "\"scheme\":\"token\"", TOKEN,
		"authorization: bearer  " TOKEN, BODY, 0, HOOK_GENUINE, "" },
	{ "basic: the secret has all of it", "\"scheme\":\"token\"",
		"Basic ZHJheTpjb3JyZWN0LWhvcnNl", "Authorization: Basic ZHJheTpjb3JyZWN0LWhvcnNl",
		BODY, 0, HOOK_GENUINE, "" },
	{ "another bearer", "\"scheme\":\"token\"", TOKEN, "Authorization: Bearer " TOKEN "x", BODY,
		0, HOOK_FOREIGN, "the header Authorization does not hold the token" },
	{ "the start of it", "\"scheme\":\"token\"", TOKEN, "Authorization: Bearer correct", BODY,
		0, HOOK_FOREIGN, "does not hold the token" },
	{ "an empty bearer", "\"scheme\":\"token\"", TOKEN, "Authorization: Bearer ", BODY, 0,
		HOOK_FOREIGN, "does not hold the token" },
	{ "no bearer", "\"scheme\":\"token\"", TOKEN, "X-Token: " TOKEN, BODY, 0, HOOK_FOREIGN,
		"the header Authorization is missing" },
	{ "a header of its own", "\"scheme\":\"token\",\"header\":\"X-Dray-Token\"", TOKEN,
		"x-dray-token: " TOKEN, BODY, 0, HOOK_GENUINE, "" },
	{ "while it rotates", "\"scheme\":\"token\",\"header\":\"X-Dray-Token\"",
		"another-long-token-1\n" TOKEN, "X-Dray-Token: " TOKEN, BODY, 0, HOOK_GENUINE, "" },
	{ "a header of its own has no Bearer to leave away",
		"\"scheme\":\"token\",\"header\":\"X-Dray-Token\"", TOKEN,
		"X-Dray-Token: Bearer " TOKEN, BODY, 0, HOOK_FOREIGN, "does not hold the token" },
	{ "a parameter", "\"scheme\":\"token\",\"parameter\":\"key\"", TOKEN, "?" TOKEN, BODY, 0,
		HOOK_GENUINE, "" },
	{ "another parameter", "\"scheme\":\"token\",\"parameter\":\"key\"", TOKEN, "?other", BODY,
		0, HOOK_FOREIGN, "the query parameter key does not hold the token" },
	{ "no parameter", "\"scheme\":\"token\",\"parameter\":\"key\"", TOKEN,
		"Authorization: Bearer " TOKEN, BODY, 0, HOOK_FOREIGN,
		"the query parameter key is missing" },
	{ "every element has it", MEMBER, TOKEN, "",
		"{\"value\":[{\"clientState\":\"" TOKEN "\"},{\"clientState\":\"" TOKEN "\"}]}", 0,
		HOOK_GENUINE, "" },
	{ "behind a byte order mark", MEMBER, TOKEN, "",
		"\xef\xbb\xbf{\"value\":[{\"clientState\":\"" TOKEN "\"}]}", 0, HOOK_GENUINE, "" },
	{ "one element doesn't", MEMBER, TOKEN, "",
		"{\"value\":[{\"clientState\":\"" TOKEN "\"},{\"clientState\":\"other\"}]}", 0,
		HOOK_FOREIGN, "the body does not have the token at /value/*/clientState" },
	{ "one element has none", MEMBER, TOKEN, "",
		"{\"value\":[{\"clientState\":\"" TOKEN "\"},{}]}", 0, HOOK_FOREIGN,
		"does not have the token" },
	{ "no element", MEMBER, TOKEN, "", "{\"value\":[]}", 0, HOOK_FOREIGN,
		"does not have the token" },
	{ "no array", MEMBER, TOKEN, "", "{\"value\":{\"x\":{\"clientState\":\"" TOKEN "\"}}}", 0,
		HOOK_FOREIGN, "does not have the token" },
	{ "not JSON", MEMBER, TOKEN, "", "value=1", 0, HOOK_FOREIGN, "the body is not JSON" },
	{ "no body", MEMBER, TOKEN, "", "", 0, HOOK_FOREIGN, "the body is not JSON" },
	{ "a number is no token", MEMBER, "1234567890123456", "",
		"{\"value\":[{\"clientState\":1234567890123456}]}", 0, HOOK_FOREIGN,
		"does not have the token" },
	{ "a member by itself", "\"scheme\":\"token\",\"member\":\"/auth/key\"", TOKEN, "",
		"{\"auth\":{\"key\":\"" TOKEN "\"}}", 0, HOOK_GENUINE, "" },
	{ "an array in front", "\"scheme\":\"token\",\"member\":\"/*/key\"", TOKEN, "",
		"[{\"key\":\"" TOKEN "\"}]", 0, HOOK_GENUINE, "" },
	{ "elements that are it", "\"scheme\":\"token\",\"member\":\"/keys/*\"", TOKEN, "",
		"{\"keys\":[\"" TOKEN "\"]}", 0, HOOK_GENUINE, "" },
};

/* --- the way from a row to a verdict ------------------------------------------------------------------- */

struct kept_headers {
	struct hook_header of[HEADERS_MAX];
	size_t n;
	char text[4096];
};

static void read_headers(const char *lines, struct kept_headers *ret)
{
	char *at = ret->text;

	ret->n = 0;
	(void)snprintf(ret->text, sizeof(ret->text), "%s", lines);
	while (*at) {
		char *end = at + strcspn(at, "\n");
		char *colon = strchr(at, ':');

		if (*end)
			*end++ = '\0';
		assert_non_null(colon);
		*colon = '\0';
		ret->of[ret->n++] = (struct hook_header){ at, colon + 1 + strspn(colon + 1, " ") };
		at = end;
	}
}

static void judge(const struct row *row)
{
	struct error err = { 0 };
	struct config *config = configure(row->hook, &err);
	struct hook_secrets secrets;
	struct kept_headers headers;
	struct hook_call call = { .path = "/v1/hooks/h?a=1",
		.parameter = *row->headers == '?' ? row->headers + 1 : NULL,
		.body = row->body,
		.len = strlen(row->body),
		.now_ms = row->now_s * 1000 };
	char why[HOOK_WHY_MAX];
	enum hook_verdict verdict;

	if (!config)
		print_error("%s: %s: %s\n", row->name, err.path, err.message);
	assert_non_null(config);
	assert_int_equal(
		hook_secrets_read(config->listen.hooks[0].scheme, row->secrets, &secrets, &err), 0);
	read_headers(call.parameter ? "" : row->headers, &headers);
	call.headers = headers.of;
	call.n_headers = headers.n;
	verdict = hook_check(&config->listen.hooks[0], &secrets, &call, why);
	if (verdict != row->verdict || !strstr(why, row->why) || (!*row->why && *why))
		print_error("%s: verdict %d, \"%s\"\n", row->name, (int)verdict, why);
	assert_int_equal(verdict, row->verdict);
	assert_non_null(strstr(why, row->why));
	assert_int_equal(*why == '\0', *row->why == '\0');
	/* It is told to whoever called. */
	assert_null(strstr(why, row->secrets));
	assert_null(strstr(why, GITHUB_SIGNATURE));
	assert_null(strstr(why, &STANDARD_SIGNATURE[3]));
	assert_null(strstr(why, STRIPE_SIGNATURE));
	config_free(config);
}

#define ROWS(array) (sizeof(array) / sizeof((array)[0]))

static void test_standard_webhooks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(standard_rows); i++)
		judge(&standard_rows[i]);
}

static void test_signatures_as_vendors_have_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(hmac_rows); i++)
		judge(&hmac_rows[i]);
}

static void test_tokens(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(token_rows); i++)
		judge(&token_rows[i]);
}

/* --- secrets ---------------------------------------------------------------------------------------------- */

static void test_a_secret_file_that_cannot_serve_is_refused(void **state)
{
	static char long_line[HOOK_SECRET_MAX + 2];
	static const struct {
		enum config_hook_scheme scheme;
		const char *text, *words;
	} rows[] = {
		{ CONFIG_HOOK_HMAC, "", "there is no secret in it" },
		{ CONFIG_HOOK_HMAC, " \r\n\n\t\n", "there is no secret in it" },
		{ CONFIG_HOOK_STANDARD, "whsec_", "line 1 is not base64 behind whsec_" },
		{ CONFIG_HOOK_STANDARD, STANDARD_SECRET "\nwhsec_not base64",
			"line 2 is not base64" },
		{ CONFIG_HOOK_STANDARD, "whpk_MfKQ9r8GKYqr", "line 1 is an asymmetric key" },
		{ CONFIG_HOOK_TOKEN, TOKEN "\n\nfifteen-letters",
			"line 3 has less than 16 characters" },
		{ CONFIG_HOOK_HMAC, "1\n2\n3\n4\n5\n6\n7\n8\n9", "more than 8 secrets" },
		{ CONFIG_HOOK_HMAC, long_line, "line 1 is longer than 512 bytes" },
		{ CONFIG_HOOK_STANDARD, long_line, "line 1 is not base64" },
	};

	(void)state;
	memset(long_line, 'a', HOOK_SECRET_MAX + 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hook_secrets secrets;
		struct error err = { 0 };

		assert_int_equal(
			hook_secrets_read(rows[i].scheme, rows[i].text, &secrets, &err), -1);
		if (!strstr(err.message, rows[i].words))
			print_error("%zu: %s\n", i, err.message);
		assert_non_null(strstr(err.message, rows[i].words));
		assert_int_equal(secrets.n, 0);
	}
}

/* --- the handshake ------------------------------------------------------------------------------------------ */

static void test_a_handshake_is_answered_where_nothing_can_be_signed_yet(void **state)
{
	static char long_token[HOOK_ECHO_MAX + 2];
	static const struct {
		const char *hook, *headers, *parameter, *body, *token;
		enum hook_echo echo;
	} rows[] = {
		{ MEMBER, "", NULL, "",
			"Validation: subscription 1fe-3, Request-Id: 4/5+6=", HOOK_ECHO },
		{ MEMBER, "", NULL, "", NULL, HOOK_NO_HANDSHAKE },
		{ MEMBER, "", NULL, "{}", "abc", HOOK_NO_HANDSHAKE },
		{ MEMBER, "", NULL, "", "", HOOK_ECHO_UNFIT },
		{ MEMBER, "", NULL, "", "<script>", HOOK_ECHO_UNFIT },
		{ MEMBER, "", NULL, "", "a\r\nSet-Cookie: b", HOOK_ECHO_UNFIT },
		{ MEMBER, "", NULL, "", "caf\xc3\xa9", HOOK_ECHO_UNFIT },
		{ MEMBER, "", NULL, "", long_token, HOOK_ECHO_UNFIT },
		{ MEMBER, "", NULL, "", long_token + 1, HOOK_ECHO },
		{ "\"scheme\":\"token\",\"parameter\":\"key\"", "", TOKEN, "", "abc", HOOK_ECHO },
		{ "\"scheme\":\"token\",\"parameter\":\"key\"", "", "other", "", "abc",
			HOOK_ECHO_FOREIGN },
		{ "\"scheme\":\"token\",\"parameter\":\"key\"", "", NULL, "", "abc",
			HOOK_ECHO_FOREIGN },
		{ "\"scheme\":\"token\"", "Authorization: Bearer " TOKEN, NULL, "", "abc",
			HOOK_ECHO },
		{ "\"scheme\":\"token\"", "", NULL, "", "abc", HOOK_ECHO_FOREIGN },
		{ "", "", NULL, "", "abc", HOOK_NO_HANDSHAKE },
		{ GITHUB, "", NULL, "", "abc", HOOK_NO_HANDSHAKE },
	};

	(void)state;
	memset(long_token, 'a', HOOK_ECHO_MAX + 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct error err = { 0 };
		struct config *config = configure(rows[i].hook, &err);
		struct kept_headers headers;
		struct hook_secrets secrets = { .n = 1 };
		struct hook_call call = { .path = "/v1/hooks/h",
			.parameter = rows[i].parameter,
			.body = rows[i].body,
			.len = strlen(rows[i].body) };

		assert_non_null(config);
		memcpy(secrets.of[0].bytes, TOKEN, sizeof(TOKEN) - 1);
		secrets.of[0].len = sizeof(TOKEN) - 1;
		read_headers(rows[i].headers, &headers);
		call.headers = headers.of;
		call.n_headers = headers.n;
		if (hook_handshake(&config->listen.hooks[0], &secrets, &call, rows[i].token) !=
			rows[i].echo)
			print_error("row %zu\n", i);
		assert_int_equal(
			hook_handshake(&config->listen.hooks[0], &secrets, &call, rows[i].token),
			rows[i].echo);
		config_free(config);
	}
}

/* --- headers ---------------------------------------------------------------------------------- */

static void test_an_adapter_sees_no_header_that_shows_who_somebody_is(void **state)
{
	struct error err = { 0 };
	struct config *config = configure(GITHUB, &err);
	const struct config_hook *hook = &config->listen.hooks[0];

	(void)state;
	assert_false(hook_passes_header(hook, "authorization"));
	assert_false(hook_passes_header(hook, "Cookie"));
	assert_false(hook_passes_header(hook, "proxy-authorization"));
	assert_false(hook_passes_header(hook, "webhook-signature"));
	assert_false(hook_passes_header(hook, "svix-signature"));
	assert_false(hook_passes_header(hook, "x-hub-signature-256"));
	assert_true(hook_passes_header(hook, "x-github-event"));
	assert_true(hook_passes_header(hook, "webhook-id"));
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standard_webhooks),
		cmocka_unit_test(test_signatures_as_vendors_have_them),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_a_secret_file_that_cannot_serve_is_refused),
		cmocka_unit_test(test_a_handshake_is_answered_where_nothing_can_be_signed_yet),
		cmocka_unit_test(test_an_adapter_sees_no_header_that_shows_who_somebody_is),
	};

	return cmocka_run_group_tests_name("hook", tests, NULL, NULL);
}
