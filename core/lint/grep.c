#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lint/lint_parts.h"

void sk_words_at_clear(struct sk_words_at *words)
{
	free(words->item);
	sk_buf_free(&words->text);
	*words = (struct sk_words_at){ 0 };
}

static int run(const struct sk_linting *l, const struct sk_strv *words, struct sk_buf *out)
{
#define GREP                                                                                       \
	"grep", "-n", "-z", "-o", "-w", "-F", "-I", "--full-name", "--no-column", "--no-heading",  \
	        "--no-break", "--no-color", "-f", "-"
	static const char *const staged[] = { GREP, "--cached", NULL };
	static const char *const here[] = { GREP, "--untracked", "--exclude-standard", NULL };
	static const char *const head[] = { GREP, "HEAD", NULL };
	const char *const *args = l->opts->what == SK_LINT_STAGED  ? staged
	                          : l->opts->what == SK_LINT_SINCE ? head
	                                                           : here;
	struct sk_buf input = SK_BUF_INIT;
	int status = 0, rc;

	for (size_t i = 0; i < words->n; i++)
		(void)sk_buf_addf(&input, "%s\n", words->item[i]);
	rc = sk_buf_ok(&input);
	if (!rc)
		rc = sk_lint_git(l, args, &input, out, &status);
	sk_buf_free(&input);
	if (!rc && status > 1)
		rc = sk_error(SK_EIO, "git grep failed");
	return rc;
}

/* PATH NUL LINE NUL WORD newline; before PATH "HEAD:" when that was searched */
int sk_lint_grep(const struct sk_linting *l, const struct sk_strv *words, struct sk_words_at *out)
{
	struct sk_words_at found = { 0 };
	size_t cap = 0, skip = l->opts->what == SK_LINT_SINCE ? 5 : 0;
	char *p, *end;
	int rc = words->n ? run(l, words, &found.text) : 0;

	p = found.text.ptr;
	end = p ? p + found.text.len : NULL;
	while (!rc && p && p < end) {
		char *path = p, *line = memchr(p, '\0', (size_t)(end - p)), *word, *eol;

		word = line ? memchr(line + 1, '\0', (size_t)(end - line - 1)) : NULL;
		eol = word ? memchr(word + 1, '\n', (size_t)(end - word - 1)) : NULL;
		if (!eol)
			break;
		*eol = '\0';
		p = eol + 1;
		if (found.n == cap) {
			struct sk_word_at *item;

			cap = cap ? cap * 2 : 64;
			item = reallocarray(found.item, cap, sizeof *item);
			if (!item) {
				rc = sk_error_oom();
				break;
			}
			found.item = item;
		}
		found.item[found.n++] =
		        (struct sk_word_at){ .path = path + (strlen(path) > skip ? skip : 0),
			                     .word = word + 1,
			                     .line = (uint32_t)strtoul(line + 1, NULL, 10) };
	}
	if (rc)
		sk_words_at_clear(&found);
	else
		*out = found;
	return rc;
}
