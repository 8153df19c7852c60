#include "config/loader.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "config/loading.h"
#include "config/places.h"

struct loader {
	const struct places *places;
	loader_fn on_loaded;
	void *ctx;
	int done_fd;
	struct event *on_done;
	pthread_t thread;
	bool has_thread;
	struct loading *loading; /* the thread's while it runs; NULL: none */
};

static void tell_done(const struct loader *loader)
{
	uint64_t one = 1;
	ssize_t n = write(loader->done_fd, &one, sizeof(one));

	(void)n; /* a full eventfd says the same */
}

static void *run_load(void *arg)
{
	struct loader *loader = arg;

	loading_run(loader->places, loader->loading);
	tell_done(loader);
	return NULL;
}

/* Signals belong to the loop's thread. */
static bool start_thread(struct loader *loader)
{
	sigset_t all, before;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&loader->thread, NULL, run_load, loader);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0;
}

static void end_thread(struct loader *loader)
{
	if (loader->has_thread)
		(void)pthread_join(loader->thread, NULL);
	loader->has_thread = false;
}

void loader_load(struct loader *loader, struct loading *loading)
{
	assert(!loader->loading);
	loader->loading = loading;
	loader->has_thread = start_thread(loader);
	if (loader->has_thread)
		return;
	error_fill(&loading->err, NULL, "no thread can be had to load it, reload once more");
	tell_done(loader);
}

static void on_done(evutil_socket_t fd, short what, void *ctx)
{
	struct loader *loader = ctx;
	struct loading *loading = loader->loading;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0)
		return;
	end_thread(loader);
	loader->loading = NULL;
	loader->on_loaded(loader->ctx, loading);
}

struct loader *loader_new(
	struct event_base *base, const struct places *places, loader_fn on_loaded, void *ctx)
{
	struct loader *loader = calloc(1, sizeof(*loader));

	if (!loader)
		return NULL;
	loader->places = places;
	loader->on_loaded = on_loaded;
	loader->ctx = ctx;
	loader->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loader->done_fd >= 0)
		loader->on_done =
			event_new(base, loader->done_fd, EV_READ | EV_PERSIST, on_done, loader);
	if (!loader->on_done || event_add(loader->on_done, NULL) < 0) {
		loader_free(loader);
		return NULL;
	}
	return loader;
}

void loader_free(struct loader *loader)
{
	if (!loader)
		return;
	end_thread(loader);
	if (loader->on_done)
		event_free(loader->on_done);
	if (loader->done_fd >= 0)
		(void)close(loader->done_fd);
	free(loader);
}
