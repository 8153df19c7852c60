#include "config/programs.h"

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/json.h"
#include "mapper/connector_folder.h"
#include "mapper/mapper_run.h"

struct programs {
	const char *const *dirs;
	const char *mapper;
	const char *zone;
	struct mapper_run *run; /* made when the first program is met */
};

/* One side of the folders: what goes out, or what comes in. */
struct side {
	const char *member; /* of the option that names a folder */
	int (*find)(const char *name, const char *const *dirs, struct connector_folder *ret,
		struct error *err);
	cJSON *seen; /* names as members */
};

static int compile(
	struct programs *programs, const struct connector_folder *folder, struct error *err)
{
	struct buf words = BUF_INIT;
	int status;

	if (!folder->program)
		return 0;
	if (!programs->run)
		programs->run = mapper_run_new(programs->mapper, programs->zone, err);
	if (!programs->run)
		return -1;
	status = mapper_run_compile(programs->run, folder->program, folder->program_len, &words);
	if (status < 0)
		error_fill(err, NULL, "%s", words.data ? words.data : "out of memory");
	buf_done(&words);
	return status;
}

/* `where`, `owner`: whose option it is; `name`: what it names, or NULL. */
static int check(struct programs *programs, struct side *side, const char *where, const char *owner,
	const char *name, struct error *err)
{
	struct connector_folder folder;
	struct error said = { 0 };
	char words[sizeof(said.path) + sizeof(said.message) + 2];
	int status;

	if (!name || json_get(side->seen, name))
		return 0;
	(void)cJSON_AddNullToObject(side->seen, name);
	status = side->find(name, programs->dirs, &folder, &said);
	if (status == 0) {
		status = compile(programs, &folder, &said);
		connector_folder_done(&folder);
	}
	if (status == 0)
		return 0;
	error_fill(err, side->member, "%s: %s", name, error_text(&said, words, sizeof(words)));
	error_prefix(err, owner);
	error_prefix(err, where);
	return -1;
}

static int check_all(struct programs *programs, const struct config *config, struct side *out,
	struct side *in, struct error *err)
{
	int status = 0;

	for (size_t i = 0; i < config->n_destinations && status == 0; i++)
		status = check(programs, out, "destinations", config->destinations[i].name,
			config->destinations[i].connector, err);
	for (size_t i = 0; i < config->n_sources && status == 0; i++)
		status = check(programs, in, "sources", config->sources[i].name,
			config->sources[i].adapter, err);
	for (size_t i = 0; i < config->listen.n_hooks && status == 0; i++)
		status = check(programs, in, "listen.hooks", config->listen.hooks[i].name,
			config->listen.hooks[i].adapter, err);
	return status;
}

int programs_check(
	const struct config *config, const char *const *dirs, const char *mapper, struct error *err)
{
	struct programs programs = { .dirs = dirs, .mapper = mapper, .zone = config->timezone };
	struct side out = { "connector", connector_folder_find, cJSON_CreateObject() };
	struct side in = { "adapter", adapter_folder_find, cJSON_CreateObject() };
	int status = check_all(&programs, config, &out, &in, err);

	mapper_run_free(programs.run);
	cJSON_Delete(out.seen);
	cJSON_Delete(in.seen);
	return status;
}
