/* give.h - what root makes in another user's folder becomes that user's, and what anybody makes in
 * a repository that a group shares is the group's to use.
 *
 * `sudo git sk backup` in ann's repository must not leave files there that ann cannot replace:
 * whatever is made gets the owner and group of the folder that it is made in, unless that is
 * root's.  For everybody but root all of this is as open(2) and mkdir(2).  A disk that has no
 * owners is no error. */
#ifndef SK_BASE_GIVE_H
#define SK_BASE_GIVE_H

#include <sys/types.h>
#include <time.h>

/* From now on what is made with the functions below in `root` (absolute, links resolved) or
 * anywhere beneath it gets the permission bits that git gives there: `perm` is
 * core.sharedRepository as git's setup.c has it, SK_SHARE_GROUP, SK_SHARE_ALL, minus the octal bits
 * (-0640), or 0 for the umask alone.  SK_EIO when out of memory. */
#define SK_SHARE_GROUP 0660
#define SK_SHARE_ALL 0664
int sk_share_below(const char *root, int perm);

/* openat with `flags` and O_CREAT.  Only a file that is new is given away: an existing one may be
 * a further name of anybody's.  -1 with errno. */
int sk_create(int dirfd, const char *path, int flags, mode_t mode);

/* mkdir; -1 with errno. */
int sk_make_dir(const char *path, mode_t mode);

/* For what others make in our name (git, a library): gives root's files and folders in the folder
 * `path`, and in those up to `depth` below it; not `path` itself.  Links are never followed.  A
 * file with a second name stays, and so does one that only root can read and that was not born at
 * `since` or later: it may have been moved there to be given away. */
void sk_give_tree(const char *path, int depth, time_t since);

#endif
