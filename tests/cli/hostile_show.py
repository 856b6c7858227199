#!/usr/bin/env python3
"""hostile_show.py pipe|json|tty: runs the commands of standard input, one a line, quoted as for a shell.

What they say must be UTF-8 without control characters or bidirectional overrides, on a pipe, in
JSON (which must be valid) and on a terminal; none may hang, crash, or fail without a word.
"""
import errno
import json
import os
import pty
import re
import shlex
import subprocess
import sys

PATIENCE = 120  # seconds: only a hang takes so long
HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
CODES = set(range(0, 16)) | {127}


def on_terminal(words):
    master, slave = pty.openpty()
    p = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            break
        if not data:
            break
        seen += data
    os.close(master)
    return p.wait(PATIENCE), seen.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), b"git sk: "


def on_pipe(words):
    r = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    return r.returncode, r.stdout, r.stderr


def main():
    mode, bad, n = sys.argv[1], 0, 0
    for line in os.fsdecode(sys.stdin.buffer.read()).splitlines():
        words = ["git-sk"] + shlex.split(line)
        if mode == "json":
            words.insert(2, "--json")
        n += 1
        try:
            code, out, err = on_terminal(words) if mode == "tty" else on_pipe(words)
        except subprocess.TimeoutExpired:
            print("%s: hangs" % line)
            bad += 1
            continue
        wrong = [] if code in CODES else ["exit code %d" % code]
        for what, text in ("standard output", out), ("standard error", err):
            try:
                hit = HIDDEN.search(text.decode())
            except UnicodeDecodeError as e:
                wrong.append("%s is not UTF-8: %r" % (what, text[max(0, e.start - 40):e.end + 20]))
                continue
            if hit:
                wrong.append("%s: %r" % (what, text.decode()[max(0, hit.start() - 60):hit.end() + 20]))
        if mode == "json" and out:
            try:
                json.loads(out)
            except ValueError as e:
                wrong.append("JSON: %s" % e)
        if code > 1 and b"git sk: " not in err:
            wrong.append("exit code %d without a word" % code)
        for w in wrong:
            print("%s: %s: %s" % (mode, line, w))
        bad += len(wrong)
    sys.exit(bad != 0 or n == 0)


main()
