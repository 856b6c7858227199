#!/usr/bin/env python3
"""Random work in a repository: git status with SafeKeep's answers must be git status without.

usage: fsmonitor_random.py FOLDER STEPS SEED

After each step `git status --porcelain=v2` of the user's index, with core.fsmonitor on, is compared
to that of a copy of the index with core.fsmonitor and the untracked cache off: with -uall and with the
repository's own setting, in either order.  The steps are edits, renames, moves of folders, ignore
rules, git commands, repositories inside, kills and restarts of the service, and overflows of its
queue.  The first difference ends the run: it prints the last steps.  The last line says how many of
each kind there were.

SK_TEST_CHAIN=1 or 2: with another fsmonitor program in place before (fsmonitor_scan.py), of that version of
the protocol; the service is then switched off at times.
"""
import collections
import ctypes
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
import time

top, steps, seed = os.path.realpath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
rnd = random.Random(seed)
work, outside = os.path.join(top, "work"), os.path.join(top, "outside")
log = []
counts = collections.Counter()
generation = {}  # of each service: a new one after an overflow
chain = os.environ.get("SK_TEST_CHAIN", "")
OWN, REFUSED = "wrong by git's untracked cache alone", "refused by git"
LINKED = "everything answers beside hard links"
libc = ctypes.CDLL(None, use_errno=True)
NAMES = ["a", "b", "c.txt", "d.o", "e", "lib", "src", "f-1", "g.log", "sp ace", "\u00fc", "build"]


def run(*cmd, check=True, env=None, **kw):
    e = dict(os.environ, **(env or {}))
    p = subprocess.run(cmd, cwd=work, env=e, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       stdin=subprocess.DEVNULL, **kw)
    if check and p.returncode:
        raise SystemExit("%r: %s" % (cmd, p.stderr.decode(errors="replace")))
    return p


def git(*args, **kw):
    return run("git", *args, check=False, **kw)


def service_pid():
    try:
        with open(os.path.join(os.environ["XDG_RUNTIME_DIR"], "safekeep", "lock")) as f:
            return int(f.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def start():
    e = {k: v for k, v in os.environ.items() if k != "GIT_SK_NO_SERVICE"}
    subprocess.run(["git-sk", "-q", "service", "start"], check=True, stdout=subprocess.DEVNULL, env=e)


# --- what there is

def entries(kind):
    found = []
    for d, dirs, files in os.walk(work):
        if d == work and ".git" in dirs:
            dirs.remove(".git")
        links = [x for x in dirs if os.path.islink(os.path.join(d, x))]
        dirs[:] = [x for x in dirs if x != ".git" and x not in links]
        for x in (dirs if kind == "d" else files + links):
            if x != ".git":
                found.append(os.path.join(d, x))
    return sorted(found)


def pick(found):
    p = rnd.choice(found) if found else None
    if p and log:
        log[-1] += " " + os.path.relpath(p, work)
    return p


def a_file():
    return pick(entries("f"))


def a_dir(root=True):
    return pick(entries("d") + ([work] if root else []))


def new_path():
    p = a_new_path()
    log[-1] += " >" + os.path.relpath(p, work)
    return p


def a_new_path():
    p = rnd.choice(entries("d") + [work])
    for _ in range(rnd.choice([0, 0, 0, 1, 2])):
        p = os.path.join(p, rnd.choice(NAMES))
    return os.path.join(p, rnd.choice(NAMES))


def text():
    return "".join(rnd.choice("xyz\n") for _ in range(rnd.choice([1, 1, 5, 40])))


def put(path, data):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(data)
    except OSError:
        pass  # a folder is there, or a file above it


# --- steps

def do(s):
    log.append(s.__name__)
    counts["steps"] += 1
    counts[kind(s)] += 1
    try:
        s()
    except OSError:
        pass  # an earlier step is in its way


def s_write():
    put(new_path(), text())


def s_edit():
    p = a_file()
    if p and not os.path.islink(p):
        put(p, text())


def s_append():
    p = a_file()
    if p and not os.path.islink(p):
        with open(p, "a") as f:
            f.write(text())


def s_same_size():
    p = a_file()
    if p and os.path.isfile(p) and not os.path.islink(p):
        n = os.path.getsize(p)
        st = os.stat(p)
        with open(p, "w") as f:
            f.write("".join(rnd.choice("pq") for _ in range(n)))
        if rnd.random() < 0.5:
            os.utime(p, ns=(st.st_atime_ns, st.st_mtime_ns))


def s_replace():  # as editors do
    p = a_file()
    if p:
        t = p + "~"
        put(t, text())
        if os.path.isfile(t):
            os.rename(t, p)


def s_delete():
    p = a_file()
    if p:
        os.unlink(p)


def s_delete_tree():
    p = a_dir(False)
    if p:
        shutil.rmtree(p, ignore_errors=True)


def s_rename_over():
    p, q = a_file(), a_file()
    if p and q and p != q:
        os.rename(p, q)


def s_case():  # another name to Linux, and to git
    p = rnd.choice([a_file(), a_dir(False)])
    if p:
        d, n = os.path.split(p)
        os.rename(p, os.path.join(d, n.swapcase()))


def s_tick():  # twice in one tick of the clock, with the same size
    p = a_file()
    if p and os.path.isfile(p) and not os.path.islink(p):
        n = os.path.getsize(p)
        put(p, "k" * n)
        put(p, "l" * n)


def s_add_tick():
    p = a_file()
    if p and os.path.isfile(p) and not os.path.islink(p):
        n = os.path.getsize(p)
        put(p, "K" * n)
        git("add", "-f", "--", p)
        put(p, "L" * n)


def s_in_place():  # the folder's entry does not change
    p = a_file()
    if p and os.path.isfile(p) and not os.path.islink(p):
        with open(p, "r+b") as f:
            k = rnd.random()
            if k < 0.4:
                f.truncate(rnd.randrange(4))
            elif k < 0.7:
                f.write(b"W")
            else:
                f.seek(0, 2)
                f.write(b"end")


def s_deep():
    p = rnd.choice(entries("d") + [work])
    q = os.path.join(p, *(rnd.choice(NAMES) for _ in range(rnd.randrange(4, 12))))
    put(os.path.join(q, "deep"), text())
    if rnd.random() < 0.5:
        time.sleep(rnd.choice([0, 0.02]))
    if rnd.random() < 0.7:
        first = os.path.join(p, os.path.relpath(q, p).split("/")[0])
        shutil.rmtree(first, ignore_errors=True)
        if rnd.random() < 0.5:
            put(first, text())


def s_link_for_dir():
    p = a_dir(False)
    if p:
        os.rename(p, os.path.join(outside, "l%d" % rnd.randrange(10 ** 9)))
        os.symlink(rnd.choice([outside, "src", "nowhere", "."]), p)


def s_dir_for_link():
    links = [p for p in entries("f") if os.path.islink(p)]
    p = pick(links)
    if p:
        os.unlink(p)
        put(os.path.join(p, rnd.choice(NAMES)), text())


def s_rename():
    p, q = a_file(), new_path()
    try:
        os.makedirs(os.path.dirname(q), exist_ok=True)
        os.rename(p, q)
    except (OSError, TypeError):
        pass


def s_move_dir():
    p, q = a_dir(False), new_path()
    try:
        os.makedirs(os.path.dirname(q), exist_ok=True)
        os.rename(p, q)
    except (OSError, TypeError):
        pass


def s_move_out():
    p = a_dir(False)
    if p:
        try:
            os.rename(p, os.path.join(outside, "%d" % rnd.randrange(5)))
        except OSError:
            pass


def s_move_in():
    there = sorted(os.listdir(outside))
    if there:
        d = os.path.join(outside, rnd.choice(there))
        put(os.path.join(d, rnd.choice(NAMES)), text())
        try:
            os.rename(d, new_path())
        except OSError:
            pass


def s_exchange():
    p, q = a_dir(False), a_dir(False)
    if p and q:
        libc.renameat2(-100, p.encode(), -100, q.encode(), 2)


def s_dir_for_file():
    p = a_file()
    if p:
        os.unlink(p)
        put(os.path.join(p, rnd.choice(NAMES)), text())


def s_file_for_dir():
    p = a_dir(False)
    if p:
        shutil.rmtree(p, ignore_errors=True)
        put(p, text())


def s_link():
    q = new_path()
    try:
        os.makedirs(os.path.dirname(q), exist_ok=True)
        os.symlink(rnd.choice(["a", "nowhere", "src", "..", outside]), q)
    except OSError:
        pass


def s_hard_link():
    if rnd.random() > 0.05:  # no answer is exact for a while after it
        return
    p, q = a_file(), new_path()
    try:
        os.link(p, q, follow_symlinks=False)
        if git("check-ignore", "-q", "--no-index", q).returncode != 1:
            os.unlink(q)  # a name that is not watched: what remains, see core/service/README.md
            return
        with open(q, "a") as f:
            f.write(text())
    except (OSError, TypeError):
        pass


def s_chmod():
    p = a_file()
    if p and not os.path.islink(p):
        os.chmod(p, rnd.choice([0o644, 0o755]))


def s_touch():
    p = rnd.choice([a_file(), a_dir()])
    if p:
        os.utime(p, follow_symlinks=False)


def s_empty_dir():
    os.makedirs(new_path() + "d", exist_ok=True)


def s_ignore():
    rules = rnd.sample(["*.o", "*.log", "build/", "/lib", "!d.o", "src/", "!src/", "a", "sp ace", "**/e", "!build/"],
                       rnd.randrange(4))
    put(os.path.join(a_dir(), ".gitignore"), "\n".join(rules) + "\n")


def s_ignore_gone():
    for p in entries("f"):
        if p.endswith("/.gitignore") and rnd.random() < 0.5:
            os.unlink(p)


def s_exclude():
    put(os.path.join(work, ".git/info/exclude"), rnd.choice(["", "build\n", "*.txt\n", "lib/\n", "src\n"]))


def s_excludes_file():
    put(os.path.join(top, "ex1"), rnd.choice(["", "e\n", "src/\n"]))
    git("config", "core.excludesFile", rnd.choice([os.path.join(top, "ex1"), os.path.join(top, "ex2")]))


def s_other_excludes():  # of one command only
    put(os.path.join(top, "ex3"), rnd.choice(["", "!build\n!src\n!lib\n"]))
    git("-c", "core.excludesFile=" + os.path.join(top, "ex3"), "status")


def s_git(*args):
    def step():
        git(*args)
    step.__name__ = "git " + " ".join(args)
    return step


def s_add_path():
    p = a_file() or work
    git("add", *(["-f"] if rnd.random() < 0.5 else []), "--", p)


def s_rm():
    p = a_file()
    if p:
        git("rm", "-q", "-f", *(["--cached"] if rnd.random() < 0.5 else []), "--", p)


def s_mv():
    p = rnd.choice([a_file(), a_dir(False)])
    if p:
        git("mv", "-f", "-k", p, new_path())


def s_branch():
    git("checkout", "-q", "-B", "b%d" % rnd.randrange(4))
    git("commit", "-q", "-a", "--allow-empty", "-m", "x")


def s_checkout():
    git("checkout", "-q", "-f", "b%d" % rnd.randrange(4))


def s_assume():
    p = a_file()
    if p:
        git("update-index", rnd.choice(["--assume-unchanged", "--no-assume-unchanged"]), "--", p)


def s_nested():
    d = a_dir(False)
    if d:
        git("init", "-q", d)
        if rnd.random() < 0.5:
            subprocess.run("git -c core.fsmonitor= add -A && git commit -qm n", shell=True, cwd=d,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def nested():
    return sorted(d for d in entries("d") if os.path.lexists(os.path.join(d, ".git")))


def s_nested_ends():
    n = nested()
    if n:
        g = os.path.join(rnd.choice(n), ".git")
        k = rnd.random()
        if k < 0.3:
            try:
                os.unlink(os.path.join(g, "HEAD"))
            except OSError:
                pass
        elif k < 0.5 and not os.path.exists(g + "x"):
            os.rename(g, g + "x")
        else:
            shutil.rmtree(g, ignore_errors=True)


def s_index():  # how the index is written
    git("update-index", rnd.choice([
        "--index-version=2", "--index-version=3", "--index-version=4", split(), "--no-split-index",
        "--untracked-cache", "--no-untracked-cache", "--force-untracked-cache", "--fsmonitor", "--no-fsmonitor",
        "--refresh", "--really-refresh"]))


def s_sparse():
    if any(os.path.islink(p) and os.path.isdir(p) for p in entries("f")):
        return  # git deletes what such a link points to: the whole repository
    tops = sorted({os.path.relpath(d, work).split("/")[0] for d in entries("d")})
    k = rnd.random()
    if k < 0.4:
        git("sparse-checkout", "disable")
    elif tops:
        git("update-index", "--no-split-index")
        git("sparse-checkout", "set", rnd.choice(["--sparse-index", "--no-sparse-index"]), "--cone",
            *rnd.sample(tops, rnd.randrange(1, len(tops) + 1)))


def s_skip():
    p = a_file()
    if p:
        git("update-index", rnd.choice(["--skip-worktree", "--no-skip-worktree"]), "--", p)


def s_look():  # in part: what is left of the index's marks then
    p = os.path.relpath(rnd.choice([a_file(), a_dir()]) or work, work)
    git(*rnd.choice([["status", "--", p], ["status", "-uno"], ["ls-files", "-o", "--exclude-standard"], ["add", "-u", p],
                     ["diff", "--stat", "HEAD", "--", p], ["-C", p, "status", "-s"], ["commit", "-q", "-m", "p", "--", p],
                     ["add", "-N", p], ["checkout", "-q", "--", p], ["restore", "-s", "HEAD", "--", p],
                     ["reset", "-q", "--", p], ["clean", "-fdq", "--", p], ["stash", "push", "-q", "--", p],
                     ["rm", "-rqf", "--", p], ["update-index", "--add", "--remove", "--", p]]))


def s_merge():
    b = "b%d" % rnd.randrange(4)
    git(*rnd.choice([["merge", "-q", "--no-edit", b], ["rebase", "-q", "--autostash", b], ["cherry-pick", b],
                     ["merge", "--abort"], ["rebase", "--abort"], ["cherry-pick", "--abort"], ["reset", "-q", "--merge"]]))


def s_submodule():
    src = os.path.join(top, "sub")
    if not os.path.exists(src):
        subprocess.run("git init -q sub && cd sub && echo 1 >one && mkdir d && echo 2 >d/two && git add -A && "
                       "git commit -qm s && echo 3 >>one && git commit -qam t", shell=True, cwd=top, check=True)
    if rnd.random() < 0.4:
        git("submodule", "--quiet", "add", "-f", src, "s%d" % rnd.randrange(2))
        return
    d = pick(nested())
    if d:
        act = rnd.choice(["git commit -q --allow-empty -m x", "git reset -q --hard HEAD~1", "git add -A",
                          "git checkout -q --detach", "echo more >>one", "rm -f one", "echo new >new",
                          "git branch -M other", "git pack-refs --all", "git stash -u", "git clean -fdq"])
        subprocess.run(act, shell=True, cwd=d, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def linked_submodules():
    found = [os.path.join(work, line.split("\t", 1)[1]) for line in git("ls-files", "-s").stdout.decode().splitlines()
             if line.startswith("160000")]
    return [p for p in found if os.path.islink(p)]


def s_submodule_update():
    if linked_submodules():
        return  # git deletes what such a link points to: the whole repository
    git("submodule", "--quiet", *rnd.choice([["update", "--init", "--force"], ["deinit", "-f", "--all"], ["update"]]))


def s_worktree():
    d = os.path.join(rnd.choice([work, outside]), "wt%d" % rnd.randrange(2))
    if os.path.exists(d):
        git("worktree", "remove", "-f", d)
    else:
        git("worktree", "add", "-q", "-f", "--detach", d)


def s_other_index():
    shutil.copy(os.path.join(work, ".git/index"), os.path.join(top, "idx"))
    e = {"GIT_INDEX_FILE": os.path.join(top, "idx")}
    git("add", "-f", ".", env=e)
    git("status", env=e)


def s_untracked_cache():
    git("config", "core.untrackedCache", rnd.choice(["true", "false", "keep"]))


def s_show():
    git("config", "status.showUntrackedFiles", rnd.choice(["all", "normal"]))


def split():  # git 2.39 breaks a sparse index that it splits
    return "--split-index" if git("config", "index.sparse").stdout != b"true\n" else "--no-split-index"


def s_settings():
    git("config", rnd.choice(["index.version", "index.threads"]), rnd.choice(["2", "4"]))
    git("update-index", *rnd.choice([[split()], ["--no-split-index"], ["--refresh"]]))


def s_burst():  # at the same time as git
    p = subprocess.Popen(["git", "status"], cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(rnd.randrange(1, 30)):
        do(rnd.choice(FILES))
    p.wait()


def s_wait():
    time.sleep(rnd.choice([0.01, 0.1, 0.7]))


def s_stop():
    subprocess.run(["git-sk", "-q", "service", "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    do(s_edit)
    if rnd.random() < 0.5:
        git("status")
    start()


def s_kill():
    pid = service_pid()
    if pid:
        os.kill(pid, signal.SIGKILL)
    do(s_move_dir)
    start()
    if rnd.random() < 0.5:
        git("status")
    do(s_edit)


def s_switch():  # the chained program answers for a while
    if chain and not os.environ.pop("GIT_SK_NO_SERVICE", None):
        os.environ["GIT_SK_NO_SERVICE"] = "1"
    if rnd.random() < 0.5:
        git("add", "-A")  # a command that does not look for untracked files


def s_freeze():  # changes while it does not read
    pid = service_pid()
    if not pid:
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(rnd.randrange(1, 40)):
            do(rnd.choice(FILES))
        if rnd.random() < 0.1:
            git("status")  # gives up after a while, and leaves it alone
            os.unlink(os.path.join(os.environ["XDG_RUNTIME_DIR"], "safekeep", "slow"))
    finally:
        os.kill(pid, signal.SIGCONT)


def s_overflow():
    pid = service_pid()
    if not pid:
        return
    with open("/proc/sys/fs/inotify/max_queued_events") as f:
        n = int(f.read())
    os.kill(pid, signal.SIGSTOP)
    pair = [os.path.join(work, "o0"), os.path.join(work, "o1")]  # where there is a watch already
    try:
        put(pair[0], text())
        put(pair[1], text())
        for i in range(n * 5 // 4):  # one event each, but equal ones in a row are one
            os.utime(pair[i % 2])
        do(rnd.choice(FILES))
    finally:
        os.kill(pid, signal.SIGCONT)


FILES = [s_write, s_write, s_edit, s_edit, s_append, s_same_size, s_tick, s_in_place, s_replace, s_delete,
         s_delete_tree, s_rename, s_rename_over, s_case, s_move_dir, s_move_dir, s_move_out, s_move_in, s_move_in,
         s_exchange, s_dir_for_file, s_file_for_dir, s_link_for_dir, s_dir_for_link, s_link, s_chmod, s_touch,
         s_empty_dir, s_deep]
RULES = [s_ignore, s_ignore, s_ignore_gone, s_exclude, s_excludes_file, s_other_excludes]
GIT = [s_git("add", "-A"), s_git("commit", "-q", "-a", "-m", "c"), s_add_path, s_add_path, s_rm, s_mv, s_branch,
       s_checkout, s_checkout, s_git("stash", "-u"), s_git("stash", "pop"), s_git("reset", "-q", "--hard"),
       s_git("reset", "-q"), s_git("clean", "-fdq"), s_git("checkout", "."), s_git("status"), s_git("diff"),
       s_git("status", "--ignored"), s_git("rm", "-rq", "--cached", "."), s_git("read-tree", "HEAD"), s_assume,
       s_other_index, s_untracked_cache, s_show, s_settings, s_index, s_index, s_sparse, s_skip, s_add_tick,
       s_look, s_look, s_look, s_merge, s_submodule_update]
INSIDE = [s_nested, s_nested_ends, s_hard_link, s_submodule, s_submodule, s_worktree]
SERVICE = [s_wait, s_wait, s_wait, s_stop, s_kill, s_kill, s_freeze] + [s_switch] * (5 if chain else 0)
KINDS = {"edits": [s_write, s_edit, s_append, s_same_size, s_tick, s_in_place, s_replace, s_chmod, s_touch, s_link,
                   s_empty_dir, s_deep],
         "deletions": [s_delete, s_delete_tree],
         "renames": [s_rename, s_rename_over, s_case],
         "folder moves": [s_move_dir, s_move_out, s_move_in, s_exchange],
         "swaps of file, folder and link": [s_dir_for_file, s_file_for_dir, s_link_for_dir, s_dir_for_link],
         "rules": RULES, "git commands": GIT, "repositories inside": INSIDE, "restarts": [s_stop], "kills": [s_kill],
         "freezes": [s_freeze], "overflows": []}


def kind(s):
    return next((k for k in KINDS if s in KINDS[k]), "other")


def step():
    k = rnd.random()
    if k < 0.60:
        s = rnd.choice(FILES)
    elif k < 0.70:
        s = rnd.choice(RULES)
    elif k < 0.90:
        s = rnd.choice(GIT)
    elif k < 0.95:
        s = rnd.choice(INSIDE)
    elif k < 0.97:
        s = s_burst
    elif k < 0.997:
        s = rnd.choice(SERVICE)
    else:
        s = s_overflow
    do(s)


# --- the comparison

def plain(show):
    copy = os.path.join(top, "copy")
    for f in os.listdir(os.path.join(work, ".git")):
        if f.startswith("sharedindex."):
            shutil.copy(os.path.join(work, ".git", f), os.path.join(top, f))
    try:
        shutil.copy(os.path.join(work, ".git/index"), copy)
        os.utime(copy, (1, 1))  # so that every entry is compared by its bytes
    except FileNotFoundError:
        if os.path.exists(copy):
            os.unlink(copy)
    p = git("-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "status", "--porcelain=v2", show,
            env={"GIT_INDEX_FILE": copy, "GIT_OPTIONAL_LOCKS": "0", "SK_HOOK_RUNNING": "1"})
    return p.stdout if p.returncode == 0 else None


def cached(index, show):
    """The same by git's untracked cache alone: it has faults of its own."""
    return git("-c", "core.fsmonitor=false", "status", "--porcelain=v2", show,
               env={"GIT_INDEX_FILE": index, "SK_HOOK_RUNNING": "1"}).stdout


def repair():
    for p in linked_submodules():
        os.unlink(p)  # "expected submodule path not to be a symbolic link"
    if plain("-uno") is None:
        os.unlink(os.path.join(work, ".git/index"))
        git("reset", "-q")


def compare_one(show):
    want = plain(show)
    if want is None:  # and with SafeKeep?
        counts[REFUSED] += 1
        if git("status", "--porcelain=v2", show).returncode == 0:
            raise SystemExit("git status fails without SafeKeep, and with it does not")
        repair()
        return
    before = os.path.join(top, "before")
    if os.path.exists(os.path.join(work, ".git/index")):
        shutil.copy2(os.path.join(work, ".git/index"), before)
    got = git("status", "--porcelain=v2", show)
    counts["comparisons"] += 1
    if got.stdout != want and got.stdout == cached(before, show):
        counts[OWN] += 1
        git("update-index", "--no-untracked-cache")
    elif got.stdout != want:
        again, want2 = git("status", "--porcelain=v2", show).stdout, plain(show)
        sys.stderr.write("seed %d, comparison %d, %s: git status differs\nlast steps: %s\n" % (
            seed, counts["comparisons"], show, ", ".join(log[-30:])))
        sys.stderr.writelines(difflib.unified_diff(
            want.decode(errors="replace").splitlines(True), got.stdout.decode(errors="replace").splitlines(True),
            "without SafeKeep", "with", n=0))
        sys.stderr.write("again: %s, without again: %s\n" % (
            "right now" if again == want2 else "wrong", "same" if want2 == want else "other"))
        sys.stderr.write(got.stderr.decode(errors="replace"))
        raise SystemExit(1)


def has_hard_link():  # no answer is exact as long as there is one
    return any(os.lstat(p).st_nlink > 1 for p in entries("f"))


def compare(token):
    own = "-u" + git("config", "--default", "normal", "status.showUntrackedFiles").stdout.decode().strip()
    for show in rnd.sample(["-uall", own if own != "-uall" else "-unormal"], 2):
        compare_one(show)
    # how it came about; a new generation of the same service: its queue overflowed
    out = run("git-sk-fsmonitor", "2", token).stdout.split(b"\0")
    counts["exact answers" if out[1] != b"/" else LINKED if has_hard_link() else "everything answers"] += 1
    counts["answers of the chained program"] += not out[0].startswith(b"sk1") and not out[0].startswith(b"sk0")
    new = out[0].decode().split(":")
    if new[0] == "sk1" and new[2] != "0":
        counts["overflows"] += generation.get(new[1], new[2]) != new[2]
        generation[new[1]] = new[2]
    return out[0].decode()


def main():
    os.makedirs(work)
    os.makedirs(outside)
    subprocess.run(["git", "init", "-q", work], check=True)
    for n in range(40):
        put(os.path.join(work, rnd.choice(NAMES), rnd.choice(NAMES), "%d.txt" % n), text())
    run("git", "add", "-A")
    run("git", "commit", "-q", "-m", "first")
    if chain:
        os.makedirs(os.path.join(top, "scan"))
        if chain == "1":
            put(os.path.join(top, "scan", "v1"), "")
        here = os.path.dirname(os.path.abspath(__file__))
        git("config", "core.fsmonitor", "'%s' -S '%s/fsmonitor_scan.py' '%s/scan'" % (sys.executable, here, top))
    run("git", "sk", "-q", "init")
    git("config", "core.untrackedCache", "true")
    token, begun = "", time.time()
    try:
        for n in range(steps):
            for _ in range(rnd.choice([1, 1, 1, 2, 4])):
                step()
            for s, when in (s_switch, 4), (s_kill, 3), (s_overflow, 2):  # in a short run too
                if n == steps // when and (chain or s != s_switch):
                    do(s)
            if not os.path.exists(os.path.join(work, ".git/HEAD")):
                raise SystemExit("the repository is gone after: " + ", ".join(log[-12:]))
            token = compare(token)
    finally:
        order = ["steps", "comparisons", "exact answers", "everything answers", LINKED, "answers of the chained program",
                 *sorted(KINDS), OWN, REFUSED]
        sys.stderr.write("seed %d, %d rounds, %.0f s: %s\n" % (
            seed, steps, time.time() - begun, ", ".join("%d %s" % (counts[k], k) for k in order)))
        pid = service_pid()
        if pid:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
    answers = counts["exact answers"] + counts["everything answers"]
    if answers > 100 and counts["exact answers"] * 3 < answers:
        raise SystemExit("too few exact answers: the test tests nothing")


main()
