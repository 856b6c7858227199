#include "agent/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *get(const struct sk_entry *e, const char *key)
{
	const char *value = e->damaged ? NULL : sk_entry_get(e, key);

	return value ? value : "";
}

bool sk_agent_in_session(const struct sk_entry *e, const char *session)
{
	const char *id = get(e, "Sk-Session");

	return *id && strncmp(id, session, strlen(session)) == 0;
}

static bool is_prompt(const struct sk_entry *e)
{
	return strcmp(get(e, "Sk-Step"), "prompt") == 0;
}

static struct sk_agent_session *find(struct sk_agent_session *list, size_t n,
                                     const struct sk_entry *e)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(get(list[i].newest, "Sk-Session"), get(e, "Sk-Session")) == 0)
			return &list[i];
	return NULL;
}

int sk_agent_sessions(const struct sk_entries *list, struct sk_agent_session **out, size_t *n)
{
	struct sk_agent_session *all = NULL;
	size_t count = 0, cap = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct sk_entry *e = list->item[i];
		struct sk_agent_session *s;
		unsigned long number = strtoul(get(e, "Sk-Prompt"), NULL, 10);

		if (!*get(e, "Sk-Session"))
			continue;
		s = find(all, count, e);
		if (!s && count == cap) {
			struct sk_agent_session *more =
			        reallocarray(all, cap = cap ? cap * 2 : 8, sizeof *more);

			if (!more) {
				free(all);
				return sk_error_oom();
			}
			all = more;
		}
		if (!s) {
			s = &all[count++];
			*s = (struct sk_agent_session){ .newest = e };
		}
		if (is_prompt(e) && !s->said)
			s->said = e;
		if (number > s->prompts)
			s->prompts = number;
		s->steps += !is_prompt(e);
	}
	*out = all;
	*n = count;
	return 0;
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* The list is newest first. */
static const struct sk_entry *pick(const struct sk_entries *list, const char *session,
                                   const char *which)
{
	const char *of = NULL; /* a number counts in one session: the last that matches */
	const struct sk_entry *found = NULL;

	for (size_t i = 0; i < list->n; i++) {
		const struct sk_entry *e = list->item[i];

		if (!is_prompt(e) || (session && !sk_agent_in_session(e, session)))
			continue;
		if (which && !is_number(which)) {
			if (strcasestr(e->title, which))
				return e;
			continue;
		}
		if (!which && !session)
			return e;
		if (of && strcmp(of, get(e, "Sk-Session")) != 0)
			continue;
		of = get(e, "Sk-Session");
		if (!which)
			found = e;
		else if (strtoul(get(e, "Sk-Prompt"), NULL, 10) == strtoul(which, NULL, 10))
			return e;
	}
	return found;
}

int sk_agent_before(const struct sk_repo *repo, const char *session, const char *which,
                    struct sk_entry **out)
{
	struct sk_entries list = { 0 };
	const struct sk_entry *e;
	int rc = sk_entry_list(repo, SK_BACKUP, repo->worktree_id, &list);

	if (rc)
		return rc;
	e = pick(&list, session, which);
	if (e)
		rc = sk_entry_read(repo, e->ref, out);
	else if (which)
		rc = sk_error(SK_ENO, "no prompt %s%s%s here (git sk list shows what there is)",
		              sk_name(which), session ? " of session " : "",
		              session ? sk_name(session) : "");
	else
		rc = sk_error(SK_ENO,
		              "no prompt of an agent%s%s was noted here (git sk agent list shows "
		              "which agents are watched)",
		              session ? " in session " : "", session ? sk_name(session) : "");
	sk_entries_free(&list);
	return rc;
}
