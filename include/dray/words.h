/*
 * words.h - a short list kept in one text: " pick ship ", words with blanks between.
 *
 * Blanks before the first and behind the last word, and more than one between two, count for nothing.
 *
 * Pure.
 */
#ifndef DRAY_WORDS_H
#define DRAY_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The first word from `at` on, for a loop that goes on from its end:
 *
 *   for (const char *at = words; (at = words_next(at, &len)); at += len)
 *
 * Returns where it starts, its bytes in *ret_len (not ended by a NUL); NULL when there is none.
 */
const char *words_next(const char *at, size_t *ret_len);

/* Is this word, of `len` bytes, in the list, whole and letter by letter? An empty one is in none. */
bool words_has(const char *words, const char *word, size_t len);

#endif
