/*
 * door.c - the listeners: the control socket and the TCP address.
 */
#include "ops/room.h"

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/listener.h>

#include "log.h"

#define SOCKET_MODE 0660

static int fill_address(const char *path, struct sockaddr_un *ret, struct error *err)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return error_set(err, "control.socket", "%s is longer than %zu bytes", path,
			sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

/* A socket file that nobody answers at is left over from a crash; anything else is not ours. */
static int remove_stale(const struct sockaddr_un *address, struct error *err)
{
	const char *path = address->sun_path;
	struct stat found;
	bool is_answered;
	int fd;

	if (lstat(path, &found) != 0)
		return errno == ENOENT ? 0
				       : error_set(err, "control.socket", "cannot look at %s: %s",
						 path, strerror(errno));
	if (!S_ISSOCK(found.st_mode))
		return error_set(err, "control.socket", "%s exists and is not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, "control.socket", "no socket: %s", strerror(errno));
	is_answered = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	(void)close(fd);
	if (is_answered)
		return error_set(err, "control.socket",
			"another agent answers at %s; stop it, or give this one another socket",
			path);
	if (unlink(path) != 0 && errno != ENOENT)
		return error_set(err, "control.socket", "cannot remove the stale %s: %s", path,
			strerror(errno));
	return 0;
}

static void hand_to_group(const char *path, const char *group)
{
	const struct group *found = group && group[0] ? getgrnam(group) : NULL;
	struct stat about;

	if (chmod(path, SOCKET_MODE) != 0)
		LOG_WARNING("cannot set the mode of the control socket", LOG_S("socket", path),
			LOG_S("error", strerror(errno)));
	/* Mostly it has it already, as its maker's; the unit forbids to change owners at all. */
	if (found && stat(path, &about) == 0 && about.st_gid == found->gr_gid)
		return;
	if (found && chown(path, (uid_t)-1, found->gr_gid) != 0)
		LOG_WARNING("cannot hand the control socket to its group", LOG_S("socket", path),
			LOG_S("group", group), LOG_S("error", strerror(errno)));
}

static int open_unix(const char *path, const char *group, struct error *err)
{
	struct sockaddr_un address;
	int fd;

	if (fill_address(path, &address, err) != 0 || remove_stale(&address, err) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, "control.socket", "no socket: %s", strerror(errno));
	/* bind() gives the file the descriptor's mode: it is never open to others, not for a moment. */
	if (fchmod(fd, SOCKET_MODE) != 0 ||
		bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		error_fill(err, "control.socket", "cannot bind %s: %s", path, strerror(errno));
		(void)close(fd);
		return -1;
	}
	hand_to_group(path, group);
	return fd;
}

/* "localhost" is loopback by definition: no resolver is asked. */
static int parse_address(const char *text, struct sockaddr_storage *ret, int *ret_len)
{
	static const char localhost[] = "localhost:";
	char numeric[64];

	if (strncmp(text, localhost, sizeof(localhost) - 1) == 0) {
		int n = snprintf(
			numeric, sizeof(numeric), "127.0.0.1:%s", text + sizeof(localhost) - 1);

		if (n < 0 || (size_t)n >= sizeof(numeric))
			return -1;
		text = numeric;
	}
	*ret_len = sizeof(*ret);
	return evutil_parse_sockaddr_port(text, (struct sockaddr *)ret, ret_len);
}

static int open_tcp(const char *text, struct error *err)
{
	struct sockaddr_storage address = { 0 };
	int len;
	int one = 1;
	int fd;

	if (parse_address(text, &address, &len) != 0)
		return error_set(err, "listen.address",
			"%s is not an address with a port, such as 127.0.0.1:8750", text);
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, "listen.address", "no socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
		bind(fd, (const struct sockaddr *)&address, (socklen_t)len) != 0) {
		error_fill(err, "listen.address", "cannot bind %s: %s", text, strerror(errno));
		(void)close(fd);
		return -1;
	}
	return fd;
}

static struct evhttp_bound_socket *bind_listener(struct ops_door *door, int fd)
{
	struct evconnlistener *listener;
	struct evhttp_bound_socket *bound;

	listener = evconnlistener_new(door->ops->with.base, NULL, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 64, fd);
	if (!listener) {
		(void)close(fd);
		return NULL;
	}
	bound = evhttp_bind_listener(door->http, listener);
	if (!bound)
		evconnlistener_free(listener);
	return bound;
}

int door_open(struct ops_door *door, const char *address, const char *group,
	struct door_opening *ret, struct error *err)
{
	const char *option = door->is_control ? "control.socket" : "listen.address";
	int fd;

	*ret = (struct door_opening){ 0 };
	if (!address)
		return 0;
	if (door->address && strcmp(address, door->address) == 0) {
		ret->is_same = true;
		if (door->is_control)
			hand_to_group(address, group);
		return 0;
	}
	ret->address = strdup(address);
	if (!ret->address)
		return error_set(err, option, "no memory");
	fd = door->is_control ? open_unix(address, group, err) : open_tcp(address, err);
	if (fd >= 0) {
		ret->bound = bind_listener(door, fd);
		if (!ret->bound)
			error_fill(err, option, "cannot listen at %s", address);
	}
	if (!ret->bound) {
		if (fd >= 0 && door->is_control)
			(void)unlink(address);
		free(ret->address);
		return -1;
	}
	return 0;
}

void door_take(struct ops_door *door, struct door_opening *opening)
{
	if (opening->is_same)
		return;
	door_close(door);
	door->bound = opening->bound;
	door->address = opening->address;
}

void door_drop(struct ops_door *door, struct door_opening *opening)
{
	if (!opening->bound)
		return;
	evhttp_del_accept_socket(door->http, opening->bound);
	if (door->is_control)
		(void)unlink(opening->address);
	free(opening->address);
}

void door_close(struct ops_door *door)
{
	/* Connections that are open stay: only the listener goes. */
	if (door->bound)
		evhttp_del_accept_socket(door->http, door->bound);
	door->bound = NULL;
	if (door->address && door->is_control && unlink(door->address) != 0 && errno != ENOENT)
		LOG_WARNING("cannot remove the control socket", LOG_S("socket", door->address),
			LOG_S("error", strerror(errno)));
	free(door->address);
	door->address = NULL;
}
