#include "dray/outcome.h"

#include <string.h>

#include "dray/times.h"

static const struct outcome_verdict refused_retry = { OUTCOME_RETRY, true, false };
static const struct outcome_verdict refused_hold = { OUTCOME_HOLD, true, false };
static const struct outcome_verdict unknown = { OUTCOME_UNKNOWN, false, true };

/* Natural is as header, lookup as none. */
static bool is_repeat_known(const struct outcome_input *input)
{
	return input->mode == OUTCOME_MODE_HEADER || input->mode == OUTCOME_MODE_NATURAL;
}

static bool are_doubles_chosen(const struct outcome_input *input)
{
	return input->mode == OUTCOME_MODE_NONE && input->resend_on_doubt;
}

static struct outcome_verdict judge_doubt(const struct outcome_input *input)
{
	struct outcome_verdict verdict = { OUTCOME_RETRY, input->is_safe, true };

	if (input->is_safe || is_repeat_known(input) || are_doubles_chosen(input))
		return verdict;
	return unknown;
}

static struct outcome_verdict judge_redirect(const struct outcome_input *input)
{
	switch (input->status) {
	case 301:
	case 307:
	case 308:
		return refused_hold;
	default:
		/* 302 and 303 are what web applications say behind a POST that they did. */
		if (!input->is_safe && !is_repeat_known(input))
			return judge_doubt(input);
		return (struct outcome_verdict){ OUTCOME_HOLD, input->is_safe, false };
	}
}

static struct outcome_verdict judge_rejection(const struct outcome_input *input)
{
	bool may_split = input->doubt_age_ms == 0 || input->mode == OUTCOME_MODE_NATURAL ||
			 are_doubles_chosen(input);
	struct outcome_verdict verdict = { OUTCOME_REJECT, true, false };

	if (input->batch_count > 1)
		verdict.outcome = may_split ? OUTCOME_SPLIT : OUTCOME_UNKNOWN;
	return verdict;
}

static struct outcome_verdict judge_conflict(const struct outcome_input *input)
{
	if (is_repeat_known(input) && input->doubt_age_ms > 0 &&
		input->doubt_age_ms < input->settle_ms)
		return refused_retry;
	return judge_rejection(input);
}

static struct outcome_verdict judge_credentials(const struct outcome_input *input)
{
	if (input->is_refreshed)
		return refused_hold;
	return (struct outcome_verdict){ OUTCOME_REFRESH, true, false };
}

static struct outcome_verdict judge_refusal(const struct outcome_input *input)
{
	switch (input->status) {
	case 401:
		return judge_credentials(input);
	case 403:
		return input->is_csrf_refusal ? judge_credentials(input) : refused_hold;
	case 402:
	case 404:
	case 405:
	case 407:
	case 410:
	case 426:
	case 451:
		return refused_hold;
	case 408:
		return judge_doubt(input);
	case 409:
		return judge_conflict(input);
	case 425:
	case 429:
		return refused_retry;
	default:
		return judge_rejection(input);
	}
}

static bool is_already_there(const struct outcome_input *input)
{
	const cJSON *status;

	cJSON_ArrayForEach (status, input->answers_done) {
		if (cJSON_IsNumber(status) && status->valueint == input->status)
			return true;
	}
	return false;
}

static struct outcome_verdict judge_answer(const struct outcome_input *input)
{
	int status = input->status;

	if (input->transport == TRANSPORT_NOT_SENT)
		return (struct outcome_verdict){ OUTCOME_UNREACHABLE, true, true };
	if (input->transport == TRANSPORT_NO_ANSWER)
		return judge_doubt(input);
	if ((status >= 200 && status < 300) || is_already_there(input))
		return (struct outcome_verdict){ OUTCOME_DONE, false, false };
	if (status < 200 || status >= 500)
		return judge_doubt(input);
	if (status < 400)
		return judge_redirect(input);
	return judge_refusal(input);
}

static bool is_key_forgotten(const struct outcome_input *input)
{
	return is_repeat_known(input) && !input->is_safe && input->key_lifetime_ms > 0 &&
	       input->doubt_age_ms >= input->key_lifetime_ms;
}

struct outcome_verdict outcome_classify(const struct outcome_input *input)
{
	struct outcome_verdict verdict = judge_answer(input);
	bool is_final = verdict.outcome == OUTCOME_DONE || verdict.outcome == OUTCOME_REJECT;

	if (!is_final && is_key_forgotten(input))
		verdict.outcome = OUTCOME_UNKNOWN;
	return verdict;
}

const char *outcome_word(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_DONE:
		return "done";
	case OUTCOME_RETRY:
	case OUTCOME_UNREACHABLE:
	case OUTCOME_REFRESH:
		return "retry";
	case OUTCOME_REJECT:
	case OUTCOME_SPLIT:
		return "reject";
	case OUTCOME_HOLD:
		return "hold";
	case OUTCOME_UNKNOWN:
		break;
	}
	return "unknown";
}

/* delay-seconds; what no clock can hold is cut to a century. */
static int64_t read_seconds(const char *digits, size_t len)
{
	const int64_t century_s = INT64_C(100) * 366 * 86400;
	int64_t seconds = 0;

	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return -1;
		seconds = seconds * 10 + (digits[i] - '0');
		if (seconds > century_s)
			seconds = century_s;
	}
	return seconds * 1000;
}

int64_t outcome_retry_after_ms(const char *value, int64_t now_ms)
{
	if (!value)
		return -1;
	value += strspn(value, " \t");
	size_t len = strlen(value);
	while (len > 0 && strchr(" \t\r\n", value[len - 1]))
		len--;
	if (len == 0)
		return -1;
	int64_t at_ms, wait_ms = read_seconds(value, len);
	if (wait_ms >= 0)
		return wait_ms;
	if (!time_parse_http_date(value, len, &at_ms))
		return -1;
	return at_ms > now_ms ? at_ms - now_ms : 0;
}

/* A number of seconds as large as this is an instant: 2001, or a wait of thirty years. */
#define EPOCH_FROM_MS INT64_C(1000000000000)

int64_t outcome_rest_ms(const char *remaining, const char *reset, int64_t now_ms)
{
	int64_t left = outcome_retry_after_ms(remaining, now_ms);
	int64_t wait_ms = outcome_retry_after_ms(reset, now_ms);

	if (left != 0 || wait_ms < 0)
		return 0;
	if (wait_ms < EPOCH_FROM_MS)
		return wait_ms;
	return wait_ms > now_ms ? wait_ms - now_ms : 0;
}
