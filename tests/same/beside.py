#!/usr/bin/env python3
"""git at work, and SafeKeep at work beside it.

    beside.py [--seconds N] [--actors N] [--seed N] [--keep]

Actors, each in a working tree of its own of one repository, run git commands that follow from the seed
alone: commit, amend, rebase, merge, stash -u, checkout, reset, worktree add and remove, gc, repack.
Beside them: backup, prune, rollback --dry-run, verify, vault push, the service started, stopped and
killed.  Then the same number of commands is run again, one actor after another, without SafeKeep.  It has
to be the same: the exit code of each command, every branch, each working tree and its status.
Every backup can be read, git fsck is clean, no lock is left.  The seed is printed.
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import same

EPOCH = same.EPOCH


class Actor:
    """One who works with git in the folder w/NAME on branches of its own."""

    # `git worktree add` writes a HEAD of zeros first; a repack or log --all of that moment dies of it by itself
    worktrees = threading.Lock()

    def __init__(self, top, number, seed, env):
        self.name, self.number = "a%d" % number, number
        self.folder = os.path.join(top, "w", self.name)
        self.random = random.Random(seed * 1000 + number)
        self.env, self.count, self.did, self.failed = env, 0, [], None

    def git(self, *args, check=True):
        self.count += 1
        date = "%d +0000" % (EPOCH + self.number * 10000000 + self.count)
        env = dict(self.env, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
        done = subprocess.run(("git",) + args, cwd=self.folder, env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=900)
        self.did.append((args, done.returncode))
        if check and done.returncode:
            raise same.Failed("%s: git %s: exit code %d\n%s%s" % (
                self.name, " ".join(args), done.returncode, done.stdout.decode(), done.stderr.decode()))
        return done

    def edit(self, tracked=True):
        names = ["f%d" % self.random.randrange(20), "d/g%d" % self.random.randrange(20)]
        if not tracked:
            names = ["u/n%d" % self.random.randrange(20)]
        for name in names:
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "a") as f:
                f.write("%d\n" % self.random.getrandbits(40))

    def commit(self):
        self.edit()
        self.edit(tracked=False)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "c%d" % self.count)

    def amend(self):
        self.edit()
        self.git("add", "-A")
        self.git("commit", "-q", "--amend", "-m", "amended %d" % self.count)

    def rebase(self):
        branch = "%s-r%d" % (self.name, self.count)
        self.git("checkout", "-q", "-b", branch, "HEAD~2")
        self.commit()
        self.git("rebase", "-q", "-X", "theirs", self.name)
        self.git("checkout", "-q", self.name)
        self.git("merge", "-q", "--ff-only", branch)
        self.git("branch", "-q", "-d", branch)

    def merge(self):
        branch = "%s-m%d" % (self.name, self.count)
        self.git("checkout", "-q", "-b", branch, "HEAD~1")
        self.commit()
        self.git("checkout", "-q", self.name)
        self.git("merge", "-q", "-X", "ours", "--no-edit", branch)
        self.git("branch", "-q", "-D", branch)

    def stash(self):
        if self.number:  # there is one stash for all working trees
            return self.reset()
        self.edit()
        self.edit(tracked=False)
        self.git("stash", "push", "-q", "-u")
        self.edit()
        self.git("reset", "-q", "--hard")
        self.git("clean", "-fdq")
        self.git("stash", "pop", "-q")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "popped %d" % self.count)

    def reset(self):
        self.commit()
        self.edit()
        self.edit(tracked=False)
        self.git("reset", "-q", "--hard", "HEAD~1")
        self.git("clean", "-fdq")

    def checkout(self):
        self.git("checkout", "-q", "--detach", "HEAD~1")
        self.edit()
        self.git("checkout", "-q", "-f", self.name)
        self.git("clean", "-fdq")

    def worktree(self):
        path = "../%s-w%d" % (self.name, self.count)
        with self.worktrees:
            self.git("worktree", "add", "-q", "--detach", path, "HEAD~1")
            self.git("-C", path, "commit", "-q", "--allow-empty", "-m", "elsewhere")
            self.git("worktree", "remove", "--force", path)

    def upkeep(self):
        how = self.random.choice((("gc", "-q"), ("repack", "-q", "-a", "-d"), ("repack", "-q", "-d"), ("pack-refs", "--all")))
        if not self.number:  # git does not bear two at once
            with self.worktrees:
                self.git(*how)

    def status(self):
        self.git("status")
        self.git("diff", "HEAD", "--stat")
        with self.worktrees:
            self.git("log", "--all", "--oneline", "-5")

    def step(self):
        kinds = [self.commit] * 5 + [self.amend, self.rebase, self.merge, self.stash, self.reset, self.checkout,
                                     self.worktree, self.upkeep, self.status]
        self.random.choice(kinds)()

    def work(self, done):
        """Until done(number of steps); what goes wrong is kept in self.failed"""
        self.steps = 0
        try:
            while not done(self.steps):
                self.step()
                self.steps += 1
        except (same.Failed, subprocess.TimeoutExpired, OSError) as e:
            self.failed = str(e)

    def result(self):
        """What has to be the same."""
        env = dict(self.env, GIT_OPTIONAL_LOCKS="0")
        out = []
        for question in ("status --porcelain=v2 --untracked-files=all", "ls-files --stage", "log --format=%H%n%T%n%s " + self.name,
                         "diff", "reflog show " + self.name):
            done = subprocess.run(["git"] + question.split(), cwd=self.folder, env=env, capture_output=True)
            out.append((question, done.returncode, done.stdout))
        return out


class Beside:
    """SafeKeep's commands, again and again, each in a thread of its own."""

    # a command, its exit codes (3: changed while it was read; 11: another is at it), seconds of pause
    COMMANDS = [
        (["backup", "-q"], (0, 3, 11), 0.1),
        (["prune", "-q"], (0, 11), 0.7),
        (["rollback", "--dry-run", "-q"], (0, 3, 11), 0.5),
        (["verify", "-q"], (0, 11), 1.0),
        (["vault", "push", "-q"], (0, 11), 0.6),
        (["list", "-n", "5"], (0,), 0.3),
    ]

    def __init__(self, folders, env, service):
        self.folders, self.env, self.stop, self.wrong, self.counts = folders, env, threading.Event(), [], {}
        self.threads = [threading.Thread(target=self.again, args=c) for c in self.COMMANDS]
        if service:
            self.threads.append(threading.Thread(target=self.cycles))

    def run(self, folder, *args):
        # what was saved within the hour is kept: prune looks from the day after tomorrow, where the build lets it
        env = dict(self.env, SK_TEST_NOW=str(int(time.time()) + 172800)) if args[0] == "prune" else self.env
        try:
            done = subprocess.run(("git", "sk") + args, cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=900)
        except subprocess.TimeoutExpired:
            self.wrong.append("git sk %s: hangs" % " ".join(args))
            return None
        key = "%s %d" % (args[0], done.returncode)
        self.counts[key] = self.counts.get(key, 0) + 1
        return done

    def again(self, command, codes, pause):
        turn = 0
        while not self.stop.wait(pause):
            extra = ["@{0}"] if command[0] == "rollback" else []
            done = self.run(self.folders[turn % len(self.folders)], *(command + extra))
            turn += 1
            if done and done.returncode not in codes:
                self.wrong.append("git sk %s: exit code %d\n%s%s" % (
                    " ".join(command), done.returncode, done.stdout.decode(), done.stderr.decode()))

    def cycles(self):
        lock = os.path.join(self.env["XDG_RUNTIME_DIR"], "safekeep", "lock")
        turn = 0
        while not self.stop.is_set():
            self.run(self.folders[0], "service", "start")
            self.stop.wait(3)
            turn += 1
            if turn % 2:
                self.run(self.folders[0], "service", "stop")
            else:
                try:
                    os.kill(int(open(lock).read().split()[0]), signal.SIGKILL)
                except (OSError, ValueError, IndexError):
                    pass
            self.stop.wait(1)


def prepare(top, actors):
    """The repository w/a0 and a linked working tree for each further actor."""
    first = actors[0]
    os.makedirs(first.folder)
    first.git("init", "-q", "-b", "a0")
    # the dates are fixed ones of long ago, and one actor's gc would expire another's reflog
    for key in ("gc.reflogExpire", "gc.reflogExpireUnreachable"):
        first.git("config", key, "never")
    for _ in range(3):
        first.commit()
    for actor in actors[1:]:
        first.git("worktree", "add", "-q", "-b", actor.name, "../" + actor.name)


def left_over(top, env):
    """What must not be there at the end."""
    folder, found = os.path.join(top, "w/a0"), []
    for where, _, files in os.walk(os.path.join(top, "w")):
        found += ["left: " + os.path.join(where, f) for f in files
                  if f.endswith(".lock") and "/sk/" not in where + "/" and not where.endswith("/sk")]
    done = subprocess.run(["git", "fsck", "--full", "--strict", "--no-dangling"], cwd=folder, env=env,
                          capture_output=True)
    if done.returncode or done.stdout or done.stderr:
        found.append("git fsck: " + (done.stdout + done.stderr).decode())
    refs = subprocess.run(["git", "for-each-ref", "--format=%(refname)", "refs/sk/backup"], cwd=folder, env=env,
                          capture_output=True, check=True).stdout.decode().split()
    for ref in refs:
        done = subprocess.run(["git", "archive", "-o", "/dev/null", ref], cwd=folder, env=env, capture_output=True)
        if done.returncode:
            found.append("%s cannot be read: %s" % (ref, done.stderr.decode()))
    done = subprocess.run(["git", "sk", "verify", "-q"], cwd=folder, env=env, capture_output=True)
    if done.returncode:
        found.append("git sk verify: %d %s%s" % (done.returncode, done.stdout.decode(), done.stderr.decode()))
    if not refs:
        found.append("there is no backup")
    return found, len(refs)


def together(top, args):
    """SafeKeep beside: (actors, what went wrong)"""
    env = same.environment(top, args.service)
    actors = [Actor(top, n, args.seed, env) for n in range(args.actors)]
    prepare(top, actors)
    folder = actors[0].folder
    setup = [["init", "-q"] + ([] if args.service else ["--no-service"])]
    subprocess.run(["git", "init", "-q", "--bare", os.path.join(top, "vault")], env=env, check=True)
    setup.append(["vault", "add", "v", os.path.join(top, "vault")])
    for command in setup:
        done = subprocess.run(["git", "sk"] + command, cwd=folder, env=env, capture_output=True)
        if done.returncode:
            raise same.Failed("git sk %s: %s" % (" ".join(command), done.stderr.decode()))
    with open(os.path.join(folder, ".git/sk/safekeep.ini"), "a") as f:
        f.write("[retention]\nmax_per_day = 0\nkeep_last = 15\nkeep_hourly = 1\n")
    beside = Beside([a.folder for a in actors], env, args.service)
    end = time.monotonic() + args.seconds
    threads = [threading.Thread(target=a.work, args=(lambda steps: time.monotonic() > end,)) for a in actors]
    for t in beside.threads + threads:
        t.start()
    for t in threads:
        t.join()
    beside.stop.set()
    for t in beside.threads:
        t.join()
    if args.service:
        subprocess.run(["git", "sk", "service", "stop"], cwd=folder, env=env, capture_output=True)
    found, backups = left_over(top, env)
    print("%d commands of git, %d backups kept; git sk (command, exit code, times): %s" % (
        sum(len(a.did) for a in actors), backups,
        ", ".join("%s: %d" % c for c in sorted(beside.counts.items()))))
    return actors, beside.wrong + found


def alone(top, args, steps):
    """The same without SafeKeep, one actor after another."""
    env = same.environment(top, False)
    actors = [Actor(top, n, args.seed, env) for n in range(args.actors)]
    prepare(top, actors)
    for actor, n in zip(actors, steps):
        actor.work(lambda done, n=n: done >= n)
    return actors


def compare(a, b):
    """Of one actor's two runs, what differs."""
    if a.failed or b.failed:
        return ["with SafeKeep: %s" % a.failed, "without: %s" % b.failed]
    found = []
    for x, y in zip(a.did, b.did):
        if x != y:
            found.append("%s: with SafeKeep %s, without %s" % (a.name, x, y))
    if len(a.did) != len(b.did):
        found.append("%s: %d commands with SafeKeep, %d without" % (a.name, len(a.did), len(b.did)))
    for (question, code, x), (_, other, y) in zip(a.answers, b.answers):
        if (code, x) != (other, y):
            found.append("%s: git %s:\n--- with SafeKeep\n%s--- without\n%s" % (
                a.name, question, x.decode()[:2000], y.decode()[:2000]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--actors", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--no-service", dest="service", action="store_false")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    print("seed %d" % args.seed)
    wrong, top = [], tempfile.mkdtemp(prefix="sk-beside.")
    try:
        same.make_home(top)
        first, wrong = together(top, args)
        for actor in first:
            actor.answers = actor.result()
        if args.keep:
            print("kept: " + top)
        else:
            shutil.rmtree(top)
            os.mkdir(top, 0o700)
        again = tempfile.mkdtemp(prefix="alone.", dir=top)
        same.make_home(again)
        second = alone(again, args, [a.steps for a in first])
        for a, b in zip(first, second):
            b.answers = b.result()
            wrong += compare(a, b)
    except same.Failed as e:
        wrong.append(str(e))
    finally:
        if not args.keep:
            shutil.rmtree(top, ignore_errors=True)
    print("\n".join(wrong) if wrong else "the same")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
