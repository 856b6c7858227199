/* moments.c - which events there are around a backup, and in the service's round. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "capture/backup.h"
#include "plugin/parts.h"

#define PRUNE_EVERY_S 86400

static bool before_backup(struct sk_repo *repo, const struct sk_backup_opts *opts)
{
	const struct sk_plugin_event event = { .kind = SKP_BEFORE_BACKUP,
		                               .trigger = opts->trigger,
		                               .command = opts->command };

	return sk_plugins_event(repo, &event, NULL);
}

static void after_backup(struct sk_repo *repo, const struct sk_backup_opts *opts,
                         const struct sk_backup_result *result)
{
	const struct sk_plugin_event event = { .kind = SKP_AFTER_BACKUP,
		                               .trigger = opts->trigger,
		                               .command = opts->command,
		                               .id = result->entry->id,
		                               .is_new = result->is_new };

	(void)sk_plugins_event(repo, &event, NULL);
}

static const struct sk_backup_observer observer = { before_backup, after_backup };

void sk_plugins_use(const struct sk_plugin_io *io)
{
	sk_plugin_io = io;
	sk_backup_observer = io ? &observer : NULL;
}

/* Whether that long has passed since it last said so; then it is noted. */
static bool is_due(const struct sk_repo *repo, const char *name, int64_t seconds)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	long long last = 0, now = sk_now();
	bool due = true;

	if (sk_buf_addf(&path, "%s/%s", repo->sklocal, name) == 0) {
		if (sk_read_file(AT_FDCWD, path.ptr, 64, &text) == 0 &&
		    sscanf(sk_buf_str(&text), "%lld", &last) == 1)
			due = now - last >= seconds || now < last;
		sk_buf_clear(&text);
		if (due && sk_buf_addf(&text, "%lld\n", now) == 0)
			(void)sk_write_file(AT_FDCWD, path.ptr, text.ptr, text.len, 0600, false);
	}
	sk_buf_free(&path);
	sk_buf_free(&text);
	return due;
}

void sk_plugins_cycle(struct sk_repo *repo)
{
	const struct sk_plugin_event cycle = { .kind = SKP_CYCLE }, prune = { .kind = SKP_PRUNE };
	int64_t every = repo->config->backup.interval_ms;

	/* the clock's ticks and ours need not meet: a tenth early is in time */
	if (every >= 0 && is_due(repo, "cycle", every * 9 / 10000))
		(void)sk_plugins_event(repo, &cycle, NULL);
	if (is_due(repo, "plugins-pruned", PRUNE_EVERY_S))
		(void)sk_plugins_event(repo, &prune, NULL);
}
