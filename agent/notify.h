/*
 * notify.h - what systemd is told: READY, RELOADING, STATUS, WATCHDOG, STOPPING.
 *
 * The watchdog is fed from the loop, at half its time: a loop that hangs is a loop that is killed.
 * Without $NOTIFY_SOCKET all of it does nothing.
 */
#ifndef DRAY_NOTIFY_H
#define DRAY_NOTIFY_H

struct event_base;
struct clock;
struct notify;

struct notify *notify_new(struct event_base *base, const struct clock *clock);
void notify_free(struct notify *notify);
void notify_ready(struct notify *notify);
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);
void notify_status(struct notify *notify, const char *text);

#endif
