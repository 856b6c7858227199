"""The disk of a simulated working week: --disk.

The same 1,000 states are saved by SafeKeep, as git commits, and, every tenth of them, by restic and
borg.  A step edits a few files; some steps make or delete one, some switch the branch (as checkout
does: 200 files change at once), and a few rewrite a part of a large file that cannot be compressed.
What is counted is what the week adds.
"""

import os, random, shutil

from sandbox import disk_use, must

FILES = 5000
STEPS = 1000
OTHERS_EVERY = 10
BIG = 100 << 20
BIG_CHANGES = 5
SWITCH_EVERY = 40
BRANCH_FILES = 200


class Week:
    """The same steps for each tree that it is applied to."""

    def __init__(self, names):
        self.names, self.random = names, random.Random(1)
        self.branch = self.random.sample(names, BRANCH_FILES)
        self.made = []

    def steps(self):
        for i in range(STEPS):
            yield i, self._step(i)

    def _step(self, i):
        """A list of (what, path, argument)."""
        r, out = self.random, []
        for name in r.sample(self.names, r.choice((1, 1, 2, 3, 5))):
            out.append(("line", name, (r.random(), f"edit {i} {r.random()}")))
        if i % 7 == 3:
            self.made.append(f"notes-{i}.txt")
            out.append(("new", self.made[-1], r.randrange(200, 5000)))
        if i % 20 == 19 and self.made:
            out.append(("delete", self.made.pop(0), None))
        if i % SWITCH_EVERY == SWITCH_EVERY - 1:
            out += [("switch", name, None) for name in self.branch]
        if i % (STEPS // BIG_CHANGES) == STEPS // BIG_CHANGES // 2:
            out.append(("big", "big.bin", r.randrange(BIG - (1 << 20))))
        return out


def apply(folder, step):
    for what, name, argument in step:
        path = os.path.join(folder, name)
        if what == "delete":
            os.unlink(path)
        elif what == "new":
            with open(path, "w") as out:
                words = random.Random(name)
                out.write("".join(f"{words.random()}\n" for _ in range(argument // 20)))
        elif what == "big":
            with open(path, "r+b") as out:
                out.seek(argument)
                out.write(random.Random(argument).randbytes(1 << 20))
        else:
            with open(path, "rb") as file:
                lines = file.read().split(b"\n")
            if what == "line":
                at, text = argument
                lines[int(at * len(lines))] = b"// " + text.encode()
            elif lines[0] == b"// the other branch":
                lines.pop(0)
            else:
                lines.insert(0, b"// the other branch")
            with open(path, "wb") as out:
                out.write(b"\n".join(lines))


def _others(ctx, tree):
    """{name: (folder, command of a snapshot)}."""
    out, box = {}, ctx.box
    for name, make, command in (
            ("restic", "restic init -q -r '{0}'", "restic backup -q -r '{0}' --exclude .git ."),
            ("borg", "borg init -e none '{0}'",
             "borg create --exclude 'sh:**/.git' '{0}::{1}' .")):
        if ctx.others and box.which(name):
            folder = os.path.join(box.scratch, f"week-{name}")
            shutil.rmtree(folder, ignore_errors=True)
            box.sh(make.format(folder))
            box.sh(command.format(folder, "start"), tree.path)
            out[name] = folder, command
    return out


def measure(ctx, say):
    box = ctx.box
    a, b = ctx.pair(FILES)
    for tree in a, b:
        with open(os.path.join(tree.path, "big.bin"), "wb") as out:
            out.write(random.Random(0).randbytes(BIG))
        box.sh("git add big.bin && git commit -qm big && git gc -q", tree.path)
    a.enable()
    a.keep_all()
    others = _others(ctx, b)
    start = {"SafeKeep": disk_use(a.git), "git commits": disk_use(b.git)}
    start.update({name: disk_use(folder) for name, (folder, _) in others.items()})
    for i, step in Week(a.some_files(1000)).steps():
        for tree in a, b:
            apply(tree.path, step)
        box.sh("git-sk backup -q", a.path)
        box.sh(f"git add -A && git commit -qm 'step {i}'", b.path)
        if i % OTHERS_EVERY == OTHERS_EVERY - 1:
            for folder, command in others.values():
                box.sh(command.format(folder, f"s{i}"), b.path)
        if i % 100 == 99:
            say(f"disk: step {i + 1} of {STEPS}")
    must(a.backups() == STEPS + 1, "backups are missing")
    grown = {"SafeKeep": disk_use(a.git), "git commits": disk_use(b.git)}
    grown.update({name: disk_use(folder) for name, (folder, _) in others.items()})
    for tree in a, b:
        box.sh("git gc -q", tree.path)
    packed = {"SafeKeep": disk_use(a.git), "git commits": disk_use(b.git)}
    return [{"tool": name, "snapshots": STEPS // (OTHERS_EVERY if name in others else 1),
             "start_bytes": start[name], "added_bytes": grown[name] - start[name],
             "added_after_gc_bytes": packed[name] - start[name] if name in packed else None}
            for name in grown]


def show(records):
    base = next(r for r in records if r["tool"] == "git commits")
    print(f"a simulated week: {STEPS} states of {FILES} files and one of {BIG >> 20} MiB that "
          f"changes {BIG_CHANGES} times\n")
    print(f"{'':12} {'snapshots':>9} {'first MiB':>10} {'added MiB':>10} {'of git':>7} "
          f"{'after gc':>10} {'of git':>7}")
    for r in records:
        of_git = r["added_bytes"] / base["added_bytes"]
        line = (f"{r['tool']:12} {r['snapshots']:>9} {r['start_bytes'] / 2**20:>10.1f} "
                f"{r['added_bytes'] / 2**20:>10.2f} {of_git:>7.3g} ")
        if r["added_after_gc_bytes"] is not None:
            of_git = r["added_after_gc_bytes"] / base["added_after_gc_bytes"]
            added = r["added_after_gc_bytes"] / 2**20
            line += f"{added:>10.2f} {of_git:>7.3g}"
        print(line.rstrip())
