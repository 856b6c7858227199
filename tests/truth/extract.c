/* The imports of the files whose names come on stdin, for tests/truth/compare:
 *
 *     PATH <tab> KIND <tab> SPEC <tab> NAME <tab> LINE <tab> t (type only) or c (cut) or -
 *
 * With an argument N each file is read N times over and nothing is printed but what it took. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "impact/extract.h"

static double seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print(const char *path, const struct sk_imports *found)
{
	if (found->cut)
		printf("%s\t0\t\t\t0\tc\n", path);
	for (size_t i = 0; i < found->n; i++) {
		const struct sk_import *m = &found->item[i];

		printf("%s\t%d\t%s\t%s\t%u\t%s\n", path, m->kind, m->spec, m->name ? m->name : "",
		       m->line, m->type_only ? "t" : "-");
	}
}

int main(int argc, char **argv)
{
	int times = argc > 1 ? atoi(argv[1]) : 0;
	struct sk_strv problems = SK_STRV_INIT;
	struct sk_languages *all = NULL;
	double spent = 0, total = 0;
	char *path = NULL;
	size_t cap = 0, imports = 0;

	if (sk_languages_load(&problems, &all) || problems.n) {
		fprintf(stderr, "%s\n", problems.n ? problems.item[0] : sk_error_message());
		return 1;
	}
	while (getline(&path, &cap, stdin) > 0) {
		const struct sk_language *language;
		struct sk_buf text = SK_BUF_INIT;
		struct sk_imports found;

		path[strcspn(path, "\n")] = '\0';
		if (sk_read_file(-100, path, 256 << 20, &text))
			continue;
		language = sk_language_of(all, path, text.ptr, text.len);
		for (int i = 0; language && i < (times ? times : 1); i++) {
			double start = seconds();

			if (sk_extract(language, text.len ? text.ptr : "", text.len, &found))
				abort();
			spent += seconds() - start;
			total += (double)text.len;
			imports += found.n;
			if (!times)
				print(path, &found);
			sk_imports_clear(&found);
		}
		sk_buf_free(&text);
	}
	if (times)
		printf("%.0f MB/s (%.1f MB, %zu imports)\n", total / 1e6 / spent,
		       total / 1e6 / times, imports / (size_t)times);
	free(path);
	sk_languages_free(all);
	return 0;
}
