#!/bin/bash
# The loss suite of loss.sh in a linked worktree.
PLACE=linked
. "${0%/*}/loss.sh"
