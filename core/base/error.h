/* error.h - the one error pattern of SafeKeep.
 *
 * Every function that can fail returns an int: 0, or one of the codes below, which are the exit
 * codes of the public contract.  Out-parameters come last and are untouched on failure.  The
 * message of the last failure is kept per thread: one line, lower case, naming the thing and the
 * remedy, without the "git sk: " prefix. */
#ifndef SK_BASE_ERROR_H
#define SK_BASE_ERROR_H

#include <stddef.h>

enum sk_code {
	SK_OK = 0,
	SK_ENO = 1,       /* the answer is no; not found; findings */
	SK_EUSAGE = 2,    /* the command line or a configuration value is wrong */
	SK_EPARTIAL = 3,  /* done, but some paths could not be handled; they are named */
	SK_EREPO = 10,    /* not a git working tree, or SafeKeep is not enabled in it */
	SK_EBUSY = 11,    /* locked by another process, which the message names */
	SK_EKIND = 12,    /* a kind of repository that is not supported */
	SK_EREFUSED = 13, /* refused for safety */
	SK_EDAMAGED = 14, /* stored data is damaged */
	SK_EIO = 15,      /* I/O or system error, out of memory included */
	SK_EINTR = 130    /* interrupted by the user */
};

#define SK_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define SK_UNUSED(x) ((void)(x))

/* Sets the thread's message and returns `code`. */
int sk_error(int code, const char *fmt, ...) SK_PRINTF(2, 3);

/* The same with ": <strerror(errno)>" in lower case appended; errno is left as it was. */
int sk_error_errno(int code, const char *fmt, ...) SK_PRINTF(2, 3);

/* Puts "PREFIX: " before the message in place, for context added on the way up. */
int sk_error_prefix(int code, const char *fmt, ...) SK_PRINTF(2, 3);

/* "out of memory" without allocating; returns SK_EIO. */
int sk_error_oom(void);

/* The thread's last message; never NULL, "" when there is none.  Valid until the next failure. */
const char *sk_error_message(void);
void sk_error_clear(void);

/* Prints "git sk: ..." on stderr, whatever -q says.  Here and in the two below, what a terminal
 * must not be given comes out escaped; lines stay lines. */
void sk_say(const char *fmt, ...) SK_PRINTF(1, 2);
/* Prints "git sk: warning: ..." on stderr, unless warnings are silenced (-q). */
void sk_warn(const char *fmt, ...) SK_PRINTF(1, 2);
/* Prints "git sk: ..." on stderr: what was done, for people; silenced by -q. */
void sk_note(const char *fmt, ...) SK_PRINTF(1, 2);
void sk_set_quiet(int quiet);
int sk_quiet(void);

#endif
