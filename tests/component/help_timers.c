#include "help_timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

static int set_off(const struct event_base *base, const struct event *timer, void *ctx)
{
	(void)base;
	(void)ctx;
	if (event_get_fd(timer) < 0)
		event_active((struct event *)timer, EV_TIMEOUT, 1);
	return 0;
}

void timers_set_off(struct event_base *base)
{
	assert_int_equal(event_base_foreach_event(base, set_off, NULL), 0);
}
