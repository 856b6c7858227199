#!/usr/bin/env python3
"""terminal.py [WAIT_FOR SEND]... -- CMD...: runs CMD on a terminal of its own.

Each SEND (with \\n, \\x03 for Ctrl-C and the like) is typed once WAIT_FOR has come after what was
waited for before.  What CMD shows goes to standard output, less carriage returns; the exit status
is CMD's, 128 + signal, or 99 when CMD ended before it had shown what was waited for.
"""
import os
import select
import sys

PATIENCE = 120  # seconds without a sign of life: something hangs


def main():
    words = sys.argv[1:]
    split = words.index("--")
    script, command = words[:split], words[split + 1:]
    steps = [(w.encode(), s.encode().decode("unicode_escape").encode())
             for w, s in zip(script[::2], script[1::2])]
    pid, fd = os.forkpty()
    if pid == 0:
        os.execvp(command[0], command)
    seen, at = b"", 0
    while True:
        while steps and steps[0][0] in seen[at:]:
            wait_for, send = steps.pop(0)
            at = seen.index(wait_for, at) + len(wait_for)
            os.write(fd, send)
        if not select.select([fd], [], [], PATIENCE)[0]:
            os.kill(pid, 9)
        try:
            data = os.read(fd, 4096)
        except OSError:  # EIO: all its descriptors are closed
            break
        if not data:
            break
        seen += data
    sys.stdout.buffer.write(seen.replace(b"\r", b""))
    sys.stdout.flush()
    status = os.waitpid(pid, 0)[1]
    if steps:
        sys.stderr.write("never shown: %r\n" % steps[0][0])
        return 99
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


sys.exit(main())
