"""How the cost grows, with the files and with the backups: --growth."""

import fnmatch, os, shutil, time

from history import edited_trees, fabricate
from rows import BY_SERVICE
from sandbox import SETTLE, edit, median, must, rounds


class Line:
    """A ratio that must not be over its budget, and what it was made of."""

    def __init__(self, name, work, figures, ratio, budget, baseline):
        self.name, self.work, self.figures = name, work, figures
        self.ratio, self.budget, self.baseline = ratio, budget, baseline

    def record(self):
        return {"row": self.name, "work": self.work, "ms": self.figures,
                "baseline": self.baseline, "ratio": round(self.ratio, 4), "budget": self.budget,
                "verdict": None if self.budget is None else
                "ok" if self.ratio <= self.budget else "over"}


def _ms(samples):
    return [round(median(s) * 1e3, 2) for s in samples]


def by_files(ctx, files):
    """One service watches the trees of all sizes; each round saves in each."""
    ctx.box.service_stop()
    trees = [ctx.corpora.tree(n, "a") for n in files]
    for tree in trees:
        tree.enable(service=True, guard=True, hooks=True)
    names = [tree.some_files(3) for tree in trees]

    def work(k):
        def one(i):
            time.sleep(SETTLE)
            edit(trees[k].path, names[k], f"round {i}")
            before = trees[k].backups()
            sample = ctx.box.timed(BY_SERVICE, trees[k].path)
            must(trees[k].backups() == before + 1, "the service made no backup")
            return sample
        return one

    ms = _ms(rounds(ctx.runs, *[work(k) for k in range(len(trees))]))
    for n, took in list(zip(files, ms))[1:]:
        yield Line("service-files", f"backup through the service, {n} files",
                   dict(zip(files, ms)), took / ms[0], 1.3, f"{files[0]} files")


COUNTS = (100, 1000, 10000)
APART = 6 * 3600  # so that the rules let most go


def _with_backups(ctx, count, folder):
    """A copy of `.git` of the small tree, with that many backups."""
    tree = ctx.tree(300, "a")
    tree.enable()
    tree.keep_all()
    if count:
        fabricate(tree, count, APART)
    shutil.rmtree(folder, ignore_errors=True)
    ctx.box.sh(f"cp -a '{tree.git}' '{folder}'")
    return tree


def by_backups(ctx, _):
    folders = {c: os.path.join(ctx.box.scratch, f"history-{c}") for c in COUNTS}
    for count, folder in folders.items():
        tree = _with_backups(ctx, count, folder)

    def lists(count):
        def one(_):
            shutil.rmtree(tree.git)
            ctx.box.sh(f"cp -a '{folders[count]}' '{tree.git}'")
            return ctx.box.timed(["git-sk", "list", "backups"], tree.path)
        return one

    def prunes(count):
        def one(_):
            shutil.rmtree(tree.git)
            ctx.box.sh(f"cp -a '{folders[count]}' '{tree.git}' && rm '{tree.git}/sk/safekeep.ini'")
            sample = ctx.box.timed(["git-sk", "prune", "-q"], tree.path)
            must(tree.backups() < count, "nothing was pruned")
            return sample
        return one

    for name, work in (("list", lists), ("prune", prunes)):
        ms = _ms(rounds(ctx.runs, *[work(c) for c in COUNTS]))
        for k in range(1, len(COUNTS)):
            per = COUNTS[k] / COUNTS[k - 1]
            yield Line(name, f"{name}, {COUNTS[k]} backups, for each of them",
                       dict(zip(COUNTS, ms)), ms[k] / ms[k - 1] / per, 1.3,
                       f"{COUNTS[k - 1]} backups")


def hooks(ctx, _):
    """`git commit -a`, with more and more backups there."""
    for up in (False, True):
        took = {}
        for count in (0, 1000, 10000):
            a, b = ctx.pair(300)
            a.enable(service=up, guard=True, hooks=True)
            a.keep_all()
            if count:
                fabricate(a, count, APART)
            names = a.some_files(3)

            def commit(tree, i):
                if up:
                    time.sleep(SETTLE)
                edit(tree.path, names, f"commit {i}")
                return ctx.box.timed(["git", "commit", "-qam", f"c{i}"], tree.path)

            both = rounds(ctx.runs, lambda i: commit(a, i), lambda i: commit(b, i))
            must(a.backups() >= count + ctx.runs + 1, "a commit made no backup")
            took[count] = [median(s) * 1e3 for s in both]
        for count in (1000, 10000):
            added, first = (took[c][0] - took[c][1] for c in (count, 0))
            yield Line("hooks-up" if up else "hooks-down",
                       f"what a commit costs more, service {'up' if up else 'down'}, "
                       f"{count} backups",
                       {c: round(t[0] - t[1], 2) for c, t in took.items()}, added / first, 1.3,
                       "0 backups")


COMMITS = 5000


def _history(tree):
    """Commits that the corpus has not, so that there is something to log."""
    text = "reset refs/heads/main\nfrom refs/heads/main^0\n\n"
    for i in range(1, COMMITS + 1):
        text += (f"commit refs/heads/main\ncommitter Bench <bench@example.org> "
                 f"{1700000000 + 60 * i} +0000\ndata 5\nnext\n")
    tree.box.sh("git fast-import --quiet", tree.path, data=text.encode())


def beside(ctx, files):
    """git fetch, gc and log with 1,000 backups, against none, in a repository of 5,000 commits."""
    n, box = max(files), ctx.box
    a, b = ctx.pair(n)
    for tree in a, b:
        _history(tree)
    origin = os.path.join(box.scratch, "origin.git")
    box.sh(f"git clone -q --bare '{a.path}' '{origin}'")
    a.enable()
    a.keep_all()
    names = a.some_files(3000)
    fabricate(a, 980, 60, edited_trees(a, 980, names))
    for i in range(20):  # the newest as they are made, with their packs
        edit(a.path, names[7 * i:][:3], f"backup {i}")
        box.sh("git-sk backup -q", a.path)
    must(a.backups() == 1001, "backups are missing")
    for tree in a, b:
        box.sh(f"git reset -q --hard && git remote add origin '{origin}'", tree.path)

    def advance():
        """A new commit to fetch."""
        box.sh("tree=$(git rev-parse main^{tree}) && "
               "git update-ref refs/heads/main $(git commit-tree -p main -m next $tree)", origin)

    def fetch(tree, other):
        def one(_):
            if advanced.pop(tree.which, None) is None:
                advance()
                advanced[other.which] = True
            return box.timed(["git", "fetch", "-q"], tree.path)
        return one

    def plain(*argv):
        return [lambda _, t=t: box.timed(list(argv), t.path) for t in (a, b)]

    def line(name, work, samples, budget=1.1):
        ms = _ms(samples)
        return Line(name, f"{work}, {n} files", {"with": ms[0], "without": ms[1]}, ms[0] / ms[1],
                    budget, "without backups")

    advanced = {}
    for when in ("before", "after"):
        if when == "after":
            first = [[box.timed(["git", "gc", "-q"], t.path)] for t in (a, b)]
            yield line("gc-first", "git gc, the first with 1,000 backups", first, None)
            yield line("gc", "git gc again, with 1,000 backups",
                       rounds(min(ctx.runs, 3), *plain("git", "gc", "-q")))
        yield line(f"fetch-{when}", f"git fetch, 1,000 backups, {when} gc",
                   rounds(ctx.runs, fetch(a, b), fetch(b, a)))
        yield line(f"log-{when}", f"git log --all, 1,000 backups, {when} gc",
                   rounds(ctx.runs, *plain("git", "log", "--all")))


PARTS = (("files", by_files), ("backups", by_backups), ("hooks", hooks), ("beside", beside))


def measure(ctx, files, patterns, say):
    """All records; shows those of each part as soon as it is done."""
    records = []
    for name, part in PARTS:
        if patterns and not any(fnmatch.fnmatch(name, p) for p in patterns.split(",")):
            continue
        say(f"growth: {name}")
        lines = [line.record() for line in part(ctx, sorted(files))]
        show(lines)
        records += lines
    return records


def show(records):
    wide = max(len(r["work"]) for r in records)
    print(f"{'work':{wide}} {'against':16} {'ratio':>7} {'budget':>6} {'verdict':7}  ms")
    for r in records:
        print(f"{r['work']:{wide}} {r['baseline']:16} {r['ratio']:>7.3g} "
              f"{'-' if r['budget'] is None else format(r['budget'], 'g'):>6} "
              f"{r['verdict'] or '-':7}  "
              + ", ".join(f"{k}: {v:g}" for k, v in r["ms"].items()), flush=True)
