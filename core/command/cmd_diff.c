#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "capture/present.h"
#include "command/command.h"
#include "command/lookup.h"
#include "command/print.h"
#include "command/report.h"

/* What is compared.  The present is looked at without being saved: `to` is then NULL. */
struct sides {
	struct sk_entry *from, *to;
	struct sk_present present;
};

static int look(struct sk_call *call, struct sides *out)
{
	int rc = sk_present_begin(call->repo, &out->present);

	if (!rc && out->present.snap->unreadable)
		sk_warn_skipped(&out->present.snap->meta);
	return rc;
}

static int choose(struct sk_call *call, struct sides *out)
{
	int rc;

	if (call->n_arg)
		rc = sk_select_intact(call->repo, call->arg[0], &out->from);
	else
		rc = sk_entry_latest(call->repo, call->repo->worktree_id, &out->from);
	if (rc)
		return rc;
	if (call->n_arg == 2)
		return sk_select_intact(call->repo, call->arg[1], &out->to);
	return look(call, out);
}

struct words {
	struct sk_strv list;
	const char **argv;
};

static int pathspecs(struct sk_call *call, struct sk_strv *out)
{
	struct sk_strv paths = SK_STRV_INIT;
	struct sk_buf spec = SK_BUF_INIT;
	int rc = sk_call_paths(call, &paths);

	if (!rc)
		rc = sk_strv_add(out, "--");
	for (size_t i = 0; !rc && i < paths.n; i++) {
		sk_buf_clear(&spec);
		(void)sk_buf_addf(&spec, ":(top,literal)%s", paths.item[i]);
		rc = sk_buf_ok(&spec);
		if (!rc)
			rc = sk_strv_add(out, spec.ptr);
	}
	sk_buf_free(&spec);
	sk_strv_free(&paths);
	return rc;
}

/* pager.sk is for this command as for the others; what git uses otherwise is git's business. */
static int pager_words(struct sk_call *call, struct sk_strv *out)
{
	struct sk_buf command = SK_BUF_INIT, word = SK_BUF_INIT;
	bool on = true;
	int rc = 0;

	sk_pager_setting(call->repo, &on, &command);
	if (!on)
		rc = sk_strv_add(out, "--no-pager");
	else if (command.len) {
		(void)sk_buf_addf(&word, "pager.diff=%s", command.ptr);
		rc = sk_buf_ok(&word);
		rc = rc ? rc : sk_strv_add(out, "-c");
		rc = rc ? rc : sk_strv_add(out, word.ptr);
	}
	sk_buf_free(&command);
	sk_buf_free(&word);
	return rc;
}

/* git itself does not know NO_COLOR. */
static int color_word(struct sk_call *call, struct sk_strv *out)
{
	const char *no = getenv("NO_COLOR");
	struct sk_buf word = SK_BUF_INIT;
	int rc;

	if (!call->color && (!no || !*no || sk_color_on()))
		return 0;
	(void)sk_buf_addf(&word, "--color=%s", call->color ? call->color : "never");
	rc = sk_buf_ok(&word);
	if (!rc)
		rc = sk_strv_add(out, word.ptr);
	sk_buf_free(&word);
	return rc;
}

static int option_words(struct sk_call *call, struct sk_strv *out)
{
	static const char *const json[] = { "--name-status", "--no-renames", "-z", NULL };
	int rc = color_word(call, out);

	for (size_t i = 0; !rc && i < call->n_pass; i++)
		rc = sk_strv_add(out, call->pass[i]);
	if (!rc && sk_call_has(call, "stat") && !call->json)
		rc = sk_strv_add(out, "--stat");
	for (size_t i = 0; !rc && call->json && json[i]; i++)
		rc = sk_strv_add(out, json[i]);
	return rc;
}

static int build(struct sk_call *call, const struct sides *sides, struct words *out)
{
	bool tool = sk_call_has(call, "difftool");
	const struct sk_oid *to = sides->to ? &sides->to->tree : &sides->present.snap->root->oid;
	int rc = tool || call->json ? 0 : pager_words(call, &out->list);

	if (!rc)
		rc = sk_strv_add(&out->list, tool ? "difftool" : "diff");
	if (!rc)
		rc = option_words(call, &out->list);
	if (!rc)
		rc = sk_strv_add(&out->list, sk_oid_str(&sides->from->tree));
	if (!rc)
		rc = sk_strv_add(&out->list, sk_oid_str(to));
	if (!rc)
		rc = pathspecs(call, &out->list);
	if (rc)
		return rc;
	out->argv = calloc(out->list.n + 1, sizeof *out->argv);
	if (!out->argv)
		return sk_error_oom();
	memcpy(out->argv, out->list.item, out->list.n * sizeof *out->argv);
	return 0;
}

static void on_interrupt(int sig)
{
	SK_UNUSED(sig);
}

/* What `git -c` has put into the environment: opening the repository takes it out. */
static struct {
	char *parameters, *count; /* "NAME=value", or NULL */
} given;

static char *inherited(const char *name)
{
	const char *value = getenv(name);
	char *word = NULL;

	return value && asprintf(&word, "%s=%s", name, value) >= 0 ? word : NULL;
}

void sk_diff_begin(void)
{
	given.parameters = inherited("GIT_CONFIG_PARAMETERS");
	given.count = inherited("GIT_CONFIG_COUNT");
}

/* git on this repository and on the present, with the user's own `git -c`; its output is taken when
 * `output` is there, else it has the terminal.  Ctrl-C is git's, and the pager's: we stay, to clean
 * up. */
static int run_git(const struct sk_call *call, const struct sides *sides, const char *const *args,
                   struct sk_buf *output, int *status)
{
	struct sigaction sa = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART }, was[2];
	char *place[3] = { NULL };
	const char *env[6], **argv = NULL;
	size_t n = 0;
	int rc = sk_git_line(call->repo, args, &argv, place);

	for (size_t i = 0; i < 2 && place[i]; i++)
		env[n++] = place[i];
	if (given.parameters)
		env[n++] = given.parameters;
	if (given.count)
		env[n++] = given.count;
	if (sides->present.env)
		env[n++] = sides->present.env;
	env[n] = NULL;
	if (!rc) {
		struct sk_proc proc = {
			.argv = argv, .env = env, .output = output, .inherit_input = !output
		};

		(void)sigemptyset(&sa.sa_mask);
		(void)sigaction(SIGINT, &sa, &was[0]);
		(void)sigaction(SIGQUIT, &sa, &was[1]);
		rc = sk_proc_run(&proc, status);
		(void)sigaction(SIGINT, &was[0], NULL);
		(void)sigaction(SIGQUIT, &was[1], NULL);
	}
	free(argv);
	free(place[0]);
	free(place[1]);
	return rc;
}

/* "M\0path\0A\0path\0" */
static json_t *changes_json(const struct sk_buf *text)
{
	const char *p = sk_buf_str(text), *end = p + text->len;
	json_t *list = json_array();

	while (list && p < end) {
		const char *path = p + strlen(p) + 1;
		json_t *one = sk_json_add(json_object(), "status", json_stringn(p, 1));

		if (path >= end)
			path = "";
		one = sk_json_add(one, "path", sk_json_text(path));
		p = *path ? path + strlen(path) + 1 : end;
		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static int diff_json(struct sk_call *call, const struct words *w, const struct sides *sides)
{
	struct sk_buf text = SK_BUF_INIT;
	int status = 0, rc = run_git(call, sides, w->argv, &text, &status);
	json_t *o;

	if (!rc && status)
		rc = sk_error(SK_EIO, "git diff failed with exit code %d", status);
	if (!rc) {
		o = sk_json_add(json_object(), "from", sk_json_text(sides->from->id));
		o = sk_json_add(o, "to", sides->to ? sk_json_text(sides->to->id) : json_null());
		rc = sk_out_json(sk_json_add(o, "changes", changes_json(&text)));
	}
	sk_buf_free(&text);
	return rc;
}

/* git itself brings colours, pager, external diff and the rest of what it is set to.  Its exit
 * status is ours: 1 with --exit-code. */
static int diff_text(struct sk_call *call, const struct words *w, const struct sides *sides)
{
	int status = 0, rc;

	(void)fflush(NULL);
	rc = run_git(call, sides, w->argv, NULL, &status);
	if (rc)
		return rc;
	sk_error_clear(); /* git has said what there was to say */
	if (status == 128)
		return sk_error(SK_EIO, "git could not compare them: its words are above "
		                        "(git sk verify looks at the entries)");
	return status == 129 ? SK_EUSAGE : status;
}

int sk_cmd_diff(struct sk_call *call)
{
	struct words w = { SK_STRV_INIT, NULL };
	struct sides sides = { .from = NULL };
	int rc = sk_call_args(call, 0, 2);

	if (!rc && call->json && (call->n_pass || sk_call_has(call, "difftool")))
		rc = sk_error(SK_EUSAGE, "--json takes none of git's options");
	if (!rc)
		rc = choose(call, &sides);
	if (!rc)
		rc = build(call, &sides, &w);
	if (!rc)
		rc = call->json ? diff_json(call, &w, &sides) : diff_text(call, &w, &sides);
	free(w.argv);
	sk_strv_free(&w.list);
	sk_present_end(&sides.present);
	sk_entry_free(sides.from);
	sk_entry_free(sides.to);
	return rc;
}
