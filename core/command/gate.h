/* gate.h - what a commit is told about what it may break, and the gate before it.
 *
 * pre-commit: at most 8 lines on standard error, nothing when there is nothing to say.  With
 * hooks.impact = block and a finding that blocks, GITDIR/sk/gate is written: a hash of what is
 * staged, and the findings.  pre-commit itself lets the commit go on, because it does not know the
 * message.
 *
 * commit-msg: a gate for exactly what is staged now refuses the commit, unless the message has a
 * line "Sk-Override: REASON".  The client asks only when there is a gate, so that a commit without
 * findings starts no program for it.
 *
 * A failure of ours never fails a commit: what cannot be computed, or not in time, blocks nothing,
 * and is said. */
#ifndef SK_COMMAND_GATE_H
#define SK_COMMAND_GATE_H

#include "repo/repo.h"

/* After each event: with hooks.impact = off, GITDIR/sk/no-summary tells the client so, which then
 * asks nobody at a commit whose guard has just noted this. */
void sk_gate_note(const struct sk_repo *repo);

/* To be called last in the process: when the time is up, it ends it with `status`. */
void sk_gate_summary(struct sk_repo *repo, int status);
/* `message`: the file that git names.  SK_EREFUSED: the commit is not to be made; it was said why.
 */
int sk_gate_message(struct sk_repo *repo, const char *message);

#endif
