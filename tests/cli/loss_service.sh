#!/bin/bash
# The loss suite with the service at work.  A sample, in a main and then in a linked worktree; all of it:
# SK_LOSS_SERVICE=1 bash tests/cli/loss.sh, and loss_linked.sh.
export SK_LOSS_SERVICE=1 SK_LOSS_SAMPLE=1
rc=0
bash "${0%/*}/loss.sh" || rc=1
[ -n "${SK_SANITIZED:-}" ] || bash "${0%/*}/loss_linked.sh" || rc=1
exit $rc
