/* host_secrets.c - host->redact, by the rules of core/lint.
 *
 * They are read and compiled once in a child, before the plugin is called: features is a plain
 * number that has to tell whether they can be used.  Half a millisecond; the patterns themselves
 * are made fast (JIT) as each is first tried. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lint/secrets.h"
#include "plugin/parts.h"

static struct sk_secrets *rules; /* as long as the process: their names are given out */
static char *why_none;

static int take_secrets(const struct sk_secret_list *list, struct skp_secret **found, size_t *n)
{
	struct skp_secret *out = found ? calloc(list->n + 1, sizeof *out) : NULL;

	if (found && !out)
		return sk_error_oom();
	for (size_t i = 0; out && i < list->n; i++)
		out[i] = (struct skp_secret){ list->item[i].rule, list->item[i].offset,
			                      list->item[i].len };
	if (found)
		*found = out;
	if (n)
		*n = list->n;
	return 0;
}

static int redact(struct skp_host *pub, const char *data, size_t len, char **out, size_t *out_len,
                  struct skp_secret **found, size_t *n)
{
	struct sk_secret_list list = { 0 };
	struct sk_buf text = SK_BUF_INIT;
	size_t text_len;
	char *plain = NULL;
	int rc;

	if (!rules)
		return sk_error(SK_EREFUSED,
		                "secrets cannot be looked for, so plugin %s stores nothing: %s",
		                sk_host_of(pub)->info->name, why_none ? why_none : "no memory");
	rc = sk_buf_reserve(&text, len);
	if (!rc)
		rc = sk_secrets_redact_list(rules, data, len, &text, &list);
	text_len = text.len;
	if (!rc && !(plain = sk_buf_detach(&text)))
		rc = sk_error_oom();
	if (!rc)
		rc = take_secrets(&list, found, n);
	if (rc) {
		free(plain);
	} else {
		*out = plain;
		*out_len = text_len;
	}
	sk_secret_list_clear(&list);
	sk_buf_free(&text);
	return rc;
}

void sk_host_secrets(struct skp_host *pub)
{
	pub->redact = redact;
	if (!rules && !why_none && sk_secrets_load(&rules)) {
		why_none = strdup(sk_error_message());
		sk_error_clear();
	}
	if (rules)
		pub->features |= SKP_CAN_REDACT;
}
