/* chat_discover, and what the search for each tool's files shares. */
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_AT_MOST ((uint64_t)16 << 20) /* of a file, for the folder it was begun in */
#define SMALL_FILE ((off_t)16 << 20)

static const char *absolute(const char *name)
{
	const char *value = getenv(name);

	return value && *value == '/' ? value : NULL;
}

void chat_homes_env(struct chat_homes *out)
{
	*out = (struct chat_homes){ .home = absolute("HOME"),
		                    .claude = absolute("CLAUDE_CONFIG_DIR"),
		                    .codex = absolute("CODEX_HOME"),
		                    .gemini = absolute("GEMINI_CLI_HOME"),
		                    .config = absolute("XDG_CONFIG_HOME"),
		                    .data = absolute("XDG_DATA_HOME") };
}

void remark(struct search *s, enum chat_tool tool, int missing, const char *path, const char *text)
{
	if (s->what->remark)
		s->what->remark(s->what->arg, tool, missing, path, text);
}

static int no_memory(struct search *s)
{
	return s->stop = chat_fail(s->err, SKP_EIO, "out of memory");
}

char *path_join(struct search *s, const char *a, const char *b)
{
	char *out;

	if (asprintf(&out, "%s%s%s", a, a[0] && a[strlen(a) - 1] == '/' ? "" : "/", b) >= 0)
		return out;
	no_memory(s);
	return NULL;
}

int is_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n > k && strcmp(name + n - k, end) == 0;
}

/* --- folders --- */

void listing_free(struct listing *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->name[i]);
	free(list->name);
	memset(list, 0, sizeof(*list));
}

static int listing_add(struct listing *list, const char *name)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		char **more = realloc(list->name, cap * sizeof(*more));

		if (!more)
			return -1;
		list->name = more;
		list->cap = cap;
	}
	list->name[list->n] = strdup(name);
	return list->name[list->n] ? (list->n++, 0) : -1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int list_folder(struct search *s, enum chat_tool tool, const char *path, struct listing *out)
{
	struct listing list = { 0 };
	struct dirent *entry;
	DIR *dir;

	if (s->stop)
		return 0;
	dir = opendir(path);
	if (!dir) {
		if (errno != ENOENT && errno != ENOTDIR)
			remark(s, tool, 0, path, strerror(errno));
		return 0;
	}
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (listing_add(&list, entry->d_name)) {
			no_memory(s);
			break;
		}
	}
	closedir(dir);
	if (s->stop) {
		listing_free(&list);
		return 0;
	}
	if (list.n)
		qsort(list.name, list.n, sizeof(*list.name), by_name);
	*out = list;
	return 1;
}

/* --- candidates --- */

struct glance {
	const struct chat_repo *repo;
	enum chat_belongs belongs;
};

#define GLANCE_DONE 1000001 /* no code of anybody's */

static int glance_record(void *arg, const struct chat_record *record)
{
	struct glance *g = arg;

	if (!record->cwd.n)
		return 0;
	g->belongs = chat_belongs(g->repo, record->cwd.s, record->cwd.n);
	return g->belongs == CHAT_UNSURE ? 0 : GLANCE_DONE;
}

enum chat_belongs look_inside(struct search *s, const struct chat_source *source)
{
	struct glance glance = { s->what->repo, CHAT_UNSURE };
	struct chat_plan plan = { .arg = &glance, .record = glance_record };
	struct chat_parser *p = NULL;
	size_t size = (size_t)64 << 10;
	uint64_t total = 0;
	struct stat st;
	ssize_t got;
	char *chunk;
	int fd, rc = 0;

	if (source_open_at(source->path, &fd, &st, NULL))
		return CHAT_UNSURE;
	chunk = malloc(size);
	if (!chunk || chat_parser_new(source, &plan, &p, NULL))
		no_memory(s);
	while (!s->stop && !rc && total < LOOK_AT_MOST &&
	       (got = source_read(fd, chunk, size)) > 0) {
		rc = chat_parser_feed(p, chunk, (size_t)got, NULL);
		total += (uint64_t)got;
	}
	chat_parser_free(p);
	free(chunk);
	close(fd);
	return glance.belongs;
}

static void fill(struct chat_source *source, const struct candidate *c, const struct stat *st)
{
	*source = (struct chat_source){ .tool = c->tool,
		                        .kind = c->kind,
		                        .path = c->path,
		                        .session = c->session ? c->session : "",
		                        .parent = c->parent ? c->parent : "",
		                        .scope = c->scope ? c->scope : "",
		                        .size = (uint64_t)st->st_size,
		                        .mtime_ns = source_mtime(st),
		                        .inode = st->st_ino,
		                        .device = st->st_dev };
}

/* A database changes in its -wal long before it changes itself. */
static void add_wal(struct chat_source *source)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s-wal", source->path) >= (int)sizeof(path) ||
	    lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	source->size += (uint64_t)st.st_size;
	if (source_mtime(&st) > source->mtime_ns)
		source->mtime_ns = source_mtime(&st);
}

int offer(struct search *s, const struct candidate *c)
{
	struct chat_source source;
	struct stat st;

	if (s->stop)
		return s->stop;
	if (lstat(c->path, &st) < 0) {
		if (errno != ENOENT)
			remark(s, c->tool, 0, c->path, strerror(errno));
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		if (!S_ISDIR(st.st_mode))
			remark(s, c->tool, 0, c->path, "left out: it is no regular file");
		return 0;
	}
	if (!source_ours(&st)) {
		remark(s, c->tool, 0, c->path, "left out: it belongs to another user");
		return 0;
	}
	fill(&source, c, &st);
	if (c->kind == CHAT_DATABASE)
		add_wal(&source);
	if (s->what->known)
		s->what->known(s->what->arg, &source);
	if (c->belongs != CHAT_UNSURE)
		source.belongs = c->belongs;
	else if (source.belongs == CHAT_UNSURE && !source.unchanged)
		source.belongs = look_inside(s, &source);
	if (!s->stop)
		s->stop = s->what->found(s->what->arg, &source);
	return s->stop;
}

/* --- small files --- */

const struct jnode *read_json(struct search *s, const char *path, char **text)
{
	enum chat_damage damage;
	struct stat st;
	char *data;
	ssize_t got, n = 0;
	int fd;

	*text = NULL;
	if (source_open_at(path, &fd, &st, NULL))
		return NULL;
	data = st.st_size > 0 && st.st_size <= SMALL_FILE ? malloc((size_t)st.st_size) : NULL;
	while (data && n < st.st_size &&
	       (got = source_read(fd, data + n, (size_t)(st.st_size - n))) > 0)
		n += got;
	close(fd);
	*text = data;
	if (!n)
		return NULL;
	if (jtree_parse(&s->tree, data, (size_t)n, &damage)) {
		no_memory(s);
		return NULL;
	}
	return damage ? NULL : j_root(&s->tree);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

int uri_path(struct chat_text uri, char *out, size_t size)
{
	size_t n = 0, i;

	if (!text_starts(uri, "file:///"))
		return 0;
	for (i = 7; i < uri.n && n + 1 < size; i++) {
		int high = uri.s[i] == '%' && i + 2 < uri.n ? hex_value(uri.s[i + 1]) : -1;
		int low = high >= 0 ? hex_value(uri.s[i + 2]) : -1;

		if (low >= 0) {
			out[n++] = (char)(high * 16 + low);
			i += 2;
		} else {
			out[n++] = uri.s[i];
		}
	}
	out[n] = 0;
	return i == uri.n && !memchr(out, 0, n);
}

/* --- all of it --- */

int chat_discover(const struct chat_discover *what, struct chat_error *err)
{
	struct search s = { .what = what, .err = err };

	if (!s.stop)
		find_claude(&s);
	if (!s.stop)
		find_codex(&s);
	if (!s.stop)
		find_gemini(&s);
	if (!s.stop)
		find_in_worktrees(&s);
	if (!s.stop)
		find_editors(&s);
	if (!s.stop)
		find_opencode(&s);
	if (!s.stop)
		find_named(&s);
	jtree_free(&s.tree);
	return s.stop;
}
