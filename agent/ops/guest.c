#include "ops/guest.h"

#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/err.h>

#include "log.h"

enum guest_state { GUEST_ASKING, GUEST_WAITING, GUEST_TAKING, GUEST_IDLE };

/* How long each may last; 0: for ever. */
static const struct timeval bounds[] = {
	[GUEST_ASKING] = { .tv_sec = 10 },
	[GUEST_WAITING] = { .tv_sec = 0 },
	[GUEST_TAKING] = { .tv_sec = 60 },
	[GUEST_IDLE] = { .tv_sec = 60 },
};

struct guest {
	TAILQ_ENTRY(guest) link;
	struct guests *guests;
	struct bufferevent *channel;
	struct evhttp_connection *connection; /* NULL: has only just come */
	struct call *call;                    /* NULL: none is in our hands */
	struct event *deadline;
	enum guest_state state;
	size_t bytes; /* of the request that is not answered, as they came */
	bool is_dismissed;
};

static void free_guest(struct guest *guest)
{
	struct guests *guests = guest->guests;

	TAILQ_REMOVE(&guests->all, guest, link);
	guests->n--;
	guests->bytes -= guest->bytes;
	event_free(guest->deadline);
	free(guest);
}

/* Who was not understood, or did not like what was shown. Who only looks whether somebody listens, as load
 * balancers do, hangs up. */
static void tell_tls(const struct guest *guest, struct evhttp_connection *connection)
{
	SSL *ssl = bufferevent_openssl_get_ssl(guest->channel);
	unsigned long error = ssl && !SSL_is_init_finished(ssl)
				      ? bufferevent_get_openssl_error(guest->channel)
				      : 0;
	const char *reason = ERR_reason_error_string(error);
	char *peer = NULL;
	uint16_t port;

	if (!error || ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return;
	evhttp_connection_get_peer(connection, &peer, &port);
	LOG_INFO("a TLS handshake failed at the listener", LOG_S("peer", peer ? peer : "?"),
		LOG_S("error", reason ? reason : "?"));
}

/* From within evhttp_connection_free(), whoever called it. */
static void on_gone(struct evhttp_connection *connection, void *arg)
{
	struct guest *guest = arg;

	tell_tls(guest, connection);
	if (guest->call)
		guest->guests->on_left(guest->call);
	free_guest(guest);
}

static void let_go(struct guest *guest)
{
	evhttp_connection_free(guest->connection);
}

static void move(struct guest *guest, enum guest_state state)
{
	struct guests *guests = guest->guests;

	guest->state = state;
	TAILQ_REMOVE(&guests->all, guest, link);
	TAILQ_INSERT_TAIL(&guests->all, guest, link);
	if (bounds[state].tv_sec == 0)
		(void)event_del(guest->deadline);
	else if (event_add(guest->deadline, &bounds[state]) != 0)
		LOG_ERROR("no timer for a connection: it is held to no bound of time");
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	let_go(arg);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct guest *guest = arg;
	struct guests *guests = guest->guests;

	(void)input;
	guest->bytes += info->n_added;
	guests->bytes += info->n_added;
	if (info->n_added > 0 && guest->state == GUEST_IDLE)
		move(guest, GUEST_ASKING);
	if (guests->bytes > GUEST_BYTES_MAX)
		event_active(guests->crowding, EV_TIMEOUT, 0);
}

/* --- coming ----------------------------------------------------------------------------------- */

static struct bufferevent *make_channel(struct guests *guests)
{
	struct bufferevent *channel;
	SSL *ssl;

	if (!guests->tls)
		return bufferevent_socket_new(guests->base, -1, BEV_OPT_CLOSE_ON_FREE);
	ssl = SSL_new(guests->tls);
	if (!ssl)
		return NULL;
	channel = bufferevent_openssl_socket_new(
		guests->base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (!channel)
		SSL_free(ssl);
	return channel;
}

/*
 * evhttp's bevcb. For NULL it makes a channel of its own, in clear: such a one is nobody's guest, and
 * nothing is said to it.
 */
static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
	struct guests *guests = arg;
	struct guest *guest = calloc(1, sizeof(*guest));

	if (!guest)
		return NULL;
	guest->guests = guests;
	guest->deadline = evtimer_new(base, on_deadline, guest);
	guest->channel = guest->deadline ? make_channel(guests) : NULL;
	if (!guest->channel ||
		!evbuffer_add_cb(bufferevent_get_input(guest->channel), on_input, guest)) {
		if (guest->channel)
			bufferevent_free(guest->channel);
		if (guest->deadline)
			event_free(guest->deadline);
		free(guest);
		return NULL;
	}
	bufferevent_setwatermark(guest->channel, EV_READ, 0, guests->input_max);
	bufferevent_incref(guest->channel);
	TAILQ_INSERT_TAIL(&guests->all, guest, link);
	guests->n++;
	event_active(guests->arrival, EV_TIMEOUT, 0);
	return guest->channel;
}

/* evhttp has its connection by now, or has given it up. */
static void adopt(struct guest *guest)
{
	bufferevent_data_cb on_read = NULL;
	void *connection = NULL;

	bufferevent_getcb(guest->channel, &on_read, NULL, NULL, &connection);
	if (!on_read || !connection) {
		(void)bufferevent_decref(guest->channel);
		free_guest(guest);
		return;
	}
	(void)bufferevent_decref(guest->channel);
	guest->connection = connection;
	evhttp_connection_set_closecb(guest->connection, on_gone, guest);
	move(guest, GUEST_ASKING);
}

/* Who is to make room: not one whose call is in our hands. */
static struct guest *choose_oldest(const struct guests *guests)
{
	struct guest *guest;

	TAILQ_FOREACH (guest, &guests->all, link)
		if (guest->connection && !guest->call)
			return guest;
	return NULL;
}

static struct guest *choose_largest(const struct guests *guests)
{
	struct guest *largest = NULL;
	struct guest *guest;

	TAILQ_FOREACH (guest, &guests->all, link)
		if (guest->connection && !guest->call &&
			guest->bytes > (largest ? largest->bytes : 0))
			largest = guest;
	return largest;
}

static void on_arrival(evutil_socket_t fd, short what, void *arg)
{
	struct guests *guests = arg;
	struct guest *guest, *next;

	(void)fd;
	(void)what;
	for (guest = TAILQ_FIRST(&guests->all); guest; guest = next) {
		next = TAILQ_NEXT(guest, link);
		if (!guest->connection)
			adopt(guest);
	}
	if (guests->n > GUEST_MAX)
		event_active(guests->crowding, EV_TIMEOUT, 0);
}

static void on_crowding(evutil_socket_t fd, short what, void *arg)
{
	struct guests *guests = arg;
	struct guest *guest;

	(void)fd;
	(void)what;
	while (guests->n > GUEST_MAX && (guest = choose_oldest(guests)))
		let_go(guest);
	while (guests->bytes > GUEST_BYTES_MAX && (guest = choose_largest(guests)))
		let_go(guest);
}

/* --- being served ----------------------------------------------------------------------------- */

struct guest *guest_of(struct guests *guests, struct evhttp_connection *connection)
{
	struct guest *guest;

	TAILQ_FOREACH (guest, &guests->all, link)
		if (guest->connection == connection)
			return guest;
	return NULL;
}

void guest_asked(struct guest *guest, struct call *call)
{
	guest->call = call;
	move(guest, GUEST_WAITING);
}

static void on_taken(struct evhttp_request *request, void *arg)
{
	struct guest *guest = arg;
	size_t ahead = evbuffer_get_length(bufferevent_get_input(guest->channel));

	(void)request;
	guest->guests->bytes -= guest->bytes;
	guest->guests->bytes += ahead;
	guest->bytes = ahead;
	move(guest, ahead > 0 ? GUEST_ASKING : GUEST_IDLE);
}

void guest_told(struct guest *guest, struct evhttp_request *request)
{
	guest->call = NULL;
	evhttp_request_set_on_complete_cb(request, on_taken, guest);
	move(guest, GUEST_TAKING);
}

void guest_forget(struct guest *guest)
{
	guest->call = NULL;
}

bool guest_is_dismissed(const struct guest *guest)
{
	return guest->is_dismissed;
}

void guests_dismiss(struct guests *guests)
{
	struct guest *guest, *next;

	for (guest = TAILQ_FIRST(&guests->all); guest; guest = next) {
		next = TAILQ_NEXT(guest, link);
		guest->is_dismissed = true;
		if (guest->connection && !guest->call)
			let_go(guest);
	}
}

/* --- life ------------------------------------------------------------------------------------- */

int guests_init(struct guests *guests, struct event_base *base, size_t input_max,
	void (*on_left)(struct call *call))
{
	guests->base = base;
	guests->input_max = input_max;
	guests->on_left = on_left;
	TAILQ_INIT(&guests->all);
	guests->arrival = event_new(base, -1, 0, on_arrival, guests);
	guests->crowding = event_new(base, -1, 0, on_crowding, guests);
	return guests->arrival && guests->crowding ? 0 : -1;
}

void guests_attend(struct guests *guests, struct evhttp *http)
{
	evhttp_set_bevcb(http, on_accept, guests);
}

void guests_done(struct guests *guests)
{
	struct guest *guest, *next;

	if (!guests->base)
		return;
	for (guest = TAILQ_FIRST(&guests->all); guest; guest = next) {
		next = TAILQ_NEXT(guest, link);
		(void)bufferevent_decref(guest->channel); /* it came in the last pass of the loop */
		free_guest(guest);
	}
	if (guests->arrival)
		event_free(guests->arrival);
	if (guests->crowding)
		event_free(guests->crowding);
	SSL_CTX_free(guests->tls);
}
