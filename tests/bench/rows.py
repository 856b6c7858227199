"""The rows of the table "Speed budgets", and a few beside them that have no budget."""

import os, shutil, time

from history import fabricate
from sandbox import SETTLE, disk_use, edit, must, rounds
from table import Measured, row

STATUS = ["git", "status", "--porcelain"]
BACKUP = ["git-sk", "backup", "-q"]
BY_SERVICE = ["git-sk-hook", "pre-commit"]  # what git runs: it asks the service for a backup
OWN_INDEX = ["sh", "-c", "export GIT_INDEX_FILE=.git/own-index && git add -A && git write-tree"]


class Context:
    """What a row needs: trees as they were made, and how many rounds."""

    def __init__(self, box, corpora, runs, others):
        self.box, self.corpora, self.runs, self.others = box, corpora, runs, others

    def tree(self, n, which):
        self.box.service_stop()
        return self.corpora.tree(n, which)

    def pair(self, n):
        return self.tree(n, "a"), self.corpora.tree(n, "b")

    def times(self, ours, base, others=None, few=3):
        """Rounds of both, and afterwards a few of `others`, {tool: function of a round}."""
        both = rounds(self.runs, ours, base)
        return Measured.times(*both, {name: rounds(min(self.runs, few), work)[0]
                                      for name, work in (others or {}).items()})


# Other tools, for the rows of backups

def other_tools(ctx, tree, change, first=False):
    """{name: function of a round}, each a backup of `tree` after `change(round)`; with `first` into
    an empty store each time."""
    box, out = ctx.box, {}
    store = os.path.join(box.scratch, "others")
    shutil.rmtree(store, ignore_errors=True)
    os.mkdir(store)

    def path(name):
        return os.path.join(store, name)

    def empty(name, make):
        shutil.rmtree(path(name), ignore_errors=True)
        if make:
            box.sh(make)

    def copy(i):
        empty("copy", None)
        change(i)
        return box.timed(["cp", "-r", ".", path("copy")], tree.path)

    def stash(i):
        change(i)
        return box.timed(["git", "stash", "create"], tree.path)

    def tool(name, make, argv):
        def work(i):
            if first or i == 0:
                empty(name, make)
            change(i)
            return box.timed([a.replace("ROUND", str(i)) for a in argv], tree.path)
        if box.which(argv[0]) and ctx.others:
            out[name] = work

    if not ctx.others:
        return out
    out["cp -r"] = copy
    if not first:
        out["stash"] = stash
    tool("restic", f"restic init -q -r '{path('restic')}'",
         ["restic", "backup", "-q", "-r", path("restic"), "--exclude", ".git", "."])
    tool("borg", f"borg init -e none '{path('borg')}'",
         ["borg", "create", "--exclude", "sh:**/.git", f"{path('borg')}::bROUND", "."])
    return out


# Backups

def _backup_against(ctx, n, base, others):
    a, b = ctx.pair(n)
    a.enable()
    names = a.some_files(3)

    def change(i):
        edit(b.path, names, f"round {i}")

    def ours(i):
        edit(a.path, names, f"round {i}")
        return ctx.box.timed(BACKUP, a.path)

    def theirs(i):
        change(i)
        return ctx.box.timed(base, b.path)

    before = a.backups()
    m = ctx.times(ours, theirs, other_tools(ctx, b, change) if others else None,
                  few=3 if n <= 20000 else 1)
    must(a.backups() == before + ctx.runs + 1, "a round made no backup")
    return m


@row("backup-direct", "backup, no service, 3 changed", "git status", {100000: 0.5})
def backup_direct(ctx, n):
    return _backup_against(ctx, n, STATUS, True)


@row("backup-own-index", "backup, no service, 3 changed", "git add -A && write-tree, own index",
     {5000: 0.7})
def backup_own_index(ctx, n):
    return _backup_against(ctx, n, OWN_INDEX, False)


@row("backup-service", "backup through the service, 3 changed", "git status", {100000: 0.06})
def backup_service(ctx, n):
    a, b = ctx.pair(n)
    a.enable(service=True, guard=True, hooks=True)
    names = a.some_files(3)

    def ours(i):
        time.sleep(SETTLE)
        edit(a.path, names, f"round {i}")
        before = a.backups()
        sample = ctx.box.timed(BY_SERVICE, a.path)
        must(a.backups() == before + 1, "the service made no backup")
        return sample

    def theirs(i):
        edit(b.path, names, f"round {i}")
        return ctx.box.timed(STATUS, b.path)

    return ctx.times(ours, theirs)


def _forget_backups(tree):
    tree.box.sh("git for-each-ref --format='delete %(refname)' refs/sk | git update-ref --stdin && "
                "rm -f .git/sk/state .git/sk/tips .git/sk/pruned", tree.path)


@row("first-clean", "first backup, unmodified clone", "git status", {100000: 1.0})
def first_clean(ctx, n):
    a, b = ctx.pair(n)
    a.enable()

    def ours(_):
        _forget_backups(a)
        return ctx.box.timed(BACKUP, a.path)

    return ctx.times(ours, lambda _: ctx.box.timed(STATUS, b.path),
                     other_tools(ctx, b, lambda _: None, first=True) if n <= 5000 else None)


@row("first-untracked", "first backup, all files untracked", "git add -A", {100000: 1.0})
def first_untracked(ctx, n):
    box = ctx.box
    a, b = ctx.pair(n)
    empty = os.path.join(box.scratch, "empty")
    shutil.rmtree(empty, ignore_errors=True)
    os.mkdir(empty)
    box.sh("git init -q && git-sk -q init --no-guard --no-hooks --no-service && "
           "rm -f .git/sk/state .git/sk/tips .git/sk/pruned", empty)

    def ours(_):
        shutil.rmtree(a.git)
        box.sh(f"cp -a .git '{a.git}'", empty)
        return box.timed(BACKUP, a.path)

    def theirs(_):
        shutil.rmtree(b.git)
        box.sh("git init -q", b.path)
        return box.timed(["git", "add", "-A"], b.path)

    return ctx.times(ours, theirs)


# git, with SafeKeep on

def _status(ctx, n, up):
    a, b = ctx.pair(n)
    a.enable(service=up, guard=True, hooks=True)
    for _ in range(3):  # the first answers name everything, for safety
        ctx.box.timed(STATUS, a.path)
    return ctx.times(lambda _: ctx.box.timed(STATUS, a.path),
                     lambda _: ctx.box.timed(STATUS, b.path))


@row("status-up", "git status, service up", "plain", {300: 1.3, 100000: 0.25})
def status_up(ctx, n):
    return _status(ctx, n, True)


@row("status-down", "git status, no service", "plain", {300: 1.3})
def status_down(ctx, n):
    return _status(ctx, n, False)


def _commit(ctx, n, up, wait):
    a, b = ctx.pair(n)
    a.enable(service=up, guard=True, hooks=True)
    names = a.some_files(3)

    def commit(tree, i):
        if up:
            time.sleep(SETTLE)  # the watcher is done with the round before
        edit(tree.path, names, f"commit {i}")
        time.sleep(wait)
        return ctx.box.timed(["git", "commit", "-qam", f"c{i}"], tree.path)

    before = a.backups()
    m = ctx.times(lambda i: commit(a, i), lambda i: commit(b, i))
    must(a.backups() >= before + ctx.runs + 1, "a commit made no backup")
    return m


@row("commit-up", "git commit -a, service up", "plain", {300: 1.5})
def commit_up(ctx, n):
    return _commit(ctx, n, True, 0)


@row("commit-up-seen", "the same, edits saved by the watcher", "plain", {})
def commit_up_seen(ctx, n):
    return _commit(ctx, n, True, SETTLE)


@row("commit-down", "git commit -a, no service", "plain", {300: 3.0})
def commit_down(ctx, n):
    return _commit(ctx, n, False, 0)


# Bringing back

def _rollback(ctx, n, count):
    a, b = ctx.pair(n)
    a.enable()
    names = a.some_files(count)

    def ours(i):
        ctx.box.sh("git-sk backup -q", a.path)
        edit(a.path, names, f"work {i}")
        return ctx.box.timed(["git-sk", "rollback", "--yes", "-q", "@{0}"], a.path)

    def theirs(i):
        edit(b.path, names, f"work {i}")
        sample = ctx.box.timed(["git", "stash", "-u", "-q"], b.path)
        ctx.box.sh("git stash drop -q", b.path)
        return sample

    m = ctx.times(ours, theirs)
    must(not ctx.box.sh("git diff --name-only", a.path), "rollback left changes")
    return m


@row("rollback-1000", "rollback of 1,000 changed files", "git stash -u", {100000: 0.7},
     least=5000)
def rollback_1000(ctx, n):
    return _rollback(ctx, n, 1000)


@row("rollback-3", "rollback of 3 changed files", "git stash -u", {})
def rollback_3(ctx, n):
    return _rollback(ctx, n, 3)


@row("list-5000", "list of 5,000 backups", "git for-each-ref refs/sk", {300: 2.0}, at=300)
def list_5000(ctx, n):
    a = ctx.tree(n, "a")
    a.enable()
    fabricate(a, 5000)
    must(ctx.box.sh("git-sk list backups", a.path).count("\n") >= 5000, "the list is too short")
    return ctx.times(lambda _: ctx.box.timed(["git-sk", "list", "backups"], a.path),
                     lambda _: ctx.box.timed(["git", "for-each-ref", "refs/sk"], a.path))


# Disk and memory

@row("disk-100", "100 backups of 3 changes each, disk after gc", "100 git commits", {5000: 1.1},
     at=5000)
def disk_100(ctx, n):
    """What they add to a `.git` that was packed before."""
    a, b = ctx.pair(n)
    a.enable()
    a.keep_all()
    names = a.some_files(300)
    before = []
    for tree in a, b:
        ctx.box.sh("git gc -q", tree.path)
        before.append(disk_use(tree.git))
    for i in range(100):
        for tree in a, b:
            edit(tree.path, (names * 3)[3 * i:3 * i + 3], f"round {i}")
        ctx.box.sh("git-sk backup -q", a.path)
        ctx.box.sh(f"git commit -qam 'round {i}'", b.path)
    must(a.backups() == 101, "backups are missing")
    for tree in a, b:
        ctx.box.sh("git gc -q", tree.path)
    return Measured([(disk_use(a.git) - before[0]) / 1024], [(disk_use(b.git) - before[1]) / 1024],
                    "KiB")


@row("memory-backup", "peak memory of a backup, no service, 3 changed", "git status's",
     {100000: 1.5}, least=100000)
def memory_backup(ctx, n):
    a, b = ctx.pair(n)
    a.enable()
    names = a.some_files(3)

    def ours(i):
        edit(a.path, names, f"round {i}")
        return ctx.box.timed(BACKUP, a.path)

    def theirs(i):
        edit(b.path, names, f"round {i}")
        return ctx.box.timed(STATUS, b.path)

    return Measured.peaks(*rounds(min(ctx.runs, 3), ours, theirs))


@row("memory-first", "peak memory of the first backup of a clone", "git status's", {100000: 1.5},
     least=100000)
def memory_first(ctx, n):
    a, b = ctx.pair(n)
    a.enable()

    def ours(_):
        _forget_backups(a)
        return ctx.box.timed(BACKUP, a.path)

    return Measured.peaks(*rounds(min(ctx.runs, 3), ours,
                                  lambda _: ctx.box.timed(STATUS, b.path)))


@row("memory-service", "peak memory of the service, one repository", "git status's", {100000: 1.5},
     least=100000)
def memory_service(ctx, n):
    a, b = ctx.pair(n)
    a.enable(service=True, guard=True, hooks=True)
    names = a.some_files(3)
    base = []
    for i in range(3):
        edit(a.path, names, f"round {i}")
        ctx.box.timed(BY_SERVICE, a.path)
        ctx.box.timed(STATUS, a.path)
        time.sleep(SETTLE)
        base.append(ctx.box.timed(STATUS, b.path).kib)
    return Measured([ctx.box.service_memory()[0]], base, "KiB")
