#!/usr/bin/env python3
"""Random work beside the service: what it saves by what it saw must be what is there.

usage: service_random.py FOLDER ROUNDS SEED

After each round of changes a backup is asked for as git's hooks do it.  Its tree must be that of
`git add -A && git write-tree` with an index of its own, though the service told the backup what to
look at.  The first difference ends the run and prints the last steps.
"""
import os
import random
import shutil
import subprocess
import sys

top, rounds, seed = os.path.realpath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
rnd = random.Random(seed)
work, outside = os.path.join(top, "work"), os.path.join(top, "outside")
NAMES = ["a", "b", "c.txt", "d e", "x.log", "lib", "src", "-dash", "\u00fc", "sub"]
log = []


def run(*cmd, env=None):
    done = subprocess.run(cmd, cwd=work, env=dict(os.environ, **(env or {})), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit("%r: %s" % (cmd, done.stderr.decode(errors="replace")))
    return done.stdout.decode(errors="replace").strip()


def some(kind):
    found = []
    for d, dirs, files in os.walk(work):
        dirs[:] = sorted(x for x in dirs if x != ".git" and not os.path.islink(os.path.join(d, x)))
        found += [os.path.join(d, x) for x in sorted(dirs if kind == "d" else files)]
    return rnd.choice(found) if found else None


def new():
    d = some("d") if rnd.random() < 0.7 else None
    return os.path.join(d or work, rnd.choice(NAMES))


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def write(path, text):
    if os.path.isdir(path) or os.path.islink(path):
        remove(path)
    with open(path, "w") as f:
        f.write(text)


def step():
    kind = rnd.choice("edit edit edit edit add add folder rename rename remove link mode ignore out in deep commit stage".split())
    path, to = some("f") or new(), new()
    log.append("%s %s" % (kind, os.path.relpath(to if kind in ("add", "folder", "link", "in", "deep") else path, work)))
    if kind == "edit" and os.path.isfile(path) and not os.path.islink(path):
        with open(path, "r+b") as f:  # of the same size, in place
            f.write(b"%08d" % rnd.randrange(10 ** 8))
    elif kind == "add":
        write(to, "%08d" % rnd.randrange(10 ** 8))
    elif kind == "folder" and not os.path.lexists(to):
        os.mkdir(to)
    elif kind == "rename":
        path = some(rnd.choice("fd")) or path
        if not to.startswith(path) and os.path.lexists(path) and not path.startswith(to):
            remove(to)
            os.rename(path, to)
    elif kind == "remove":
        remove(some(rnd.choice("ffd")) or path)
    elif kind == "link" and not os.path.lexists(to):
        os.symlink(rnd.choice(["a", "../b", "nowhere"]), to)
    elif kind == "mode" and os.path.isfile(path) and not os.path.islink(path):
        os.chmod(path, rnd.choice([0o644, 0o755]))
    elif kind == "ignore":
        d = some("d") or work
        write(os.path.join(d, ".gitignore"), rnd.choice(["*.log\n", "sub/\n", "", "/lib\n", "!x.log\n"]))
    elif kind == "out":
        d = some("d")
        if d:
            shutil.rmtree(os.path.join(outside, "d"), ignore_errors=True)
            os.rename(d, os.path.join(outside, "d"))
    elif kind == "in" and os.path.isdir(os.path.join(outside, "d")) and not os.path.lexists(to):
        os.rename(os.path.join(outside, "d"), to)
    elif kind == "deep" and not os.path.lexists(to):
        os.makedirs(os.path.join(to, "p", "q"))
        write(os.path.join(to, "p", "q", "r"), "deep")
    elif kind == "commit":
        run("git", "add", "-A")
        run("git", "commit", "-qm", "x", "--allow-empty", "--no-verify")
    elif kind == "stage":
        run("git", "add", "-A")


def expected():
    index = os.path.join(top, "index")
    shutil.copy2(os.path.join(work, ".git/index"), index)
    env = {"GIT_INDEX_FILE": index}
    run("git", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "add", "-A", env=env)
    return run("git", "-c", "core.fsmonitor=false", "write-tree", env=env)


def main():
    os.makedirs(work)
    os.makedirs(outside)
    run("git", "init", "-q")
    for n in range(30):
        write(new() if n % 3 else os.path.join(work, "f%d" % n), "%08d" % n)
    run("git", "add", "-A")
    run("git", "commit", "-q", "-m", "first")
    run("git", "sk", "-q", "init")
    for n in range(rounds):
        for _ in range(rnd.choice([1, 1, 2, 4, 8])):
            step()
        run("git-sk-hook", "pre-commit")
        newest = max(run("git", "for-each-ref", "--format=%(refname)", "refs/sk/backup").split("\n"),
                     key=lambda r: (r.split("/")[-1][:16], int(r[len("refs/sk/backup/") + 17:] or 0)))
        got, want = run("git", "rev-parse", newest + "^{tree}"), expected()
        if got != want:
            sys.stderr.write("seed %d, round %d: %s has not what is there\nlast steps: %s\n%s\n" % (
                seed, n, newest, ", ".join(log[-20:]), run("git", "diff", "--stat", want, got)))
            raise SystemExit(1)
    parts = os.path.exists(os.path.join(work, ".git/sk/state-delta"))
    print("seed %d: %d rounds of %d changes, each saved as it was%s" % (
        seed, rounds, len(log), ", at last by what changed alone" if parts else ""))


main()
