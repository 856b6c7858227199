#!/usr/bin/env python3
"""hostile_run.py CASES COMMAND...: runs every COMMAND (words, @ stands for the id) on every case.

CASES is what hostile_craft.py printed.  Nothing may hang, crash, write outside of the working tree
or into .git, or send control characters to standard error; every command ends with a code of the
contract and, when it is not 0, with a line that says why.  $OUT is the folder outside, watched with
all that is beside it; after a rollback that did something good.txt is the case's own.
"""
import hashlib
import json
import os
import subprocess
import sys

CODES = {0, 1, 2, 3, 13, 14}
OWN = ("sk", "objects", "refs/sk", "logs/refs/sk", "packed-refs")  # below .git: SafeKeep's
PATIENCE = 60  # seconds: only a hang takes so long


def walk(top, skip=()):
    """Names, kinds, bits and bytes of all that is below; links are not followed."""
    h = hashlib.sha1()
    stack = [os.fsencode(top)]
    while stack:
        here = stack.pop()
        for e in sorted(os.scandir(here), key=lambda e: e.name):
            rel = os.fsdecode(os.path.relpath(e.path, os.fsencode(top)))
            if rel in skip:
                continue
            st = e.stat(follow_symlinks=False)
            h.update(b"%s %o " % (os.fsencode(rel), st.st_mode))
            if e.is_symlink():
                h.update(os.readlink(e.path))
            elif e.is_dir(follow_symlinks=False):
                stack.append(e.path)
            elif e.is_file(follow_symlinks=False):
                with open(e.path, "rb") as f:
                    h.update(hashlib.sha1(f.read()).digest())
    return h.hexdigest()


def main():
    cases = [l.rstrip("\n").split("\t") for l in open(sys.argv[1])]
    out, here = os.environ["OUT"], os.getcwd()
    above = os.path.dirname(here)
    own = ("index",) if any("--staged" in c for c in sys.argv[2:]) else ()

    def world():
        return walk(above, (os.path.basename(here),)), walk(".git", OWN + own)

    before, bad = world(), 0
    for ident, case in cases:
        for command in sys.argv[2:]:
            words = ["git-sk"] + [ident if w == "@" else w for w in command.split()]
            try:
                r = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                print("%s: %s: hangs" % (case, command))
                bad += 1
                continue
            wrong = []
            if r.returncode not in CODES and not (words[1] == "diff" and r.returncode == 15):  # git gave up
                wrong.append("exit code %d" % r.returncode)
            if r.returncode and not r.stderr.startswith(b"git sk: "):
                wrong.append("no word about exit code %d" % r.returncode)
            if any(c < 32 and c not in (9, 10) for c in r.stderr):
                wrong.append("control characters on stderr")
            if os.environ.get("PLAIN") and any(c < 32 and c not in (9, 10) for c in r.stdout):
                wrong.append("control characters on stdout")
            if "--json" in words and r.stdout:
                try:
                    json.loads(r.stdout)
                except ValueError as e:
                    wrong.append("JSON: %s" % e)
            if world() != before:
                wrong.append("written outside of the working tree, or into .git")
                before = world()
            if words[1] == "rollback" and "--dry-run" not in words and r.returncode in (0, 3) and \
                    open("good.txt").read() != case + "\n":
                wrong.append("good.txt was not restored")
            if os.environ.get("SHOW"):
                print("%-32s %-20s %3d %s" % (case, command, r.returncode, r.stderr.decode("utf-8", "replace").replace("\n", " | ")[:200]))
            for w in wrong:
                print("%s: %s: %s" % (case, command, w))
                print("    " + r.stderr.decode("utf-8", "replace")[:400].replace("\n", "\n    "))
            bad += len(wrong)
    if not cases:
        bad = 1
    sys.exit(bad != 0)


main()
