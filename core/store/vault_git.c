/* git as it is run for vaults, and what its complaints mean. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/text.h"
#include "store/vault_parts.h"

#define ENV_MAX 12
#define ASIDE_SSH                                                                                  \
	" -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15 -o "                     \
	"ServerAliveCountMax=8"

struct env {
	char *item[ENV_MAX + 1];
	size_t n;
};

static int env_add(struct env *e, const char *name, const char *value)
{
	if (e->n == ENV_MAX || asprintf(&e->item[e->n], "%s=%s", name, value) < 0)
		return sk_error_oom();
	e->n++;
	return 0;
}

/* The user's own way to run ssh, when it is OpenSSH, with what keeps it from asking and from
 * waiting for ever.  Another program is left as it is. */
static int env_ssh(struct env *e, const struct sk_repo *repo)
{
	struct sk_buf command = SK_BUF_INIT;
	const char *given = getenv("GIT_SSH_COMMAND"), *word;
	git_config *config = NULL;
	git_buf value = GIT_BUF_INIT;
	size_t len;
	int rc = 0;

	if (!given && repo && git_repository_config(&config, repo->git) == 0 &&
	    git_config_get_string_buf(&value, config, "core.sshCommand") == 0)
		given = value.ptr;
	if (!given && getenv("GIT_SSH"))
		goto out;
	given = given ? given : "ssh";
	len = strcspn(given, " \t");
	word = memrchr(given, '/', len);
	word = word ? word + 1 : given;
	if (given + len - word == 3 && strncmp(word, "ssh", 3) == 0) {
		rc = sk_buf_addf(&command, "%s" ASIDE_SSH, given);
		if (!rc)
			rc = env_add(e, "GIT_SSH_COMMAND", command.ptr);
	}
out:
	git_buf_dispose(&value);
	git_config_free(config);
	sk_buf_free(&command);
	return rc;
}

static int make_env(const struct sk_vault_git *g, struct env *e)
{
	static const char *const silent[][2] = {
		{ "GIT_TERMINAL_PROMPT", "0" }, { "GIT_ASKPASS", "" },
		{ "SSH_ASKPASS", "" },          { "SSH_ASKPASS_REQUIRE", "never" },
		{ "GCM_INTERACTIVE", "never" },
	};
	int rc = env_add(e, "LC_ALL", "C"); /* what it says is read by us */

	if (!rc)
		rc = env_add(e, "LANGUAGE", "C");
	if (!rc) /* of a repository that is made: of our kind */
		rc = env_add(e, "GIT_DEFAULT_HASH", "sha1");
	if (!rc && g->repo)
		rc = env_add(e, "GIT_DIR", g->repo->gitdir);
	if (g->flags & SK_VAULT_ASK)
		return rc;
	for (size_t i = 0; !rc && i < sizeof silent / sizeof *silent; i++)
		rc = env_add(e, silent[i][0], silent[i][1]);
	return rc ? rc : env_ssh(e, g->repo);
}

int sk_vault_git(const struct sk_vault_git *g, const char *const *args, int *status)
{
	static const char *const first[] = {
		"git", "--no-optional-locks",
		/* neither the user's hooks nor the guard */
		"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
		/* settings that would send something else along, or ask */
		"-c", "push.gpgSign=false", "-c", "push.pushOption=", "-c", "push.negotiate=false",
		"-c", "push.followTags=false", "-c", "fetch.prune=false", "-c", "gc.auto=0",
		/* what is fetched is on the disk before a ref says so, and the ref before we do */
		"-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync"
	};
	static const char *const aside[] = { "-c", "http.lowSpeedLimit=1", "-c",
		                             "http.lowSpeedTime=120" };
	const size_t n_first = sizeof first / sizeof *first, n_aside = sizeof aside / sizeof *aside;
	struct sk_proc proc = { .output = g->output, .errors = g->errors };
	struct env e = { .n = 0 };
	const char **argv;
	size_t n = 0, k;
	int rc;

	while (args[n])
		n++;
	argv = calloc(n_first + n_aside + n + 1, sizeof *argv);
	rc = argv ? make_env(g, &e) : sk_error_oom();
	if (!rc) {
		memcpy(argv, first, sizeof first);
		k = n_first;
		if (!(g->flags & SK_VAULT_ASK)) {
			memcpy(argv + k, aside, sizeof aside);
			k += n_aside;
		}
		memcpy(argv + k, args, n * sizeof *argv);
		proc.argv = argv;
		proc.env = (const char *const *)e.item;
		proc.input = g->input ? sk_buf_str(g->input) : NULL;
		proc.input_len = g->input ? g->input->len : 0;
		rc = sk_proc_run(&proc, status);
	}
	for (size_t i = 0; i < e.n; i++)
		free(e.item[i]);
	free(argv);
	return rc;
}

/* What is seen in git's words, the first that fits.  `offline`: nothing is wrong with the vault,
 * it is only not there now. */
static const struct {
	const char *seen, *why;
	bool offline;
} table[] = {
	{ "No space left on device", "its disk is full; make room there", false },
	{ "Disk quota exceeded", "its disk quota is used up; make room there", false },
	{ "Read-only file system", "its disk is mounted read-only", false },
	{ "dubious ownership",
	  "it belongs to another user, and git refuses that there; push as that user, or let git: "
	  "git config --global --add safe.directory THE-FOLDER",
	  false },
	{ ".lock': File exists",
	  "another push is at work there, or one died and left a lock; try again in ten minutes",
	  true },
	{ "hidden ref",
	  "that repository hides refs/sk; run there: git config --add transfer.hideRefs '!refs/sk'",
	  false },
	{ "Permission denied (", "ssh was not let in; try 'ssh' there by hand", false },
	{ "Host key verification failed",
	  "ssh does not know that machine yet; try 'ssh' there by hand", false },
	{ "insufficient permission", "no permission to write there", false },
	{ "Permission denied", "no permission to write there", false },
	{ "Authentication failed", "the user name or password was not taken", false },
	{ "could not read Username", "it asks for a user name; give git a credential helper",
	  false },
	{ "could not read Password", "it asks for a password; give git a credential helper",
	  false },
	{ "The requested URL returned error: 40", "the server refuses; look at address and rights",
	  false },
	{ "Could not resolve host", "its name cannot be resolved; is there a network?", true },
	{ "Name or service not known", "its name cannot be resolved; is there a network?", true },
	{ "Temporary failure in name resolution",
	  "its name cannot be resolved; is there a network?", true },
	{ "Connection refused", "nobody answers there (connection refused)", true },
	{ "Failed to connect", "nobody answers there", true },
	{ "Couldn't connect", "nobody answers there", true },
	{ "Connection timed out", "nobody answers there (timed out)", true },
	{ "Operation timed out", "nobody answers there (timed out)", true },
	{ "Operation too slow", "the connection stood still", true },
	{ "Network is unreachable", "there is no network", true },
	{ "No route to host", "there is no way to that machine now", true },
	{ "The requested URL returned error: 5", "the server is in trouble", true },
	{ "' does not exist", "it is not there; is its disk mounted?", true },
	{ "not a git repository", "it is not there; is its disk mounted?", true },
	{ "does not appear to be a git repository", "it is not there; is its disk mounted?", true },
	{ "hung up unexpectedly", "the connection broke", true },
	{ "early EOF", "the connection broke", true },
};

static bool starts(const char *text, size_t len, const char *word)
{
	return len >= strlen(word) && strncmp(text, word, strlen(word)) == 0;
}

/* The line of git's words that says most: the last that is a complaint, else the last.  That refs
 * were not pushed is what git says after each of its reasons: only when it gave none. */
static void best_line(const char *text, const char **out, size_t *out_len)
{
	static const char *const marks[] = { "fatal: ", "error: ", "remote: fatal: ",
		                             "remote: error: ", "! [" };
	static const char summary[] = "failed to push some refs";
	bool told = false;

	*out = text;
	*out_len = 0;
	for (const char *p = text, *end; *p; p = *end ? end + 1 : end) {
		size_t len;
		bool marked = false;

		p += strspn(p, " \t\r");
		end = p + strcspn(p, "\n");
		len = (size_t)(end - p);
		for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
			if (starts(p, len, marks[i])) {
				p += strlen(marks[i]);
				len -= strlen(marks[i]);
				marked = true;
				break;
			}
		if (len && (marked || !*out_len) && !(told && starts(p, len, summary))) {
			*out = p;
			*out_len = len;
			told = marked;
		}
	}
}

/* Adds `len` bytes of git's words, the vault's URL, wherever it stands, as it may be shown. */
static int add_scrubbed(struct sk_buf *out, const char *text, size_t len, const char *url,
                        const char *shown)
{
	size_t n = strlen(url);
	const char *at, *end = text + len;

	while (n && (at = memmem(text, (size_t)(end - text), url, n))) {
		(void)sk_add_text(out, text, (size_t)(at - text));
		(void)sk_buf_adds(out, shown);
		text = at + n;
	}
	return sk_add_text(out, text, (size_t)(end - text));
}

/* Whether this user cannot write to the vault in that folder; sets the message then. */
static bool no_access(const char *folder, const char *shown)
{
	struct sk_buf path = SK_BUF_INIT;
	bool no = sk_buf_addf(&path, "%s/objects", folder) == 0 && access(path.ptr, W_OK) < 0 &&
	          (errno == EROFS || errno == EACCES);

	if (no)
		(void)sk_error(SK_EIO, "vault %s: %s", sk_name(shown),
		               errno == EROFS ? "its disk is mounted read-only"
		                              : "no permission to write there");
	sk_buf_free(&path);
	return no;
}

int sk_vault_why(const char *url, const char *shown, const struct sk_buf *errors, int status,
                 bool *offline)
{
	const char *text = sk_buf_str(errors), *line;
	struct sk_buf words = SK_BUF_INIT;
	char *folder = sk_vault_folder(url);
	size_t len;
	int rc = SK_EIO;

	*offline = false;
	if (folder && no_access(folder, shown)) /* git does not always say why it cannot write */
		goto out;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (!strstr(text, table[i].seen))
			continue;
		*offline = table[i].offline;
		rc = sk_error(SK_EIO, "vault %s: %s", sk_name(shown),
		              table[i].offline && !folder &&
		                              strstr(table[i].why, "its disk mounted")
		                      ? "there is no such repository; look at the address"
		                      : table[i].why);
		goto out;
	}
	best_line(text, &line, &len);
	if (add_scrubbed(&words, line, len, url, shown) || !words.len)
		rc = sk_error(SK_EIO, "vault %s: git ended with exit code %d", sk_name(shown),
		              status);
	else
		rc = sk_error(SK_EIO, "vault %s: %s", sk_name(shown), words.ptr);
out:
	free(folder);
	sk_buf_free(&words);
	return rc;
}

static int take_line(const char *line, size_t len, const char *prefix, struct sk_refs *out)
{
	size_t skip = SK_OID_HEX + 1 + strlen(prefix);
	struct sk_oid oid;
	char *name;
	int rc;

	if (len <= skip || !sk_oid_parse(line, &oid) || line[SK_OID_HEX] != '\t' ||
	    strncmp(line + SK_OID_HEX + 1, prefix, strlen(prefix)) != 0 ||
	    memmem(line, len, "^{", 2))
		return 0;
	name = strndup(line + skip, len - skip);
	rc = name ? sk_vault_refs_add(out, name, &oid) : sk_error_oom();
	free(name);
	return rc;
}

int sk_vault_remote(const struct sk_vault_git *given, const char *shown, const char *part,
                    struct sk_refs *out, bool *offline)
{
	struct sk_buf prefix = SK_BUF_INIT, pattern = SK_BUF_INIT, text = SK_BUF_INIT,
	              errors = SK_BUF_INIT;
	struct sk_vault_git g = *given;
	struct sk_refs refs = { 0 };
	int status = 0, rc;

	*offline = false;
	(void)sk_buf_addf(&prefix, SK_VAULT_ROOT "%s%s", part ? part : "", part ? "/" : "");
	(void)sk_buf_addf(&pattern, "%s*", sk_buf_str(&prefix));
	rc = sk_buf_ok(&prefix) ? SK_EIO : sk_buf_ok(&pattern);
	if (!rc) {
		const char *const args[] = { "ls-remote", "-q", "--", g.url, pattern.ptr, NULL };

		g.output = &text;
		g.errors = &errors;
		rc = sk_vault_git(&g, args, &status);
	}
	if (!rc && status)
		rc = sk_vault_why(g.url, shown, &errors, status, offline);
	for (const char *p = sk_buf_str(&text); !rc && *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		rc = take_line(p, len, prefix.ptr, &refs);
		p += len;
	}
	if (!rc) {
		sk_vault_refs_sort(&refs);
		*out = refs;
	} else {
		sk_refs_free(&refs);
	}
	sk_buf_free(&prefix);
	sk_buf_free(&pattern);
	sk_buf_free(&text);
	sk_buf_free(&errors);
	return rc;
}
