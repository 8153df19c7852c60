/* tree.c - see tree.h */
#include "tree.h"

void tree_add(struct buf *out, cJSON *parent, const char *name, cJSON *item)
{
	if (parent && item &&
		(name ? cJSON_AddItemToObject(parent, name, item)
		      : cJSON_AddItemToArray(parent, item)))
		return;
	cJSON_Delete(item);
	out->failed = true;
}

void tree_add_text(struct buf *out, cJSON *parent, const char *name, const char *text)
{
	tree_add(out, parent, name, cJSON_CreateString(text));
}

void tree_add_number(struct buf *out, cJSON *parent, const char *name, int64_t number)
{
	tree_add(out, parent, name, cJSON_CreateNumber((double)number));
}

void tree_print(struct buf *out, cJSON *tree)
{
	char *text = cJSON_Print(tree);

	if (text) {
		buf_puts(out, text);
		buf_putc(out, '\n');
	} else {
		out->failed = true;
	}
	cJSON_free(text);
	cJSON_Delete(tree);
}
