/* C and C++: the folders that a compiler would look through, from compile_commands.json where there
 * is one.  Source: the JSON Compilation Database Format Specification of Clang; cpp's "Search
 * Path". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/io.h"
#include "impact/resolve_parts.h"

#define MAX_DATABASE (256u << 20)

struct sk_c {
	bool known;             /* there is a database */
	struct sk_multi dir;    /* folder -> nothing: its number */
	struct sk_multi of;     /* file -> numbers of its folders, in order */
	struct sk_targets both; /* of all files together, for headers */
};

static const char *const database[] = {
	"compile_commands.json",
	"build/compile_commands.json",
	"out/compile_commands.json",
	"builddir/compile_commands.json",
	"_build/compile_commands.json",
	"cmake-build-debug/compile_commands.json",
	"cmake-build-release/compile_commands.json",
};

/* Headers of the language and of POSIX: <name> is never a file of the project without flags. */
static const char known[] =
        " assert ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign "
        "stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads "
        "time uchar wchar wctype complex alloca aio arpa/inet byteswap cpio dirent dlfcn elf "
        "endian err error execinfo fcntl features fmtmsg fnmatch ftw getopt glob grp iconv ifaddrs "
        "langinfo libgen libintl link malloc memory mntent monetary mqueue net/if netdb "
        "netinet/in netinet/tcp netinet/ip nl_types obstack paths poll pthread pty pwd regex "
        "resolv sched search semaphore shadow spawn stdio_ext strings stropts syslog tar termio "
        "termios trace ucontext ulimit unistd utime utmp utmpx wordexp zlib windows winsock2 "
        "ws2tcpip io direct process conio intrin immintrin emmintrin xmmintrin x86intrin cpuid "
        "arm_neon ";

static int stat_database(const char *worktree, size_t i, struct sk_buf *path, struct stat *st)
{
	sk_buf_clear(path);
	(void)sk_buf_addf(path, "%s/%s", worktree, database[i]);
	if (sk_buf_ok(path))
		return SK_EIO;
	return stat(path->ptr, st) == 0 && S_ISREG(st->st_mode) ? 0 : SK_ENO;
}

int sk_c_outside(const char *worktree, struct sk_buf *out)
{
	struct sk_buf path = SK_BUF_INIT;
	struct stat st;
	int rc = SK_ENO;

	for (size_t i = 0; i < sizeof database / sizeof *database && rc == SK_ENO; i++) {
		rc = stat_database(worktree, i, &path, &st);
		if (!rc)
			rc = sk_buf_addf(out, "%s %lld.%09ld %lld\n", database[i],
			                 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			                 (long long)st.st_size);
	}
	sk_buf_free(&path);
	return rc == SK_ENO ? 0 : rc;
}

void sk_c_free(struct sk_c *c)
{
	if (!c)
		return;
	sk_multi_free(&c->dir);
	sk_multi_free(&c->of);
	sk_targets_free(&c->both);
	free(c);
}

/* Below the worktree, or false. */
static bool inside(const struct sk_resolver *r, const char *dir, const char *path,
                   struct sk_buf *out)
{
	struct sk_buf full = SK_BUF_INIT;
	size_t n = strlen(r->source.worktree);
	bool in;

	if (*path == '/')
		in = sk_path_join(&full, "", 0, path, strlen(path));
	else
		in = sk_path_join(out, "", 0, dir, strlen(dir)) && !out->oom &&
		     sk_path_join(&full, sk_buf_str(out), out->len, path, strlen(path));
	sk_buf_clear(out);
	/* the join takes the first slash away */
	in = in && !full.oom && full.len + 1 >= n && n &&
	     memcmp(sk_buf_str(&full), r->source.worktree + 1, n - 1) == 0 &&
	     (full.len == n - 1 || full.ptr[n - 1] == '/');
	if (in && full.len > n - 1)
		(void)sk_buf_adds(out, full.ptr + n);
	sk_buf_free(&full);
	return in;
}

static int add_dir(struct sk_resolver *r, const char *dir, const char *path, const char *file,
                   size_t file_len)
{
	struct sk_buf at = SK_BUF_INIT;
	struct sk_multi_entry *e = NULL;
	uint32_t number;
	bool in = *path && inside(r, dir, path, &at);
	int rc = sk_buf_ok(&at);

	if (!rc && in) {
		e = sk_multi_key(&r->c->dir, sk_buf_str(&at), at.len);
		rc = e ? 0 : sk_error_oom();
	}
	if (!rc && in) {
		number = (uint32_t)(e - r->c->dir.entry);
		rc = sk_multi_add(&r->c->of, file, file_len, number);
		if (!rc && !e->n) { /* its first use */
			rc = sk_multi_add(&r->c->dir, sk_buf_str(&at), at.len, number);
			if (!rc)
				rc = sk_targets_add(&r->c->both, number);
		}
	}
	sk_buf_free(&at);
	return rc;
}

/* A word of "command", quotes and backslashes as a shell has them; *p goes on. */
static bool next_word(const char **p, struct sk_buf *word)
{
	const char *c = *p + strspn(*p, " \t\n");
	char quote = 0;

	if (!*c)
		return false;
	sk_buf_clear(word);
	for (; *c && (quote || !strchr(" \t\n", *c)); c++) {
		if (quote ? *c == quote : *c == '"' || *c == '\'') {
			quote = quote ? 0 : *c;
			continue;
		}
		if (*c == '\\' && quote != '\'' && c[1])
			c++;
		(void)sk_buf_addc(word, *c);
	}
	*p = c;
	return !word->oom;
}

struct flags {
	const char *dir, *file;
	size_t file_len;
	bool value; /* the next word is a folder */
};

static int take_word(struct sk_resolver *r, struct flags *f, const char *word)
{
	static const char *const flag[] = { "-I", "-iquote", "-isystem", "-idirafter", "/I" };

	if (f->value) {
		f->value = false;
		return add_dir(r, f->dir, word, f->file, f->file_len);
	}
	for (size_t i = 0; i < sizeof flag / sizeof *flag; i++) {
		size_t n = strlen(flag[i]);

		if (strncmp(word, flag[i], n) != 0)
			continue;
		f->value = !word[n];
		return word[n] ? add_dir(r, f->dir, word + n, f->file, f->file_len) : 0;
	}
	return 0;
}

static int take_entry(struct sk_resolver *r, const json_t *one)
{
	const char *dir = json_string_value(json_object_get(one, "directory"));
	const char *name = json_string_value(json_object_get(one, "file"));
	const char *command = json_string_value(json_object_get(one, "command"));
	const json_t *words = json_object_get(one, "arguments"), *w;
	struct sk_buf file = SK_BUF_INIT, word = SK_BUF_INIT;
	struct flags f = { dir, NULL, 0, false };
	size_t i;
	int rc = 0;

	if (dir && name && inside(r, dir, name, &file) && file.len) {
		f.file = file.ptr;
		f.file_len = file.len;
		while (!rc && command && next_word(&command, &word))
			rc = take_word(r, &f, sk_buf_str(&word));
		json_array_foreach(words, i, w)
		{
			if (!rc && json_is_string(w))
				rc = take_word(r, &f, json_string_value(w));
		}
	}
	if (!rc && (file.oom || word.oom))
		rc = sk_error_oom();
	sk_buf_free(&file);
	sk_buf_free(&word);
	return rc;
}

static int load(struct sk_resolver *r)
{
	struct sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT;
	json_t *all = NULL, *one;
	struct stat st;
	size_t i;
	int rc = SK_ENO;

	r->c = calloc(1, sizeof *r->c);
	if (!r->c)
		return sk_error_oom();
	for (i = 0; i < sizeof database / sizeof *database && rc == SK_ENO && r->source.worktree;
	     i++)
		rc = stat_database(r->source.worktree, i, &path, &st);
	if (!rc && sk_read_file(AT_FDCWD, path.ptr, MAX_DATABASE, &text) == 0)
		all = json_loadb(sk_buf_str(&text), text.len, 0, NULL);
	sk_error_clear();
	rc = rc == SK_ENO ? 0 : rc;
	json_array_foreach(all, i, one)
	{
		r->c->known = true;
		if (!rc)
			rc = take_entry(r, one);
	}
	json_decref(all);
	sk_buf_free(&text);
	sk_buf_free(&path);
	return rc;
}

static bool at(struct sk_resolver *r, const char *dir, size_t len, const char *spec, uint32_t *file)
{
	*file = SK_PATHS_NONE;
	if (sk_path_join(&r->path, dir, len, spec, strlen(spec)))
		*file = sk_find(r, &r->path);
	return *file != SK_PATHS_NONE;
}

/* Through the folders that the compiler is given. */
static bool by_flags(struct sk_resolver *r, const struct sk_want *w, uint32_t *file)
{
	const struct sk_multi_entry *own = sk_multi_find(&r->c->of, w->path, strlen(w->path));
	const uint32_t *number = own ? own->item : r->c->both.node;
	size_t n = own ? own->n : r->c->both.n;

	for (size_t i = 0; i < n; i++) {
		const char *dir = r->c->dir.entry[number[i]].key;

		if (at(r, dir, strlen(dir), w->import->spec, file))
			return true;
	}
	return false;
}

/* Without flags: the folders above, and "include" or "src" in them, are what projects give. */
static bool by_habit(struct sk_resolver *r, const struct sk_want *w, uint32_t *file)
{
	static const char *const in[] = { "", "include/", "src/", "inc/" };
	struct sk_buf spec = SK_BUF_INIT;
	size_t dir = w->dir_len;
	bool found = false;

	while (!found) {
		for (size_t i = 0; i < 4 && !found; i++) {
			sk_buf_clear(&spec);
			(void)sk_buf_addf(&spec, "%s%s", in[i], w->import->spec);
			found = !spec.oom && at(r, w->path, dir, spec.ptr, file);
		}
		if (!dir)
			break;
		dir = sk_dir_len(w->path, dir);
	}
	sk_buf_free(&spec);
	return found;
}

static bool of_the_system(const char *spec)
{
	char name[64];
	size_t len = strlen(spec);

	if (strncmp(spec, "sys/", 4) == 0 || strncmp(spec, "linux/", 6) == 0 ||
	    strncmp(spec, "asm/", 4) == 0 || !strchr(spec, '.'))
		return true;
	if (len < 3 || len > 60 || !sk_ends(spec, len, ".h"))
		return false;
	(void)snprintf(name, sizeof name, " %.*s ", (int)(len - 2), spec);
	return strstr(known, name) != NULL;
}

SK_RULE(sk_rule_c)
{
	const char *spec = w->import->spec;
	bool quote = w->import->kind != SK_IMPORT_ANGLE;
	uint32_t file = SK_PATHS_NONE;
	int rc = r->c ? 0 : load(r);

	if (rc)
		return rc;
	*outcome = quote ? SK_TO_NOWHERE : SK_TO_OUTSIDE;
	if (*spec == '/')
		return 0;
	if ((quote && at(r, w->path, w->dir_len, spec, &file)) || by_flags(r, w, &file)) {
		*outcome = SK_TO_FILES;
		return sk_target_file(w, file);
	}
	if ((!quote && of_the_system(spec)) || (r->c->known && !quote))
		return 0;
	if (!r->c->known && by_habit(r, w, &file)) {
		*outcome = SK_TO_FILES;
		return sk_target_file(w, file);
	}
	return sk_by_ending(r, w, spec, strlen(spec), false, outcome);
}
