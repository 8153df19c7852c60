#include "config/declared.h"

#include "dray/json.h"
#include "mapper/connector_folder.h"

/* A fault in it is told by whoever loads the connector for the destination that uses it. */
const cJSON *declared_find(void *ctx, const char *name)
{
	struct declared *declared = ctx;
	const cJSON *known = json_get(declared->known, name);
	struct connector_folder folder;
	cJSON *read;

	if (known || connector_folder_find(name, declared->dirs, &folder, NULL))
		return known;
	read = folder.declaration;
	folder.declaration = NULL;
	connector_folder_done(&folder);
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
