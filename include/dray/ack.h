/*
 * ack.h - what a handheld is told about one event.
 */
#ifndef DRAY_ACK_H
#define DRAY_ACK_H

#include <stdint.h>

#include "dray/buf.h"
#include "dray/ids.h"
#include "dray/problem.h"

enum ack_status {
	ACK_STORED,    /* on disk: the worker may go on */
	ACK_DUPLICATE, /* stored before, same content */
	ACK_REJECTED,
	ACK_DELIVERED, /* a destination accepted it */
	ACK_EXCEPTION,
};

struct ack {
	enum ack_status status;
	char id[ID_MAX + 1];    /* "": none could be read, null in the message */
	int64_t seq;            /* 0: none */
	struct problem problem; /* for ACK_REJECTED and ACK_EXCEPTION */
	char destination[65];   /* for ACK_DELIVERED */
	char ref[129];          /* for ACK_DELIVERED; "" none */
};

/* "stored", "duplicate", … Static. */
const char *ack_status_word(enum ack_status status);

/*
 * Append {"id":…,"status":…} and, where set, "seq", "reason", "field", "message", "destination",
 * "ref", in this order.
 */
void ack_render(const struct ack *ack, struct buf *out);

#endif
