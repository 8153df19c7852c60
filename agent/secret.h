/*
 * secret.h - {"file": "name"}: read from $CREDENTIALS_DIRECTORY, then beside the configuration.
 *
 * In $CREDENTIALS_DIRECTORY it may be called dray_NAME as well: so systemd names the files of a folder,
 * systemd.exec(5), LoadCredential=. An absolute name is taken as a path. One trailing line break is cut. At most 64 KiB. A file that
 * others can read is used, with a warning once. The content is wiped when freed.
 */
#ifndef DRAY_SECRET_H
#define DRAY_SECRET_H

#include "dray/config.h"
#include "dray/error.h"

struct secret_dirs {
	const char *credentials; /* $CREDENTIALS_DIRECTORY or NULL */
	const char *beside;      /* the configuration's folder */
};

/* The text, to be freed with secret_free(); NULL with *err filled. */
char *secret_read(
	const struct secret_dirs *dirs, const struct config_secret *secret, struct error *err);
/* The path of the file that secret_read() would read, for libraries that want a path (TLS keys). */
int secret_path(const struct secret_dirs *dirs, const struct config_secret *secret, char *out,
	size_t size, struct error *err);
void secret_free(char *text);

#endif
