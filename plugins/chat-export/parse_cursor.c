/* Cursor: globalStorage/state.vscdb, table cursorDiskKV: "composerData:ID" is a conversation, with
 * the order of its messages in fullConversationHeadersOnly (older ones: the messages themselves in
 * `conversation`), "bubbleId:ID:BUBBLE" a message (type 1 the user's, 2 the model's).  A unit is
 * the value of a row, its key the row's.
 *
 * Which conversations are ours: those that a workspace's own database lists (ItemTable,
 * composer.composerData), those whose workspaceIdentifier is one of our workspaces or names a
 * folder of ours, in composerData or in the newer table composerHeaders. */
#include "parse_sqlite.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value that is too long is not loaded: it is NULL then. */
#define VALUE "CASE WHEN length(value) <= 67108864 THEN value END AS value, length(value) AS size"

/* Conversation ids, in the order found, without doubles in a row. */
struct ids {
	char (*id)[80];
	size_t n, cap;
};

static int ids_add(struct chat_parser *p, struct ids *ids, struct chat_text id)
{
	if (!id.n || id.n >= sizeof(*ids->id) || memchr(id.s, 0, id.n))
		return 0;
	if (ids->n == ids->cap) {
		size_t cap = ids->cap ? ids->cap * 2 : 64;
		void *more = realloc(ids->id, cap * sizeof(*ids->id));

		if (!more)
			return parser_fail(p, SKP_EIO, "out of memory");
		ids->id = more;
		ids->cap = cap;
	}
	memcpy(ids->id[ids->n], id.s, id.n);
	ids->id[ids->n++][id.n] = 0;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void ids_sort(struct ids *ids)
{
	size_t n = 0;

	if (!ids->n)
		return;
	qsort(ids->id, ids->n, sizeof(*ids->id), by_id);
	for (size_t i = 0; i < ids->n; i++)
		if (!n || strcmp(ids->id[n - 1], ids->id[i]) != 0)
			memmove(ids->id[n++], ids->id[i], sizeof(*ids->id));
	ids->n = n;
}

static int ids_has(const struct ids *ids, const char *id)
{
	return ids->n && bsearch(id, ids->id, ids->n, sizeof(*ids->id), by_id);
}

/* --- whose a conversation is --- */

static int is_our_workspace(const struct chat_source *source, struct chat_text id)
{
	const char *s = source->scope ? source->scope : "";

	if (strncmp(s, "ws=", 3) != 0 || !id.n)
		return 0;
	for (s += 3; *s; s += strcspn(s, ",") + (s[strcspn(s, ",")] != 0))
		if (strcspn(s, ",") == id.n && memcmp(s, id.s, id.n) == 0)
			return 1;
	return 0;
}

/* {"workspaceIdentifier":{"id":HASH,"uri":{"fsPath":...}}} */
static int says_ours(struct chat_parser *p, const struct chat_source *source,
                     const struct jnode *root)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *workspace = j_get(t, root, "workspaceIdentifier");
	struct chat_text path = j_string(t, j_get2(t, workspace, "uri", "fsPath"));

	if (is_our_workspace(source, j_string(t, j_get(t, workspace, "id"))))
		return 1;
	return path.n && p->plan.repo && chat_belongs(p->plan.repo, path.s, path.n) == CHAT_OURS;
}

/* The ids that a workspace's database lists. */
static int from_workspace(struct chat_parser *p, const char *path, struct ids *ids)
{
	struct chat_tree *t = &p->tree;
	struct database d;
	sqlite3_stmt *stmt = NULL;
	enum chat_damage damage;

	if (database_open(&d, p, path) == 0 && has_table(&d, "ItemTable"))
		stmt = database_ask(&d, "SELECT value FROM ItemTable WHERE key = "
		                        "'composer.composerData' AND length(value) < 16000000");
	if (stmt && database_row(&d, stmt)) {
		struct chat_text value = column(stmt, "value");
		const struct jnode *all = NULL;

		if (jtree_parse(t, value.s, value.n, &damage))
			parser_fail(p, SKP_EIO, "out of memory");
		else if (!damage)
			all = j_get(t, j_root(t), "allComposers");
		if (j_is(all, J_ARRAY))
			for (const struct jnode *c = j_first(t, all); c; c = j_next(t, all, c))
				ids_add(p, ids, j_string(t, j_get(t, c, "composerId")));
	}
	sqlite3_finalize(stmt);
	return database_close(&d);
}

static int from_workspaces(struct chat_parser *p, const struct chat_source *source, struct ids *ids)
{
	const char *s = source->scope ? source->scope : "";
	const char *end = strstr(source->path, "/globalStorage/");

	if (strncmp(s, "ws=", 3) != 0 || !end)
		return 0;
	for (s += 3; *s && !p->stop; s += strcspn(s, ",") + (s[strcspn(s, ",")] != 0)) {
		char path[PATH_MAX];
		int rc;

		snprintf(path, sizeof(path), "%.*s/workspaceStorage/%.*s/state.vscdb",
		         (int)(end - source->path), source->path, (int)strcspn(s, ","), s);
		rc = from_workspace(p, path, ids);
		if (rc == SKP_EDAMAGED) /* the conversations may tell it themselves */
			p->stop = 0;
	}
	return p->stop;
}

/* Those that say so themselves. */
static int from_rows(struct database *d, const struct chat_source *source, const char *sql,
                     struct ids *ids)
{
	struct chat_parser *p = d->p;
	sqlite3_stmt *stmt = database_ask(d, sql);
	enum chat_damage damage;

	while (stmt && database_row(d, stmt)) {
		struct chat_text value = column(stmt, "value"), id = column(stmt, "id");

		if (!text_find(value, "\"workspaceIdentifier\""))
			continue;
		if (jtree_parse(&p->tree, value.s, value.n, &damage))
			parser_fail(p, SKP_EIO, "out of memory");
		else if (!damage && says_ours(p, source, j_root(&p->tree)))
			ids_add(p, ids, id);
	}
	sqlite3_finalize(stmt);
	return p->stop;
}

/* --- units --- */

static int give_row(struct chat_parser *p, sqlite3_stmt *stmt)
{
	struct chat_text value = column(stmt, "value");
	int64_t size = column_number(stmt, "size");

	if (!value.n && size <= 0)
		return 0;
	if (!value.n)
		return unit_damaged(p, NOTHING, 0, (uint64_t)size, CHAT_TOO_LONG);
	return unit_json(p, value.s, value.n, 0, value.n, column(stmt, "key"));
}

static int give_key(struct database *d, sqlite3_stmt *get, const char *key)
{
	sqlite3_reset(get);
	sqlite3_bind_text(get, 1, key, -1, SQLITE_TRANSIENT);
	if (database_row(d, get))
		give_row(d->p, get);
	return d->p->stop;
}

/* Ids of the messages in their order, from the tree of the conversation's own row. */
static int headers(struct chat_parser *p, struct ids *order)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *list = j_get(t, j_root(t), "fullConversationHeadersOnly");

	if (!j_is(list, J_ARRAY))
		return 0;
	for (const struct jnode *c = j_first(t, list); c && !p->stop; c = j_next(t, list, c))
		ids_add(p, order, j_string(t, j_get(t, c, "bubbleId")));
	return p->stop;
}

/* Messages that are no longer in the order: taken back; behind the others. */
static int leftovers(struct database *d, const char *id, struct ids *order)
{
	struct chat_parser *p = d->p;
	sqlite3_stmt *stmt;
	char from[128], to[128];
	size_t skip;

	ids_sort(order);
	skip = (size_t)snprintf(from, sizeof(from), "bubbleId:%s:", id);
	snprintf(to, sizeof(to), "bubbleId:%s;", id); /* ';' follows ':' */
	stmt = database_ask(d, "SELECT key, " VALUE " FROM cursorDiskKV WHERE key >= ?1 AND "
	                       "key < ?2 ORDER BY key");
	if (!stmt)
		return p->stop;
	sqlite3_bind_text(stmt, 1, from, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, to, -1, SQLITE_STATIC);
	p->mem.number[1] = 1;
	while (database_row(d, stmt)) {
		struct chat_text key = column(stmt, "key");
		char bubble[80];

		if (key.n <= skip || key.n - skip >= sizeof(bubble))
			continue;
		memcpy(bubble, key.s + skip, key.n - skip);
		bubble[key.n - skip] = 0;
		if (!ids_has(order, bubble))
			give_row(p, stmt);
	}
	p->mem.number[1] = 0;
	sqlite3_finalize(stmt);
	return p->stop;
}

static int conversation(struct database *d, sqlite3_stmt *get, const char *id)
{
	struct chat_parser *p = d->p;
	struct ids order = { 0 };
	char key[256];

	p->mem.number[1] = 0;
	REMEMBER(p, session, text_of(id));
	snprintf(key, sizeof(key), "composerData:%s", id);
	p->tree.n = 0;
	if (!give_key(d, get, key))
		headers(p, &order);
	for (size_t i = 0; i < order.n && !p->stop; i++) {
		snprintf(key, sizeof(key), "bubbleId:%s:%s", id, order.id[i]);
		give_key(d, get, key);
	}
	if (!p->stop)
		leftovers(d, id, &order);
	free(order.id);
	return p->stop;
}

int parse_cursor(struct chat_parser *p, const struct chat_source *source)
{
	struct ids ids = { 0 };
	struct database d;
	sqlite3_stmt *get = NULL;
	int all = !p->plan.repo;

	if (from_workspaces(p, source, &ids) || database_open(&d, p, source->path)) {
		free(ids.id);
		return p->stop;
	}
	if (!has_table(&d, "cursorDiskKV") && !p->stop)
		parser_fail(p, SKP_EDAMAGED, "%s has no table cursorDiskKV", source->path);
	if (!p->stop && has_table(&d, "composerHeaders"))
		from_rows(&d, source, "SELECT composerId AS id, " VALUE " FROM composerHeaders",
		          &ids);
	if (!p->stop)
		from_rows(&d, source,
		          "SELECT substr(key, 14) AS id, " VALUE " FROM cursorDiskKV "
		          "WHERE key >= 'composerData:' AND key < 'composerData;'",
		          &ids);
	if (!p->stop && all) {
		sqlite3_stmt *stmt =
		        database_ask(&d, "SELECT substr(key, 14) AS id FROM cursorDiskKV "
		                         "WHERE key >= 'composerData:' AND key < "
		                         "'composerData;'");

		while (stmt && database_row(&d, stmt))
			ids_add(p, &ids, column(stmt, "id"));
		sqlite3_finalize(stmt);
	}
	ids_sort(&ids);
	if (!p->stop)
		get = database_ask(&d, "SELECT key, " VALUE " FROM cursorDiskKV WHERE key = ?1");
	for (size_t i = 0; get && i < ids.n && !p->stop; i++)
		conversation(&d, get, ids.id[i]);
	sqlite3_finalize(get);
	free(ids.id);
	return database_close(&d);
}

/* --- records --- */

static struct chat_record *begin(struct chat_parser *p, const struct jnode *bubble,
                                 enum chat_role role)
{
	struct chat_tree *t = &p->tree;
	struct chat_record *rec = rec_begin(p, role);
	struct chat_text id = j_string(t, j_get(t, bubble, "bubbleId"));

	rec->flags |= CHAT_REPLACES;
	if (p->mem.number[1])
		rec->flags |= CHAT_META;
	if (id.n)
		rec->id = id;
	rec->raw = j_raw(t, bubble);
	rec->time = node_time(p, j_get(t, bubble, "createdAt"));
	if (rec->time == CHAT_NO_TIME)
		rec->time = node_time(p, j_get2(t, bubble, "timingInfo", "clientStartTime"));
	rec->model = j_string(t, j_get2(t, bubble, "modelInfo", "modelName"));
	return rec;
}

static int tool(struct chat_parser *p, const struct jnode *bubble, const struct jnode *tool)
{
	struct chat_tree *t = &p->tree;
	struct chat_record *rec = begin(p, bubble, CHAT_TOOL_CALL);
	const struct jnode *args = j_get(t, tool, "rawArgs"), *result = j_get(t, tool, "result");
	struct chat_text call = j_string(t, j_get(t, tool, "toolCallId"));
	struct chat_text name = j_string(t, j_get(t, tool, "name"));

	rec->call = call;
	rec->tool = name;
	rec->text = value_text(p, args ? args : j_get(t, tool, "params"));
	if (rec_emit(p) || !j_is(result, J_STRING))
		return p->stop;
	rec = begin(p, bubble, CHAT_TOOL_RESULT);
	rec->call = call;
	rec->tool = name;
	rec->text = value_text(p, result);
	if (j_equal(j_get(t, tool, "status"), "error"))
		rec->flags |= CHAT_ERROR;
	return rec_emit(p);
}

static int bubble_records(struct chat_parser *p, const struct jnode *bubble)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *former = j_get(t, bubble, "toolFormerData");
	const struct jnode *images = j_get(t, bubble, "images");
	int64_t type = j_integer(j_get(t, bubble, "type"), 0);
	struct chat_text thought = j_string(t, j_get2(t, bubble, "thinking", "text"));
	struct chat_record *rec;
	uint64_t before = p->in_unit;

	if (thought.n) {
		begin(p, bubble, CHAT_THINKING)->text = thought;
		if (rec_emit(p))
			return p->stop;
	}
	rec = begin(p, bubble, type == 1 ? CHAT_USER : type == 2 ? CHAT_ASSISTANT : CHAT_UNKNOWN);
	rec->text = j_string(t, j_get(t, bubble, "text"));
	if (j_is(images, J_ARRAY))
		for (const struct jnode *c = j_first(t, images); c; c = j_next(t, images, c)) {
			rec_image(p, j_string(t, j_get(t, c, "mimeType")),
			          j_string(t, j_get(t, c, "data")),
			          j_string(t, j_get(t, c, "path")), 0);
			rec->text = join_text(p, rec->text, TEXT("[image]"));
		}
	if (rec->text.n && rec_emit(p))
		return p->stop;
	if (j_get(t, former, "name") && tool(p, bubble, former))
		return p->stop;
	if (p->in_unit == before) {
		begin(p, bubble, CHAT_UNKNOWN);
		rec_emit(p);
	}
	return p->stop;
}

static int cursor(struct chat_parser *p, const struct jnode *root)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *old = j_get(t, root, "conversation");
	struct chat_record *rec;

	p->mem.time = CHAT_NO_TIME;
	if (!j_get(t, root, "composerId"))
		return bubble_records(p, root);
	rec = rec_begin(p, CHAT_TITLE);
	rec->id = TEXT("title");
	rec->flags |= CHAT_REPLACES;
	rec->time = node_time(p, j_get(t, root, "createdAt"));
	rec->text = j_string(t, j_get(t, root, "name"));
	if (!rec->text.n)
		rec->role = CHAT_UNKNOWN;
	if (rec_emit(p) || !j_is(old, J_ARRAY))
		return p->stop;
	for (const struct jnode *c = j_first(t, old); c && !p->stop; c = j_next(t, old, c))
		bubble_records(p, c);
	return p->stop;
}

const struct format format_cursor = { .split = SPLIT_DOCUMENT, .json = cursor };
