#!/usr/bin/env python3
"""An fsmonitor program for fsmonitor_random.py to chain: right, by comparing the tree with what it was.

usage: fsmonitor_scan.py FOLDER VERSION TOKEN

FOLDER is where it keeps what it saw.  Tokens of version 2 are "scan:N"; of version 1, times.
"""
import os
import pickle
import sys
import time

keep, version, token = sys.argv[1:4]
TICK = 50_000_000  # ns; what changed so shortly before it was looked at may have changed again


def look():
    seen, folders = {}, [b""]
    while folders:
        d = folders.pop()
        try:
            found = list(os.scandir(d or b"."))
        except OSError:
            continue
        for e in found:
            if e.name == b".git":
                if d:  # a repository inside begins or ends there
                    st = e.stat(follow_symlinks=False)
                    seen[d + b"/.git"] = (st.st_ino, st.st_mtime_ns, begun if st.st_ctime_ns + TICK > begun else 0)
                continue
            try:
                st = e.stat(follow_symlinks=False)
            except OSError:
                continue
            p = d + b"/" + e.name if d else e.name
            fresh = st.st_ctime_ns + TICK > begun
            seen[p] = (st.st_ino, st.st_mode, st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_nlink, begun if fresh else 0)
            if e.is_dir(follow_symlinks=False):
                folders.append(p)
    return seen


begun = time.time_ns()
if version == "2" and os.path.exists(os.path.join(keep, "v1")):
    sys.exit(1)
now = look()
looks = sorted(int(x) for x in os.listdir(keep) if x.isdigit())
for t in looks[:-60]:
    os.unlink(os.path.join(keep, str(t)))
with open(os.path.join(keep, "new"), "wb") as f:
    pickle.dump(now, f)
os.rename(f.name, os.path.join(keep, str(begun)))
out = sys.stdout.buffer
if version == "2":
    out.write(b"scan:%d\0" % begun)
try:
    since = int(token[5:] if token.startswith("scan:") else token)
    # version 1 is given the time of a query, taken before: the newest look that was over by then
    with open(os.path.join(keep, str([t for t in looks if t == since or (version == "1" and t <= since)][-1])), "rb") as f:
        old = pickle.load(f)
except (ValueError, IndexError, OSError, EOFError):
    out.write(b"/\0")
    sys.exit(0)
changed = {p for p in set(old) | set(now) if old.get(p) != now.get(p)}
for p in sorted(changed):
    if p.endswith(b"/.git"):
        p = p[:-5]
        for q in {*old, *now}:
            if q.startswith(p + b"/") and not q.endswith(b"/.git"):
                out.write(q + b"\0")
    out.write(p + b"\0")
    # a repository inside is one thing to git
    while b"/" in p:
        p = p.rsplit(b"/", 1)[0]
        if p + b"/.git" in now or p + b"/.git" in old:
            out.write(p + b"\0")
