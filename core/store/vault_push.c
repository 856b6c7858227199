/* Bringing a vault up to date.
 *
 * What is to be sent is the difference between what the vault shall have and what it has, as far
 * as we know (the file `refs`); once a day, when asked, or when something did not fit, we look at
 * what it really has.  It goes in atomic pushes of some hundred refs, the newest first: the first
 * one also swaps `newest`, from what we left there to what it is now.  When that fails although
 * nobody of ours was there, somebody else pushes by our name: the machine or repository was copied
 * as a whole.  Then this one takes another name, and nothing of the other's is touched. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "base/term.h"
#include "base/text.h"
#include "store/vault_parts.h"

#define COMPARE_S 86400
#define WAIT_S 30
#define ATTEMPTS 3
/* Into a folder that is no vault of our making, too, what is sent is on its disk before a ref says
 * so: as one pack, and flushed.  A server far away does as it is set up. */
#define RECEIVE                                                                                    \
	"--receive-pack=git -c core.fsync=all -c core.fsyncMethod=fsync -c receive.unpackLimit=1 " \
	"receive-pack"
#define GIVE_DEPTH 16 /* refs may lie that deep */

struct push {
	const struct sk_repo *repo;
	const struct sk_vault *vault;
	struct sk_vault_git git;
	char *part;
	struct sk_vault_state state;
	struct sk_refs want, known;
	struct sk_vault_pushed *out;
	bool whole;   /* compared with what is really there */
	bool loose;   /* that server takes no atomic pushes */
	bool offline; /* it could not be reached */
	bool stale;   /* `newest` was not what we left there */
	bool unsaid;  /* git forgot a ref: the first push from a shallow clone (git 2.39) */
	bool local;   /* it looks as if our own objects were the trouble */
	bool swept;   /* locks that a dead git left there were taken away */
	bool met;     /* it was really spoken to */
};

void sk_vault_pushed_clear(struct sk_vault_pushed *p)
{
	sk_strv_free(&p->broken);
	*p = (struct sk_vault_pushed){ 0 };
}

/* Sending */

static int add_spec(struct sk_strv *args, const struct push *p, const struct sk_vault_step *step)
{
	struct sk_buf spec = SK_BUF_INIT;
	int rc;

	if (!sk_oid_is_zero(&step->oid))
		(void)sk_buf_addf(&spec, "+%s", sk_oid_str(&step->oid));
	rc = sk_buf_addf(&spec, ":" SK_VAULT_ROOT "%s/%s", p->part, step->name);
	if (!rc)
		rc = sk_strv_add(args, spec.ptr);
	sk_buf_free(&spec);
	return rc;
}

/* `newest`, from what it is there to what it shall be. */
static int add_swap(struct sk_strv *args, const struct push *p, bool lease)
{
	const struct sk_ref *now = sk_refs_find(&p->want, "newest");
	const struct sk_ref *was = sk_refs_find(&p->known, "newest");
	struct sk_buf text = SK_BUF_INIT;
	int rc;

	if (lease)
		rc = sk_buf_addf(&text, "--force-with-lease=" SK_VAULT_ROOT "%s/newest:%s", p->part,
		                 was ? sk_oid_str(&was->oid) : "");
	else
		rc = sk_buf_addf(&text, "%s:" SK_VAULT_ROOT "%s/newest", sk_oid_str(&now->oid),
		                 p->part);
	if (!rc)
		rc = sk_strv_add(args, text.ptr);
	sk_buf_free(&text);
	return rc;
}

static int make_args(const struct push *p, const struct sk_vault_step *step, size_t n, bool first,
                     struct sk_strv *args)
{
	static const char *const fixed[] = { "push", "--porcelain", "--no-verify",
		                             "--recurse-submodules=no" };
	char *folder = sk_vault_folder(p->vault->url);
	int rc = 0;

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed && !rc; i++)
		rc = sk_strv_add(args, fixed[i]);
	if (!rc && folder)
		rc = sk_strv_add(args, RECEIVE);
	free(folder);
	if (!rc && !p->loose)
		rc = sk_strv_add(args, "--atomic");
	if (!rc && first)
		rc = add_swap(args, p, true);
	if (!rc)
		rc = sk_strv_add(args, "--");
	if (!rc)
		rc = sk_strv_add(args, p->vault->url);
	if (!rc && first)
		rc = add_swap(args, p, false);
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_spec(args, p, &step[i]);
	return rc;
}

/* Why refs were refused: lines "!<TAB>FROM:TO<TAB>[rejected] (why)". */
static int read_refusals(struct push *p, const struct sk_buf *said, struct sk_buf *errors)
{
	int rc = 0;

	for (const char *line = sk_buf_str(said); *line && !rc; line += *line == '\n') {
		size_t len = strcspn(line, "\n");

		if (*line == '!') {
			p->stale |= memmem(line, len, "/newest\t", 8) &&
			            memmem(line, len, "(stale info)", 12);
			p->unsaid |= memmem(line, len, "failed to report", 16) != NULL;
			if (!memmem(line, len, "atomic", 6) &&
			    !memmem(line, len, "unpacker error", 14))
				rc = sk_buf_addf(errors, "\nerror: %.*s\n", (int)len - 2, line + 2);
		}
		line += len;
	}
	return rc;
}

static bool looks_local(const struct sk_buf *errors)
{
	static const char *const words[] = { "bad object",        "missing ", "unable to read",
		                             "pack-objects died", "corrupt",  "does not match any",
		                             "could not read" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strstr(sk_buf_str(errors), words[i]))
			return true;
	return false;
}

static int send_once(struct push *p, const struct sk_vault_step *step, size_t n, bool first,
                     bool *again)
{
	struct sk_buf said = SK_BUF_INIT, errors = SK_BUF_INIT;
	struct sk_strv args = SK_STRV_INIT;
	int status = 0, rc = make_args(p, step, n, first, &args);
	const char **argv = rc ? NULL : calloc(args.n + 1, sizeof *argv);
	char *folder = sk_vault_folder(p->vault->url);

	if (!rc && !argv)
		rc = sk_error_oom();
	for (size_t i = 0; i < args.n && !rc; i++)
		argv[i] = args.item[i];
	p->git.output = &said;
	p->git.errors = &errors;
	if (!rc)
		rc = sk_vault_git(&p->git, argv, &status);
	if (folder && p->git.repo)
		sk_give_tree(folder, GIVE_DEPTH, p->git.repo->opened);
	if (!rc && status && !p->loose && strstr(sk_buf_str(&errors), "support --atomic")) {
		p->loose = *again = true;
	} else if (!rc && status && folder && !p->swept && sk_vault_unlock(folder, &errors)) {
		p->swept = *again = true;
	} else if (!rc && status) {
		rc = read_refusals(p, &said, &errors);
		p->local = looks_local(&errors);
		if (!rc)
			rc = sk_vault_why(p->vault->url, p->vault->shown, &errors, status,
			                  &p->offline);
	}
	free(argv);
	free(folder);
	sk_strv_free(&args);
	sk_buf_free(&said);
	sk_buf_free(&errors);
	return rc;
}

/* What was sent is there. */
static int note_sent(struct push *p, const struct sk_vault_step *step, size_t n, bool first)
{
	const struct sk_refs before = p->known; /* sorted */
	struct sk_refs *known = &p->known;
	size_t kept = 0;
	int rc = 0;

	for (size_t i = 0; i < n + first && !rc; i++) {
		const struct sk_ref *newest = sk_refs_find(&p->want, "newest"), *is;
		const char *name = i < n ? step[i].name : newest->name;
		const struct sk_oid *oid = i < n ? &step[i].oid : &newest->oid;

		is = sk_refs_find(&(struct sk_refs){ known->item, before.n, 0 }, name);
		if (is)
			known->item[is - known->item].oid = *oid;
		else if (!sk_oid_is_zero(oid))
			rc = sk_vault_refs_add(known, name, oid);
		if (i < n && !sk_oid_is_zero(oid))
			p->out->pushed++;
		else if (i < n)
			p->out->deleted++;
	}
	for (size_t i = 0; i < known->n; i++)
		if (sk_oid_is_zero(&known->item[i].oid))
			free(known->item[i].name);
		else
			known->item[kept++] = known->item[i];
	known->n = kept;
	sk_vault_refs_sort(known);
	return rc ? rc : sk_vault_known_write(p->repo, p->vault->name, known);
}

/* Before `newest` may be swapped: what it may be from now on. */
static int note_pending(struct push *p)
{
	const struct sk_ref *newest = sk_refs_find(&p->want, "newest");
	struct sk_vault_state *s = &p->state;
	struct sk_oid *more;

	if (sk_oid_eq(&s->newest, &newest->oid))
		return 0;
	for (size_t i = 0; i < s->n_pending; i++)
		if (sk_oid_eq(&s->pending[i], &newest->oid))
			return 0;
	more = realloc(s->pending, (s->n_pending + 1) * sizeof *more);
	if (!more)
		return sk_error_oom();
	s->pending = more;
	more[s->n_pending++] = newest->oid;
	return sk_vault_state_write(p->repo, p->vault->name, s);
}

static int note_swapped(struct push *p)
{
	const struct sk_ref *newest = sk_refs_find(&p->want, "newest");

	p->state.newest = newest->oid;
	p->state.n_pending = 0;
	return sk_vault_state_write(p->repo, p->vault->name, &p->state);
}

static int send(struct push *p, const struct sk_vault_step *step, size_t n, bool first)
{
	bool again = true;
	int rc = 0;

	while (again && !rc) {
		again = false;
		rc = send_once(p, step, n, first, &again);
	}
	p->met |= !rc;
	if (!rc && first)
		rc = note_swapped(p);
	return rc ? rc : note_sent(p, step, n, first);
}

static int send_all(struct push *p, const struct sk_vault_steps *s)
{
	const struct sk_ref *is = sk_refs_find(&p->known, "newest"),
	                    *want = sk_refs_find(&p->want, "newest");
	bool first = true;
	size_t n;
	int rc = 0;

	if (!s->n && is && sk_oid_eq(&is->oid, &want->oid))
		return 0;
	rc = note_pending(p);
	for (size_t from = 0; !rc && (first || from < s->n); from += n, first = false) {
		n = sk_vault_batch(s, from);
		if (s->n > SK_VAULT_BATCH)
			sk_progress("pushing", from, s->n);
		rc = send(p, s->item + from, n, first);
	}
	sk_progress_end();
	return rc;
}

/* The whole */

/* Whether `newest` there is something that we never left there.  What we remember may be lost (the
 * vault was removed and added again): a backup of ours is not strange either. */
static bool is_strange(const struct push *p)
{
	const struct sk_ref *there = sk_refs_find(&p->known, "newest");

	if (!there || sk_oid_eq(&there->oid, &p->state.newest))
		return false;
	for (size_t i = 0; i < p->state.n_pending; i++)
		if (sk_oid_eq(&there->oid, &p->state.pending[i]))
			return false;
	for (size_t i = 0; i < p->want.n; i++)
		if (strncmp(p->want.item[i].name, "sk/", 3) == 0 &&
		    sk_oid_eq(&p->want.item[i].oid, &there->oid))
			return false;
	return true;
}

static int new_part(struct push *p)
{
	int rc;

	free(p->part);
	p->part = NULL;
	rc = sk_vault_part_new(p->repo, &p->part);
	sk_refs_free(&p->known);
	sk_vault_state_clear(&p->state);
	p->out->renamed = true;
	if (!rc && !(p->state.part = strdup(p->part)))
		rc = sk_error_oom();
	return rc;
}

static int learn(struct push *p)
{
	int rc;

	sk_refs_free(&p->known);
	if (!p->whole)
		return sk_vault_known_read(p->repo, p->vault->name, &p->known);
	rc = sk_vault_remote(&p->git, p->vault->shown, p->part, &p->known, &p->offline);
	p->met |= !rc;
	if (!rc && is_strange(p))
		rc = new_part(p);
	if (!rc)
		p->state.compared = sk_now();
	return rc;
}

static int attempt(struct push *p)
{
	const char *prune = sk_config_get(p->repo->config, "vault.prune");
	const struct sk_vault_plan_opts opts = { &p->want, &p->known, &p->out->broken,
		                                 p->vault->tags,
		                                 prune && strcmp(prune, "true") == 0 };
	struct sk_vault_steps steps = { NULL, 0, 0 };
	int rc;

	p->stale = p->unsaid = p->local = p->offline = false;
	sk_refs_free(&p->want);
	rc = sk_vault_want(p->repo, p->vault, &p->out->broken, &p->want, &p->out->withheld);
	if (!rc)
		rc = learn(p);
	if (!rc)
		rc = sk_vault_plan(&opts, &steps, &p->out->unchanged);
	if (!rc)
		rc = send_all(p, &steps);
	sk_vault_steps_free(&steps);
	return rc;
}

/* Whether another attempt may help, after `n` of them: what we remember of the vault was wrong, or
 * something moved here while git read it (a gc, a stash taken back, a prune). */
static bool may_help(const struct push *p, int rc, int n)
{
	if (!rc || rc == SK_ENO || p->offline)
		return false;
	return n == 1 || p->stale || p->unsaid;
}

static int attempts(struct push *p)
{
	size_t broken = p->out->broken.n;
	int rc = attempt(p);

	for (int n = 1; n < ATTEMPTS && may_help(p, rc, n); n++) {
		p->whole = true;
		rc = attempt(p);
	}
	if (rc == SK_EIO && p->local) {
		char *why = strdup(sk_error_message());

		if (!why || sk_vault_find_broken(p->repo, &p->want, &p->out->broken) ||
		    p->out->broken.n == broken)
			(void)sk_error(rc, "%s", why ? why : "out of memory");
		else
			rc = attempt(p);
		free(why);
	}
	return rc;
}

static int begin(struct push *p, unsigned flags)
{
	time_t now = sk_now();
	int rc = sk_vault_part(p->repo, &p->part);

	if (!rc)
		rc = sk_vault_state_read(p->repo, p->vault->name, &p->state);
	if (rc)
		return rc;
	p->whole = (flags & SK_VAULT_ALL) || !p->state.part || p->state.compared > now ||
	           now - p->state.compared >= COMPARE_S;
	if (!p->state.part || strcmp(p->state.part, p->part) != 0) {
		/* known by another name there: nothing of that is ours to compare with */
		time_t pushed = p->state.pushed;

		sk_vault_state_clear(&p->state);
		p->state.pushed = pushed;
		p->whole = true;
		if (!(p->state.part = strdup(p->part)))
			rc = sk_error_oom();
	}
	return rc;
}

/* Remembers what became of it, for status; that failing is not worth a message of its own. */
static void finish(struct push *p, int rc)
{
	char *why = rc ? strdup(sk_error_message()) : NULL;

	p->state.tried = sk_now();
	free(p->state.trouble);
	p->state.trouble = NULL;
	p->state.offline = rc && p->offline;
	if (rc)
		p->state.trouble = why ? strdup(why) : NULL;
	else if (p->met)
		p->state.pushed = p->state.tried;
	if (sk_vault_state_write(p->repo, p->vault->name, &p->state))
		sk_warn("%s", sk_error_message());
	if (why)
		(void)sk_error(rc, "%s", why);
	free(why);
}

int sk_vault_push(const struct sk_repo *repo, const struct sk_vault *vault, unsigned flags,
                  struct sk_vault_pushed *out)
{
	struct sk_vault_pushed made = { .broken = SK_STRV_INIT };
	struct push p = { .repo = repo,
		          .vault = vault,
		          .git = { .repo = repo, .url = vault->url, .flags = flags },
		          .state = { .part = NULL },
		          .out = &made };
	int lock = -1, rc = sk_vault_lock(repo, flags & SK_VAULT_WAIT ? WAIT_S : 0, &lock);

	if (rc)
		return rc;
	rc = begin(&p, flags);
	if (!rc) {
		rc = attempts(&p);
		finish(&p, rc);
	}
	if (!rc && made.broken.n)
		rc = sk_error(
		        SK_EPARTIAL,
		        "%zu refs were not pushed, their objects are damaged; see 'git sk verify'",
		        made.broken.n);
	sk_refs_free(&p.want);
	sk_refs_free(&p.known);
	sk_vault_state_clear(&p.state);
	free(p.part);
	(void)close(lock);
	if (rc && rc != SK_EPARTIAL)
		sk_vault_pushed_clear(&made);
	else
		*out = made;
	return rc;
}

int sk_vault_push_due(const struct sk_repo *repo, time_t now, bool eager)
{
	struct sk_vaults list = { 0 };
	int bad = 0, rc = sk_vault_list(repo, &list);
	bool waits = false;

	for (size_t i = 0; i < list.n; i++) {
		const struct sk_vault *v = &list.item[i];
		struct sk_vault_pushed done = { .broken = SK_STRV_INIT };
		bool due = eager || v->trouble || v->tried > now ||
		           now - v->tried >= v->interval_ms / 1000;

		if (!v->automatic || v->interval_ms < 0)
			continue;
		waits |= !due;
		if (!due)
			continue;
		bad = sk_vault_push(repo, v, 0, &done);
		sk_vault_pushed_clear(&done);
		waits |= bad == SK_EBUSY;
		if (bad && bad != SK_EBUSY && bad != SK_ENO) /* nothing to push is no failure */
			rc = bad;
	}
	sk_vaults_free(&list);
	return rc || !waits ? rc : sk_error(SK_EBUSY, "a vault is not due yet");
}
