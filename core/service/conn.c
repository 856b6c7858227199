/* Connections: one request each, with limits on all that a peer could make us spend. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/service_parts.h"

#define WRITE_MS 10000
#define DEAF_MS 1000
#define FIELDS_MAX 6

static void be_deaf(struct sk_service *s, int64_t until)
{
	sk_service_unpoll(s, &s->listen);
	s->deaf = true;
	s->deaf_until = until;
}

static void hear_again(struct sk_service *s)
{
	if (s->deaf && !s->stopping && s->listen.fd >= 0 &&
	    sk_service_poll(s, &s->listen, EPOLLIN) == 0)
		s->deaf = false;
}

static void close_conn(struct sk_service *s, struct sk_conn *c)
{
	struct sk_conn **at = &s->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	s->n_conns--;
	sk_service_unpoll(s, &c->src);
	(void)close(c->src.fd);
	sk_buf_free(&c->in);
	sk_buf_free(&c->out);
	free(c->event);
	free(c->command);
	free(c);
	hear_again(s);
}

/* Frees those that are done with; not at once, because callers walk the list. */
static void sweep(struct sk_service *s)
{
	for (struct sk_conn *c = s->conns, *next; c; c = next) {
		next = c->next;
		if (c->dead)
			close_conn(s, c);
	}
}

static bool peer_is_us(int fd)
{
	struct ucred who;
	socklen_t len = sizeof who;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == getuid();
}

void sk_conn_accept(struct sk_service *s)
{
	while (s->listen.fd >= 0 && !s->deaf) {
		int fd = accept4(s->listen.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct sk_conn *c;

		if (fd < 0) {
			/* they wait in the queue, and would wake us for ever */
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				be_deaf(s, sk_clock_ms() + DEAF_MS);
			return;
		}
		c = peer_is_us(fd) ? calloc(1, sizeof *c) : NULL;
		if (!c) {
			(void)close(fd);
			continue;
		}
		c->src = (struct sk_source){ SK_SRC_CONN, fd };
		c->deadline = sk_clock_ms() + SK_ASK_SLOW_MS;
		if (sk_service_poll(s, &c->src, EPOLLIN)) {
			(void)close(fd);
			free(c);
			return;
		}
		c->next = s->conns;
		s->conns = c;
		if (++s->n_conns >= SK_CONNS_MAX) /* the others wait in the socket's queue */
			be_deaf(s, 0);
	}
}

static void push_out(struct sk_service *s, struct sk_conn *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->src.fd, c->out.ptr + c->sent, c->out.len - c->sent,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (sk_service_poll(s, &c->src, EPOLLOUT))
				break;
			return;
		}
		if (n <= 0)
			break;
		c->sent += (size_t)n;
	}
	c->dead = true;
}

/* `rest` is taken over when it is c->out itself: the header goes before it. */
static void reply(struct sk_service *s, struct sk_conn *c, char status, const void *data,
                  size_t len)
{
	unsigned char head[SK_ASK_HEAD];

	sk_ask_pack(head, status, (uint32_t)len);
	sk_buf_clear(&c->out);
	(void)sk_buf_add(&c->out, head, sizeof head);
	(void)sk_buf_add(&c->out, data, len);
	c->state = SK_CONN_WRITES;
	c->deadline = sk_clock_ms() + WRITE_MS;
	if (sk_buf_ok(&c->out) || len > SK_ANSWER_MAX)
		c->dead = true;
	else
		push_out(s, c);
}

static void refuse(struct sk_service *s, struct sk_conn *c, const char *why)
{
	reply(s, c, SK_ANSWER_NO, why, strlen(why));
}

/* Requests */

static void start_guard(struct sk_service *s, struct sk_conn *c)
{
	if (c->site->job) { /* it may have begun before the last change: after it */
		c->state = SK_CONN_QUEUED;
		return;
	}
	if (sk_job_start(s, c->site, c->event, c->command, true, &c->job))
		refuse(s, c, sk_error_message());
	else
		c->state = SK_CONN_WAITS;
}

static void on_guard(struct sk_service *s, struct sk_conn *c, char **f)
{
	if (s->stopping || s->n_guards >= SK_GUARDS_MAX) {
		refuse(s, c, "too much is going on");
		return;
	}
	if (sk_site_add(s, f[0], true, &c->site)) {
		c->site = NULL;
		refuse(s, c, sk_error_message());
		return;
	}
	if (!c->site->watch || strcmp(sk_watch_repo(c->site->watch)->gitdir, f[3]) != 0) {
		refuse(s, c, "it has another git folder");
		return;
	}
	c->event = strdup(f[1]);
	c->command = strdup(f[2]);
	if (!c->event || !c->command || strlen(f[1]) > 30) {
		refuse(s, c, "cannot be done");
		return;
	}
	/* when it goes away, the backup is made all the same */
	c->deadline = SK_NEVER;
	(void)sk_service_poll(s, &c->src, 0);
	start_guard(s, c);
}

static void on_fsmonitor(struct sk_service *s, struct sk_conn *c, char **f)
{
	struct sk_buf out = SK_BUF_INIT;
	struct sk_site *site = NULL;

	if (sk_site_add(s, f[0], true, &site) || !site->watch ||
	    strcmp(sk_watch_repo(site->watch)->gitdir, f[1]) != 0)
		refuse(s, c, "it is not watched");
	else if (sk_watch_query(site->watch, f[2], f[3], &out))
		refuse(s, c, "out of memory");
	else
		reply(s, c, SK_ANSWER_OK, out.ptr, out.len);
	sk_buf_free(&out);
}

static void on_changed(struct sk_service *s, struct sk_conn *c, const char *worktree)
{
	struct sk_site *site = sk_site_find(s, worktree);
	const char *word = "?";

	if (site && sk_site_unchanged(site))
		word = "0";
	else if (site && site->watch && sk_watch_mode(site->watch) == SK_WATCH_EXACT)
		word = "1";
	reply(s, c, SK_ANSWER_OK, word, 1);
}

/* What plugins wrote before the backup is in it, and no reason for another. */
static void on_begin(struct sk_service *s, struct sk_conn *c, const char *worktree)
{
	struct sk_site *site = sk_site_find(s, worktree);
	struct ucred who;
	socklen_t len = sizeof who;

	if (!site || !site->job || getsockopt(c->src.fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 ||
	    who.pid != site->job->pid) {
		refuse(s, c, "that is not its backup");
		return;
	}
	sk_site_begin(site);
	reply(s, c, SK_ANSWER_OK, "", 0);
}

static void on_change_of_list(struct sk_service *s, struct sk_conn *c, char verb,
                              const char *worktree)
{
	struct sk_site *site = sk_site_find(s, worktree);
	int rc = 0;

	/* also when it is known: it may have other settings now */
	if (site)
		sk_site_remove(s, site);
	if (verb == 'a')
		rc = sk_site_add(s, worktree, false, &site);
	if (rc)
		refuse(s, c, sk_error_message());
	else
		reply(s, c, SK_ANSWER_OK, "", 0);
}

static void on_status(struct sk_service *s, struct sk_conn *c)
{
	struct sk_buf out = SK_BUF_INIT;

	if (sk_service_report(s, &out))
		refuse(s, c, sk_error_message());
	else
		reply(s, c, SK_ANSWER_OK, out.ptr, out.len);
	sk_buf_free(&out);
}

/* The fields of a request; -1 when there are too many, or the last one does not end. */
static int split(struct sk_buf *in, char *field[FIELDS_MAX])
{
	size_t at = SK_ASK_HEAD;
	int n = 0;

	if (in->len > at && in->ptr[in->len - 1] != '\0')
		return -1;
	while (at < in->len) {
		if (n == FIELDS_MAX)
			return -1;
		field[n++] = in->ptr + at;
		at += strlen(in->ptr + at) + 1;
	}
	return n;
}

static void on_request(struct sk_service *s, struct sk_conn *c, char verb)
{
	static const struct {
		char verb;
		int fields;
	} verbs[] = { { 'p', 0 }, { 'q', 0 }, { 'a', 1 }, { 'r', 1 },
		      { 'c', 1 }, { 'b', 1 }, { 'f', 4 }, { 'g', 4 } };
	char *f[FIELDS_MAX];
	int n = split(&c->in, f);
	bool known = false;

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		known |= verbs[i].verb == verb && verbs[i].fields == n;
	if (!known) {
		c->dead = true;
		return;
	}
	if (verb != 'p')
		s->active = sk_clock_ms();
	switch (verb) {
	case 'p':
		on_status(s, c);
		break;
	case 'q':
		s->stopping = true;
		reply(s, c, SK_ANSWER_OK, "", 0);
		break;
	case 'f':
		on_fsmonitor(s, c, f);
		break;
	case 'g':
		on_guard(s, c, f);
		break;
	case 'c':
		on_changed(s, c, f[0]);
		break;
	case 'b':
		on_begin(s, c, f[0]);
		break;
	default:
		on_change_of_list(s, c, verb, f[0]);
	}
}

static void pull_in(struct sk_service *s, struct sk_conn *c)
{
	char chunk[16384], verb = 0;
	uint32_t len = 0;

	for (;;) {
		size_t want = SK_ASK_HEAD;
		ssize_t n;

		if (c->in.len >= SK_ASK_HEAD) {
			if (!sk_ask_unpack((const unsigned char *)c->in.ptr, &verb, &len) ||
			    len > SK_ASK_MAX)
				break;
			want += len;
			if (c->in.len == want) {
				on_request(s, c, verb);
				return;
			}
		}
		want -= c->in.len;
		n = recv(c->src.fd, chunk, want < sizeof chunk ? want : sizeof chunk, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0 || sk_buf_add(&c->in, chunk, (size_t)n))
			break;
	}
	c->dead = true;
}

void sk_conn_event(struct sk_service *s, struct sk_conn *c, uint32_t events)
{
	if (c->dead)
		return;
	if (c->state == SK_CONN_READS)
		pull_in(s, c);
	else if (c->state == SK_CONN_WRITES)
		push_out(s, c);
	else if (events & (EPOLLHUP | EPOLLERR)) { /* nobody waits any more */
		c->dead = true;
	}
}

void sk_conns_done(struct sk_service *s, const struct sk_job *job, int status)
{
	struct sk_buf out = SK_BUF_INIT;

	for (struct sk_conn *c = s->conns; c; c = c->next) {
		if (c->dead || c->job != job || c->state != SK_CONN_WAITS)
			continue;
		sk_buf_clear(&out);
		(void)sk_buf_addf(&out, "%d", status);
		(void)sk_buf_addc(&out, '\0');
		(void)sk_buf_add(&out, sk_buf_str(&job->said), job->said.len);
		c->job = NULL;
		if (sk_buf_ok(&out))
			c->dead = true;
		else
			reply(s, c, SK_ANSWER_OK, out.ptr, out.len);
	}
	for (struct sk_conn *c = s->conns; c; c = c->next)
		if (!c->dead && c->state == SK_CONN_QUEUED && c->site && !c->site->job)
			start_guard(s, c);
	sk_buf_free(&out);
}

void sk_conns_site_gone(struct sk_service *s, const struct sk_site *site)
{
	for (struct sk_conn *c = s->conns; c; c = c->next) {
		if (c->site != site)
			continue;
		c->site = NULL;
		if (c->state == SK_CONN_QUEUED)
			refuse(s, c, "it is not watched any more");
	}
}

int64_t sk_conns_tick(struct sk_service *s, int64_t now)
{
	int64_t next = SK_NEVER;

	if (s->deaf && s->deaf_until && !s->stopping) {
		if (now >= s->deaf_until) {
			s->deaf_until = now + DEAF_MS;
			hear_again(s);
		}
		next = s->deaf ? s->deaf_until : SK_NEVER;
	}
	for (struct sk_conn *c = s->conns; c; c = c->next) {
		if (c->deadline <= now)
			c->dead = true;
		else if (c->deadline < next)
			next = c->deadline;
	}
	sweep(s);
	return next;
}

void sk_conns_close(struct sk_service *s)
{
	while (s->conns)
		close_conn(s, s->conns);
}
