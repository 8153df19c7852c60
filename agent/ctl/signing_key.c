#include "ctl/signing_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dray/encode.h"
#include "file.h"

#define FILE_MAX 4096

/* SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING of 32 bytes } }. */
static const uint8_t head[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65,
	0x70, 0x04, 0x22, 0x04, 0x20 };

static int decode_key(const char *base64, size_t len, uint8_t out[JWS_KEY_BYTES], struct error *err)
{
	uint8_t bytes[sizeof(head) + JWS_KEY_BYTES];
	size_t n;
	int status = -1;

	if (decode_base64(base64, len, bytes, sizeof(bytes), &n) && n == sizeof(bytes) &&
		memcmp(bytes, head, sizeof(head)) == 0) {
		memcpy(out, bytes + sizeof(head), JWS_KEY_BYTES);
		status = 0;
	} else {
		error_fill(err, NULL,
			"is no Ed25519 key: openssl genpkey -algorithm ed25519 makes one");
	}
	explicit_bzero(bytes, sizeof(bytes));
	return status;
}

int signing_key_parse(const char *text, size_t len, uint8_t out[JWS_KEY_BYTES], struct error *err)
{
	static const char begin[] = "-----BEGIN PRIVATE KEY-----";
	static const char end[] = "-----END PRIVATE KEY-----";
	const char *from = memmem(text, len, begin, sizeof(begin) - 1);
	const char *to =
		from ? memmem(from, len - (size_t)(from - text), end, sizeof(end) - 1) : NULL;
	char base64[128];
	size_t n = 0;
	int status;

	if (!to && memmem(text, len, "ENCRYPTED PRIVATE KEY", 21))
		return error_set(err, NULL,
			"is encrypted: openssl pkey -in FILE gives it in the clear, to be piped here "
			"as /dev/stdin");
	if (!to)
		return error_set(err, NULL, "holds no private key in PEM (BEGIN PRIVATE KEY)");
	for (from += sizeof(begin) - 1; from < to; from++) {
		if (strchr(" \t\r\n", *from))
			continue;
		if (n == sizeof(base64))
			break;
		base64[n++] = *from;
	}
	status = decode_key(base64, n, out, err);
	explicit_bzero(base64, sizeof(base64));
	return status;
}

static int read_open(int fd, uint8_t out[JWS_KEY_BYTES], struct error *err)
{
	struct buf text = BUF_INIT;
	struct stat info;
	int failed, status;

	if (fstat(fd, &info) != 0)
		return error_set(err, NULL, "%s", strerror(errno));
	if (S_ISREG(info.st_mode) && (info.st_mode & (S_IRWXG | S_IRWXO)))
		return error_set(err, NULL,
			"others than its owner may use it (mode %04o): chmod 600, and think of "
			"whether it is a secret still",
			(unsigned)(info.st_mode & 07777));
	failed = buf_reserve(&text, FILE_MAX + 1) ? file_read_open(fd, FILE_MAX, &text) : ENOMEM;
	if (failed && failed != EFBIG) /* behind the first 4 KiB nobody looks for a key */
		status = error_set(err, NULL, "%s", strerror(failed));
	else
		status = signing_key_parse(text.data, text.len, out, err);
	buf_wipe(&text);
	buf_done(&text);
	return status;
}

int signing_key_read(const char *path, uint8_t out[JWS_KEY_BYTES], struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int status = fd < 0 ? error_set(err, NULL, "%s", strerror(errno)) : read_open(fd, out, err);

	if (fd >= 0)
		(void)close(fd);
	if (status < 0)
		error_prefix(err, path);
	return status;
}
