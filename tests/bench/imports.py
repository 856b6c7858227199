"""How fast it is told what uses what: whole projects that nothing is cached of, beside tools that do
the same for JavaScript (madge, dependency-cruiser), and files a second for each language.

The projects are packages of Debian and of npm, whose versions are fixed here.  npm runs no script
of what it installs.  Without npm and node there are fewer rows and languages."""

import json, os, shutil, statistics

from corpus import download
from sandbox import Trouble, must, rounds
from table import row

NPM = shutil.which("npm") and shutil.which("node")
TOOLS = "madge@8.0.0 dependency-cruiser@16.10.4 typescript@5.7.3"
# language: what kind of package, its name, the folder in it, the ends of its files' names
LANGUAGES = {
    "go": ("deb", "golang-1.19-src", "usr/share/go-1.19/src", ".go"),
    "python": ("deb", "python3-sympy", "usr/lib/python3/dist-packages", ".py"),
    "c": ("deb", "linux-libc-dev", "usr/include", ".h"),
    "rust": ("deb", "rust-src", "usr/src", ".rs"),
    "ruby": ("deb", "libruby3.1", "usr/lib/ruby", ".rb"),
    "php": ("deb", "phpmyadmin", "usr/share", ".php"),
    "javascript": ("npm", "core-js@3.39.0", "", ".js"),
    "typescript": ("npm", "viem@2.21.55", "", ".ts"),
}


def _npm_install(ctx, name, packages):
    """A folder of the cache whose node_modules has these packages."""
    done = os.path.join(ctx.corpora.cache, "npm-" + name)
    if not os.path.isdir(done):
        new = done + ".new"
        shutil.rmtree(new, ignore_errors=True)
        os.makedirs(new)
        settings = os.path.expanduser("~/.npmrc")  # the registry of whoever runs this
        user = f"--userconfig '{settings}'" if os.path.isfile(settings) else ""
        ctx.box.sh(f"npm install --ignore-scripts --no-audit --no-fund --prefix . {user} {packages}",
                   new)
        os.rename(new, done)
    return done


def _files_of(ctx, kind, package, folder):
    if kind == "deb":
        # the table's corpora are made of it, and have it
        name = "source" if package == "golang-1.19-src" else "deb-" + package
        return os.path.join(download(ctx.box, ctx.corpora.cache, package, name)[0], folder)
    name, version = package.rsplit("@", 1)
    return os.path.join(_npm_install(ctx, f"{name}-{version}", package), "node_modules", name, folder)


class Project:
    """A repository in the scratch folder with a package's files, enabled."""

    def __init__(self, ctx, kind, package, folder, end):
        self.box = ctx.box
        self.path = os.path.join(ctx.box.scratch, "project")
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(_files_of(ctx, kind, package, folder), self.path, symlinks=True,
                        ignore=shutil.ignore_patterns("node_modules", ".git*"))
        self.box.sh("git init -q && git add -A && git commit -qm files && "
                    "git-sk -q init --no-service --no-guard --no-hooks", self.path)
        names = self.box.sh("git ls-files -z", self.path).split("\0")
        self.names = [n for n in names if n.endswith(end)]
        must(self.names, f"{package} has no {end}")
        self.bytes = sum(os.path.getsize(os.path.join(self.path, n)) for n in self.names)

    def forget(self):
        for name in "graph-worktree", "graph-staged", "imports":
            path = os.path.join(self.path, ".git/sk", name)
            if os.path.exists(path):
                os.remove(path)

    def ours(self, _):
        self.forget()
        return self.box.timed(["git-sk", "impact", "--json", self.names[0]], self.path)

    def counts(self):
        self.forget()
        return json.loads(self.box.sh(f"git-sk impact --json '{self.names[0]}'", self.path))


def _against_tools(ctx, package, end):
    """madge is the baseline."""
    tools = os.path.join(_npm_install(ctx, "tools", TOOLS), "node_modules/.bin")
    project = Project(ctx, "npm", package, "", end)
    madge = [f"{tools}/madge", "--no-spinner", "--json", "--extensions", end[1:], "."]
    cruise = [f"{tools}/depcruise", "--no-config", "--output-type", "json", "."]

    def theirs(argv):
        return lambda _: ctx.box.timed(argv, project.path)

    # into a file: it exits before a pipe has all
    said = os.path.join(ctx.box.scratch, "madge.json")
    ctx.box.sh(f"{' '.join(madge)} >'{said}'", project.path)
    with open(said) as file:
        found = json.load(file)
    edges = sum(len(uses) for uses in found.values())
    counts = project.counts()
    must(counts["edges"] >= 0.98 * edges,
         f"madge finds {edges} edges in {package}, git sk impact {counts['edges']}")
    return ctx.times(project.ours, theirs(madge), {"depcruise": theirs(cruise)} if ctx.others else {})


if NPM:
    @row("impact-npm-core-js", "impact of core-js, nothing cached", "madge", {3546: 0.05}, at=3546)
    def impact_core_js(ctx, _):
        return _against_tools(ctx, "core-js@3.39.0", ".js")

    @row("impact-npm-viem", "impact of viem, nothing cached", "madge", {2056: 0.05}, at=2056)
    def impact_viem(ctx, _):
        return _against_tools(ctx, "viem@2.21.55", ".ts")


# Files a second

def _language(ctx, name):
    kind, package, folder, end = LANGUAGES[name]
    project = Project(ctx, kind, package, folder, end)
    edges = project.counts()["edges"]
    grep = ["sh", "-c", "! git grep -q -e 'no such [t]ext anywhere'"]
    ours, base = rounds(ctx.runs, project.ours, lambda _: ctx.box.timed(grep, project.path))
    seconds = statistics.median(s.seconds for s in ours)
    return {"language": name, "package": package, "files": len(project.names),
            "bytes": project.bytes, "edges": edges, "ms": seconds * 1e3,
            "files_per_second": len(project.names) / seconds,
            "grep_ms": statistics.median(s.seconds for s in base) * 1e3}


def measure(ctx, wanted, say):
    """Records, and what could not be measured."""
    records, failed = [], []
    for name, (kind, *_) in LANGUAGES.items():
        if (wanted and name not in wanted.split(",")) or (kind == "npm" and not NPM):
            continue
        try:
            records.append(_language(ctx, name))
            say(f"{name}: {records[-1]['files_per_second']:.0f} files a second")
        except Trouble as trouble:
            say(trouble)
            failed.append(f"{name}: {trouble}")
    return records, failed


def show(records):
    print(f"{'language':11} {'package':18} {'files':>6} {'MB':>6} {'edges':>7} {'ms':>8} {'files/s':>8} "
          f"{'MB/s':>7} {'git grep':>9} {'ratio':>6}")
    for r in records:
        print(f"{r['language']:11} {r['package']:18} {r['files']:>6} {r['bytes'] / 1e6:>6.1f} "
              f"{r['edges']:>7} {r['ms']:>8.1f} {r['files_per_second']:>8.0f} "
              f"{r['bytes'] / r['ms'] / 1e3:>7.1f} {r['grep_ms']:>9.1f} {r['ms'] / r['grep_ms']:>6.2f}")
