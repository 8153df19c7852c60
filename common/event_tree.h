/*
 * event_tree.h - the envelope as a tree taken apart and put together again in canonical order.
 *
 * Between the two every member has one owner: a known attribute its slot, the others their chain.
 */
#ifndef DRAY_EVENT_TREE_H
#define DRAY_EVENT_TREE_H

#include <stdbool.h>

#include <cjson/cJSON.h>

/* The known attributes, in the order in which they are rendered. */
enum attribute {
	ATTRIBUTE_SPECVERSION,
	ATTRIBUTE_ID,
	ATTRIBUTE_SOURCE,
	ATTRIBUTE_TYPE,
	ATTRIBUTE_SUBJECT,
	ATTRIBUTE_TIME,
	ATTRIBUTE_DATACONTENTTYPE,
	ATTRIBUTE_SITE,
	ATTRIBUTE_DEVICE,
	ATTRIBUTE_OPERATOR,
	ATTRIBUTE_CORRELATIONID,
	ATTRIBUTE_SEQUENCE,
	ATTRIBUTE_SENTTIME,
	ATTRIBUTE_TRACEPARENT,
	ATTRIBUTE_RECEIVEDTIME,
	ATTRIBUTE_CHAIN,
	ATTRIBUTE_NORMALISED,
	ATTRIBUTE_SKEW,
	ATTRIBUTE_DATA,
	ATTRIBUTE_N
};

struct event_tree {
	cJSON *slots[ATTRIBUTE_N]; /* NULL: not there */
	cJSON *others;             /* unknown attributes, in their order */
	cJSON *others_last;
};

const char *attribute_name(enum attribute attribute);

/*
 * Take the members out of `root`, which is empty then. A known attribute that is null counts as
 * absent. `dray…` attributes are dray's own: what a stranger says there is dropped.
 */
void event_tree_take(cJSON *root, struct event_tree *ret);

/* Put all members back into `root`: known ones in order, the others before `data`. */
void event_tree_put(cJSON *root, struct event_tree *tree);

/* Set an attribute; "" removes it. False: memory ran out, nothing changed. */
bool event_tree_set(struct event_tree *tree, enum attribute attribute, const char *text);

#endif
