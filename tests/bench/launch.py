"""Runs commands one by one and says what each took.

A process of its own, because a small one: the kernel counts the memory of whoever started a
program as that program's peak (exec keeps the high-water mark), and starting from a big one takes
longer.  One JSON object a line: {argv, cwd, err} in; {seconds, kib, code} out.  What the command
prints is thrown away, what it says on standard error goes to the file `err`.
"""

import json, os, sys, time

NULL = os.open(os.devnull, os.O_RDWR)


def run(argv, cwd, err):
    os.chdir(cwd)
    said = os.open(err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    actions = [(os.POSIX_SPAWN_DUP2, NULL, 0), (os.POSIX_SPAWN_DUP2, NULL, 1),
               (os.POSIX_SPAWN_DUP2, said, 2)]
    start = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    spent = time.perf_counter() - start
    os.close(said)
    return {"seconds": spent, "kib": usage.ru_maxrss, "code": os.waitstatus_to_exitcode(status)}


for line in sys.stdin:
    print(json.dumps(run(**json.loads(line))), flush=True)
