/*
 * api_backup.c - a backup: begun by a call, made in slices between turns, its progress read by others.
 *
 *   none ─► copying ─► syncing ─► done
 *              └──────────┴─► failed
 *
 * Each slice is a timer's: whatever else is to be done comes between two of them.
 */
#include "ops/room.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "dray/json.h"
#include "log.h"
#include "ops/writer.h"
#include "store/store.h"

#define SLICE_PAGES 64 /* a quarter of a MiB */
#define SLICE_PAUSE_US 1000
#define SYNC_PAUSE_US 20000

static void set_timer(struct ops_backup *backup, long pause_us)
{
	struct timeval pause = { .tv_usec = pause_us };

	if (event_add(backup->timer, &pause) != 0)
		LOG_ERROR("a timer could not be set, memory may be short: the backup stands still",
			LOG_S("file", backup->path));
}

static void end(struct ops_backup *backup, int status, const struct error *err)
{
	char text[512];

	store_backup_free(backup->making);
	backup->making = NULL;
	if (status == 0) {
		backup->state = "done";
		LOG_INFO("backup is complete", LOG_S("file", backup->path),
			LOG_I("pages", backup->pages));
		return;
	}
	backup->state = "failed";
	(void)snprintf(
		backup->error, sizeof(backup->error), "%s", error_text(err, text, sizeof(text)));
	LOG_ERROR("backup failed, nothing of it is left", LOG_S("file", backup->path),
		LOG_S("error", backup->error));
}

static void on_slice(evutil_socket_t fd, short what, void *ctx)
{
	struct ops_backup *backup = ctx;
	struct store_backup_view view;
	struct error err = { 0 };
	int status;

	(void)fd;
	(void)what;
	if (!backup->making)
		return;
	status = store_backup_step(backup->making, SLICE_PAGES, &err);
	store_backup_look(backup->making, &view);
	backup->pages = view.pages;
	backup->left = view.left;
	backup->state = view.is_syncing ? "syncing" : "copying";
	if (status > 0)
		set_timer(backup, view.is_syncing ? SYNC_PAUSE_US : SLICE_PAUSE_US);
	else
		end(backup, status, &err);
}

int backup_init(struct ops_backup *backup, struct event_base *base)
{
	backup->state = "none";
	backup->timer = evtimer_new(base, on_slice, backup);
	return backup->timer ? 0 : -1;
}

void backup_done(struct ops_backup *backup)
{
	store_backup_free(backup->making);
	if (backup->timer)
		event_free(backup->timer);
}

void backup_poisoned(struct ops_backup *backup)
{
	if (!backup->is_begun)
		return;
	backup->is_begun = false;
	store_backup_free(backup->making);
	backup->making = NULL;
	backup->state = "none";
}

void backup_released(struct ops_backup *backup)
{
	if (backup->is_begun)
		set_timer(backup, 0);
	backup->is_begun = false;
}

/* --- calls ---------------------------------------------------------------------------------------- */

static void put_backup(struct call *call)
{
	const struct ops_backup *backup = &call->ops->backup;
	struct buf *out = &call->body;

	write_open(out, NULL, '{');
	write_text(out, "state", backup->state);
	write_text(out, "path", backup->path);
	write_int(out, "pages", backup->pages);
	write_int(out, "pages_left", backup->left);
	write_text(out, "error", backup->error[0] ? backup->error : NULL);
	write_close(out, '}');
}

void api_show_backup(struct call *call)
{
	put_backup(call);
	call_answer(call, 200);
}

static void begin(struct call *call, const char *path)
{
	struct ops_backup *backup = &call->ops->backup;
	struct store *store = call->ops->with.store;
	struct error err = { 0 };
	char text[512];

	if (backup->making) {
		call_problem(
			call, 409, "%s is still being made: wait until it is done", backup->path);
		return;
	}
	if (store_backup_begin(store, path, call_now_ms(call), &backup->making, &err) != 0) {
		if (store_is_poisoned(store))
			call_store_failed(call);
		else
			call_problem(call, 409, "%s", error_text(&err, text, sizeof(text)));
		return;
	}
	backup->is_begun = true;
	backup->state = "copying";
	backup->pages = backup->left = 0;
	backup->error[0] = '\0';
	(void)snprintf(backup->path, sizeof(backup->path), "%s", path);
	if (store_audit(store, call_wall_ms(call), call->who, "backup", path, "") != 0) {
		call_store_failed(call);
		return;
	}
	put_backup(call);
	call_answer(call, 202);
}

void api_make_backup(struct call *call)
{
	cJSON *body = call_object(call);
	const char *path;

	if (!body)
		return;
	path = json_get_string(body, "path");
	if (!path || path[0] != '/' || strlen(path) >= sizeof(call->ops->backup.path))
		call_problem(call, 400,
			"path: must be the absolute path of a file that is not there yet");
	else
		begin(call, path);
	cJSON_Delete(body);
}
