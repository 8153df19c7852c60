/*
 * fuzz_broker.c - any bytes as a file beside a broker: its settings, its accounts, a certificate, the head of a
 * database. The first byte says as which.
 */
#include <stdio.h>
#include <string.h>

#include "dray/broker_account.h"
#include "dray/broker_settings.h"
#include "dray/certificate.h"
#include "dray/database_header.h"
#include "help_fuzz.h"

static void on_flaw(void *ctx, const struct broker_flaw *flaw)
{
	check(ctx && flaw->why && strstr(flaw->instead, flaw->name));
}

static void read_settings(char *text)
{
	const struct broker_needs needs = { 262144, INT64_C(2592000000) };
	struct broker_settings settings = { 0 };
	char *line, *name, *value;

	while ((line = strsep(&text, "\n")) != NULL)
		if (broker_settings_split(line, &name, &value)) {
			check(*name && !strpbrk(name, " \t"));
			broker_settings_take(&settings, name, value, "m.conf:1");
		}
	broker_settings_judge(&settings, &needs, on_flaw, &settings);
}

/* Every line comes once, and an account that is put and taken out leaves the others as they were. */
static void read_accounts(const char *text)
{
	static const uint8_t salt[BROKER_SALT_BYTES] = { 1 };
	struct buf with = BUF_INIT, without = BUF_INIT, again = BUF_INIT;
	struct broker_account account;
	const char *at = text;
	size_t len = 0;

	while (broker_account_next(&at, &account)) {
		check(account.line == text + len && account.len > 0);
		len += account.len;
		check(!account.name || (account.name_len > 0 && account.name_len < account.len));
	}
	check(len == strlen(text));
	check(broker_account_put(text, "dev", "p", salt, 0, &with) == 0);
	check(broker_account_is_in(with.data, "dev"));
	check(broker_account_put(with.data, "dev", NULL, NULL, 0, &without) == 0);
	check(!broker_account_is_in(without.data, "dev"));
	check(broker_account_put(without.data, "dev", NULL, NULL, 0, &again) == 0);
	check(strcmp(without.data, again.data) == 0);
	buf_done(&with);
	buf_done(&without);
	buf_done(&again);
}

static void read_acl(const char *text)
{
	static char root[] = "dray/v1", site[] = "s", client_id[] = "drayd-s";
	const struct config config = { .site = site,
		.mqtt = { .root = root, .client_id = client_id } };
	struct buf once = BUF_INIT, twice = BUF_INIT;

	broker_acl_merge(text, &config, &once);
	check(broker_acl_is_current(once.data, &config));
	broker_acl_merge(once.data, &config, &twice);
	check(strcmp(once.data, twice.data) == 0);
	buf_done(&once);
	buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certificate certificate;
	uint32_t schema;
	char *text;

	if (size == 0 || !(text = calloc(1, size)))
		return 0;
	(void)memcpy(text, data + 1, size - 1);
	switch (data[0]) {
	case 's':
		read_settings(text);
		break;
	case 'p':
		read_accounts(text);
		break;
	case 'a':
		read_acl(text);
		break;
	case 'c':
		if (certificate_read(text, size - 1, &certificate) == 0)
			check(certificate.n > 0 &&
				certificate.first_end_at_ms <= certificate.last_end_at_ms);
		break;
	default:
		(void)database_header_flaw(
			(const uint8_t *)text, size - 1, (int64_t)size, true, &schema);
	}
	free(text);
	return 0;
}
