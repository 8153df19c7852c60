/*
 * fuzz_revisions.c - any bytes as revisions.json: a damaged file is as none, with words; what is read is
 * written the same, and every step from there leaves something that can be read again.
 */
#include <string.h>

#include "dray/revisions.h"
#include "help_fuzz.h"

/* Written, and read again, it is written the same. */
static void check_round(const struct revisions *revisions)
{
	struct buf text = BUF_INIT, again = BUF_INIT;
	struct revisions read;
	struct error err = { 0 };

	revisions_print(revisions, &text);
	check(!buf_failed(&text) && is_json(text.data, text.len));
	check(revisions_parse(text.data, text.len, &read, &err) == 0);
	revisions_print(&read, &again);
	check(again.len == text.len && memcmp(again.data, text.data, text.len) == 0);
	revisions_done(&read);
	buf_done(&text);
	buf_done(&again);
}

static void step(struct revisions *revisions, const char *reason)
{
	const struct revision *good = revisions->good;
	struct revision *trial = revision_make(REVISION_URL, revisions->highest + 1, 1,
		cJSON_Duplicate(good->files, true), cJSON_CreateObject());

	check(trial != NULL);
	check(!revisions_is_old(revisions, revisions->highest + 1));
	revisions_try(revisions, trial, 2);
	check(revisions_current(revisions) == trial && revisions->good == good);
	check(revisions_is_old(revisions, revisions->highest));
	(void)revisions_count_start(revisions);
	check_round(revisions);
	revisions_roll_back(revisions, reason, 3);
	check(revisions_current(revisions) == good && !revisions->trial);
	check_round(revisions);
	revisions_refuse(revisions, REVISION_TOPIC, 0, reason, 4);
	check_round(revisions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct revisions revisions;
	struct error err = { 0 };
	char *words = strndup((const char *)data, size);

	check(words != NULL);
	if (revisions_parse((const char *)data, size, &revisions, &err) == 0) {
		check(revisions.good && revisions.n_history <= REVISIONS_HISTORY_MAX);
		check_round(&revisions);
		if (revisions.highest < INT64_C(1) << 52)
			step(&revisions, words);
	} else {
		check(err.message[0] && !revisions.good && !revisions.trial);
	}
	revisions_done(&revisions);
	free(words);
	return 0;
}
