#include "declared.h"

#include "deliver/deliver.h"
#include "dray/json.h"

/* A fault in it is told by whoever loads the connector for the destination that uses it. */
const cJSON *declared_find(void *ctx, const char *name)
{
	struct declared *declared = ctx;
	const cJSON *known = json_get(declared->known, name);
	cJSON *read = known ? NULL : connector_load(name, declared->dirs, NULL);

	if (known || !read)
		return known;
	if (!declared->known)
		declared->known = cJSON_CreateObject();
	if (declared->known && cJSON_AddItemToObject(declared->known, name, read))
		return read;
	cJSON_Delete(read);
	return NULL;
}

void declared_done(struct declared *declared)
{
	cJSON_Delete(declared->known);
	declared->known = NULL;
}
