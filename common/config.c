#include "config_options.h"

#include <stdlib.h>
#include <string.h>

#include "dray/ids.h"
#include "dray/json.h"

_Static_assert(offsetof(struct config_source, name) == 0 &&
		       offsetof(struct config_destination, name) == 0 &&
		       offsetof(struct config_route, name) == 0 &&
		       offsetof(struct config_token, name) == 0 &&
		       offsetof(struct config_hook, name) == 0,
	"an object of a map starts with its name");

static int out_of_memory(struct error *err)
{
	return error_set(err, NULL, "out of memory");
}

static size_t common_prefix(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

static int refuse_unknown(
	const struct option_kind *kind, const char *section, const char *key, struct error *err)
{
	const char *nearest = NULL;
	const char *name = *key ? key : "\"\"";
	size_t most = 2;

	for (size_t i = 0; i < kind->n_options; i++) {
		const struct option *option = &kind->options[i];
		if (!option_is_in(option, section) || option->type == OPTION_LATER)
			continue;
		size_t n = common_prefix(option_leaf(option), key);
		if (n > most) {
			most = n;
			nearest = option_leaf(option);
		}
	}
	if (nearest)
		error_fill(err, name, "unknown key; did you mean \"%s\"", nearest);
	else
		error_fill(err, name, "unknown key");
	if (*section)
		error_prefix(err, section);
	return -1;
}

/* Every member of the object, or of the section of it, must be an option. */
static int check_members(
	const struct option_kind *kind, const char *section, const cJSON *object, struct error *err)
{
	const cJSON *member;

	if (!cJSON_IsObject(object))
		return error_set(err, section, "must be an object");
	cJSON_ArrayForEach (member, object) {
		bool is_known = cJSON_IsNull(member);
		for (size_t i = 0; i < kind->n_options && !is_known; i++)
			is_known = option_is_in(&kind->options[i], section) &&
				   strcmp(option_leaf(&kind->options[i]), member->string) == 0;
		if (!is_known)
			return refuse_unknown(kind, section, member->string, err);
	}
	return 0;
}

static int read_option(const struct option_kind *kind, const struct option *option,
	const cJSON *object, void *base, struct error *err)
{
	const cJSON *value = json_dotted(object, option->name);
	bool is_set = value && !cJSON_IsNull(value);

	if (option->type == OPTION_MAP)
		return 0;
	if (option->type == OPTION_SECTION) {
		option_store_number(option, base, is_set);
		return is_set ? check_members(kind, option->name, value, err) : 0;
	}
	if (is_set)
		return option_read(option, base, value, err);
	if (option->is_required)
		return error_set(err, option->name, "required");
	if (option->fallback)
		return option_store_text(option, base, option->fallback, err);
	return 0;
}

static int read_object(
	const struct option_kind *kind, const cJSON *object, void *base, struct error *err)
{
	if (check_members(kind, "", object, err))
		return -1;
	for (size_t i = 0; i < kind->n_options; i++) {
		if (read_option(kind, &kind->options[i], object, base, err))
			return -1;
	}
	return 0;
}

static int compare_members(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* The members of a map that are not null, by name. *ret is the caller's to free. */
static int sort_members(const struct option *option, const cJSON *map, const cJSON ***ret,
	size_t *ret_n, struct error *err)
{
	const cJSON *member;
	size_t n = 0;

	if (!cJSON_IsObject(map))
		return error_set(err, option->name, "must be an object");
	cJSON_ArrayForEach (member, map)
		n += !cJSON_IsNull(member);
	if ((int64_t)n > option->max)
		return error_set(err, option->name, "must hold at most %lld, not %zu",
			(long long)option->max, n);
	const cJSON **members = calloc(n + 1, sizeof(*members));
	if (!members)
		return out_of_memory(err);
	n = 0;
	cJSON_ArrayForEach (member, map) {
		if (!cJSON_IsNull(member))
			members[n++] = member;
	}
	qsort(members, n, sizeof(*members), compare_members);
	*ret = members;
	*ret_n = n;
	return 0;
}

static int read_named(
	const struct option_kind *kind, const cJSON *member, void *base, struct error *err)
{
	char **name = base;

	if (!id_is_name(member->string, strlen(member->string)))
		return error_set(err, member->string, "the name of a %s must be %s", kind->what,
			form_name.expects);
	*name = strdup(member->string);
	if (!*name)
		return out_of_memory(err);
	if (read_object(kind, member, base, err)) {
		error_prefix(err, member->string);
		return -1;
	}
	return 0;
}

static int read_map(
	const struct option *option, const cJSON *map, struct config *config, struct error *err)
{
	const cJSON **members = NULL;
	size_t n = 0;

	if (sort_members(option, map, &members, &n, err))
		return -1;
	/* calloc(0) may give NULL; one more keeps "at least one" and "none" alike. */
	char *objects = calloc(n + 1, option->kind->size);
	int result = objects ? 0 : out_of_memory(err);
	if (objects) {
		memcpy(option_field(option, config), &objects, sizeof(objects));
		memcpy((char *)config + option->count_offset, &n, sizeof(n));
	}
	for (size_t i = 0; i < n && !result; i++) {
		result =
			read_named(option->kind, members[i], objects + i * option->kind->size, err);
		if (result)
			error_prefix(err, option->name);
	}
	free(members);
	return result;
}

static int read_maps(const cJSON *document, struct config *config, struct error *err)
{
	for (size_t i = 0; i < config_kind.n_options; i++) {
		const struct option *option = &config_kind.options[i];
		const cJSON *map = json_dotted(document, option->name);
		if (option->type != OPTION_MAP || !map || cJSON_IsNull(map))
			continue;
		if (read_map(option, map, config, err))
			return -1;
	}
	return 0;
}

int config_build(const cJSON *document, struct config **ret, struct error *err)
{
	struct config *config = calloc(1, sizeof(*config));

	if (!config)
		return out_of_memory(err);
	if (read_object(&config_kind, document, config, err) || read_maps(document, config, err) ||
		config_complete(document, config, err)) {
		config_free(config);
		return -1;
	}
	*ret = config;
	return 0;
}

static void drop_text(void *field)
{
	char **text = field;

	free(*text);
	*text = NULL;
}

static void free_fields(const struct option_kind *kind, void *base)
{
	for (size_t i = 0; i < kind->n_options; i++) {
		const struct option *option = &kind->options[i];
		void *field = option_field(option, base);
		switch (option->type) {
		case OPTION_TEXT:
		case OPTION_TYPES:
		case OPTION_PARTS:
			drop_text(field);
			break;
		case OPTION_SECRET:
			free(((struct config_secret *)field)->file);
			break;
		case OPTION_NAMES:
			free(*(size_t **)field);
			break;
		case OPTION_OBJECT:
		case OPTION_STATUSES:
			cJSON_Delete(*(cJSON **)field);
			break;
		case OPTION_ORDER:
			drop_text(&((struct config_destination *)base)->order_pointer);
			break;
		default:
			break;
		}
	}
}

static void free_map(const struct option *option, struct config *config)
{
	char *objects;
	size_t n;

	memcpy(&objects, option_field(option, config), sizeof(objects));
	memcpy(&n, (char *)config + option->count_offset, sizeof(n));
	for (size_t i = 0; i < n; i++) {
		void *base = objects + i * option->kind->size;

		free_fields(option->kind, base);
		drop_text(base); /* the name, which is no option */
	}
	free(objects);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config_kind.n_options; i++) {
		if (config_kind.options[i].type == OPTION_MAP)
			free_map(&config_kind.options[i], config);
	}
	free_fields(&config_kind, config);
	cJSON_Delete(config->document);
	free(config);
}
