/*
 * cmd_backup.c - have the agent make a backup, and wait until it is whole and synced.
 */
#include "ctl/ctl.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/format.h"

#define LOOK_MS 100
#define PAGE_BYTES 4096

/* The agent writes it, and stands elsewhere. */
static int find_path(const char *file, char out[PATH_MAX])
{
	char folder[PATH_MAX];

	if (file[0] == '/')
		return snprintf(out, PATH_MAX, "%s", file) < PATH_MAX ? 0 : -1;
	if (!getcwd(folder, sizeof(folder)))
		return -1;
	return snprintf(out, PATH_MAX, "%s/%s", folder, file) < PATH_MAX ? 0 : -1;
}

static int begin(struct ctl *ctl, const char *path)
{
	struct answer answer = { 0 };
	struct buf body = BUF_INIT;
	int code = CTL_NO;

	buf_puts(&body, "{\"path\":");
	buf_put_json(&body, path, strlen(path));
	buf_puts(&body, "}");
	if (!buf_failed(&body))
		code = ask(ctl, "/v1/backup", body.data, body.len, &answer);
	buf_done(&body);
	answer_done(&answer);
	return code;
}

static void print_progress(const cJSON *backup)
{
	int64_t pages = number_of(backup, "pages"), left = number_of(backup, "pages_left");
	char size[FORMAT_MAX];

	format_size(pages * PAGE_BYTES, size);
	(void)fprintf(stderr, "\r%3" PRId64 " %% of %s%s\033[K",
		pages > 0 ? (pages - left) * 100 / pages : 0, size,
		strcmp(text_of(backup, "state"), "syncing") == 0 ? ", syncing" : "");
}

/* Until it has ended one way or the other; the answer is the caller's. */
static int wait(struct ctl *ctl, struct answer *ret)
{
	static const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	bool has_terminal = isatty(STDERR_FILENO) && !ctl->is_json;

	for (;;) {
		int code = ask(ctl, "/v1/backup", NULL, 0, ret);
		const char *state = text_of(ret->root, "state");

		if (code == CTL_DONE && has_terminal)
			print_progress(ret->root);
		if (code != CTL_DONE ||
			(strcmp(state, "copying") != 0 && strcmp(state, "syncing") != 0)) {
			if (has_terminal)
				(void)fputs("\r\033[K", stderr);
			return code;
		}
		answer_done(ret);
		(void)nanosleep(&pause, NULL);
	}
}

static int tell(struct ctl *ctl, const struct answer *answer, const char *path)
{
	bool is_done = strcmp(text_of(answer->root, "state"), "done") == 0 &&
		       strcmp(text_of(answer->root, "path"), path) == 0;
	const char *error = text_of(answer->root, "error");
	char size[FORMAT_MAX];

	if (ctl->is_json) {
		answer_print(answer);
	} else if (is_done) {
		format_size(number_of(answer->root, "pages") * PAGE_BYTES, size);
		(void)printf("%s: complete, %s\n", path, size);
	} else {
		(void)fprintf(stderr, "drayctl: the backup failed: %s\n",
			error[0] ? error : "drayd was started anew meanwhile");
	}
	return is_done ? CTL_DONE : CTL_NO;
}

static int run(struct ctl *ctl)
{
	struct answer answer = { 0 };
	char path[PATH_MAX];
	int code;

	if (find_path(ctl->args[0], path) != 0) {
		(void)fprintf(stderr, "drayctl: the path of %s can't be made out\n", ctl->args[0]);
		return CTL_USAGE;
	}
	code = begin(ctl, path);
	if (code == CTL_DONE)
		code = wait(ctl, &answer);
	if (code == CTL_DONE)
		code = tell(ctl, &answer, path);
	answer_done(&answer);
	return code;
}

const struct command cmd_backup = { .noun = "backup",
	.synopsis = "FILE",
	.help = "copy the database while the agent works; drayd --restore puts it back",
	.min_args = 1,
	.max_args = 1,
	.run = run };
