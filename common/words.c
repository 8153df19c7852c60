#include "dray/words.h"

#include <string.h>

const char *words_next(const char *at, size_t *ret_len)
{
	at += strspn(at, " ");
	*ret_len = strcspn(at, " ");
	return *ret_len > 0 ? at : NULL;
}

bool words_has(const char *words, const char *word, size_t len)
{
	size_t n;

	for (const char *at = words; (at = words_next(at, &n)); at += n)
		if (n == len && memcmp(at, word, len) == 0)
			return true;
	return false;
}
