/* protocol.h - what is said on the service's socket, and the asking side of it.
 *
 * libc only, so that the client which git starts on every command can use it.
 *
 * Socket: a stream socket "socket" in $XDG_RUNTIME_DIR/safekeep, or in /tmp/safekeep-UID when there
 * is no such variable.  The folder belongs to the user, mode 0700, and is no link; both sides check
 * that the other one has their own uid (SO_PEERCRED).
 *
 * One request for each connection, then its answer, then the end.  Both begin with 8 bytes:
 *
 *   'S' 'K'  version (1)  verb or status  length of the rest (32 bits, low byte first)
 *
 * The rest of a request is fields, each ended by a NUL byte, at most SK_ASK_MAX bytes in all; that
 * of an answer depends on the verb.  A request that is wrong, too long or too slow (SK_ASK_SLOW_MS
 * for the whole of it) ends its connection without an answer and nothing else.
 *
 *   verb  fields, and below it what the answer holds when it is SK_ANSWER_OK
 *
 *   'p'   -
 *         status, a JSON object
 *
 *   'q'   -
 *         nothing, just before it stops
 *
 *   'a'   WORKTREE (its repository was enabled, or has other settings)
 *         nothing
 *
 *   'r'   WORKTREE (it was disabled)
 *         nothing
 *
 *   'f'   WORKTREE GITDIR SETTINGS TOKEN
 *         new token, NUL, then paths each ended by NUL: git's fsmonitor protocol, version 2
 *
 *   'g'   WORKTREE EVENT COMMAND GITDIR
 *         exit status of the backup as text, NUL, what it had to say; the backup is on disk by then
 *
 *   'c'   WORKTREE
 *         "0" or "1": anything changed since the last backup, as far as it knows for sure; "?"
 *
 *   'b'   WORKTREE (from the service's own child: its backup has looked at nothing yet)
 *         nothing; what changed before this answer is in that backup
 *
 * SETTINGS is sk_settings(): what of the environment decides which files git ignores.  A service
 * that was started with other settings cannot answer exactly, and says "/". */
#ifndef SK_SERVICE_PROTOCOL_H
#define SK_SERVICE_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SK_PROTOCOL 1
#define SK_ASK_HEAD 8
#define SK_ASK_MAX 65536u
#define SK_ANSWER_MAX (16u << 20)
#define SK_ASK_SLOW_MS 2000

enum { SK_ANSWER_OK = 0, SK_ANSWER_NO = 1 }; /* NO: the rest is one line of text, why */

enum sk_ask_result {
	SK_ASKED,       /* there is an answer */
	SK_ASK_DOWN,    /* nobody listens */
	SK_ASK_TROUBLE, /* no answer in time, a wrong one, or not our user's */
};

struct sk_answer {
	int status;
	char *data; /* ends in a NUL that is not counted; free() */
	size_t len;
};

/* The folder of the socket, no slash at the end; false when it does not fit. */
bool sk_runtime_dir(char *out, size_t cap);
/* Whether the folder is ours alone (owner, mode, no link). */
bool sk_runtime_safe(const char *dir);
/* PATH of a file in it. */
bool sk_runtime_path(char *out, size_t cap, const char *name);

/* Asks; waits at most `timeout_ms` for the whole of it. */
enum sk_ask_result sk_request(char verb, const char *const *field, size_t n, int timeout_ms,
                              struct sk_answer *out);

/* A word that stands for HOME, XDG_CONFIG_HOME and git's variables of the same kind; "-" when the
 * environment overrides, for one command, something that decides what is ignored. */
void sk_settings(char out[20]);

void sk_ask_pack(unsigned char head[SK_ASK_HEAD], char what, uint32_t len);
/* False when it is no header of ours. */
bool sk_ask_unpack(const unsigned char head[SK_ASK_HEAD], char *what, uint32_t *len);

/* Milliseconds of a clock that goes on while the machine sleeps. */
int64_t sk_clock_ms(void);

#endif
