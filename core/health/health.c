#include "health/health.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "health/health_parts.h"

/* In this order they are printed.  A check that is added only needs a line here. */
static int (*const checks[])(struct sk_look *) = {
	sk_check_service,  sk_check_backups,     sk_check_revisions, sk_check_disk,
	sk_check_database, sk_check_application, sk_check_hooks,     sk_check_integrity,
	sk_check_watcher,  sk_check_locks,       sk_check_packs,     sk_check_remotes,
	sk_check_vaults,   sk_check_settings,    sk_check_plugins,
};

const char *sk_health_word(enum sk_health_status status)
{
	static const char *const word[] = { "ok", "warn", "fail", "off" };

	return word[status];
}

static int add(struct sk_look *l, const char *name, enum sk_health_status status, bool fixed,
               const char *fmt, va_list ap)
{
	struct sk_health *h = l->out;
	struct sk_buf clean = SK_BUF_INIT;
	char text[2048];
	int rc;

	(void)vsnprintf(text, sizeof text, fmt, ap);
	rc = sk_add_text(&clean, text, strlen(text));
	if (!rc && h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 32;
		struct sk_health_check *grown = reallocarray(h->item, cap, sizeof *grown);

		if (!grown)
			rc = sk_error_oom();
		h->item = grown ? grown : h->item;
		h->cap = grown ? cap : h->cap;
	}
	if (rc) {
		sk_buf_free(&clean);
		return rc;
	}
	h->item[h->n++] =
	        (struct sk_health_check){ strdup(name), status, sk_buf_detach(&clean), fixed };
	h->warns += status == SK_HEALTH_WARN;
	h->fails += status == SK_HEALTH_FAIL;
	return h->item[h->n - 1].name && h->item[h->n - 1].detail ? 0 : sk_error_oom();
}

int sk_health_say(struct sk_look *l, const char *name, enum sk_health_status status,
                  const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = add(l, name, status, false, fmt, ap);
	va_end(ap);
	return rc;
}

int sk_health_fixed(struct sk_look *l, const char *name, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = add(l, name, SK_HEALTH_OK, true, fmt, ap);
	va_end(ap);
	return rc;
}

int sk_health_problems(struct sk_look *l, enum sk_topic topic, const char *name,
                       enum sk_health_status status, bool *said)
{
	const struct sk_status *s = &l->status;
	size_t from = s->about[topic].from, to = s->about[topic].to;
	struct sk_buf line = SK_BUF_INIT;
	int rc = 0;

	*said = to > from;
	for (size_t i = from; i < to && !rc; i++)
		rc = sk_buf_addf(&line, "%s%s", i > from ? "; " : "", s->problems.item[i]);
	if (!rc && *said)
		rc = sk_health_say(l, name, status, "%s", line.ptr);
	sk_buf_free(&line);
	return rc;
}

void sk_health_clear(struct sk_health *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->item[i].name);
		free(h->item[i].detail);
	}
	free(h->item);
	*h = (struct sk_health){ 0 };
}

int sk_health_look(struct sk_repo *repo, const struct sk_health_options *opts,
                   struct sk_health *out)
{
	struct sk_look l = { .repo = repo, .opts = opts, .out = out, .now = sk_now() };
	int rc = sk_status_look(repo, &l.status);

	for (size_t i = 0; i < sizeof checks / sizeof *checks && !rc; i++)
		rc = checks[i](&l);
	out->healthy = !rc && !out->fails;
	sk_status_clear(&l.status);
	return rc;
}
