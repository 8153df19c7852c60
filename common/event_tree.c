/* event_tree.c - see event_tree.h */
#include "event_tree.h"

#include <string.h>

#include "event_data.h"

#define OWN_PREFIX "dray"

static const char *const names[ATTRIBUTE_N] = {
	[ATTRIBUTE_SPECVERSION] = "specversion",
	[ATTRIBUTE_ID] = "id",
	[ATTRIBUTE_SOURCE] = "source",
	[ATTRIBUTE_TYPE] = "type",
	[ATTRIBUTE_SUBJECT] = "subject",
	[ATTRIBUTE_TIME] = "time",
	[ATTRIBUTE_DATACONTENTTYPE] = "datacontenttype",
	[ATTRIBUTE_SITE] = "site",
	[ATTRIBUTE_DEVICE] = "device",
	[ATTRIBUTE_OPERATOR] = "operator",
	[ATTRIBUTE_CORRELATIONID] = "correlationid",
	[ATTRIBUTE_SEQUENCE] = "sequence",
	[ATTRIBUTE_SENTTIME] = "senttime",
	[ATTRIBUTE_TRACEPARENT] = "traceparent",
	[ATTRIBUTE_RECEIVEDTIME] = "receivedtime",
	[ATTRIBUTE_CHAIN] = "draychain",
	[ATTRIBUTE_NORMALISED] = "draynormalised",
	[ATTRIBUTE_SKEW] = "drayskew",
	[ATTRIBUTE_DATA] = "data",
};

const char *attribute_name(enum attribute attribute)
{
	return names[attribute];
}

static int find_attribute(const char *name)
{
	for (int i = 0; i < ATTRIBUTE_N; i++)
		if (*names[i] == *name && strcmp(names[i], name) == 0)
			return i;
	return ATTRIBUTE_N;
}

static void keep_other(struct event_tree *tree, cJSON *member)
{
	if (tree->others)
		tree->others_last->next = member;
	else
		tree->others = member;
	tree->others_last = member;
}

void event_tree_take(cJSON *root, struct event_tree *ret)
{
	cJSON *next;

	memset(ret, 0, sizeof(*ret));
	for (cJSON *member = root->child; member; member = next) {
		int i = find_attribute(member->string);

		next = member->next;
		member->next = NULL;
		member->prev = NULL;
		if (i < ATTRIBUTE_N && !ret->slots[i] && !cJSON_IsNull(member))
			ret->slots[i] = member;
		else if (i < ATTRIBUTE_N || strncmp(member->string, OWN_PREFIX, 4) == 0)
			cJSON_Delete(member);
		else
			keep_other(ret, member);
	}
	root->child = NULL;
}

/* cJSON's list: `next` ends with NULL, the first one's `prev` is the last. */
static void append(cJSON *root, cJSON *member)
{
	if (!root->child) {
		root->child = member;
		member->prev = member;
	} else {
		cJSON *last = root->child->prev;

		last->next = member;
		member->prev = last;
		root->child->prev = member;
	}
	member->next = NULL;
}

void event_tree_put(cJSON *root, struct event_tree *tree)
{
	cJSON *next;

	for (int i = 0; i < ATTRIBUTE_N; i++) {
		if (i == ATTRIBUTE_DATA) {
			for (cJSON *member = tree->others; member; member = next) {
				next = member->next;
				append(root, member);
			}
		}
		if (tree->slots[i])
			append(root, tree->slots[i]);
	}
	memset(tree, 0, sizeof(*tree));
}

bool event_tree_set(struct event_tree *tree, enum attribute attribute, const char *text)
{
	cJSON **slot = &tree->slots[attribute];

	if (*text == '\0') {
		cJSON_Delete(*slot);
		*slot = NULL;
		return true;
	}
	if (*slot)
		return event_data_set_string(*slot, text);
	*slot = cJSON_CreateString(text);
	if (!*slot)
		return false;
	(*slot)->string = (char *)names[attribute];
	(*slot)->type |= cJSON_StringIsConst;
	return true;
}
