/*
 * guest.h - who has come in by a door: one connection, and how long it may keep us waiting.
 *
 *   comes ─► ASKING ─► WAITING ─► TAKING ─► IDLE ─► ASKING …
 *
 *   ASKING   the request is to be here whole in 10 s; the first one with its TLS handshake
 *   WAITING  its call is in our hands: no bound, for it is ours
 *   TAKING   the reply is to be taken in 60 s
 *   IDLE     nothing is asked for 60 s: it is let go
 *
 * Invariants
 *   1. At most GUEST_MAX come in by a door: beyond it who has kept us waiting longest is let go. So
 *      however many are slow, another one gets in, and is served at once.
 *   2. What all of a door have sent and not been answered yet is at most GUEST_BYTES_MAX: beyond it
 *      who holds the most is let go.
 *   3. guest->call is the one call of it that is in our hands; evhttp reads nothing meanwhile.
 *
 * evhttp makes its connection object behind our back: it is found as the context of the
 * bufferevent's callbacks, in the same pass of the loop, before a byte is read.
 */
#ifndef DRAY_OPS_GUEST_H
#define DRAY_OPS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <openssl/ssl.h>

#define GUEST_MAX 256
#define GUEST_BYTES_MAX (32 * 1024 * 1024)

struct bufferevent;
struct call;
struct event;
struct event_base;
struct evhttp;
struct evhttp_connection;
struct evhttp_request;
struct guest;
TAILQ_HEAD(guest_list, guest);

/* Those of one door. */
struct guests {
	struct event_base *base;
	SSL_CTX *tls;           /* owned: who comes is spoken to by it; NULL: in clear */
	size_t input_max;       /* bytes of a request, head and body */
	struct guest_list all;  /* who moved longest ago comes first */
	struct event *arrival;  /* one has come */
	struct event *crowding; /* they are too many, or hold too much */
	size_t n, bytes;
	void (*on_left)(struct call *call); /* its guest has gone */
};

int guests_init(struct guests *guests, struct event_base *base, size_t input_max,
	void (*on_left)(struct call *call));
/* Behind evhttp_free(). */
void guests_done(struct guests *guests);
/* Have evhttp make its connections here. */
void guests_attend(struct guests *guests, struct evhttp *http);
/* What they were let in by is no more: they are let go, at once or behind the reply they wait for. */
void guests_dismiss(struct guests *guests);

/* NULL: it could not be made a guest; nothing may be said to it. */
struct guest *guest_of(struct guests *guests, struct evhttp_connection *connection);
/* Its request is here, whole: nothing more is read from it until guest_told(). */
void guest_asked(struct guest *guest, struct call *call);
/* The reply is about to leave. */
void guest_told(struct guest *guest, struct evhttp_request *request);
/* Its call is no more. */
void guest_forget(struct guest *guest);
/* It is to be let go when it has its reply. */
bool guest_is_dismissed(const struct guest *guest);

#endif
