/* print.h - standard output, the pager, and questions.
 *
 * All results go through sk_out*: the first failure to write is remembered with its errno, and
 * sk_out_end turns it into exit code 15, or into a quiet end when the reader went away. */
#ifndef SK_COMMAND_PRINT_H
#define SK_COMMAND_PRINT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/term.h"
#include "repo/git.h"
#include "repo/repo.h"

/* Takes care of SIGPIPE, and of descriptors 0 to 2 that are closed: no file of ours may get one
 * of these numbers. */
void sk_out_begin(void);
void sk_out(const void *data, size_t len);
void sk_outf(const char *fmt, ...) SK_PRINTF(1, 2);
/* Before something is said on standard error that belongs after it. */
void sk_out_flush(void);
bool sk_out_failed(void);
/* Whether people read it: a terminal, or the pager before one. */
bool sk_out_terminal(void);
/* Prints a JSON object and drops the reference.  NULL: out of memory. */
int sk_out_json(json_t *object);
/* A piece of it that was made already, of whole characters: what a terminal must not be given
 * comes out as \uXXXX, here and above. */
void sk_out_json_text(const char *text, size_t len);
/* Writes out what is left and waits for the pager; 0 or SK_EIO. */
int sk_out_end(void);
/* Whether the reader of our output went away (after sk_out_end failed). */
bool sk_out_gone(void);

/* The setting pager.sk, as git reads it: a switch, or a command, which is added to `command`.  *on
 * stays as it is when it is not set. */
void sk_pager_setting(const struct sk_repo *repo, bool *on, struct sk_buf *command);
/* On a terminal: what follows goes through the pager that git would use. */
int sk_pager_start(const struct sk_repo *repo);

/* Asks until there is an answer; only a clear yes is one, the end of input is a no.  Ctrl-C at
 * the question ends the program with 130: nothing has been done so far. */
int sk_confirm(const char *question, bool *yes);
int sk_ask_line(const char *question, struct sk_buf *answer);

#endif
