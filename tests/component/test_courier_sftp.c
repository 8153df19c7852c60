/*
 * The threads of the SFTP courier, with no server: what writes a file is in this file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>
#include <event2/event.h>
#include <pthread.h>

#include "clock.h"
#include "courier/courier.h"
#include "courier/sftp_upload.h"
#include "secret.h"

#define THREADS 4

/* What libraries keep of a thread, and give back at its end: here that takes a while. */
static pthread_key_t kept;
static atomic_int n_kept;
static char session; /* of whichever thread */

static void give_back(void *value)
{
	const struct timespec while_it_lasts = { .tv_nsec = 100 * 1000 * 1000 };

	(void)value;
	(void)nanosleep(&while_it_lasts, NULL);
	atomic_fetch_sub(&n_kept, 1);
}

struct sftp_session *sftp_session_new(const struct sftp_account *account)
{
	(void)account;
	atomic_fetch_add(&n_kept, 1);
	(void)pthread_setspecific(kept, &session);
	return (struct sftp_session *)&session;
}

void sftp_session_free(struct sftp_session *opened)
{
	(void)opened;
}

void sftp_put(struct sftp_session *opened, const struct sftp_file *file, struct sftp_result *ret)
{
	(void)opened;
	(void)file;
	*ret = (struct sftp_result){ .transport = TRANSPORT_ANSWERED, .status = 201 };
}

bool sftp_name_is_valid(const char *name)
{
	return name[0] != '\0';
}

static void on_done(void *ctx, const struct courier_answer *answer)
{
	unsigned *n_done = ctx;

	assert_int_equal(answer->status, 201);
	++*n_done;
}

/* The process may end right behind it: nothing of a library must still be under way then. */
static void test_behind_its_end_no_thread_is_left(void **state)
{
	char url[] = "sftp://127.0.0.1/", name[] = "dray", key[] = "x";
	struct event_base *base = event_base_new();
	const struct secret_dirs dirs = { .beside = "/nonexistent" };
	const struct courier_sftp_options options = {
		.base = base, .clock = clock_system(), .dirs = &dirs
	};
	const struct courier *courier = courier_sftp_new(&options);
	struct config_destination destination = {
		.url = url, .concurrency = THREADS, .timeout_ms = 60000
	};
	const struct courier_request request = { .path = "file", .body = "", .len = 0 };
	unsigned n_done = 0;
	void *line;

	(void)state;
	assert_non_null(courier);
	destination.auth.username = name;
	destination.auth.host_key = key;
	line = courier->open(courier->ctx, &destination, NULL);
	assert_non_null(line);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(courier->start(line, &request, on_done, &n_done), 0);
	while (n_done < THREADS)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_true(atomic_load(&n_kept) > 0);
	courier->close(line);
	courier_sftp_free(courier);
	assert_int_equal(atomic_load(&n_kept), 0);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_behind_its_end_no_thread_is_left),
	};

	if (pthread_key_create(&kept, give_back) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
