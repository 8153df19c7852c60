#include "notify.h"

#include <stdint.h>
#include <stdlib.h>

#include <event2/event.h>
#include <systemd/sd-daemon.h>

#include "clock.h"

struct notify {
	const struct clock *clock;
	struct event *watchdog_timer; /* NULL: no watchdog */
};

static void on_watchdog_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	(void)sd_notify(0, "WATCHDOG=1");
}

struct notify *notify_new(struct event_base *base, const struct clock *clock)
{
	struct notify *notify = calloc(1, sizeof(*notify));
	uint64_t every_us;
	struct timeval half;

	if (!notify)
		return NULL;
	notify->clock = clock;
	if (sd_watchdog_enabled(0, &every_us) <= 0)
		return notify;
	half.tv_sec = (time_t)(every_us / 2 / 1000000);
	half.tv_usec = (suseconds_t)(every_us / 2 % 1000000);
	notify->watchdog_timer = event_new(base, -1, EV_PERSIST, on_watchdog_timer, NULL);
	if (!notify->watchdog_timer || event_add(notify->watchdog_timer, &half) < 0) {
		notify_free(notify);
		return NULL;
	}
	return notify;
}

void notify_free(struct notify *notify)
{
	if (!notify)
		return;
	if (notify->watchdog_timer)
		event_free(notify->watchdog_timer);
	free(notify);
}

void notify_ready(struct notify *notify)
{
	(void)notify;
	(void)sd_notify(0, "READY=1");
}

void notify_reloading(struct notify *notify)
{
	(void)sd_notifyf(
		0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us(notify->clock));
}

void notify_stopping(struct notify *notify)
{
	(void)notify;
	(void)sd_notify(0, "STOPPING=1");
}

void notify_status(struct notify *notify, const char *text)
{
	(void)notify;
	(void)sd_notifyf(0, "STATUS=%s", text);
}
