#!/usr/bin/env python3
"""hostile_craft.py: makes backups that SafeKeep would never make, one for each case.

Run in an enabled repository.  Each backup has the file good.txt, holding the name of its case,
beside what the case is about; the trees are written byte by byte.  Prints "ID<TAB>CASE" for each.
Crafted blobs hold the word "escaped", so that a file which has it tells that a case came through.
"""
import hashlib
import os
import subprocess
import zlib

ZERO = "0" * 40


def git(*words, data=None):
    return subprocess.run(["git", *words], input=data, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def put(kind, data):
    """A loose object with any content at all."""
    raw = kind.encode() + b" %d\0" % len(data) + data
    oid = hashlib.sha1(raw).hexdigest()
    path = os.path.join(OBJECTS, oid[:2], oid[2:])
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(zlib.compress(raw, 1))
    return oid


def tree(*entries, sort=True):
    if sort:
        entries = sorted(entries, key=lambda e: e[1] + (b"/" if e[0] == "40000" else b""))
    return put("tree", b"".join(m.encode() + b" " + n + b"\0" + bytes.fromhex(o) for m, n, o in entries))


def entry(number, case, top, trailers=""):
    ref = "refs/sk/revision/Case_%03d" % number  # a revision: no retention takes it away
    tag = put("tag", ("object %s\ntype tree\ntag x\ntagger A <a> %d +0000\n\n%s\n\nSk-Kind: revision\n"
                      "Sk-Worktree: main\n%s" % (top, 1735689600 + number, case, trailers)).encode("utf-8", "replace"))
    git("update-ref", ref, tag)
    print("%s\t%s" % (ref.rpartition("/")[2], case), flush=True)


def names():
    yield "dotgit", b".git"
    yield "dotgit upper", b".GIT"
    yield "dotgit mixed", b".gIt"
    yield "short name", b"git~1"
    yield "short name upper", b"GIT~1"
    yield "dotgit blank", b".git "
    yield "dotgit dot", b".git."
    yield "dotgit dots and blanks", b".git . . "
    yield "stream", b".git::$INDEX_ALLOCATION"
    yield "dotdot", b".."
    yield "dot", b"."
    yield "empty", b""
    yield "absolute", os.fsencode(OUT) + b"/absolute"
    yield "slash up", b"../out/up"
    yield "slash down", b"src/../../out/down"
    yield "slash only", b"/"
    yield "backslash git", b"a\\.git\\config"
    yield "git backslash", b".git\\config"
    yield "up backslash", b"..\\out\\x"
    yield "hfs", b".g\xe2\x80\x8cit"
    yield "hfs first", b"\xe2\x80\x8d.git"
    yield "hfs last", b".git\xef\xbb\xbf"
    yield "dotgit carriage return", b".git\r"
    yield "trailing blank", b"x "
    yield "trailing dot", b"x."
    yield "long", b"n" * 300
    yield "long path", b"p" * 5000


def build():
    blob = put("blob", b"escaped\n")
    hook = put("blob", b"#!/bin/sh\necho escaped >%s/hook\n" % os.fsencode(OUT))
    inner = tree(("100755", b"post-checkout", hook), ("100644", b"config", blob), ("100644", b"x", blob))
    below = tree(("40000", b"hooks", inner), ("100644", b"config", blob), ("100644", b"x", blob))
    away = put("blob", os.fsencode(OUT))

    def top(case, *more, sort=True):
        good = put("blob", case.encode("utf-8", "replace") + b"\n")
        return tree(("100644", b"good.txt", good), *more, sort=sort)

    cases = []
    for what, name in names():
        for kind, mode, oid in ("file", "100644", blob), ("folder", "40000", below), ("link", "120000", away):
            cases.append(("%s as a %s" % (what, kind), [(mode, name, oid)], True))
        cases.append(("%s further down" % what, [("40000", b"deep", tree(("40000", b"er", tree(("40000", name, below)))))], True))
    for what, pair in (
            ("a link and a folder", [("120000", b"same", away), ("40000", b"same", below)]),
            ("a folder and a link", [("40000", b"same", below), ("120000", b"same", away)]),
            ("two files", [("100644", b"same", blob), ("100644", b"same", hook)]),
            ("a file and a folder", [("100644", b"same", blob), ("40000", b"same", below)])):
        cases.append(("twice: " + what, pair, False))
    cases.append(("twice, apart", [("120000", b"z", away), ("100644", b"q", blob), ("40000", b"z", below)], False))
    cases.append(("not in order", [("100644", b"z", blob), ("100644", b"b", blob), ("100644", b"a", blob)], False))
    for mode in "160000", "170000", "0", "10000", "20000", "60000", "140000", "100000", "104755", "106777", "100777777", \
            "1", "40755", "777777":
        cases.append(("mode " + mode, [(mode, b"odd", below if mode.startswith("40") else blob)], True))
    cases.append(("link without a target", [("120000", b"odd", put("blob", b""))], True))
    cases.append(("link with NUL", [("120000", b"odd", put("blob", b"a\0b"))], True))
    cases.append(("link of 1 MB", [("120000", b"odd", put("blob", b"t" * 1000000))], True))
    cases.append(("link that is a tree", [("120000", b"odd", below)], True))
    cases.append(("folder that is a blob", [("40000", b"odd", blob)], True))
    cases.append(("file that is a tree", [("100644", b"odd", below)], True))
    cases.append(("file that is missing", [("100644", b"odd", "12" * 20)], True))
    cases.append(("folder that is missing", [("40000", b"odd", "12" * 20)], True))
    cases.append(("zeros", [("100644", b"odd", ZERO)], True))
    cases.append(("escape sequence", [("100644", b"e\x1b[31mvil\x1b]0;t\x07\n\r\x9bx", blob)], True))
    cases.append(("bidi", [("100644", "a\u202egnp.exe\u2066".encode(), blob)], True))
    cases.append(("not UTF-8", [("100644", b"\xff\xfe\x80\xc3(", blob)], True))
    cases.append(("leading dash", [("100644", b"--help", blob)], True))
    for name in b".gitmodules", b".gitattributes", b".gitignore", b".mailmap", b".safekeep.ini", b".GITMODULES", b"gi7eba~1":
        cases.append((name.decode() + " as a link", [("120000", name, away)], True))
        cases.append((name.decode() + " as a folder", [("40000", name, below)], True))
    number = 0
    for case, more, sort in cases:
        entry(number, case, top(case, *more, sort=sort))
        number += 1
    for what, name in names():
        index = tree(("40000", name, below))
        meta = tree(("40000", b"index", index))
        entry(number, "staged: " + what, top("staged: " + what), "Sk-Index: %s\nSk-Meta: %s\n" % (index, meta))
        number += 1
    for what, name in names():
        info = put("blob", b"".join(b"100644 %s %d -\t%s\0" % (blob.encode(), stage, name) for stage in (1, 2)))
        meta = tree(("100644", b"index-info", info), ("40000", b"index", tree(("100644", b"a", blob))))
        entry(number, "conflict: " + what, top("conflict: " + what), "Sk-Meta: %s\n" % meta)
        number += 1
    for what, name in names():
        said = b"".join(k + name + b"\0" for k in (b"F 4777 ", b"D 7777 ", b"E 0777 ", b"V ", b"S \x1b[2J\tx\t", b"N %s " % (b"0" * 40)))
        meta = tree(("100644", b"attributes", put("blob", said)), ("40000", b"nested", tree(("40000", b"0", below))))
        entry(number, "beside: " + what, top("beside: " + what), "Sk-Skipped: 1\nSk-Meta: %s\n" % meta)
        number += 1
    deep = tree(("100644", b"x", blob))
    for _ in range(6000):
        deep = tree(("40000", b"d", deep))
    entry(number, "6000 folders deep", top("6000 folders deep", ("40000", b"deep", deep)))


if __name__ == "__main__":
    OBJECTS = git("rev-parse", "--git-path", "objects")
    OUT = os.environ["OUT"]
    build()
