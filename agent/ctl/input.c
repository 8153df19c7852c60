#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int read_input(const char *name, size_t max, struct buf *out)
{
	FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rbe");
	char chunk[4096];
	size_t n;
	int code = CTL_DONE;

	if (!file) {
		(void)fprintf(stderr, "drayctl: cannot open %s: %s\n", name, strerror(errno));
		return CTL_USAGE;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0 && out->len <= max)
		buf_put(out, chunk, n);
	if (ferror(file) || buf_failed(out)) {
		(void)fprintf(stderr, "drayctl: cannot read %s: %s\n", name, strerror(errno));
		code = CTL_USAGE;
	} else if (out->len > max) {
		(void)fprintf(stderr, "drayctl: %s is larger than the %zu bytes that are taken\n",
			name, max);
		code = CTL_USAGE;
	}
	if (file != stdin)
		(void)fclose(file);
	return code;
}
