"""The trees that are measured: N files of a source tree that Debian ships, with their contents.

Each corpus is two equal working trees, `a` and `b`, of one repository: one for SafeKeep and one for
the baseline, so that neither sees what the other left in the index.  It is made once; a row gets it
as it was made by putting back `.git` and what differs from it.  The name of its folder has a digest
of this file and of the package's version in it: a corpus made in another way has another name.
"""

import fcntl, hashlib, os, shutil, subprocess, time

from sandbox import Trouble

PACKAGE = "golang-1.19-src"
WHEN = "1700000000 +0000"


def download(box, cache):
    """The package's files, unpacked once: {folder, version}."""
    done = os.path.join(cache, "source")
    if not os.path.isdir(done):
        new = done + ".new"
        shutil.rmtree(new, ignore_errors=True)
        os.makedirs(new)
        apt = "apt-get -q -o APT::Sandbox::User=root"
        own = f"{apt} -o Dir::State::Lists='{new}/lists' -o Dir::Cache='{new}/cache'"
        box.sh(f"{apt} download {PACKAGE} || {{ mkdir -p lists/partial cache/archives/partial && "
               f"{own} update && {own} download {PACKAGE}; }}", new)
        deb = [f for f in os.listdir(new) if f.endswith(".deb")][0]
        box.sh(f"dpkg-deb -f '{deb}' Version >version && dpkg-deb -x '{deb}' x && "
               f"rm -rf '{deb}' lists cache", new)
        os.rename(new, done)
    with open(os.path.join(done, "version")) as version:
        return os.path.join(done, "x/usr/share/go-1.19"), version.read().strip()


class Corpora:
    def __init__(self, box, cache, say):
        self.box, self.say = box, say
        self.cache = os.path.abspath(cache)
        os.makedirs(self.cache, exist_ok=True)
        self.lock = open(os.path.join(self.cache, "lock"), "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Trouble(f"another benchmark uses {self.cache}") from None
        self.source, version = download(box, self.cache)
        with open(__file__, "rb") as recipe:
            digest = hashlib.sha256(recipe.read() + f"{PACKAGE} {version}".encode())
        self.prefix = f"corpus-{digest.hexdigest()[:12]}-"
        self.files = []
        for folder, dirs, names in os.walk(self.source):
            dirs.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    self.files.append(os.path.relpath(path, self.source))

    def tree(self, n, which):
        """Working tree `which` of the corpus with n files, as it was made."""
        where = os.path.join(self.cache, self.prefix + str(n))
        if not os.path.isdir(where):
            self._make(where, n)
        return Tree(self.box, where, which)

    def _content(self, i):
        """Path, content and executable bit of file i; copies of the source differ in their last
        line."""
        name, copy = self.files[i % len(self.files)], i // len(self.files)
        path = os.path.join(self.source, name)
        with open(path, "rb") as file:
            data = file.read()
        if copy:
            data += f"// copy {copy}\n".encode()
        return f"part{copy}/{name}", data, os.access(path, os.X_OK)

    def _write_tree(self, where, n):
        made = set()
        for i in range(n):
            path, data, executable = self._content(i)
            path = os.path.join(where, path)
            folder = os.path.dirname(path)
            if folder not in made:
                os.makedirs(folder, exist_ok=True)
                made.add(folder)
            with open(path, "wb") as out:
                out.write(data)
            if executable:
                os.chmod(path, 0o755)

    def _import(self, repo, n):
        """One commit with all of it, by way of git fast-import: a few seconds instead of minutes.
        Copies of one file follow each other, so that they become deltas."""
        out = subprocess.Popen(["git", "fast-import", "--quiet"], cwd=repo, env=self.box.env,
                               stdin=subprocess.PIPE)
        who = f"Bench <bench@example.org> {WHEN}"
        out.stdin.write(f"commit refs/heads/main\ncommitter {who}\ndata 6\ncorpus\n".encode())
        unique = len(self.files)
        for first in range(min(unique, n)):
            for i in range(first, n, unique):
                path, data, executable = self._content(i)
                out.stdin.write(f"M {'100755' if executable else '100644'} inline {path}\n"
                                f"data {len(data)}\n".encode() + data + b"\n")
        out.stdin.close()
        if out.wait():
            raise Trouble("git fast-import failed")

    def _make(self, where, n):
        start = time.monotonic()
        need, free = n * 2 * 14000, shutil.disk_usage(self.cache).free
        if need > free:
            raise Trouble(f"a corpus of {n} files needs {need >> 20} MiB in {self.cache}; "
                          f"{free >> 20} are free")
        new = where + ".new"
        shutil.rmtree(new, ignore_errors=True)
        for which in "ab":
            self._write_tree(os.path.join(new, which), n)
        a = os.path.join(new, "a")
        self.box.sh("git init -q", a)
        self._import(a, n)
        self.box.sh("git -C a pack-refs --all && mv a/.git pristine.git", new)
        time.sleep(1.1)  # an index of the same second as the files is not believed
        for which in "ab":
            self.box.sh(f"cp -a pristine.git {which}/.git && git -C {which} read-tree HEAD && "
                        f"git -C {which} update-index -q --refresh && "
                        f"cp -p {which}/.git/index index.{which}", new)
        os.rename(new, where)
        self.say(f"made a corpus of {n} files in {time.monotonic() - start:.0f} s")


class Tree:
    def __init__(self, box, where, which):
        self.box, self.where, self.which = box, where, which
        self.path = os.path.join(where, which)
        self.git = os.path.join(self.path, ".git")
        self.reset()

    def reset(self):
        """As it was made."""
        self.restore_git()
        self.box.sh("git reset -q --hard && git clean -qfdx && git status --porcelain", self.path)

    def restore_git(self):
        """`.git` only."""
        shutil.rmtree(self.git, ignore_errors=True)
        self.box.sh(f"cp -a pristine.git '{self.git}' && "
                    f"cp -p index.{self.which} '{self.git}/index'", self.where)

    def some_files(self, count, first=0):
        """Evenly spread over the tree, sources only."""
        names = [n for n in self.box.sh("git ls-files -z", self.path).split("\0")
                 if n.endswith((".go", ".s", ".c", ".h"))]
        step = max(1, len(names) // count)
        return names[first % step::step][:count]

    def enable(self, service=False, guard=False, hooks=False):
        """git sk init."""
        off = "".join(f" --no-{name}" for name, on in
                      (("service", service), ("guard", guard), ("hooks", hooks)) if not on)
        self.box.sh(f"git-sk -q init{off}", self.path)
        if service:
            self.box.service_watches(self.path)

    def keep_all(self):
        """No backup goes by itself."""
        with open(os.path.join(self.git, "sk", "safekeep.ini"), "w") as out:
            out.write("[retention]\nmax_per_day = 1000000\nkeep_last = 1000000\ndisk_budget = 0\n")

    def backups(self):
        return len(self.box.sh("git for-each-ref --format=x refs/sk/backup", self.path).split())
