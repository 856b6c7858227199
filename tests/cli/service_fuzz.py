#!/usr/bin/env python3
"""service_fuzz.py SOCKET PID WORKTREE ROUNDS SEED - rubbish for the service's socket.

Random, mutated, cut, oversized and half-closed requests, then 200 connections that say nothing more.
After that the service must answer as before, with no more memory and descriptors than before.
Prints the figures; the exit status is 1 when one is wrong."""
import json, os, random, socket, struct, sys, time

path, pid, tree, rounds, seed = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
rnd = random.Random(seed)
HALF_OPEN = 200
# the sanitizer's allocator gives nothing back: more at first, no more with more requests
GROWTH_KB = 8192 if os.environ.get("SK_SANITIZED") else 2048


def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(60)
    while True:
        try:
            s.connect(path)
            return s
        except BlockingIOError:  # its queue is full
            time.sleep(0.01)


def pack(verb, *fields):
    body = b"".join(f + b"\0" for f in fields)
    return b"SK\1" + verb + struct.pack("<I", len(body)) + body


def ask(request):
    s = connect()
    s.sendall(request)
    data = b""
    while True:
        part = s.recv(65536)
        if not part:
            break
        data += part
    s.close()
    return data


def status():
    answer = ask(pack(b"p"))
    if answer[:4] != b"SK\1\0":
        raise SystemExit("no status: %r" % answer[:40])
    return json.loads(answer[8:])


def rss():
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def fds():
    return len(os.listdir("/proc/%d/fd" % pid))


def junk(n):
    return bytes(rnd.choice((0, 0, rnd.randrange(256))) for _ in range(n))


def field():
    here, git = tree.encode(), tree.encode() + b"/.git"
    return rnd.choice((here, git, b"", b"/", b"/nowhere", b"relative", here + b"/", here + b"/../x", junk(rnd.randrange(40)),
                       b"/" + b"x" * rnd.randrange(9000), b"0:1:2", b"%s%n%d", b"\xff\xfe", b"guard", b"pre-commit"))


def good():
    """A request in due form, of any verb but those that mean it: stop, and forget this tree."""
    verb = rnd.choice(b"pabcff?rxz")
    n = {ord("p"): 0, ord("a"): 1, ord("b"): 1, ord("c"): 1, ord("r"): 1, ord("f"): 4}.get(verb, rnd.randrange(8))
    return pack(bytes([verb]), *(field() for _ in range(n)))


def guard():
    """Starts a process in the service, so not too often."""
    return pack(b"g", rnd.choice((tree.encode(), b"/nowhere")), rnd.choice((b"nonsense", b"x" * 31, b"", junk(9))), junk(30), tree.encode() + b"/.git")


def mutate(b):
    b = bytearray(b)
    for _ in range(rnd.randrange(1, 4)):
        how = rnd.randrange(5)
        if how == 0 and b:
            b[rnd.randrange(len(b))] ^= 1 << rnd.randrange(8)
        elif how == 1 and b:
            del b[rnd.randrange(len(b)):]
        elif how == 2:
            b += junk(rnd.randrange(60))
        elif how == 3 and len(b) >= 8:
            b[4:8] = struct.pack("<I", rnd.choice((0, 1, 65535, 65536, 65537, 1 << 31, 0xFFFFFFFF, len(b))))
        else:
            at = rnd.randrange(len(b) + 1)
            b[at:at] = junk(rnd.randrange(1, 9))
    return bytes(b)


def request():
    kind = rnd.randrange(100)
    if kind < 20:
        b = junk(rnd.randrange(600))
    elif kind < 45:
        b = good()
    elif kind < 90:
        b = mutate(good())
    elif kind < 93:
        b = b"SK\1" + rnd.choice((b"a", b"c", b"f")) + struct.pack("<I", 65536) + junk(32) * 2048
    elif kind < 95:
        b = b"SK\1a\xff\xff\xff\xff" + b"x" * 200000
    else:
        b = mutate(pack(b"f", tree.encode(), tree.encode() + b"/.git", b"-", junk(20)))
    if rnd.randrange(500) == 0:
        b = guard()
    stop = len(b) >= 8 and b[:8] == pack(b"q")
    forget = b[3:4] == b"r" and tree.encode() in b
    return b"" if stop or forget else b


def one():
    b = request()
    try:
        s = connect()
        how = rnd.randrange(6)
        if how == 0:  # in pieces
            at = rnd.randrange(len(b) + 1)
            s.sendall(b[:at])
            s.sendall(b[at:])
        else:
            s.sendall(b)
        if how == 1:
            s.shutdown(socket.SHUT_WR)
            s.recv(64)
        elif how == 2:
            s.setblocking(False)
            s.recv(64)
        elif how == 3:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    except OSError:
        pass  # it hung up on us: that is its right


def half_open():
    """Many that say too little and stay; how long one in due form has to wait for its answer."""
    held = []
    for i in range(HALF_OPEN):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.setblocking(False)
        try:
            s.connect(path)
            s.send(b"SK\1p\4\0\0\0x"[: i % 10])
            if i % 3 == 0:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # its queue is full: they wait in line
        held.append(s)
    began = time.monotonic()
    status()
    waited = time.monotonic() - began
    for s in held:
        s.close()
    for _ in range(50):
        status()
    time.sleep(3)
    return waited


# as much of everything at once as there will be later
for _ in range(500):
    one()
half_open()
before = (rss(), fds())
for i in range(rounds):
    one()
waited = half_open()
repos = [r["path"] for r in status()["repos"]]
after = (rss(), fds())
print("%d requests, %d half-open: memory %d -> %d kB, descriptors %d -> %d, answered after %.1f s"
      % (rounds, HALF_OPEN, before[0], after[0], before[1], after[1], waited))
sys.exit(not (after[0] - before[0] <= GROWTH_KB and after[1] <= before[1] + 1 and repos == [tree]))
