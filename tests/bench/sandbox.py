"""A scratch folder with its own HOME and service, and the timing of commands in it."""

import json, os, shutil, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
SETTLE = 0.9  # the watcher waits half a second after the last change, then saves

GITCONFIG = """[user]
	name = Bench
	email = bench@example.org
[init]
	defaultBranch = main
[gc]
	auto = 0
[maintenance]
	auto = false
"""


class Trouble(Exception):
    """The benchmark itself could not go on."""


def must(true, text):
    """What was measured is what should have been."""
    if not true:
        raise Trouble(text)


class Sample:
    """What one run took."""

    def __init__(self, seconds, kib):
        self.seconds, self.kib = seconds, kib


class Sandbox:
    def __init__(self):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("GIT_", "SK_", "BORG_", "RESTIC_")) and k != "BACKUP_INTERVAL"}
        if "SK_BIN" in os.environ:
            env["PATH"] = os.path.abspath(os.environ["SK_BIN"]) + ":" + env["PATH"]
        if not all(shutil.which(p, path=env["PATH"]) for p in ("git-sk", "git-sk-hook")):
            raise Trouble("git-sk and git-sk-hook are not in PATH: install SafeKeep, or name the "
                          "folder they were built in as SK_BIN")
        self.scratch = tempfile.mkdtemp(prefix="sk-bench.")
        self.err = os.path.join(self.scratch, "stderr")
        for name in ("home", "run", "state"):
            os.mkdir(os.path.join(self.scratch, name), 0o700)
        home = os.path.join(self.scratch, "home")
        env.update(HOME=home, XDG_CONFIG_HOME=os.path.join(home, ".config"),
                   XDG_CACHE_HOME=os.path.join(home, ".cache"),
                   XDG_STATE_HOME=os.path.join(self.scratch, "state"),
                   XDG_RUNTIME_DIR=os.path.join(self.scratch, "run"), LC_ALL="C.UTF-8",
                   GIT_CONFIG_GLOBAL=os.path.join(home, ".gitconfig"), GIT_CONFIG_NOSYSTEM="1",
                   BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes",
                   RESTIC_PASSWORD="bench")
        with open(env["GIT_CONFIG_GLOBAL"], "w") as out:
            out.write(GITCONFIG)
        self.env = env
        self.launcher = None

    def which(self, program):
        return shutil.which(program, path=self.env["PATH"])

    def close(self, keep=False):
        self.service_stop()
        if self.launcher:
            self.launcher.stdin.close()
            self.launcher.wait()
        if not keep:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def sh(self, command, cwd=None, data=None):
        """Output of a shell command that must succeed."""
        done = subprocess.run(["sh", "-c", command], cwd=cwd or self.scratch, env=self.env,
                              input=data, stdin=None if data is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise Trouble(f"'{command}' failed in {cwd}: "
                          f"{done.stderr.decode(errors='replace')[-500:].strip()}")
        return done.stdout.decode(errors="replace")

    def timed(self, argv, cwd):
        """A Sample of one command, which must succeed."""
        if not self.launcher:
            self.launcher = subprocess.Popen(
                [sys.executable, "-I", "-S", os.path.join(HERE, "launch.py")], env=self.env,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.launcher.stdin.write(json.dumps({"argv": argv, "cwd": cwd, "err": self.err}) + "\n")
        self.launcher.stdin.flush()
        line = self.launcher.stdout.readline()
        if not line:
            raise Trouble(f"'{' '.join(argv)}' could not be started")
        out = json.loads(line)
        if out["code"]:
            with open(self.err, errors="replace") as said:
                raise Trouble(f"'{' '.join(argv)}' in {cwd} ended with {out['code']}: "
                              f"{said.read()[-500:].strip()}")
        return Sample(out["seconds"], out["kib"])

    # The service of this scratch folder

    def service(self):
        """Its status, or None when none runs."""
        done = subprocess.run(["git-sk", "service", "status", "--json"], env=self.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        status = json.loads(done.stdout or b"{}")
        return status if status.get("running") else None

    def service_stop(self):
        """Ends it, and has it forget the repositories it knew."""
        if self.service():
            self.sh("git-sk -q service stop")
        for name in ("state", "run"):
            folder = os.path.join(self.scratch, name)
            shutil.rmtree(folder, ignore_errors=True)
            os.mkdir(folder, 0o700)

    def service_watches(self, repo, limit=300):
        """Waits until the service watches all of `repo` and has saved what it found."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            status = self.service()
            text = self.sh("git-sk service status") if status else ""
            if any(line.startswith(repo + "\t") and "\twatched" in line
                   for line in text.splitlines()):
                time.sleep(SETTLE)
                return
            time.sleep(0.2)
        raise Trouble(f"the service does not watch {repo}: {text.strip()}")

    def service_memory(self):
        """Peak and present KiB of the service's process."""
        out = {}
        with open(f"/proc/{self.service()['pid']}/status") as status:
            for line in status:
                if line.startswith(("VmHWM:", "VmRSS:")):
                    out[line[:5]] = int(line.split()[1])
        return out["VmHWM"], out["VmRSS"]


def median(samples):
    return statistics.median(s.seconds for s in samples)


def rounds(runs, *work):
    """Lists of samples, one for each function of `work`, which gets the number of the round: run
    in turn, so that all see the same load, in an order that changes.  The first round warms up."""
    out = [[] for _ in work]
    for i in range(runs + 1):
        order = list(range(len(work)))
        if i % 2:
            order.reverse()
        for k in order:
            sample = work[k](i)
            if i:
                out[k].append(sample)
    return out


def edit(repo, names, mark):
    for name in names:
        with open(os.path.join(repo, name), "a") as out:
            out.write(f"// {mark}\n")


def disk_use(folder):
    """Bytes on disk."""
    total = 0
    for at, _, names in os.walk(folder):
        total += sum(os.lstat(os.path.join(at, name)).st_blocks * 512 for name in names)
    return total
