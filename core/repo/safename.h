/* safename.h - names that must not stand in a tree, because some filesystem takes them for ".git".
 * The rules are those of git's fsck (hasDot, hasDotdot, hasDotgit: is_ntfs_dotgit and
 * is_hfs_dotgit), so that whatever is stored passes `git fsck --strict`. */
#ifndef SK_REPO_SAFENAME_H
#define SK_REPO_SAFENAME_H

#include <stdbool.h>
#include <stddef.h>

/* True for "", ".", "..", anything with a slash, and ".git" in any spelling: other case, trailing
 * dots and blanks, "git~1", an NTFS stream (".git::$INDEX_ALLOCATION"), a backslash after it, and
 * with code points that HFS+ ignores. */
bool sk_unsafe_name(const char *name, size_t len);

/* True for ".gitmodules" in any spelling: git takes no link of that name (it would read its
 * submodules from elsewhere), and its fsck calls a tree that has one wrong (gitmodulesSymlink). */
bool sk_unsafe_link(const char *name, size_t len);

#endif
