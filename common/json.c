/* json.c - parse behind the scanner, find things in the tree; see json.h */
#include "dray/json.h"

#include <math.h>
#include <string.h>

#define PATCH_DEPTH_MAX 64

cJSON *json_parse(const char *text, size_t len, const struct json_limits *limits,
	struct buf *scratch, struct json_error *ret_error)
{
	cJSON *root;

	if (json_scan(text, len, limits, scratch, NULL, ret_error) != JSON_FINE)
		return NULL;
	root = cJSON_ParseWithLength(scratch->data, scratch->len + 1);
	if (!root && ret_error) {
		*ret_error = (struct json_error){
			.flaw = JSON_NO_MEMORY, .line = 1, .column = 1, .message = "out of memory"
		};
	}
	return root;
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Behind the string that starts at `pos`, or `len` + 1 when it does not end. */
static size_t string_end(const char *text, size_t len, size_t pos)
{
	for (pos++; pos < len; pos++) {
		if (text[pos] == '\\')
			pos++;
		else if (text[pos] == '"')
			return pos + 1;
	}
	return len + 1;
}

static size_t nested_end(const char *text, size_t len, size_t pos)
{
	size_t depth = 0;

	while (pos < len) {
		char c = text[pos];

		if (c == '"') {
			pos = string_end(text, len, pos);
			continue;
		}
		pos++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return pos;
	}
	return len + 1;
}

static size_t word_end(const char *text, size_t len, size_t pos)
{
	/* The first byte counts whatever it is: a stray bracket must not stop the walk. */
	if (pos < len && text[pos] != ',' && text[pos] != ']')
		pos++;
	while (pos < len && !is_blank(text[pos]) &&
		(text[pos] == '\0' || !strchr(",]}[{\"", text[pos])))
		pos++;
	return pos;
}

bool json_extent(const char *text, size_t len, size_t pos, size_t *ret_start, size_t *ret_end)
{
	size_t end;

	while (pos < len && is_blank(text[pos]))
		pos++;
	if (pos >= len)
		return false;
	if (text[pos] == '"')
		end = string_end(text, len, pos);
	else if (text[pos] == '{' || text[pos] == '[')
		end = nested_end(text, len, pos);
	else
		end = word_end(text, len, pos);
	if (end > len)
		return false;
	*ret_start = pos;
	*ret_end = end;
	return true;
}

cJSON *json_get(const cJSON *object, const char *name)
{
	if (!cJSON_IsObject(object))
		return NULL;
	for (cJSON *child = object->child; child; child = child->next)
		if (child->string && strcmp(child->string, name) == 0)
			return child;
	return NULL;
}

const char *json_get_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(json_get(object, name));
}

bool json_get_integer(const cJSON *object, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	const cJSON *item = json_get(object, name);
	int64_t value;

	if (!cJSON_IsNumber(item) || !(fabs(item->valuedouble) <= 0x1p53))
		return false;
	value = (int64_t)item->valuedouble;
	if ((double)value < item->valuedouble || (double)value > item->valuedouble)
		return false;
	if (value < min || value > max)
		return false;
	*ret = value;
	return true;
}

/* True when `name` is what the pointer's reference token means: ~1 is '/', ~0 is '~'. */
static bool token_is(const char *token, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++, name++) {
		char c = token[i];

		if (c == '~' && i + 1 < len && (token[i + 1] == '0' || token[i + 1] == '1'))
			c = token[++i] == '0' ? '~' : '/';
		if (*name != c || c == '\0')
			return false;
	}
	return *name == '\0';
}

static bool part_is(const char *part, size_t len, const char *name)
{
	return strncmp(part, name, len) == 0 && name[len] == '\0';
}

/* An array index as RFC 6901 writes it: digits without a leading zero. */
static bool read_index(const char *part, size_t len, size_t *ret)
{
	size_t index = 0;

	if (len == 0 || len > 9 || (len > 1 && part[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (part[i] < '0' || part[i] > '9')
			return false;
		index = index * 10 + (size_t)(part[i] - '0');
	}
	*ret = index;
	return true;
}

static cJSON *step_into(const cJSON *value, const char *part, size_t len,
	bool (*is_name)(const char *part, size_t len, const char *name))
{
	cJSON *child = value->child;

	if (cJSON_IsObject(value)) {
		while (child && !(child->string && is_name(part, len, child->string)))
			child = child->next;
		return child;
	}
	if (cJSON_IsArray(value)) {
		size_t index;

		if (!read_index(part, len, &index))
			return NULL;
		while (child && index-- > 0)
			child = child->next;
		return child;
	}
	return NULL;
}

cJSON *json_pointer(cJSON *root, const char *pointer)
{
	cJSON *value = root;

	if (*pointer != '\0' && *pointer != '/')
		return NULL;
	while (value && *pointer == '/') {
		size_t len = strcspn(pointer + 1, "/");

		value = step_into(value, pointer + 1, len, token_is);
		pointer += 1 + len;
	}
	return value;
}

const cJSON *json_dotted(const cJSON *root, const char *path)
{
	const cJSON *value = root;

	while (value) {
		size_t len = strcspn(path, ".");

		value = step_into(value, path, len, part_is);
		if (path[len] == '\0')
			break;
		path += len + 1;
	}
	return value;
}

/* Put `value` in the place of `object`'s member `name`, or behind the others. Takes `value`. */
static int set_member(cJSON *object, const char *name, cJSON *value)
{
	cJSON *old = json_get(object, name);
	cJSON_bool is_set;

	if (!value)
		return -1;
	if (old)
		is_set = cJSON_ReplaceItemInObjectCaseSensitive(object, name, value);
	else
		is_set = cJSON_AddItemToObject(object, name, value);
	if (!is_set) {
		cJSON_Delete(value);
		return -1;
	}
	return 0;
}

struct patch_frame {
	cJSON *target;       /* an object */
	const cJSON *change; /* the member of the patch that is next */
};

/* Apply one member; where it is an object itself, set *ret_deeper to what it is applied to. */
static int patch_member(cJSON *target, const cJSON *change, cJSON **ret_deeper)
{
	cJSON *old = json_get(target, change->string);

	*ret_deeper = NULL;
	if (cJSON_IsNull(change)) {
		cJSON_Delete(cJSON_DetachItemViaPointer(target, old));
		return 0;
	}
	if (!cJSON_IsObject(change))
		return set_member(target, change->string, cJSON_Duplicate(change, true));
	if (!cJSON_IsObject(old) && set_member(target, change->string, cJSON_CreateObject()) < 0)
		return -1;
	*ret_deeper = json_get(target, change->string);
	return 0;
}

static int patch_object(cJSON *target, const cJSON *patch)
{
	struct patch_frame frames[PATCH_DEPTH_MAX];
	size_t depth = 1;

	frames[0] = (struct patch_frame){ target, patch->child };
	while (depth > 0) {
		struct patch_frame *top = &frames[depth - 1];
		const cJSON *change = top->change;
		cJSON *deeper;

		if (!change) {
			depth--;
			continue;
		}
		top->change = change->next;
		if (patch_member(top->target, change, &deeper) < 0)
			return -1;
		if (!deeper)
			continue;
		if (depth == PATCH_DEPTH_MAX)
			return -1;
		frames[depth++] = (struct patch_frame){ deeper, change->child };
	}
	return 0;
}

int json_merge_patch(cJSON **target, const cJSON *patch)
{
	if (!cJSON_IsObject(patch) || !cJSON_IsObject(*target)) {
		cJSON *fresh =
			cJSON_IsObject(patch) ? cJSON_CreateObject() : cJSON_Duplicate(patch, true);

		if (!fresh)
			return -1;
		cJSON_Delete(*target);
		*target = fresh;
	}
	return cJSON_IsObject(patch) ? patch_object(*target, patch) : 0;
}
