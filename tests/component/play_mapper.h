/*
 * play_mapper.h - in the place of agent/mapper: programs are functions of the test. A program's text is
 * the name under which its function is known. Calls are kept until mapper_play() answers them.
 */
#ifndef DRAY_PLAY_MAPPER_H
#define DRAY_PLAY_MAPPER_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "mapper/mapper.h"

/*
 * Judge an input, and append the output, or the words of a failure. `input` is what the real one would
 * parse.
 */
typedef enum mapper_outcome (*mapper_play_fn)(const cJSON *input, struct buf *out);

/* From now on a program with this text is this function. Known until the process ends. */
void mapper_know(const char *text, mapper_play_fn fn);
/* Answer every call that is waiting, in order; what they lead to waits for the next time. How many. */
unsigned mapper_play(struct mapper *mapper);
/* How many are waiting. */
unsigned mapper_waiting(const struct mapper *mapper);
/* Nobody answers; calls end with MAPPER_HELD. */
void mapper_hold(struct mapper *mapper, bool is_held);

#endif
