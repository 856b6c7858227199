#!/usr/bin/env python3
"""power.py - the power goes while SafeKeep works: what is left of everything it promises?

    power.py --bin DIR --record PROGRAM [OPTION...] [SCENARIO...]
    power.py --names

For each scenario (a prepared repository and a command) the command runs once, with all that it and
its children do to the disk written down (record.c).  From that, the states are built which a disk
may be in after a power cut at any moment of it (model.py), each different one once, and in each of
them all has to hold that `check` asks for.

    --models M,...   ext4 strict (default: both)
    --draws N        random states after each change, besides the worst ones (default: 3)
    --states N       no more than N states, drawn from all (default: all)
    --seed N         of the draws
    --keep           leave the folder of the first failure, and stop there
    --list           print what was recorded, and check nothing
"""
import argparse, glob, hashlib, os, random, shutil, subprocess, sys, time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, '..', 'fault')]
import fault, model  # noqa: E402
from fault import Scenario, Wrong, ON, WORK, SOME, SECRET, LOST, VAULT, VAULT_HAS, BASE  # noqa: E402


class Power(fault.Worker):
    def __init__(self, opts, scenario):
        super().__init__(opts, scenario)
        self.rng = random.Random('%s %s' % (opts.seed, scenario.name))
        self.record()

    def record(self):
        self.fresh()
        self.old = {p: self.blob(p) for p, what in self.tree() if not what.startswith('link ')}
        self.mine = self.branches()
        self.disk = model.Disk(self.w)
        log = self.top + '/log'
        r = subprocess.run([self.o.record, self.w, log, 'sh', '-c', 'exec ' + self.s.command],
                           cwd=os.path.join(self.w, self.s.cwd), env=self.env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=self.o.hang)
        if r.returncode not in self.s.codes:
            raise RuntimeError('%s: recorded: exit %d\n%s' % (self.s.name, r.returncode, r.stderr.decode(errors='replace')))
        self.refs_after = self.entries()
        self.disk.load(log)
        self.whole = self.versions()

    def blob(self, path):
        with open(self.path(path), 'rb') as f:
            return oid(b'blob', f.read())

    def versions(self):
        """What each file was at some time: before, after, and whenever it got its name."""
        disk, found, names = self.disk, {}, {}
        places = dict(disk.start)
        parents = {n: (f, name) for (f, name), n in places.items() if n.kind == 'folder'}

        def path(s):
            out = []
            while s:
                out.append(s[1])
                s = parents.get(s[0])
            return '/'.join(reversed(out))

        def see(s, node, p):
            if node.kind == 'folder':
                parents[node] = s
            elif node.kind == 'file':
                found.setdefault(path(s), set()).add(bytes(node.at([o for o in node.ops if o[0] < p])[0]))
        for s, node in places.items():
            see(s, node, 0)
        end = len(disk.events)
        for i, (_, changes, _, _) in enumerate(disk.events):
            for s, node in changes or ():
                if node and not (len(changes) == 1 and node.kind == 'file'):
                    see(s, node, i)
        for s, node in disk.names.items():
            see(s, node, end)
        return found

    def fill(self, files):
        shutil.rmtree(self.w, ignore_errors=True)
        os.mkdir(self.w)
        model.put(files, self.w)
        ago = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) - 60  # the machine started since
        for d, folders, names in os.walk(self.w):
            for n in folders + names:
                os.utime(os.path.join(d, n), (ago, ago), follow_symlinks=False)
        # what is in memory only
        shutil.rmtree(self.w + '/run', ignore_errors=True)
        os.mkdir(self.w + '/run', 0o700)

    def git(self, *args, **kw):
        if args[0] == 'fsck' and self.s.git:  # git's own objects need not be whole: those of our references
            self.check_refs()
            return subprocess.CompletedProcess([], 0, b'', b'')
        return super().git(*args, **kw)

    # -- what has to hold -----------------------------------------------------------------------
    def check_refs(self):
        """No reference of ours names what is not there; what it names has the right bytes."""
        r = self.git('for-each-ref', '--format=%(objectname) %(refname)', 'refs/sk')
        if r.returncode or b'refs/sk' in r.stderr:
            raise Wrong('references: ' + r.stderr.decode(errors='replace'))
        tips = [x.split()[0] for x in r.stdout.decode().split('\n') if x]
        if not tips:
            return set()
        ids = self.git('rev-list', '--objects', '--no-object-names', *tips)
        if ids.returncode:
            raise Wrong('what references name is not there: ' + ids.stderr.decode(errors='replace'))
        out = subprocess.run(['git', 'cat-file', '--batch'], cwd=self.path(), env=self.env, input=ids.stdout,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        at, have, data = 0, set(), out.stdout
        for want in ids.stdout.decode().split():
            head, _, _ = data[at:at + 200].partition(b'\n')
            words = head.split()
            if len(words) != 3:
                raise Wrong('an object cannot be read: %r %s' % (head, out.stderr.decode(errors='replace')))
            begin = at + len(head) + 1
            at = begin + int(words[2]) + 1
            if oid(words[1], data[begin:at - 1]) != want:
                raise Wrong('an object has the wrong bytes: ' + want)
            have.add(want)
        return have

    def branches(self):
        r = self.git('for-each-ref', '--format=%(objectname) %(refname)')
        return [x for x in r.stdout.decode().split('\n') if ' refs/sk/' not in x] + \
            [self.git('rev-parse', 'HEAD').stdout]

    def check_whole(self, files):
        """The user's index, configuration and hooks are old or new."""
        for path in list(self.whole):
            part = path[len('r/'):]
            if not (part in ('.git/index', '.git/config', '.git/HEAD') or part.startswith('.git/hooks/')) or \
                    (self.s.git and part != '.git/config'):  # git does not flush its index
                continue
            if path not in files:
                if path in self.first and path in self.end:
                    raise Wrong(path + ' is gone')
            elif files[path][2] not in self.whole[path] and not path.endswith('.tmp'):
                raise Wrong('%s is half there: %r' % (path, files[path][2][:300]))

    def check_tree(self, files, have):
        """Each file of the working tree is old or new, and what was there is there or in a backup."""
        now = dict(self.tree())
        old, new = dict(self.before), dict(self.after)
        for path in set(now) | set(old) | set(new):
            got = now.get(path)
            if got in (old.get(path), new.get(path)) or self.s.git:
                continue
            if os.path.basename(path).startswith(('.sk-tmp-', '.' + os.path.basename(path))) or '.sk-' in path:
                continue  # beside a place: the next command takes it away
            raise Wrong('%s is neither old nor new: %s' % (path, got))
        for path, blob in self.old.items():
            if self.s.saves and blob not in have and now.get(path) != old[path]:
                raise Wrong('what was in %s is in no backup, and %s is there' % (path, now.get(path)))

    def check_done(self):
        """The command ended well before the power went: what it said holds."""
        now = self.entries()
        gone = [k for k in self.refs_after if k not in now]
        if gone and self.s.keeps:
            raise Wrong('made, said so, and lost: ' + ' '.join(gone))
        if self.s.tree == 'either' and self.tree() != self.after:
            raise Wrong('the working tree is not what the command said')

    def check_state(self, p, files):
        dead = subprocess.CompletedProcess([], 137, b'', b'')
        have = set() if self.s.name == 'repair' else self.check_refs()
        self.check_whole(files)
        self.check_tree(files, have)
        if not self.s.git and self.s.name != 'repair':
            f = self.git('fsck', '--full', '--no-dangling', '--no-progress')
            if f.returncode or b'error' in f.stderr:
                raise Wrong('fsck at once: ' + f.stderr.decode(errors='replace'))
        if not self.s.git and self.branches() != self.mine:
            raise Wrong("the user's branches are not what they were")
        lost = self.lost()
        if lost:
            raise Wrong('entries lost: ' + ' '.join(lost))
        if p == len(self.disk.events) and self.s.name != 'vault-fetch':  # what is fetched can be fetched again
            self.check_done()
        if self.s.git:  # git's own files may be half there; ours has to work all the same
            self.mend_git()
        if os.path.exists(self.path('.git/index.lock')):
            os.unlink(self.path('.git/index.lock'))
        self.script('after it', self.s.after, dead)
        self.check_next(dead, True)
        for lock in self.locks():
            if '/refs/sk/' not in lock and not lock.endswith('.git-sk.lock'):
                raise Wrong('a lock is left to the user: ' + lock)

    def index_is_whole(self):
        try:
            with open(self.path('.git/index'), 'rb') as f:
                data = f.read()
        except FileNotFoundError:
            return False
        return len(data) > 32 and hashlib.sha1(data[:-20]).digest() == data[-20:]

    def mend_git(self):
        """What git itself does not flush: its index, its loose objects, its references, and a .gitignore
        of which only "*" is there, so that nothing counts."""
        if os.path.exists(self.path('.gitignore')):
            with open(self.path('.gitignore'), 'rb') as f:
                torn = f.read() == b'*'
            if torn:
                shutil.copy(self.template + '/r/.gitignore', self.path('.gitignore'))
        for d, _, names in os.walk(self.path('.git/objects')):
            for n in names:
                p = os.path.join(d, n)
                if len(n) == 38 and not os.path.getsize(p):
                    os.chmod(p, 0o600)
                    os.unlink(p)
        if not self.index_is_whole():  # git looks at its checksum only in fsck
            shutil.copy(self.template + '/r/.git/index', self.path('.git/index'))
        for n in ('HEAD', 'refs/heads/main'):
            if self.git('rev-parse', '--verify', '-q', n + '^{tree}').returncode:
                shutil.copy(self.template + '/r/.git/' + n, self.path('.git/' + n))
        for n in ('refs/stash', 'ORIG_HEAD'):
            if os.path.exists(self.path('.git/' + n)) and self.git('rev-list', '-n1', n).returncode:
                os.unlink(self.path('.git/' + n))
        for lock in self.locks():
            if '/refs/sk/' not in lock:
                os.unlink(lock)

    def all_states(self):
        models = self.o.models
        if 'vault' in self.s.name:  # git's receive-pack flushes no folders
            models = [m for m in models if m == 'ext4']
        states = list(self.disk.states(self.o.draws, self.rng, models))
        self.first, self.end = (self.disk.build(range(n), n, n, lambda _: ('all', None))
                                for n in (0, len(self.disk.events)))
        total = len(states)
        if self.o.states and total > self.o.states:
            states = [states[i] for i in sorted(self.rng.sample(range(total), self.o.states))]
        return states, total

    def all(self):
        started, bad = time.monotonic(), 0
        states, total = self.all_states()
        for name, p, files, lost in states:
            if bad >= self.o.most:
                break
            self.fill(files)
            try:
                try:
                    self.check_state(p, files)
                except subprocess.TimeoutExpired as e:
                    raise Wrong('hangs: %s' % e)
            except Wrong as e:
                bad += 1
                self.tell(name, p, lost, e)
                if self.o.keep:
                    self.fill(files)
                    print('kept: ' + self.top)
                    sys.exit(1)
        self.o.failures += bad
        self.o.total += len(states)
        print('# %-14s %4d changes, %2d fsyncs, %5d states, %5d checked, %d failures (%.0f s)' %
              (self.s.name, len(self.disk.events), self.fsyncs(), total, len(states), bad,
               time.monotonic() - started), flush=True)

    def fsyncs(self):
        return sum(e[0].startswith('sync ') or e[0].endswith(' syncall') for e in self.disk.events)

    def tell(self, name, p, lost, why):
        events = self.disk.events
        print('not ok - %s: %s, cut after %d: %s' % (self.s.name, name, p, why))
        print('    the last changes: ' + '\n        '.join([''] + [e[0][:160] for e in events[max(0, p - 4):p]]))
        print('    not on the disk: ' + '\n        '.join([''] + [x[:160] for x in lost[-12:]]), flush=True)


def oid(kind, data):
    return hashlib.sha1(kind + b' %d\0' % len(data) + data).hexdigest()


OWN = [
    Scenario('prune-gc', ON + '''for i in 1 2 3 4 5; do echo $i >v; git sk backup >/dev/null 2>&1; done; git gc -q
printf '[retention]\\nkeep_last = 1\\nkeep_hourly = 0\\nkeep_daily = 0\\nkeep_weekly = 0\\nkeep_monthly = 0\\n'"max_per_day = 2\\n" >.git/sk/safekeep.ini
''', 'git-sk prune', keeps=False),
    Scenario('fold', ON + "for i in $(seq 19); do echo $i >v; git sk backup >/dev/null 2>&1; done; echo 20 >v; ",
             'git-sk backup', finish='git sk verify >/dev/null || git sk verify --repair'),
    Scenario('rollback-many', ON + '''for i in $(seq 70); do echo $i >m$i; done; git sk backup >/dev/null 2>&1
for i in $(seq 70); do echo later $i >m$i; done; ''', 'git-sk rollback latest --yes', tree='either'),
    Scenario('rollback-staged', SOME, 'git-sk rollback latest --yes --staged', tree='either'),
    Scenario('flag-add', ON + "printf '[a]\\ntype = boolean\\ndefault = false\\n' >flags.ini; git add -A; ",
             'git-sk flag add b --env B_ENV', tree='either', plugin='feature-flag',
             after='git sk flag get b >/dev/null 2>&1 || git sk flag add b --env B_ENV'),
    Scenario('conf-edit', ON + 'echo a=1 >x.ini; git sk conf backup x.ini >/dev/null 2>&1; ',
             'env EDITOR="sed -i s/1/7/" GIT_EDITOR="sed -i s/1/7/" git-sk conf edit x.ini', tree='either',
             plugin='config-backup', after='git sk backup >/dev/null'),  # after it, what the dead left goes
    Scenario('clean', SOME, 'git clean -qfd', git=True, tree='git'),
]
# in each run of the tests
OFTEN = 'init backup rollback undo prune fold purge flag conf-edit vault-push reset'.split()
CHOSEN = ('init uninit backup backup-big revise restore rollback rollback-many undo prune prune-gc fold purge repair vault-push '
          'vault-more vault-fetch flag flag-add conf-backup conf-restore conf-edit commit reset clean').split()


def scenarios():
    known = {s.name: s for s in fault.SCENARIOS + OWN}
    for n in CHOSEN:
        s = known[n]
        if n == 'prune':
            s.after = 'git sk prune'  # what was begun, whatever git left
        s.saves = s.tree in ('either', 'git')
        yield s


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--names', action='store_true', help='only print the names of the scenarios')
    p.add_argument('--often', action='store_true', help='of those that each run of the tests has')
    p.add_argument('--bin')
    p.add_argument('--record')
    p.add_argument('--models', default='ext4,strict')
    p.add_argument('--draws', type=int, default=3)
    p.add_argument('--states', type=int, default=0)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--most', type=int, default=20, help='failures of a scenario before it is left')
    p.add_argument('--hang', type=float, default=120)
    p.add_argument('--keep', action='store_true')
    p.add_argument('--list', action='store_true')
    p.add_argument('scenario', nargs='*')
    o = p.parse_args()
    if o.names:
        print('\n'.join(OFTEN if o.often else CHOSEN))
        return 0
    if not o.bin or not o.record:
        p.error('--bin and --record are needed')
    o.models, o.failures, o.total = o.models.split(','), 0, 0
    o.bin, o.record, o.inject = os.path.abspath(o.bin), os.path.abspath(o.record), None
    real = os.path.dirname(os.path.realpath(os.path.join(o.bin, 'git-sk')))
    found = glob.glob(real + '/plugins') + glob.glob(real + '/../lib/**/safekeep/plugins', recursive=True)
    o.plugins = os.path.realpath(found[0]) if found else ''
    for s in scenarios():
        if o.scenario and s.name not in o.scenario:
            continue
        if s.plugin and not os.path.exists('%s/%s.so' % (o.plugins, s.plugin)):
            print('# %s: %s was not built' % (s.name, s.plugin))
            continue
        worker = Power(o, s)
        if o.list:
            print('\n'.join('%4d %s' % (i, e[0]) for i, e in enumerate(worker.disk.events)))
            print('# %s: %d fsyncs' % (s.name, worker.fsyncs()))
        else:
            worker.all()
        if not (o.keep and o.failures):
            shutil.rmtree(worker.top, ignore_errors=True)
    print('# %d states, %d failures' % (o.total, o.failures))
    return 1 if o.failures else 0


if __name__ == '__main__':
    sys.exit(main())
