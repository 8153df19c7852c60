/*
 * fuzz_adapter.c - the first byte is the kind of payload; then any text as adapter_cases.json, and
 * behind a NUL any text as what the program answers, a line a call: refused in words that name a place,
 * or run to its end with each case told once. Whatever a program says, a problem made of it is fit for
 * a screen.
 */
#include <stdlib.h>
#include <string.h>

#include "dray/json.h"
#include "help_fuzz.h"
#include "mapper/adapter_cases.h"

/* Played here: the folder, and the child. */
static const char *cases_text, *answer_text;
static size_t cases_len, answer_len;

int adapter_folder_cases(const struct connector_folder *folder, cJSON **ret, struct error *err)
{
	static const struct json_limits limits = { 1 << 20, 48, 100000, true };
	struct buf scratch = BUF_INIT;

	(void)folder;
	*ret = json_parse(cases_text, cases_len, &limits, &scratch, NULL);
	buf_done(&scratch);
	return *ret ? 0 : error_set(err, "adapter_cases.json", "is no JSON");
}

static void check_problem(const char *words)
{
	struct problem problem;

	adapter_fill_problem("gate", REASON_MAP_FAILED, words, &problem);
	check_words(problem.message, strlen(problem.message));
}

/* Each call takes a line: its first character is the outcome. */
enum mapper_outcome mapper_run_call(struct mapper_run *run, const char *program, size_t program_len,
	const char *input, size_t len, struct buf *out)
{
	const char *end = memchr(answer_text, '\n', answer_len);
	size_t line = end ? (size_t)(end - answer_text) : answer_len;
	enum mapper_outcome outcome = MAPPER_NOTHING;

	(void)run;
	check(program_len == 1 && program[0] == '.');
	check_json(input, len);
	buf_reset(out);
	buf_puts(out, "");
	if (line > 0) {
		outcome = (enum mapper_outcome)((unsigned char)answer_text[0] % (MAPPER_HELD + 1));
		buf_put(out, answer_text + 1, line - 1);
	}
	check_problem(out->data);
	answer_text += end ? line + 1 : line;
	answer_len -= end ? line + 1 : line;
	return outcome;
}

static void on_case(void *ctx, const char *name, const char *diff)
{
	unsigned *told = ctx;

	check(name && diff);
	(*told)++;
}

static cJSON *declare(uint8_t kind)
{
	static const char *const payloads[] = { "json", "text", "bytes" };
	cJSON *declaration = cJSON_Parse("{\"name\":\"a\",\"version\":1,\"title\":\"A\","
					 "\"vars\":{\"v\":{\"default\":1}}}");
	struct error err;

	check(cJSON_AddStringToObject(declaration, "payload", payloads[kind % 3]) != NULL);
	check(adapter_check_declaration(declaration, &err) == 0);
	return declaration;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/folder", program[] = ".";
	struct connector_folder folder = { .path = path, .program = program, .program_len = 1 };
	struct error err = { 0 };
	unsigned told = 0;
	const uint8_t *end;

	if (size == 0)
		return 0;
	folder.declaration = declare(*data++);
	end = memchr(data, 0, --size);
	cases_text = (const char *)data;
	cases_len = end ? (size_t)(end - data) : size;
	answer_text = end ? (const char *)end + 1 : "";
	answer_len = end ? size - cases_len - 1 : 0;
	int failed = adapter_cases_run(&folder, NULL, on_case, &told, &err);
	if (failed < 0)
		check(err.message[0] && told == 0);
	else
		check(told > 0 && (unsigned)failed <= told);
	cJSON_Delete(folder.declaration);
	return 0;
}
