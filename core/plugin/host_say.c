/* host_say.c - what a plugin says, its settings, and the time. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/term.h"
#include "base/text.h"
#include "plugin/parts.h"
#include "repo/trust.h"
#include "store/entry.h"

#define PROJECT_FILE ".safekeep.ini"
#define PROJECT_MAX (1u << 20)

static int error(struct skp_host *pub, int code, const char *format, ...)
{
	char text[1024];
	va_list ap;

	SK_UNUSED(pub);
	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	return sk_error(code, "%s", text);
}

static const char *message(struct skp_host *pub)
{
	SK_UNUSED(pub);
	return sk_error_message();
}

static void print(struct skp_host *pub, const char *format, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	SK_UNUSED(pub);
	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		return;
	sk_plugin_io->out(text, (size_t)n);
	free(text);
}

static void write_out(struct skp_host *pub, const void *data, size_t len)
{
	SK_UNUSED(pub);
	sk_plugin_io->out(data, len);
}

static int json(struct skp_host *pub, const char *text, size_t len)
{
	json_error_t e;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);

	if (!json_is_object(o)) {
		json_decref(o);
		return sk_error(SK_EUSAGE, "plugin %s made no JSON object: %s",
		                sk_host_of(pub)->info->name, o ? "it is something else" : e.text);
	}
	return sk_plugin_io->out_json(o);
}

static void note(struct skp_host *pub, const char *format, ...)
{
	char text[2048];
	va_list ap;

	SK_UNUSED(pub);
	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	sk_plugin_io->out_flush();
	sk_note("%s", text);
}

static void warn(struct skp_host *pub, const char *format, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	sk_plugin_io->out_flush();
	sk_warn("%s: %s", sk_host_of(pub)->info->name, text);
}

static const char *name(struct skp_host *pub, const char *path)
{
	struct sk_buf out = SK_BUF_INIT;
	const char *text;

	SK_UNUSED(pub);
	(void)sk_add_name(&out, path, strlen(path));
	text = sk_buf_detach(&out);
	return text ? text : "?";
}

static const char *plain_text(struct skp_host *pub, const char *words)
{
	struct sk_buf out = SK_BUF_INIT;
	const char *text;

	SK_UNUSED(pub);
	(void)sk_add_text(&out, words, strlen(words));
	text = sk_buf_detach(&out);
	return text ? text : "";
}

static const char *style(struct skp_host *pub, uint32_t which)
{
	SK_UNUSED(pub);
	if (which > SKP_CYAN)
		return "";
	return which == SKP_PLAIN ? sk_color_reset() : sk_color((enum sk_color)which);
}

static void progress(struct skp_host *pub, const char *what, size_t done, size_t total)
{
	SK_UNUSED(pub);
	if (total && done >= total)
		sk_progress_end();
	else
		sk_progress(what, done, total);
}

static int pager(struct skp_host *pub)
{
	const struct sk_host *h = sk_host_of(pub);

	return h->event || !h->repo ? 0 : sk_plugin_io->pager(h->repo);
}

static int ask_somebody(const struct sk_host *h)
{
	if (h->event || !isatty(0))
		return sk_error(SK_EREFUSED, "there is nobody to ask: this is no terminal");
	sk_plugin_io->out_flush();
	return 0;
}

static int confirm(struct skp_host *pub, const char *question, int *yes)
{
	bool answer = false;
	int rc = ask_somebody(sk_host_of(pub));

	if (!rc)
		rc = sk_plugin_io->confirm(question, &answer);
	if (!rc)
		*yes = answer;
	return rc;
}

static int ask(struct skp_host *pub, const char *question, char **answer)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = ask_somebody(sk_host_of(pub));

	if (!rc)
		rc = sk_plugin_io->ask(question, &text);
	if (!rc && !(*answer = sk_buf_detach(&text)))
		rc = sk_error_oom();
	sk_buf_free(&text);
	return rc;
}

static const char *setting(struct skp_host *pub, const char *key)
{
	const struct sk_host *h = sk_host_of(pub);
	struct sk_buf full = SK_BUF_INIT;
	const char *value = NULL;

	if (strchr(key, '.'))
		return sk_config_get(h->config, key);
	if (sk_buf_addf(&full, "plugin.%s.%s", h->info->name, key) == 0)
		value = sk_config_get(h->config, full.ptr);
	sk_buf_free(&full);
	return value;
}

static int setting_at(struct skp_host *pub, size_t i, const char **key, const char **value)
{
	const struct sk_host *h = sk_host_of(pub);
	size_t len = strlen(h->info->name);

	for (size_t k = 0; k < h->config->keys.n; k++) {
		const char *full = h->config->keys.item[k];

		if (strncmp(full, "plugin.", 7) != 0 ||
		    strncmp(full + 7, h->info->name, len) != 0 || full[7 + len] != '.' || i--)
			continue;
		*key = full + 7 + len + 1;
		*value = h->config->values.item[k];
		return 0;
	}
	return sk_error(SK_ENO, "there are no more settings");
}

static int trusted(struct skp_host *pub)
{
	const struct sk_host *h = sk_host_of(pub);
	struct sk_buf text = SK_BUF_INIT, record = SK_BUF_INIT;
	int fd, yes = 0;

	if (!h->repo)
		return 0;
	fd = openat(h->repo->wtfd, PROJECT_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	(void)close(fd);
	if (sk_read_file(h->repo->wtfd, PROJECT_FILE, PROJECT_MAX, &text) == 0 &&
	    sk_buf_addf(&record, "%s/%s", h->repo->skdir, SK_TRUST_FILE) == 0)
		yes = sk_trust_has(record.ptr, sk_buf_str(&text), text.len);
	sk_buf_free(&text);
	sk_buf_free(&record);
	return yes;
}

static int parse_duration(struct skp_host *pub, const char *text, int64_t *ms)
{
	SK_UNUSED(pub);
	return sk_parse_duration(text, ms);
}

static int parse_size(struct skp_host *pub, const char *text, uint64_t *bytes)
{
	SK_UNUSED(pub);
	return sk_parse_size(text, bytes);
}

static int64_t now(struct skp_host *pub)
{
	SK_UNUSED(pub);
	return sk_now();
}

static int parse_date(struct skp_host *pub, const char *text, int64_t *when)
{
	const struct sk_host *h = sk_host_of(pub);
	time_t t = 0;
	int rc = sk_host_needs_repo(h);

	if (!rc)
		rc = sk_parse_date(h->repo, text, &t);
	if (!rc)
		*when = t;
	return rc;
}

static int64_t time_left(struct skp_host *pub)
{
	SK_UNUSED(pub);
	return sk_child_time_left();
}

static void release(struct skp_host *pub, void *memory)
{
	SK_UNUSED(pub);
	free(memory);
}

void sk_host_say(struct skp_host *pub)
{
	pub->error = error;
	pub->message = message;
	pub->print = print;
	pub->write = write_out;
	pub->json = json;
	pub->note = note;
	pub->warn = warn;
	pub->name = name;
	pub->text = plain_text;
	pub->style = style;
	pub->progress = progress;
	pub->pager = pager;
	pub->confirm = confirm;
	pub->ask = ask;
	pub->setting = setting;
	pub->setting_at = setting_at;
	pub->trusted = trusted;
	pub->parse_duration = parse_duration;
	pub->parse_size = parse_size;
	pub->now = now;
	pub->parse_date = parse_date;
	pub->time_left = time_left;
	pub->release = release;
}
