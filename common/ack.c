/* ack.c - see ack.h */
#include "dray/ack.h"

#include <string.h>

const char *ack_status_word(enum ack_status status)
{
	static const char *const words[] = {
		[ACK_STORED] = "stored",
		[ACK_DUPLICATE] = "duplicate",
		[ACK_REJECTED] = "rejected",
		[ACK_DELIVERED] = "delivered",
		[ACK_EXCEPTION] = "exception",
	};

	return (unsigned)status < sizeof(words) / sizeof(*words) ? words[status] : "";
}

static void put_member(struct buf *out, const char *name, const char *value)
{
	if (*value == '\0')
		return;
	buf_puts(out, name);
	buf_put_json(out, value, strlen(value));
}

void ack_render(const struct ack *ack, struct buf *out)
{
	if (*ack->id)
		put_member(out, "{\"id\":", ack->id);
	else
		buf_puts(out, "{\"id\":null");
	put_member(out, ",\"status\":", ack_status_word(ack->status));
	if (ack->seq > 0) {
		buf_puts(out, ",\"seq\":");
		buf_put_integer(out, ack->seq);
	}
	if (ack->status == ACK_REJECTED || ack->status == ACK_EXCEPTION) {
		put_member(out, ",\"reason\":", reason_word(ack->problem.reason));
		put_member(out, ",\"field\":", ack->problem.field);
		put_member(out, ",\"message\":", ack->problem.message);
	}
	if (ack->status == ACK_DELIVERED) {
		put_member(out, ",\"destination\":", ack->destination);
		put_member(out, ",\"ref\":", ack->ref);
	}
	buf_putc(out, '}');
}
