/*
 * help_hook.h - a configuration with one hook, by what it says beside its secret.
 */
#ifndef DRAY_HELP_HOOK_H
#define DRAY_HELP_HOOK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dray/config.h"
#include "dray/json.h"

/* NULL with *err: it is refused. */
static inline struct config *configure(const char *hook, struct error *err)
{
	static const struct json_limits limits = { 65536, 16, 1000, false };
	struct buf text = BUF_INIT, scratch = BUF_INIT;
	struct config *config = NULL;
	cJSON *document;

	buf_printf(&text,
		"{\"site\":\"s\",\"listen\":{\"hooks\":{\"h\":{\"secret\":{\"file\":\"f\"}%s%s}}}}",
		*hook ? "," : "", hook);
	document = json_parse(text.data, text.len, &limits, &scratch, NULL);
	assert_non_null(document);
	if (config_build(document, &config, err) != 0)
		config = NULL;
	cJSON_Delete(document);
	buf_done(&text);
	buf_done(&scratch);
	return config;
}

#endif
