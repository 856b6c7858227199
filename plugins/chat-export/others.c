#include "others.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"

#define FILE_MOST (64u << 20)

static int add(struct chat_others *o, const char *path, uint64_t inode, uint64_t device)
{
	size_t i;

	if (chat_map_get(&o->by_path, path, &i)) {
		o->item[i].inode = inode;
		o->item[i].device = device;
		return 0;
	}
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 64;
		struct chat_other *grown = realloc(o->item, cap * sizeof *grown);

		if (!grown)
			return SKP_EIO;
		o->item = grown;
		o->cap = cap;
	}
	o->item[o->n] = (struct chat_other){ strdup(path), inode, device };
	if (!o->item[o->n].path || chat_map_set(&o->by_path, o->item[o->n].path, o->n)) {
		free(o->item[o->n].path);
		return SKP_EIO;
	}
	o->n++;
	return 0;
}

/* Lines "INODE DEVICE PATH" below one with the hash of the worktrees. */
static int parse(struct chat_others *o)
{
	char *p = o->text.s, *nl;
	int rc = 0;

	if (!p || !(nl = strchr(p, '\n')) || (size_t)(nl - p) != strlen(o->about) ||
	    memcmp(p, o->about, strlen(o->about)) != 0)
		return 0;
	for (p = nl + 1; !rc && (nl = strchr(p, '\n')); p = nl + 1) {
		unsigned long long inode, device;
		int at = 0;

		*nl = '\0';
		if (sscanf(p, "%llu %llu %n", &inode, &device, &at) == 2 && at && p[at] == '/')
			rc = add(o, p + at, inode, device);
	}
	return rc;
}

int chat_others_load(struct skp_host *host, const char *worktrees, struct chat_others *out)
{
	char *folder = NULL, piece[65536];
	int fd, rc = host->folder(host, SKP_FOLDER_SHARED, &folder);
	ssize_t got;

	memset(out, 0, sizeof *out);
	out->host = host;
	if (rc)
		return rc;
	chat_hash_line(worktrees, strlen(worktrees), out->about);
	if (asprintf(&out->file, "%s/others", folder) < 0) {
		out->file = NULL;
		return host->error(host, SKP_EIO, "out of memory");
	}
	fd = open(out->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	while (fd >= 0 && out->text.n < FILE_MOST && (got = read(fd, piece, sizeof piece)) > 0)
		(void)chat_buf_add(&out->text, piece, (size_t)got);
	if (fd >= 0)
		(void)close(fd);
	rc = chat_buf_ok(&out->text) || parse(out);
	if (rc)
		chat_others_free(out);
	return rc ? host->error(host, SKP_EIO, "out of memory") : 0;
}

int chat_others_has(const struct chat_others *o, const struct chat_source *source)
{
	size_t i;

	return chat_map_get(&o->by_path, source->path, &i) && o->item[i].inode == source->inode &&
	       o->item[i].device == source->device;
}

int chat_others_add(struct chat_others *o, const struct chat_source *source)
{
	if (chat_others_has(o, source) || strchr(source->path, '\n'))
		return 0;
	o->dirty = 1;
	return add(o, source->path, source->inode, source->device)
	               ? o->host->error(o->host, SKP_EIO, "out of memory")
	               : 0;
}

void chat_others_save(struct chat_others *o)
{
	char *temporary = NULL;
	FILE *f;
	int ok;

	if (!o->dirty || asprintf(&temporary, "%s.%ld", o->file, (long)getpid()) < 0)
		return;
	f = fopen(temporary, "we");
	if (f) {
		(void)fprintf(f, "%s\n", o->about);
		for (size_t i = 0; i < o->n; i++)
			(void)fprintf(f, "%llu %llu %s\n", (unsigned long long)o->item[i].inode,
			              (unsigned long long)o->item[i].device, o->item[i].path);
		ok = !ferror(f);
		if (fclose(f) != 0 || !ok || rename(temporary, o->file) != 0)
			(void)unlink(temporary);
	}
	free(temporary);
}

void chat_others_free(struct chat_others *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->item[i].path);
	free(o->item);
	free(o->file);
	chat_buf_free(&o->text);
	chat_map_free(&o->by_path);
	memset(o, 0, sizeof *o);
}
