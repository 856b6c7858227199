#include "service/protocol.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t sk_clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool sk_runtime_dir(char *out, size_t cap)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	int n;

	if (run && run[0] == '/')
		n = snprintf(out, cap, "%s/safekeep", run);
	else
		n = snprintf(out, cap, "/tmp/safekeep-%lu", (unsigned long)getuid());
	return n > 0 && (size_t)n < cap;
}

bool sk_runtime_path(char *out, size_t cap, const char *name)
{
	size_t len;
	int n;

	if (!sk_runtime_dir(out, cap))
		return false;
	len = strlen(out);
	n = snprintf(out + len, cap - len, "/%s", name);
	return n > 0 && (size_t)n < cap - len;
}

bool sk_runtime_safe(const char *dir)
{
	struct stat st;

	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == getuid() &&
	       (st.st_mode & 022) == 0;
}

void sk_ask_pack(unsigned char head[SK_ASK_HEAD], char what, uint32_t len)
{
	head[0] = 'S';
	head[1] = 'K';
	head[2] = SK_PROTOCOL;
	head[3] = (unsigned char)what;
	for (int i = 0; i < 4; i++)
		head[4 + i] = (unsigned char)(len >> (8 * i));
}

bool sk_ask_unpack(const unsigned char head[SK_ASK_HEAD], char *what, uint32_t *len)
{
	uint32_t n = 0;

	if (head[0] != 'S' || head[1] != 'K' || head[2] != SK_PROTOCOL)
		return false;
	for (int i = 0; i < 4; i++)
		n |= (uint32_t)head[4 + i] << (8 * i);
	*what = (char)head[3];
	*len = n;
	return true;
}

/* Settings */

static uint64_t mix(uint64_t h, const char *text) /* FNV-1a */
{
	if (!text)
		return (h ^ 0xff) * 0x100000001b3ull;
	for (;; text++) {
		h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
		if (!*text)
			return h;
	}
}

static bool decides(const char *key)
{
	static const char *const keys[] = { "core.excludesfile", "core.ignorecase", "core.worktree",
		                            "core.precomposeunicode", "include.path" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcasecmp(key, keys[i]) == 0)
			return true;
	return strncasecmp(key, "includeif.", 10) == 0;
}

/* `git -c NAME=VALUE` and GIT_CONFIG_COUNT; in doubt: yes. */
static bool overridden(void)
{
	const char *params = getenv("GIT_CONFIG_PARAMETERS"), *count = getenv("GIT_CONFIG_COUNT");
	long n = count ? strtol(count, NULL, 10) : 0;
	char name[48];

	if (params && (strcasestr(params, "core.excludesfile") ||
	               strcasestr(params, "core.ignorecase") || strcasestr(params, "include")))
		return true;
	if (n < 0 || n > 1000)
		return true;
	for (long i = 0; i < n; i++) {
		const char *key;

		(void)snprintf(name, sizeof name, "GIT_CONFIG_KEY_%ld", i);
		key = getenv(name);
		if (!key || decides(key))
			return true;
	}
	return false;
}

void sk_settings(char out[20])
{
	static const char *const names[] = { "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM",
		                             "GIT_CONFIG_NOSYSTEM" };
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	uint64_t h = mix(0xcbf29ce484222325ull, home);
	char text[4200];

	if (overridden()) {
		(void)strcpy(out, "-");
		return;
	}
	if (xdg && *xdg)
		(void)snprintf(text, sizeof text, "%s", xdg);
	else
		(void)snprintf(text, sizeof text, "%s/.config", home ? home : "");
	h = mix(h, text);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		h = mix(h, getenv(names[i]));
	(void)snprintf(out, 20, "%016llx", (unsigned long long)h);
}

/* Asking */

static bool ready(int fd, short events, int64_t end)
{
	for (;;) {
		struct pollfd p = { fd, events, 0 };
		int64_t left = end - sk_clock_ms();
		int n;

		if (left <= 0)
			return false;
		n = poll(&p, 1, (int)left);
		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

static bool put(int fd, const void *data, size_t len, int64_t end)
{
	const char *at = data;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			if (!ready(fd, POLLOUT, end))
				return false;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool get(int fd, void *data, size_t len, int64_t end)
{
	char *at = data;

	while (len) {
		ssize_t n = recv(fd, at, len, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			if (!ready(fd, POLLIN, end))
				return false;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool ours(int fd)
{
	struct ucred who;
	socklen_t len = sizeof who;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == getuid();
}

static enum sk_ask_result reach(int *out, int64_t end)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[sizeof addr.sun_path];
	enum sk_ask_result r = SK_ASK_DOWN;
	int fd;

	if (!sk_runtime_dir(dir, sizeof dir) ||
	    !sk_runtime_path(addr.sun_path, sizeof addr.sun_path, "socket"))
		return SK_ASK_DOWN;
	if (!sk_runtime_safe(dir))
		return SK_ASK_DOWN;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return SK_ASK_TROUBLE;
	while (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
		struct timespec pause = { 0, 1000000 };

		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			goto down;
		if (sk_clock_ms() >= end) { /* more wait than it lets wait */
			r = SK_ASK_TROUBLE;
			goto down;
		}
		(void)nanosleep(&pause, NULL);
	}
	if (ours(fd)) {
		*out = fd;
		return SK_ASKED;
	}
	r = SK_ASK_TROUBLE;
down:
	(void)close(fd);
	return r;
}

static bool converse(int fd, const char *request, size_t len, int64_t end, struct sk_answer *out)
{
	unsigned char head[SK_ASK_HEAD];
	uint32_t n;
	char status, *data;

	if (!put(fd, request, len, end) || !get(fd, head, sizeof head, end) ||
	    !sk_ask_unpack(head, &status, &n) || n > SK_ANSWER_MAX)
		return false;
	data = malloc((size_t)n + 1);
	if (!data)
		return false;
	if (!get(fd, data, n, end)) {
		free(data);
		return false;
	}
	data[n] = '\0';
	*out = (struct sk_answer){ status, data, n };
	return true;
}

enum sk_ask_result sk_request(char verb, const char *const *field, size_t n, int timeout_ms,
                              struct sk_answer *out)
{
	int64_t end = sk_clock_ms() + timeout_ms;
	enum sk_ask_result r;
	size_t len = 0;
	char *request;
	int fd = -1;

	for (size_t i = 0; i < n; i++)
		len += strlen(field[i]) + 1;
	if (len > SK_ASK_MAX)
		return SK_ASK_TROUBLE;
	r = reach(&fd, end);
	if (r != SK_ASKED)
		return r;
	request = malloc(SK_ASK_HEAD + len);
	if (!request) {
		(void)close(fd);
		return SK_ASK_TROUBLE;
	}
	sk_ask_pack((unsigned char *)request, verb, (uint32_t)len);
	len = SK_ASK_HEAD;
	for (size_t i = 0; i < n; i++) {
		memcpy(request + len, field[i], strlen(field[i]) + 1);
		len += strlen(field[i]) + 1;
	}
	r = converse(fd, request, len, end, out) ? SK_ASKED : SK_ASK_TROUBLE;
	free(request);
	(void)close(fd);
	return r;
}
