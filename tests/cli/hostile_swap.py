#!/usr/bin/env python3
"""hostile_swap.py KIND WHERE OUTSIDE -- COMMAND...: swaps names below WHERE while COMMAND runs.

KIND link: each folder of WHERE turns into a link to OUTSIDE and back; fifo, socket, device (root
only): each file of WHERE turns into one and back.  RENAME_EXCHANGE, so that something stands at the
name at all times.  Ends with the command's exit code, every name as it was; 99 when it hangs.
"""
import ctypes
import os
import shutil
import socket
import subprocess
import sys
import threading

EXCHANGE = 2
AT_FDCWD = -100
PATIENCE = 120  # seconds: only a hang takes so long
libc = ctypes.CDLL(None, use_errno=True)


def exchange(a, b):
    if libc.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), EXCHANGE) != 0:
        if ctypes.get_errno() not in (2, 20):  # the command took it away, or its folder
            raise OSError(ctypes.get_errno(), "renameat2", a)
        return False
    return True


def make(kind, path, outside):
    if kind == "link":
        os.symlink(outside, path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(os.path.dirname(path))  # a socket's path is short
        socket.socket(socket.AF_UNIX).bind(os.path.basename(path))
        os.chdir(here)
    else:
        os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero: reading it never ends


def swap(kind, where, outside, aside, end, count):
    """Each name has a stand-in beside the working tree, on the same disk."""
    names = sorted(n for n in os.listdir(where) if os.path.isdir(os.path.join(where, n)) == (kind == "link"))
    for i, _ in enumerate(names):
        make(kind, "%s/%d" % (aside, i), outside)
    while not end.is_set():
        for i, name in enumerate(names):
            a, b = os.path.join(where, name), "%s/%d" % (aside, i)
            if exchange(a, b):
                count[0] += 1
                exchange(a, b)


def main():
    split = sys.argv.index("--")
    kind, where, outside = sys.argv[1:split]
    aside = os.path.abspath(outside) + ".aside"
    os.mkdir(aside)
    end, count, status = threading.Event(), [0], 99
    thread = threading.Thread(target=swap, args=(kind, os.path.abspath(where), os.path.abspath(outside), aside, end, count))
    thread.start()
    try:
        while count[0] == 0 and thread.is_alive():
            pass
        status = subprocess.run(sys.argv[split + 1:], timeout=PATIENCE).returncode
    except subprocess.TimeoutExpired:
        print("hangs: %s" % sys.argv[split + 1:], file=sys.stderr)
    end.set()
    thread.join()
    for name in os.listdir(aside):
        path = os.path.join(aside, name)
        (shutil.rmtree if os.path.isdir(path) and not os.path.islink(path) else os.remove)(path)
    os.rmdir(aside)
    return status if count[0] else 98


if __name__ == "__main__":
    sys.exit(main())
