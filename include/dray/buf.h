/*
 * buf.h - bytes that grow.
 *
 * A buffer remembers a failed allocation: writers append without checking each call and ask
 * buf_failed() once at the end. The content is always followed by a NUL that is not counted.
 */
#ifndef DRAY_BUF_H
#define DRAY_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* NULL until something is written */
	size_t len;
	size_t cap;
	bool failed;
};

#define BUF_INIT ((struct buf){ 0 })

void buf_done(struct buf *buf);  /* free the bytes; the buffer is empty and usable again */
void buf_reset(struct buf *buf); /* length 0, memory kept, failure forgotten */
/* As buf_reset(), and the bytes are overwritten. For secrets, with room reserved before they are put:
 * a buffer that grows leaves copies behind. */
void buf_wipe(struct buf *buf);
bool buf_failed(const struct buf *buf);

/* Room for `extra` more bytes and a NUL. Returns where to write them, or NULL on failure. */
static inline char *buf_reserve(struct buf *buf, size_t extra);
/* The same where there is no room yet. */
char *buf_grow(struct buf *buf, size_t extra);

void buf_put(struct buf *buf, const void *bytes, size_t len);
void buf_puts(struct buf *buf, const char *text);
static inline void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An integer in decimal: what buf_printf() would do, at a tenth of its cost. */
void buf_put_integer(struct buf *buf, int64_t number);

/* Append `text` as a JSON string with its quotes. `text` is valid UTF-8. */
void buf_put_json(struct buf *buf, const char *text, size_t len);

/* Hand the bytes to the caller, who frees them with free(3). NULL on an earlier failure. */
char *buf_take(struct buf *buf, size_t *ret_len);

/* Here, since every word of every event calls them. */

static inline char *buf_reserve(struct buf *buf, size_t extra)
{
	if (!buf->failed && extra < buf->cap - buf->len)
		return buf->data + buf->len;
	return buf_grow(buf, extra);
}

static inline void buf_putc(struct buf *buf, char c)
{
	char *to = buf_reserve(buf, 1);

	if (!to)
		return;
	to[0] = c;
	to[1] = '\0';
	buf->len++;
}

/*
 * Put texts one behind the other into a fixed room, cut at its size.
 * Returns false when something was cut.
 */
#define text_join(out, size, ...) \
	text_put_all((out), (size), (const char *const[]){ __VA_ARGS__, NULL })
bool text_put_all(char *out, size_t size, const char *const texts[]);

#endif
