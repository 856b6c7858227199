#!/usr/bin/env python3
"""Does git do the same with SafeKeep as without it?

    same.py [--service] [--twice] [--jobs N] [--keep] [NAME...]

Runs each of scripts/NAME.git twice in the same folder, with SafeKeep off and on, and compares after
every command: exit code, stdout, stderr, the working trees, and all that git keeps beside its objects
(HEAD, refs, reflogs, index entries with their flags, configuration, the state of a rebase, ...).
At the end of a script what git says of each repository, that no object is missing, that no lock is
left, and that `git sk uninit --purge` brings the configuration and the hooks back byte for byte.
See README.md for the form of the scripts and for what is left out of the comparison.
"""
import argparse
import concurrent.futures
import difflib
import hashlib
import os
import re
import shlex
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
EPOCH = 1767225600  # 2026-01-01T00:00:00Z: the clock of the first command
OURS = re.compile(rb"^git sk: ")
# bash functions for the scripts
PREAMBLE = r"""
put() { mkdir -p "$(dirname "$1")"; local f=$1; shift; printf '%s\n' "$@" >"$f"; }
add() { local f=$1; shift; printf '%s\n' "$@" >>"$f"; }
hook() { local d; d=$(git rev-parse --git-path hooks); mkdir -p "$d"; rm -f "$d/$1"; { echo '#!/bin/sh'; printf '%s\n' "${@:2}"; } >"$d/$1"; chmod +x "$d/$1"; }
"""
# keys that `git sk init` sets, with what they are set to
SETTINGS = re.compile(
    r"(core\.fsmonitor=.*git-sk-fsmonitor|transfer\.hiderefs=refs/sk"
    r"|log\.excludedecoration=refs/sk/\*|gc\.refs/sk/.*|core\.hookspath=.*)\Z", re.S)
# the questions asked of each repository at the end of a script; True: lines that name refs/sk are left out
QUESTIONS = [
    ("status --porcelain=v2 --branch --ignored --show-stash --untracked-files=all", False),
    ("ls-files --stage -v", False),
    ("ls-files --resolve-undo", False),
    ("ls-files --debug", False),
    ("for-each-ref", True),
    ("log --all --format=raw --graph --decorate=full", False),
    ("reflog show --all", False),
    ("stash list", False),
    ("worktree list --porcelain", False),
    ("notes list", False),
    ("describe --all --always", False),
    ("count-objects", None),
    ("fsck --full --strict --no-dangling", False),
]


class Clock:
    """One minute for each command, so that every id git computes is the same in both runs."""

    def __init__(self):
        self.now = EPOCH

    def env(self):
        self.now += 60
        date = "%d +0000" % self.now
        return {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_TEST_DATE_NOW": str(self.now)}


def environment(top, service):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("GIT_") and not k.startswith("SK_") and k != "EDITOR" and k != "VISUAL"}
    home = os.path.join(top, "h")
    env.update(
        HOME=home, XDG_CONFIG_HOME=home + "/.config", XDG_CACHE_HOME=home + "/.cache",
        XDG_DATA_HOME=home + "/.local/share", XDG_STATE_HOME=home + "/.local/state",
        XDG_RUNTIME_DIR=os.path.join(top, "x"), GIT_CONFIG_GLOBAL=home + "/.gitconfig",
        GIT_CONFIG_SYSTEM="/dev/null", GIT_TEMPLATE_DIR=os.path.join(top, "t"),
        GIT_AUTHOR_NAME="A", GIT_AUTHOR_EMAIL="a@example.org",
        GIT_COMMITTER_NAME="C", GIT_COMMITTER_EMAIL="c@example.org",
        GIT_TERMINAL_PROMPT="0", GIT_EDITOR="true", TZ="UTC", LC_ALL="C.UTF-8", PAGER="cat",
        TMPDIR=os.path.join(top, "tmp"))
    if not service:
        env["GIT_SK_NO_SERVICE"] = "1"
    return env


def make_home(top):
    for name in ("h/.config", "x", "t", "w", "tmp"):
        os.makedirs(os.path.join(top, name), mode=0o700)
    with open(os.path.join(top, "h/.gitconfig"), "w") as f:
        f.write("[init]\n\tdefaultBranch = main\n[protocol \"file\"]\n\tallow = always\n"
                "[advice]\n\tstatusUoption = false\n[gc]\n\tautoDetach = false\n")


# ---- what is there after a command ------------------------------------------------------------


def is_git_dir(path):
    return (os.path.isfile(os.path.join(path, "HEAD")) and os.path.isdir(os.path.join(path, "refs"))
            and os.path.isdir(os.path.join(path, "objects")))


def index_entries(data, fallback):
    """(entries of an index file without the fields of stat, its extensions but those of caches); the trailing
    checksum is looked at too.  A split index is what git says it is: with core.fsmonitor git writes it whole
    again, so that its extensions are not looked at."""
    out = []
    magic, version, count = struct.unpack(">4sII", data[:12])
    if magic != b"DIRC":
        return ["not an index"], None
    if data[-20:] != bytes(20) and hashlib.sha1(data[:-20]).digest() != data[-20:]:
        out.append("its checksum is wrong")
    pos, before = 12, b""
    for _ in range(count):
        start = pos
        mode, = struct.unpack_from(">I", data, pos + 24)
        oid = data[pos + 40:pos + 60].hex()
        flags, = struct.unpack_from(">H", data, pos + 60)
        pos += 62
        more = 0
        if flags & 0x4000:
            more, = struct.unpack_from(">H", data, pos)
            pos += 2
        if version == 4:
            strip = data[pos] & 0x7f
            while data[pos] & 0x80:
                pos += 1
                strip = ((strip + 1) << 7) | (data[pos] & 0x7f)
            pos += 1
            end = data.index(b"\0", pos)
            name = before[:len(before) - strip] + data[pos:end]
            pos = end + 1
        else:
            end = data.index(b"\0", pos)
            name = data[pos:end]
            pos = start + ((end - start) // 8 + 1) * 8
        before = name
        mark = "S" if more & 0x4000 else "M" if flags & 0x3000 else "H"
        out.append("%s %06o %s %d\t%s%s" % (mark.lower() if flags & 0x8000 else mark, mode, oid, flags >> 12 & 3,
                                           os.fsdecode(name), " (to be added)" if more & 0x2000 else ""))
    extensions = []
    while pos < len(data) - 20:
        name, size = struct.unpack_from(">4sI", data, pos)
        body = data[pos + 8:pos + 8 + size]
        pos += 8 + size
        if name == b"link":
            return fallback(), None
        if name in (b"FSMN", b"UNTR", b"EOIE", b"IEOT"):
            continue
        extensions.append("%s %s" % (name.decode("latin-1"), hashlib.sha1(body).hexdigest()))
    return out, extensions


def config_lines(text):
    """section.key=value of a configuration file without what is ours; order kept."""
    out, section = [], ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            section = re.sub(r'\[(\S+)\s*"?(.*?)"?\]\Z', r"\1.\2", line).rstrip("].[")
        elif line:
            key, _, value = line.partition("=")
            value = "%s.%s=%s" % (section, key.strip().lower(), value.strip().strip('"'))
            if not SETTINGS.match(value[0].lower() + value[1:]):
                out.append(value)
    return out


class Look:
    """All of a folder that has to be the same: {path: lines}."""

    def __init__(self, env):
        self.env = env
        self.seen = {}

    def at(self, top):
        self.seen = {}
        self.top = top
        self.folder(top, "")
        return self.seen

    def folder(self, path, name):
        if is_git_dir(path):
            return self.git_dir(path, name)
        for entry in sorted(os.scandir(path), key=lambda e: e.name):
            self.entry(entry, name + "/" + entry.name)

    def entry(self, entry, name):
        st = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(st.st_mode):
            self.seen[name] = ["folder %o" % stat.S_IMODE(st.st_mode)]
            self.folder(entry.path, name)
        elif stat.S_ISLNK(st.st_mode):
            self.seen[name] = ["link " + os.readlink(entry.path)]
        elif stat.S_ISREG(st.st_mode):
            with open(entry.path, "rb") as f:
                data = f.read()
            # GIT_INDEX_FILE may lie anywhere
            self.seen[name] = ["file %o" % stat.S_IMODE(st.st_mode)] + (
                index_entries(data, list)[0] if data.startswith(b"DIRC") else lines(data))
        else:
            self.seen[name] = ["other %o" % st.st_mode]

    def git_dir(self, path, name, main=None):
        """One repository's, or one linked worktree's, own folder."""
        for entry in sorted(os.scandir(path), key=lambda e: e.name):
            inner = name + "/" + entry.name
            if entry.name in ("objects", "sk", "hooks") or entry.name.startswith("sharedindex."):
                continue
            if entry.name in ("modules", "worktrees") and entry.is_dir():
                self.nested(entry.path, inner)
            elif entry.name in ("refs", "logs"):
                self.refs(entry.path, inner)
            elif entry.name in ("index", "config", "packed-refs") or entry.name.startswith("config."):
                self.known(entry, path, inner)
            elif entry.name == "info":
                self.folder(entry.path, inner)
                if inner + "/refs" in self.seen: # made by gc, for those who fetch over plain HTTP
                    self.seen[inner + "/refs"] = [t for t in self.seen[inner + "/refs"] if "refs/sk/" not in t]
            else:
                self.entry(entry, inner)

    def nested(self, path, name):
        for entry in sorted(os.scandir(path), key=lambda e: e.name):
            if os.path.exists(os.path.join(entry.path, "HEAD")):
                self.git_dir(entry.path, name + "/" + entry.name)
            else:
                self.entry(entry, name + "/" + entry.name)

    def refs(self, path, name):
        for folder, folders, files in os.walk(path):
            folders.sort()
            folders[:] = [f for f in folders if os.path.join(folder, f) not in
                          (path + "/sk", path + "/refs/sk")]
            for file in sorted(files):
                with open(os.path.join(folder, file), "rb") as f:
                    self.seen[name + os.path.join(folder, file)[len(path):]] = lines(f.read())

    def known(self, entry, path, name):
        with open(entry.path, "rb") as f:
            data = f.read()
        if entry.name == "index":
            self.seen[name], more = index_entries(data, lambda: self.split_index(path))
            self.seen[name + " extensions"] = more
        elif entry.name == "packed-refs":
            text, skip, kept = data.decode("utf-8", "surrogateescape").splitlines(), False, []
            for line in text:  # what a tag of ours points to is the line after it
                skip = " refs/sk/" in line or (skip and line.startswith("^"))
                if not skip:
                    kept.append(line)
            # git makes the file only when there is a ref to go into it
            if [line for line in kept if not line.startswith("#")]:
                self.seen[name] = kept
        else:
            self.seen[name] = config_lines(data.decode("utf-8", "surrogateescape"))

    def split_index(self, path):
        env = dict(self.env, GIT_DIR=path, GIT_OPTIONAL_LOCKS="0")
        out = subprocess.run(["git", "-c", "core.fsmonitor=false", "ls-files", "--stage", "-v", "-z"], env=env,
                             cwd=self.top, capture_output=True, check=True).stdout
        return out.decode("utf-8", "surrogateescape").split("\0")[:-1]


def lines(data):
    # the index of `git commit FILE` is named after a process
    data = re.sub(rb"next-index-\d+", b"next-index-PID", data)
    return data.decode("utf-8", "surrogateescape").split("\n")


# ---- running a script -------------------------------------------------------------------------


class Failed(Exception):
    pass


class Run:
    """One run of one script: a list of (command, what it did)."""

    def __init__(self, script, top, on, service):
        self.script, self.top, self.on, self.service = script, top, on, service
        self.work = os.path.join(top, "w")
        self.base = environment(top, service)
        self.env, self.cwd = {}, "."
        self.clock = Clock()
        self.steps, self.repos, self.said = [], [], []

    def command(self, line, env, cwd):
        process = subprocess.Popen(
            ["bash", "-c", PREAMBLE + line], env=env, cwd=cwd, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, err = process.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Failed("%s: %s: hangs" % (self.script, line))
        return process.returncode, out, err

    def go(self):
        for line in script_lines(self.script):
            word, _, rest = line.partition(" ")
            if word == "@sk":
                self.enable(rest)
            elif word == "@in":
                self.cwd = rest
            elif word == "@env":
                name, _, value = rest.partition("=")
                self.env[name] = value.replace("$W", self.work)
            elif word == "@unenv":
                self.env.pop(rest, None)
            else:
                self.step(line)
        self.end()
        return self

    def enable(self, rest):
        self.clock.env()
        folder, *options = shlex.split(rest)
        self.repos.append(folder)
        if self.on:
            options += [] if self.service else ["--no-service"]
            code, out, err = self.command(shlex.join(["git", "sk", "init", "-q"] + options), self.base,
                                          os.path.join(self.work, folder))
            if code:
                raise Failed("%s: git sk init: %s" % (self.script, err.decode()))

    def step(self, line):
        env = dict(self.base, **self.clock.env())
        env.update(self.env)
        named = line.startswith("~ ")
        code, out, err = self.command(line[2:] if named else line, env, os.path.join(self.work, self.cwd))
        kept = []
        for text in err.split(b"\n"):
            if self.on and OURS.match(text):
                self.said.append(text)
            else:
                kept.append(text)
        out = out.split(b"\n")
        if named:
            out = [text for text in out if b"refs/sk/" not in text]
        self.steps.append((line, {
            "exit code": [str(code)], "stdout": lines(b"\n".join(out)), "stderr": lines(b"\n".join(kept)),
            "files": Look(self.base).at(self.work)}))

    def end(self):
        for repo in self.repos:
            folder = os.path.join(self.work, repo)
            if not os.path.isdir(folder):
                continue
            answers, objects = {}, set()
            for question, named in QUESTIONS:
                if named is None:
                    continue
                code, out, err = self.command("git " + question, self.base, folder)
                text = lines(out) + lines(err)
                if self.on:
                    text = [t for t in text if not t.startswith("git sk: ") and (not named or "refs/sk/" not in t)]
                if question == "ls-files --debug":
                    text = [flags(t) for t in text if not t.startswith("  ") or "flags" in t]
                answers["git " + question] = [str(code)] + text
            code, out, err = self.command("git cat-file --batch-all-objects --batch-check=%\\(objectname\\)",
                                          self.base, folder)
            objects = set(out.split())
            self.steps.append(("at the end, in " + repo, {"files": answers, "objects": objects}))
        if self.on:
            self.leave()
        bytes_ = {}
        for repo in self.repos:
            bytes_.update(self.exact(repo))
        self.steps.append(("after uninit --purge", {"files": bytes_}))
        self.steps.append(("locks left", {"files": {"locks": self.locks()}}))

    def leave(self):
        if self.service:
            self.command("git sk service stop", self.base, self.top)
        for repo in self.repos:
            if os.path.exists(os.path.join(self.work, repo, ".git")):
                code, out, err = self.command("git sk uninit -q --purge", self.base, os.path.join(self.work, repo))
                if code:
                    raise Failed("%s: git sk uninit: %s" % (self.script, err.decode()))

    def exact(self, repo):
        """The configuration and the hooks, byte for byte, and that nothing of ours is left."""
        seen = {}
        code, out, _ = self.command("git rev-parse --path-format=absolute --git-common-dir", self.base,
                                    os.path.join(self.work, repo)) if os.path.isdir(
                                        os.path.join(self.work, repo)) else (1, b"", b"")
        if code:
            return seen
        common = out.decode().rstrip("\n")
        for name in ("config", "config.worktree"):
            if os.path.exists(os.path.join(common, name)):
                with open(os.path.join(common, name), "rb") as f:
                    seen[repo + " " + name] = lines(f.read())
        # what is committed may have been in our packs alone
        _, out, err = self.command("git fsck --full --no-dangling", self.base, os.path.join(self.work, repo))
        seen[repo + " git fsck"] = lines(out + err)
        for name in ("hooks", "sk", "refs/sk", "logs/refs/sk"):
            path = os.path.join(common, name)
            if os.path.isdir(path) and os.listdir(path):
                look = Look(self.base)
                for key, value in look.at(path).items():
                    seen[repo + " " + name + key] = value
        return seen

    def locks(self):
        found = []
        for folder, folders, files in os.walk(self.work):
            found += [os.path.join(folder, f) for f in files
                      if f.endswith(".lock") and "/sk/" not in folder + "/"]
        return sorted(found)


def flags(text):
    """of `ls-files --debug` a line of flags, without those that only live in memory (git's cache.h)"""
    return re.sub(r".*flags: (\w+)", lambda m: "flags %x" % (int(m.group(1), 16) & 0x6000f000), text)


def script_lines(name):
    text = open(os.path.join(HERE, "scripts", name + ".git")).read().replace("\\\n", "")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


# ---- comparing --------------------------------------------------------------------------------


def differences(off, on):
    """(command, what, diff) for the first command that differs, and every thing that differs in it"""
    for (line, a), (_, b) in zip(off.steps, on.steps):
        found = []
        for what in ("exit code", "stdout", "stderr"):
            if a.get(what) != b.get(what):
                found.append((what, a[what], b[what]))
        for path in sorted(set(a["files"]) | set(b["files"])):
            x, y = (side["files"].get(path, ["(not there)"]) for side in (a, b))
            if x != y and x is not None and y is not None:
                found.append((path, x, y))
        lost = a.get("objects", set()) - b.get("objects", set())
        if lost:
            found.append(("objects", sorted(o.decode() for o in lost), ["(missing)"]))
        if found:
            return line, found
    return None


def one(name, args):
    """(name, commands, report or None)"""
    top = tempfile.mkdtemp(prefix="sk-same.")
    try:
        runs = []
        for on in (False, args.mode != "twice"):
            for old in os.listdir(top):
                shutil.rmtree(os.path.join(top, old))
            make_home(top)
            run = Run(name, top, on, on and args.mode == "service")
            try:
                runs.append(run.go())
            finally:
                if run.service:
                    run.command("git sk service stop", run.base, top)
        found = differences(*runs)
    except Failed as e:
        return name, 0, str(e) + "\n"
    finally:
        if args.keep:
            print("kept: " + top, file=sys.stderr)
        else:
            subprocess.run(["chmod", "-R", "u+rwX", top])
            shutil.rmtree(top, ignore_errors=True)
    count = len(runs[0].steps)
    if args.verbose:
        for line, did in runs[1].steps:
            print("$ %s\n%s%s" % (line, "\n".join(did.get("stdout", [])), "\n".join(did.get("stderr", []))))
        print(b"\n".join(runs[1].said).decode())
    if not found:
        return name, count, None
    report = "%s: %s\n" % (name, found[0])
    for what, x, y in found[1]:
        report += "  %s\n" % what
        report += "".join("    %s\n" % t.rstrip("\n") for t in difflib.unified_diff(x, y, "off", "on", lineterm="", n=2))
    return name, count, report.encode("utf-8", "backslashreplace").decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service", dest="mode", action="store_const", const="service", default="alone",
                        help="with the service running")
    parser.add_argument("--twice", dest="mode", action="store_const", const="twice",
                        help="both times without SafeKeep: is a script the same each time?")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", action="store_true", help="leave the folders behind")
    parser.add_argument("--verbose", action="store_true", help="what every command said")
    parser.add_argument("--list", action="store_true", help="the scripts there are")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    known = sorted(f[:-4] for f in os.listdir(os.path.join(HERE, "scripts")) if f.endswith(".git"))
    if args.list:
        print("\n".join(known))
        return 0
    failed = total = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, count, report in pool.map(lambda n: one(n, args), args.names or known):
            total += count
            if report:
                failed += 1
                print("DIFFERENT " + report, end="")
            else:
                print("same %s: %d commands" % (name, count))
            sys.stdout.flush()
    print("%d commands, %d scripts differ" % (total, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
