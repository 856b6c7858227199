/* What libgit2 allocates with.
 *
 * libgit2 1.5 does not live through a failed allocation: its reading of the configuration uses what
 * it did not get (8 places, found by failing each in turn: tests/fault).  So a failed one ends the
 * process there and then, with a word and exit code 15: the same as a kill, which loses nothing
 * (core/README.md), and better than a crash.  (One of over 64 MiB just fails: a size from damaged
 * data, and libgit2 looks there.) Our own code reports its failed ones as errors. */
#ifndef SK_REPO_GIT2_MEMORY_H
#define SK_REPO_GIT2_MEMORY_H

/* Before git_libgit2_init().  Below 0: libgit2 takes no other allocator. */
int sk_git2_memory(void);

#endif
