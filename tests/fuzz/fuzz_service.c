/* fuzz_service.c - the socket: what the service is asked, and what it answers to its client.
 *
 * An input is a byte of switches.  Asked: bytes that a peer writes, in two pieces; the connection
 * is answered whole or ended, and takes no working tree up that is not enabled.  Answered: bytes
 * that somebody who listens in the service's place writes. */
#include "fuzz.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "hooks/classify.h"
#include "service/changes.h"
#include "service/service_parts.h"

static int no_repos(struct sk_strv *out)
{
	(void)out;
	return 0;
}

static int no_worktree(const char *worktree)
{
	(void)worktree;
	return 0;
}

static int no_backup(const char *event, const struct sk_service_hint *hint)
{
	(void)event;
	(void)hint;
	return 0;
}

static const struct sk_service_host host = { no_repos, no_worktree, no_worktree, no_backup, NULL };
static int listener = -1;

static void surroundings(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	HOLDS(setenv("HOME", fuzz_dir(), 1) == 0);
	HOLDS(setenv("XDG_RUNTIME_DIR", fuzz_dir(), 1) == 0);
	HOLDS(unsetenv("XDG_CONFIG_HOME") == 0 && unsetenv("XDG_STATE_HOME") == 0);
	HOLDS(mkdir(fuzz_path("safekeep"), 0700) == 0);
	HOLDS(snprintf(addr.sun_path, sizeof addr.sun_path, "%s/safekeep/socket", fuzz_dir()) <
	      (int)sizeof addr.sun_path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	HOLDS(bind(listener, (struct sockaddr *)&addr, sizeof addr) == 0);
	HOLDS(listen(listener, 8) == 0);
}

static void check_answer(int fd)
{
	unsigned char head[SK_ASK_HEAD];
	static char rest[1 << 17];
	uint32_t len;
	char status;
	ssize_t n = recv(fd, head, sizeof head, MSG_DONTWAIT);

	if (n <= 0)
		return;
	HOLDS(n == sizeof head && sk_ask_unpack(head, &status, &len));
	HOLDS(status == SK_ANSWER_OK || status == SK_ANSWER_NO);
	HOLDS(len < sizeof rest);
	if (len)
		HOLDS(recv(fd, rest, sizeof rest, MSG_DONTWAIT) == (ssize_t)len);
	if (status == SK_ANSWER_NO)
		HOLDS(!memchr(rest, '\n', len) && len);
}

static void try_asked(struct fuzz_in in, size_t first)
{
	struct sk_service s = { .host = &host, .ep = epoll_create1(EPOLL_CLOEXEC), .lock = -1 };
	struct sk_conn *c = calloc(1, sizeof *c);
	int pair[2];

	HOLDS(s.ep >= 0 && c);
	HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	s.listen.fd = s.signals.fd = s.timer.fd = s.self.fd = -1;
	c->src = (struct sk_source){ SK_SRC_CONN, pair[0] };
	c->deadline = SK_NEVER;
	HOLDS(sk_service_poll(&s, &c->src, EPOLLIN) == 0);
	s.conns = c;
	s.n_conns = 1;
	if (first > in.n)
		first = in.n;
	HOLDS(send(pair[1], in.p, first, 0) == (ssize_t)first);
	sk_conn_event(&s, c, EPOLLIN);
	if (!c->dead && c->state == SK_CONN_READS) {
		HOLDS(send(pair[1], in.p + first, in.n - first, 0) == (ssize_t)(in.n - first));
		HOLDS(shutdown(pair[1], SHUT_WR) == 0);
		sk_conn_event(&s, c, EPOLLIN);
	}
	HOLDS(c->dead || c->state == SK_CONN_WRITES); /* no request is left hanging */
	check_answer(pair[1]);
	sk_conns_close(&s);
	HOLDS(!s.n_conns);
	while (s.sites)
		sk_site_remove(&s, s.sites);
	(void)close(pair[1]);
	(void)close(s.ep);
}

static void *answer(void *arg)
{
	const struct fuzz_in *in = arg;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0) {
		(void)send(fd, in->p, in->n, MSG_NOSIGNAL);
		(void)close(fd);
	}
	return NULL;
}

static void try_answered(struct fuzz_in in)
{
	const char *const field[] = { "/w" };
	struct sk_answer got = { 0 };
	enum sk_ask_result r;
	pthread_t thread;

	HOLDS(pthread_create(&thread, NULL, answer, &in) == 0);
	r = sk_request('c', field, 1, 5000, &got);
	HOLDS(pthread_join(thread, NULL) == 0);
	HOLDS(r == SK_ASKED || (r == SK_ASK_TROUBLE && !got.data));
	if (r == SK_ASKED) {
		HOLDS(got.len + SK_ASK_HEAD <= in.n && got.data[got.len] == '\0');
		free(got.data);
	}
}

/* The words of a git command, as the hook's client reads them from its parent. */
static void try_command(struct fuzz_in in)
{
	char *word[32] = { NULL }, label[300];
	const char *argv[33];
	int n = 0, command = -1;
	size_t len;

	while (in.n && n < 32)
		word[n++] = fuzz_string(fuzz_part(&in, "\n"));
	for (int i = 0; i < n; i++)
		argv[i] = word[i];
	argv[n] = NULL;
	(void)sk_classify(n, argv, &command);
	HOLDS(command >= -1 && command <= n);
	for (size_t cap = 1; cap < sizeof label; cap += 23) {
		len = sk_command_label(n, argv, label, cap);
		HOLDS(len < cap && strlen(label) == len);
		for (size_t i = 0; i < len; i++)
			HOLDS((unsigned char)label[i] >= 0x20 && label[i] != 0x7f);
	}
	for (int i = 0; i < n; i++)
		free(word[i]);
}

static void try_changes(struct fuzz_in in)
{
	struct sk_changes c = { 0 };
	struct sk_buf out = SK_BUF_INIT;
	uint64_t from = fuzz_byte(&in);

	while (in.n) {
		struct fuzz_in path = fuzz_part(&in, "\n");

		sk_changes_add(&c, (const char *)path.p, path.n);
	}
	if (sk_changes_since(&c, from, &out) == 0)
		HOLDS(from <= c.seq && (!out.len || out.ptr[out.len - 1] == '\0'));
	sk_changes_free(&c);
	sk_buf_free(&out);
}

FUZZ(service)
{
	struct fuzz_in in = { data, size };
	unsigned how = fuzz_byte(&in);

	if (listener < 0)
		surroundings();
	switch (how & 3) {
	case 0:
		try_asked(in, how >> 2);
		break;
	case 1:
		try_answered(in);
		break;
	case 2:
		try_command(in);
		break;
	default:
		try_changes(in);
	}
	return 0;
}
