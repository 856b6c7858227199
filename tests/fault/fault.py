#!/usr/bin/env python3
"""fault.py - every way in which the system can fail SafeKeep, one at a time.

    fault.py --bin DIR --inject PROGRAM [--alloc LIBRARY] [OPTION...] [SCENARIO...]
    fault.py --names

For each scenario (a prepared repository and a command) the command runs again and again: its Nth
system call fails, for each N, with each error, once or from then on; or the whole command is ended
by SIGKILL before its Nth change of the disk; or its Nth allocation fails.  After each run, all that
SafeKeep promises has to hold (`check`).  A run is repeatable by what its line names.

When a run failed and left, to the byte, what an earlier one left that failed with the same code, what
comes after is not looked at again (in the table: "same").

    --errors E,...   EIO ENOSPC EMFILE EINTR EACCES ENOMEM (default: all)
    --modes M,...    once forever kill alloc (default: all)
    --points P       only P runs in each mode, evenly spread over its errors and numbers
    --only N         only that number
    --budget S       stop after S seconds, each scenario having had its share
    --table FILE     how many runs of what, added to that file (tab-separated)
    --kill-git       kill before the changes that git makes for us, too
    --keep           leave the folder of the first failure, and stop there
"""
import argparse, glob, hashlib, os, shutil, stat, subprocess, sys, tempfile, time

CODES = {0, 1, 2, 3, 10, 11, 12, 13, 14, 15, 130}
# what an error can happen to; None is all kinds
KINDS = {
    'EIO': 'open,read,write,sync,rename,link,unlink,mkdir,list,stat,truncate,attr',
    'ENOSPC': 'open,write,sync,rename,link,mkdir,truncate',
    'EMFILE': 'open',
    'EINTR': 'open,read,write,connect,sync',
    'EACCES': 'open,rename,link,unlink,mkdir,stat,list,attr,exec,map,connect',
    'ENOMEM': 'map,fork,stat,open',
    'EAGAIN': 'fork',
}
if os.environ.get('SK_SANITIZED'):  # they map their own memory, and end without it
    KINDS = {error: kinds.replace(',map', '') for error, kinds in KINDS.items()}
OURS = 'git-sk,git-sk-hook'


class Wrong(Exception):
    pass


def sh(script, cwd, env, check=True):
    r = subprocess.run(['sh', '-c', script], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    if check and r.returncode:
        raise RuntimeError('%s: exit %d\n%s' % (script, r.returncode, r.stdout.decode(errors='replace')))
    return r.stdout.decode(errors='replace')


class Scenario:
    """`prepare` makes the repository $W/r (and what else is needed) once; `command` is what is hurt.

    results: 'same' the working tree is never touched; 'either' it is as before or as after, once
    the next command ran.  index: the command is git's own and writes the index.
    git: the command is git's: it must succeed whatever happens to SafeKeep's programs.
    keeps: all entries that were there stay; 'names': they may be rewritten, but not go.
    after, finish: what has to succeed right after the command, and after the next backup (in $W/r, by
    sh -e, with the command's exit code in $CODE and its words in $ERR).  plugin: it is enabled, and has to be there."""

    def __init__(self, name, prepare, command, tree='same', git=False, keeps=True, enabled=True, cwd='r',
                 codes=(0,), after='', finish='', plugin=None):
        self.name, self.prepare, self.command = name, prepare, command
        self.tree, self.git, self.keeps, self.enabled, self.cwd = tree, git, keeps, enabled, cwd
        self.codes, self.after, self.finish, self.plugin = codes, after, finish, plugin
        if plugin:
            self.prepare = PLUGIN % plugin + prepare


BASE = '''git init -q r; cd r; mkdir -p src/lib 'odd name'; for i in 1 2 3 4 5 6; do echo $i >src/f$i; done
echo three >src/lib/c.txt; echo x >'odd name/y'; ln -s src/f1 link; printf '#!/bin/sh\\n' >run.sh; chmod 755 run.sh
echo '*.o' >.gitignore; git add -A; git commit -qm first; echo more >>src/f1; git commit -qam second
'''
ON = BASE + 'git sk init >/dev/null 2>&1; '
WORK = "echo new >new.txt; echo changed >src/f2; rm src/f3; mkdir deep; echo d >deep/d; echo st >st; git add st; "
SOME = ON + WORK + 'git sk backup >/dev/null 2>&1; echo later >src/f4; rm new.txt; echo n2 >n2; '

PLUGIN = '''mkdir -p $HOME/.config/safekeep; printf '[plugins]\\nenable = %s\\nfolder = %%s\\ntimeout = 60s\\n' \
"$PLUGINS" >$HOME/.config/safekeep/safekeep.ini; '''
# a backup that has a file which nothing else has, and one that the working tree has too: both are gone
LOST = ON + '''echo only >old.txt; git sk backup >/dev/null 2>&1; o=$(git hash-object old.txt); rm old.txt
seq 1 99 >big.txt; git sk backup >/dev/null 2>&1; echo more >>src/f1; git sk backup >/dev/null 2>&1
mkdir ../packs; mv .git/objects/pack/* ../packs; for p in ../packs/*.pack; do git unpack-objects -q <$p; done
rm -r ../packs; for h in $o $(git hash-object big.txt); do rm -f .git/objects/$(printf %.2s $h)/${h#??}; done
'''
SECRET = ON + '''echo zq9-secret >key.env; git sk backup >/dev/null 2>&1; echo other >a; git sk backup >/dev/null 2>&1
echo zq9-secret2 >key.env; git sk revise R >/dev/null 2>&1; rm key.env; git sk backup >/dev/null 2>&1; '''
VAULT = SOME + 'git init -q --bare ../v; git sk vault add v ../v >/dev/null 2>&1; '
FSCK_V = 'git --git-dir=../v fsck --full --strict --no-dangling --no-progress\n'
# all that is here is there, and the vault is whole
VAULT_HAS = FSCK_V + '''test $(git for-each-ref refs/sk/backup | wc -l) = \
$(git --git-dir=../v for-each-ref 'refs/sk/vault/*/sk/backup/**' | wc -l)
'''
CHAT = ON + '''d=$HOME/.claude/projects/$(printf %s "$PWD" | sed 's/[^A-Za-z0-9-]/-/g'); mkdir -p $d
for i in 1 2; do s=${i}1111111-1111-4111-8111-111111111111; printf '{"type":"user","uuid":"u%s","parentUuid":null,\
"isSidechain":false,"cwd":"%s","sessionId":"%s","version":"2.1.230","gitBranch":"main","timestamp":\
"2026-11-20T10:00:00.000Z","message":{"role":"user","content":"How does it work?"}}\\n' $i "$PWD" $s >$d/$s.jsonl; done
'''

SERVICE = '''sh -c 'unset GIT_SK_NO_SERVICE; git-sk service start >/dev/null; git-sk backup; c=$?; git --no-optional-locks status >/dev/null
git-sk service stop >/dev/null 2>&1 || { read p _ <$XDG_RUNTIME_DIR/safekeep/lock && kill -9 $p; } 2>/dev/null; exit $c' '''

SCENARIOS = [
    Scenario('init', BASE, 'git-sk init', enabled=False),
    Scenario('uninit', SOME, 'git-sk uninit', keeps=True, enabled=None),
    Scenario('backup', ON + WORK, 'git-sk backup'),
    Scenario('backup-more', SOME, 'git-sk backup -m "some title"'),
    # more than is held in memory: the pack is written while it grows
    Scenario('backup-big', ON + 'for i in 1 2 3 4 5 6 7 8 9 10 11; do head -c 1000000 /dev/urandom >b$i; done; ',
             'git-sk backup'),
    Scenario('revise', SOME, 'git-sk revise "A name" "and why"'),
    Scenario('list', SOME, 'git-sk list'),
    Scenario('status', SOME, 'git-sk status', codes=(0, 1)),
    Scenario('diff', SOME, 'git-sk diff latest'),
    Scenario('restore', SOME, 'git-sk restore latest -- new.txt src', tree='either'),
    Scenario('rollback', SOME, 'git-sk rollback latest --yes', tree='either'),
    Scenario('undo', SOME + 'git sk rollback latest --yes >/dev/null 2>&1; ', 'git-sk undo --yes', tree='either'),
    Scenario('prune', ON + '''for i in 1 2 3 4 5; do echo $i >v; git sk backup >/dev/null 2>&1; done
printf '[retention]\\nkeep_last = 1\\nkeep_hourly = 0\\nkeep_daily = 0\\nkeep_weekly = 0\\nkeep_monthly = 0\\n'"max_per_day = 2\\n" >.git/sk/safekeep.ini
''', 'git-sk prune', keeps=False, finish='git sk prune; git sk verify'),
    Scenario('verify', SOME, 'git-sk verify'),
    Scenario('repair', LOST, 'git-sk verify --repair', keeps='names', codes=(14,),
             after='git sk verify --repair >/dev/null 2>&1 || test $? = 14; git sk verify',
             finish='git sk verify; test $(git sk cat latest big.txt | wc -l) = 99'),
    Scenario('purge', SECRET, 'git-sk purge --path key.env --yes', keeps='names',
             finish='''git sk purge --path key.env --yes
if git cat-file --batch-all-objects --batch | grep -aq zq9; then echo 'still in an object'; exit 1; fi
if grep -raq zq9 .git/sk; then echo 'still in .git/sk'; exit 1; fi; git sk verify'''),
    Scenario('vault-add', SOME, 'git-sk vault add v ../v',
             finish='git sk vault list | grep -q ^v || git sk vault add v ../v; git sk vault push; ' + VAULT_HAS),
    Scenario('vault-push', VAULT, 'git-sk vault push', after=FSCK_V, finish='git sk vault push; ' + VAULT_HAS),
    Scenario('vault-more', VAULT + 'git sk vault push >/dev/null 2>&1; git commit -qam third; ', 'git-sk vault push v',
             after=FSCK_V, finish='git sk vault push; ' + VAULT_HAS),
    Scenario('vault-fetch', VAULT + '''git sk vault push >/dev/null 2>&1
for r in $(git for-each-ref --format='%(refname)' refs/sk/backup | head -n 1); do git update-ref -d $r; done; ''',
             'git-sk vault fetch v',
             finish='git sk vault fetch v; test $(git for-each-ref refs/sk/backup | wc -l) -ge 3; git sk verify'),
    Scenario('vault-clone', VAULT + 'git sk vault push >/dev/null 2>&1; ', 'git-sk vault clone ../v ../d',
             after='''if [ $CODE = 0 ]; then diff -r --exclude=.git . ../d; git -C ../d fsck --full --no-progress
elif [ $CODE != 137 ] && [ $CODE != 3 ] && [ -e ../d ]; then
# libgit2 out of memory ends us as a kill does
case $ERR in *'left half done'* | *'stays in'* | *'out of memory'*) ;; *) exit 1 ;; esac; fi''',
             finish='rm -rf ../d; git sk vault push; git sk vault clone ../v ../d; diff -r --exclude=.git . ../d'),
    Scenario('release', ON, 'git-sk release v1 --out ../rel',
             finish='''[ $CODE != 137 ] || rm -rf ../rel; [ $CODE = 0 ] || git sk release v1 --out ../rel
git sk release v1 --out ../rel2; test $(git -C ../rel rev-parse HEAD) = $(git -C ../rel2 rev-parse HEAD)
git -C ../rel fsck --full; test -z "$(git -C ../rel status --porcelain)"
test $(git rev-parse refs/sk/release/v1^{tree}) = $(git -C ../rel rev-parse HEAD^{tree})
test -z "$(find .. .git/sk -maxdepth 1 \\( -name '.*release*' -o -name 'release-index*' \\))" || test $CODE = 137'''),
    Scenario('health', SOME, 'git-sk health', codes=(0, 1)),
    Scenario('flag', ON + "printf '[a]\\ntype = boolean\\ndefault = false\\n' >flags.ini; git add -A; ",
             'git-sk flag set a true', tree='either', plugin='feature-flag',
             after='[ $CODE != 137 ] || git sk flag set a true; test ! -e .flags.ini.sk-new',
             finish='git sk flag set a true; test "$(git sk flag get a)" = true'),
    Scenario('conf-backup', ON + 'echo a=1 >../host.ini; ', 'git-sk conf backup ../host.ini', plugin='config-backup',
             finish='''git sk conf backup ../host.ini; rm ../host.ini; git sk conf restore ../host.ini
test "$(cat ../host.ini)" = a=1'''),
    Scenario('conf-restore', ON + 'echo a=1 >x.ini; git sk conf backup x.ini >/dev/null 2>&1; echo a=2 >x.ini; ',
             'git-sk conf restore x.ini', tree='either', plugin='config-backup',
             after='[ $CODE != 137 ] || git sk backup >/dev/null', # after it, what the dead left goes
             finish='git sk conf restore x.ini --at 2038-01-01 || git sk conf restore x.ini; test -s x.ini'),
    Scenario('conf-edit', ON + 'echo a=1 >x.ini; git sk conf backup x.ini >/dev/null 2>&1; ',
             "env GIT_EDITOR='sed -i s/1/2/' git-sk conf edit x.ini", tree='either', plugin='config-backup',
             after='[ $CODE != 137 ] || git sk backup >/dev/null', finish='git sk conf check x.ini || test $? = 1'),
    Scenario('flag-add', ON + "printf '[a]\\ntype = boolean\\ndefault = false\\n' >flags.ini; git add -A; ",
             'git-sk flag add b --env B', tree='either', plugin='feature-flag',
             after='[ $CODE != 137 ] || git sk flag set a true; [ $CODE != 137 ] || git sk flag set a false; test ! -e .flags.ini.sk-new',
             finish='git sk flag get b || git sk flag add b; test "$(git sk flag get b)" = false; git sk flag remove b'),
    Scenario('chat-export', CHAT + 'git sk chat sync >/dev/null 2>&1; ', 'git-sk chat export --all --output ../out.txt',
             plugin='chat-export', finish='git sk chat export --all --output ../out2.txt; grep -q work ../out2.txt'),
    Scenario('chat-sync', CHAT, 'git-sk chat sync', plugin='chat-export',
             finish='git sk chat sync; test $(git sk chat list | wc -l) -ge 2'),
    Scenario('commit', SOME, 'git commit -qam third', git=True),
    Scenario('stash', SOME, 'git stash -q', git=True, tree='git'),
    Scenario('checkout', SOME + 'git branch other HEAD~1; git commit -qam third; ', 'git checkout -q other', git=True,
             tree='git'),
    Scenario('reset', SOME, 'git reset -q --hard', git=True, tree='git'),
    Scenario('run', SOME, "git-sk run -- sh -c 'echo z >z; rm src/f1'", tree='either'),
    Scenario('revise-delete', SOME + 'git sk revise R >/dev/null 2>&1; ', 'git-sk revise --delete R', keeps=False),
    # a service that starts, watches, saves, and ends; whatever hits it, the backup is made
    Scenario('service', SOME, SERVICE, keeps=True, finish='git sk verify'),
]

# too long for each run of the tests
SELDOM = {'backup-big', 'verify', 'vault-add', 'vault-more', 'vault-fetch', 'health', 'flag', 'flag-add', 'conf-backup',
          'conf-restore', 'conf-edit', 'chat-sync', 'chat-export', 'list', 'diff', 'revise-delete', 'stash', 'uninit', 'backup-more'}


class Worker:
    def __init__(self, opts, scenario):
        self.o, self.s = opts, scenario
        self.clean, self.seen, self.count_of = None, set(), {}
        self.top = tempfile.mkdtemp(prefix='sk-fault.')
        self.template, self.w = self.top + '/template', self.top + '/w'
        e = {k: v for k, v in os.environ.items() if not k.startswith('GIT_') and not k.startswith('XDG_')}
        h = self.w + '/home'
        e.update(HOME=h, XDG_CONFIG_HOME=h + '/.config', XDG_CACHE_HOME=h + '/.cache', XDG_STATE_HOME=h + '/.state',
                 XDG_DATA_HOME=h + '/.data', XDG_RUNTIME_DIR=self.w + '/run', GIT_CONFIG_GLOBAL=h + '/.gitconfig',
                 GIT_CONFIG_SYSTEM='/dev/null', GIT_AUTHOR_NAME='A', GIT_AUTHOR_EMAIL='a@example.org',
                 GIT_COMMITTER_NAME='C', GIT_COMMITTER_EMAIL='c@example.org', GIT_SK_NO_SERVICE='1',
                 PATH=opts.bin + ':' + e.get('PATH', '/usr/bin:/bin'), TZ='UTC', LC_ALL='C.UTF-8', W=self.w,
                 GIT_TERMINAL_PROMPT='0', GIT_EDITOR='true',
                 PLUGINS=opts.plugins)
        self.env = e
        os.makedirs(self.w + '/home/.config')
        os.makedirs(self.w + '/run', mode=0o700)
        with open(self.w + '/home/.gitconfig', 'w') as f:
            f.write('[init]\n\tdefaultBranch = main\n\ttemplateDir =\n[gc]\n\tauto = 0\n')
        sh(scenario.prepare, self.w, e)
        os.rename(self.w, self.template)
        self.fresh()
        self.before = self.tree()
        self.index = self.read_index()
        self.refs = self.entries()
        self.oldest = self.refs and sorted(x for x in self.refs if x.startswith('refs/sk/backup/'))[:1]
        self.done = self.same = 0
        r = self.run([])
        if r.returncode not in scenario.codes:
            raise RuntimeError('%s: does not even run alone: exit %d\n%s' %
                               (scenario.name, r.returncode, r.stderr.decode(errors='replace')))
        self.after, self.head_after = self.tree(), self.git_result()

    def fresh(self):
        """The folder as it was prepared, made anew if the last run changed anything at all."""
        if self.clean and self.marks() == self.clean:
            return
        shutil.rmtree(self.w, ignore_errors=True)
        subprocess.run(['cp', '-a', self.template, self.w], check=True)
        self.clean = self.marks()

    def marks(self):
        out = []
        for d, dirs, files in os.walk(self.w):
            for f in dirs + files + ['.']:
                st = os.lstat(os.path.join(d, f))
                out.append((d, f, st.st_ino, st.st_size, st.st_mode, st.st_mtime_ns, st.st_ctime_ns))
        return out

    def content(self):
        """All that is there, as one number."""
        h = hashlib.sha1()
        for d, dirs, files in os.walk(self.w):
            dirs.sort()
            for f in sorted(dirs + files):
                p = os.path.join(d, f)
                st = os.lstat(p)
                h.update(('%s %o ' % (p, st.st_mode)).encode(errors='surrogateescape'))
                if stat.S_ISLNK(st.st_mode):
                    h.update(os.readlink(p).encode(errors='surrogateescape'))
                elif stat.S_ISREG(st.st_mode):
                    with open(p, 'rb') as fd:
                        h.update(fd.read())
        return h.hexdigest()

    def seen_before(self, r):
        """Failed, and left what one that failed so had left, after which all was well."""
        if r.returncode in self.s.codes or r.returncode == 137:
            return None
        return (r.returncode, self.content(), r.stderr if '$ERR' in self.s.after + self.s.finish else '')

    def path(self, *p):
        return os.path.join(self.w, 'r', *p)

    def run(self, args, env=None):
        e = dict(self.env, **(env or {}))
        command = ['sh', '-c', 'exec ' + self.s.command]
        if args:
            programs = OURS + (',git' if '--changes' in args and self.o.kill_git and not self.s.git else '')
            command = [self.o.inject, '--only', programs, '--report', self.top + '/report'] + args + ['--'] + command
        p = subprocess.Popen(command, cwd=os.path.join(self.w, self.s.cwd), env=e, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + self.o.hang
        while True:
            try:
                out, err = p.communicate(timeout=3 if self.s.name == 'service' else self.o.hang)
                return subprocess.CompletedProcess(command, p.returncode, out, err)
            except subprocess.TimeoutExpired:
                if time.monotonic() > end:
                    p.kill()
                    p.communicate()
                    raise
                self.stop_service(e)

    def stop_service(self, env):
        """A client that could not reach the service may have started one just when ours was stopped."""
        env = {k: v for k, v in env.items() if k != 'GIT_SK_NO_SERVICE'}
        subprocess.run(['git-sk', 'service', 'stop'], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def fired(self):
        """Which kind of call was hit, and of what; or None."""
        with open(self.top + '/report', errors='replace') as f:
            words = f.read().split('\n')[-2].split(' ', 6)
        return None if words[3] == '-' else words[3] + ' ' + words[6].replace(self.w + '/', '')

    def read_index(self):
        with open(self.path('.git/index'), 'rb') as f:
            return hashlib.sha1(f.read()).hexdigest()

    def tree(self):
        out = []
        top = self.path()
        for d, dirs, files in os.walk(top):
            dirs[:] = sorted(x for x in dirs if not (d == top and x == '.git'))
            for f in sorted(files + [x for x in dirs if os.path.islink(os.path.join(d, x))]):
                p = os.path.join(d, f)
                if os.path.islink(p):
                    what = 'link ' + os.readlink(p)
                else:
                    with open(p, 'rb') as fd:
                        what = '%o %s' % (os.stat(p).st_mode & 0o777, hashlib.sha1(fd.read()).hexdigest())
                out.append((os.path.relpath(p, top), what))
        return out

    def git(self, *args, **kw):
        return subprocess.run(['git', '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'] + list(args),
                              cwd=self.path(), env=dict(self.env, **kw), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)

    def entries(self):
        r = self.git('for-each-ref', '--format=%(refname) %(objectname)', 'refs/sk')
        return {x.split()[0]: x.split()[1] for x in r.stdout.decode().split('\n')
                if x and not x.startswith('refs/sk/keep ')}

    def git_result(self):
        r = self.git('rev-parse', 'HEAD^{tree}', 'refs/stash^{tree}')
        return r.stdout, self.git('status', '--porcelain').stdout

    def wanted_tree(self):
        index = self.top + '/index'
        shutil.copy(self.path('.git/index'), index)
        r = self.git('add', '-A', GIT_INDEX_FILE=index)
        if r.returncode:
            raise Wrong('git add failed: ' + r.stderr.decode(errors='replace'))
        return self.git('write-tree', GIT_INDEX_FILE=index).stdout.decode().strip()

    def check_exit(self, r, killed):
        err = r.stderr.decode(errors='replace')
        if 'Sanitizer' in err or 'runtime error' in err:
            raise Wrong('sanitizer: ' + err[:2000])
        if killed and r.returncode == 137:
            return
        if self.s.git:
            if r.returncode:
                raise Wrong('git failed with %d: %s' % (r.returncode, err))
        elif r.returncode not in CODES:
            raise Wrong('exit code %d: %s' % (r.returncode, err))
        elif r.returncode not in self.s.codes and 'git sk: ' not in err and 'sh: ' not in err:
            raise Wrong('exit code %d without a word' % r.returncode)

    def locks(self):
        """git's kind of lock: the file is the lock.  (Those in .git/sk are locked by flock; of what
        core/base/lockfile.h makes beside a lock git knows nothing.)"""
        return [p for p in glob.glob(self.path('.git/**/*.lock'), recursive=True)
                if not p.startswith(self.path('.git/sk/')) and not p.endswith('.git-sk.lock')]

    def check_leftovers(self, killed):
        left = self.locks()
        if left and not killed:
            raise Wrong('left behind: ' + ' '.join(left))
        if os.path.exists(self.path('.git/index.lock')):
            if not (self.s.git and killed):
                raise Wrong('index.lock is left')
            os.unlink(self.path('.git/index.lock'))  # git's own: it was killed with us
        if not self.s.git and self.read_index() != self.index:
            raise Wrong('the index was written')

    def check(self, r, killed):
        self.check_exit(r, killed)
        key = self.seen_before(r)
        if key in self.seen:
            self.same += 1
            return
        self.check_all(r, killed)
        if key:
            self.seen.add(key)

    def check_all(self, r, killed):
        self.check_leftovers(killed)
        if self.s.git and self.s.tree == 'git' and not killed and self.git_result() != self.head_after:
            raise Wrong('git did something else')
        if self.s.tree == 'same' and self.tree() != self.before:
            raise Wrong('the working tree was touched')
        lost = self.lost()
        if lost:
            raise Wrong('entries lost: ' + ' '.join(lost))
        self.script('after it', self.s.after, r)
        self.check_next(r, killed)

    def part_named(self, r, tree):
        """Done in part (exit code 3), and all that was not done was named, or a folder that it is in."""
        words = r.stderr.decode(errors='replace')

        def named(path):
            return path in words or any('skipped %s:' % path[:i] in words for i, c in enumerate(path) if c == '/')
        return r.returncode == 3 and all(named(path) for path, _ in set(tree) ^ set(self.after))

    def script(self, what, text, r):
        if not text:
            return
        env = dict(self.env, CODE=str(r.returncode), ERR=r.stderr.decode(errors='replace'))
        s = subprocess.run(['sh', '-ec', text], cwd=self.path(), env=env,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        if s.returncode:
            raise Wrong('%s: exit %d\n%s(the command: %d %s)' % (what, s.returncode, s.stdout.decode(errors='replace'),
                                                             r.returncode, r.stderr.decode(errors='replace')))

    def lost(self):
        now = self.entries()
        if self.s.keeps == 'names':
            return [k for k in self.refs if k not in now]
        return [k for k in self.refs if now.get(k) != self.refs[k]] if self.s.keeps else []

    def check_next(self, r, killed):
        """The next command finishes or undoes, and a new backup is whole."""
        env = self.env
        if self.s.enabled is False or self.s.enabled is None:
            n = subprocess.run(['git-sk', 'init'], cwd=self.path(), env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
            if n.returncode:
                raise Wrong('the next init failed: %d %s' % (n.returncode, n.stderr.decode(errors='replace')))
        n = subprocess.run(['git-sk', 'backup'], cwd=self.path(), env=env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        if n.returncode:
            raise Wrong('the next backup failed: %d %s' % (n.returncode, n.stderr.decode(errors='replace')))
        tree = self.tree()
        if self.s.tree == 'either' and tree not in (self.before, self.after) and not self.part_named(r, tree):
            raise Wrong('%d, and the working tree is neither as before nor as after:\n%s\n%s' %
                        (r.returncode, '\n'.join(repr(x) for x in sorted(set(tree) ^ set(self.after))),
                         r.stderr.decode(errors='replace')))
        got = self.git('rev-parse', 'refs/sk/backup/%s^{tree}' % n.stdout.decode().strip()).stdout.decode().strip()
        want = self.wanted_tree()
        if got != want:
            raise Wrong('the next backup is not what is there: %s, not %s' % (got, want))
        self.script('then', self.s.finish, r)
        f = self.git('fsck', '--full', '--no-dangling', '--no-progress')
        if f.returncode:
            raise Wrong('fsck: ' + f.stderr.decode(errors='replace'))
        lost = self.lost()
        if lost:
            raise Wrong('entries lost by the next command: ' + ' '.join(lost))
        left = self.locks()
        if left and not killed:
            raise Wrong('left behind by the next command: ' + ' '.join(left))
        if killed and self.oldest and self.s.keeps is True:
            self.check_oldest()

    def check_oldest(self):
        """The oldest entry comes back byte for byte."""
        id = self.oldest[0].rsplit('/', 1)[1]
        n = subprocess.run(['git-sk', 'rollback', id, '--yes'], cwd=self.path(), env=self.env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        want = self.git('rev-parse', self.oldest[0] + '^{tree}').stdout.decode().strip()
        if n.returncode or self.wanted_tree() != want:
            raise Wrong('%s does not come back: %d %s' % (id, n.returncode, n.stderr.decode(errors='replace')))

    def once(self, what, args, env=None, killed=False):
        self.fresh()
        hit = '?'
        try:
            try:
                r = self.run(args, env)
            except subprocess.TimeoutExpired:
                raise Wrong('hangs')
            hit = self.fired() if '--nth' in args else 'malloc'
            if not hit:
                return  # it has fewer calls than that this time
            # a lock that the system does not let us remove stays, as that of a dead one
            self.check(r, killed or hit.startswith('unlink '))
        except Wrong as e:
            self.o.failures += 1
            print('not ok - %s %s (%s): %s' % (self.s.name, what, hit, e), flush=True)
            if self.o.keep:
                print('kept: ' + self.top)
                sys.exit(1)
        self.done += 1

    def counts(self, args):
        """How many calls of each kind there are, and changes of the disk."""
        if not self.count_of.get(args):
            self.fresh()
            self.run(list(args))
            words = open(self.top + '/report').read().split('\n')[-3].split()[1:]
            self.count_of[args] = {w.split('=')[0]: int(w.split('=')[1]) for w in words}
        return self.count_of[args]

    def late(self):
        return self.o.deadline and time.monotonic() > self.o.deadline

    def chosen(self, points):
        """Those of a mode's (error, number) that are to be tried: all, or evenly spread ones."""
        if self.o.only:
            return [p for p in points if p[1] == self.o.only]
        k = self.o.points
        if not k or k >= len(points):
            return points
        return [points[(2 * i + 1) * len(points) // (2 * k)] for i in range(k)]

    def errors(self, mode):
        """EINTR for ever is left out: to try again for ever is right."""
        number = self.counts(('--calls', ','.join(KINDS.values())))
        points = [(error, n + 1) for error in self.o.errors if mode == 'once' or error != 'EINTR'
                  for n in range(sum(number[kind] for kind in KINDS[error].split(',')))]
        for error, n in self.chosen(points):
            yield error, '%s %s %d' % (mode, error, n), ['--calls', KINDS[error], '--errno', error, '--nth', str(n)] + (
                ['--forever'] if mode == 'forever' else []), None

    def kills(self):
        for _, n in self.chosen([('', n + 1) for n in range(self.counts(('--changes',))['changes'])]):
            yield 'kill', 'kill %d' % n, ['--changes', '--kill', '--nth', str(n)], None

    def allocations(self):
        fired, counted = self.top + '/fired', self.top + '/allocations'
        env = {'LD_PRELOAD': self.o.alloc, 'SK_FAIL_ALLOC': '0', 'SK_FAIL_PROGRAMS': OURS, 'SK_FAIL_FIRED': fired}
        self.fresh()
        self.run([], dict(env, SK_FAIL_COUNT=counted))
        last = max([int(x) for x in open(counted)]) if os.path.exists(counted) else 0
        for _, n in self.chosen([('', n + 1) for n in range(last)]):
            yield 'malloc', 'alloc %d' % n, [], dict(env, SK_FAIL_ALLOC=str(n))

    def all(self):
        for mode in self.o.modes:
            if mode == 'alloc' and not self.o.alloc:
                continue
            runs = self.kills() if mode == 'kill' else self.allocations() if mode == 'alloc' else self.errors(mode)
            tried = {}
            for kind, what, args, env in runs:
                if self.late():
                    print('# %s %s: no time for the rest' % (self.s.name, mode))
                    break
                done, same, failures = self.done, self.same, self.o.failures
                self.once(what, args, env, killed=mode == 'kill')
                t = tried.setdefault(kind, [0, 0, 0])
                t[0] += self.done - done
                t[1] += self.same - same
                t[2] += self.o.failures - failures
            for kind, t in tried.items():
                self.o.total += t[0]
                print('# %-12s %-8s %-7s %5d runs (%d the same as others), %d failures' %
                      ((self.s.name, mode, kind) + tuple(t)), flush=True)
                if self.o.table:
                    with open(self.o.table, 'a') as f:
                        f.write('%s\t%s\t%s\t%d\t%d\t%d\n' % ((self.s.name, mode, kind) + tuple(t)))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--names', action='store_true', help='only print the names of the scenarios')
    p.add_argument('--often', action='store_true', help='of those that each run of the tests has')
    p.add_argument('--bin')
    p.add_argument('--inject')
    p.add_argument('--alloc')
    p.add_argument('--errors', default='EIO,ENOSPC,EMFILE,EINTR,EACCES,ENOMEM,EAGAIN')
    p.add_argument('--modes', default='once,forever,kill,alloc')
    p.add_argument('--points', type=int, default=0)
    p.add_argument('--table')
    p.add_argument('--only', type=int)
    p.add_argument('--budget', type=float, default=0)
    p.add_argument('--hang', type=float, default=60)
    p.add_argument('--kill-git', action='store_true')
    p.add_argument('--keep', action='store_true')
    p.add_argument('scenario', nargs='*')
    o = p.parse_args()
    if o.names:
        print('\n'.join(s.name for s in SCENARIOS if not o.often or s.name not in SELDOM))
        return 0
    if not o.bin or not o.inject:
        p.error('--bin and --inject are needed')
    o.errors, o.modes = o.errors.split(','), o.modes.split(',')
    o.failures, o.total = 0, 0
    o.bin, o.inject = os.path.abspath(o.bin), os.path.abspath(o.inject)
    if not os.access(o.bin + '/git-sk', os.X_OK):
        p.error('no git-sk in ' + o.bin)
    real = os.path.dirname(os.path.realpath(os.path.join(o.bin, 'git-sk')))
    found = glob.glob(real + '/plugins') + glob.glob(real + '/../lib/**/safekeep/plugins', recursive=True)
    o.plugins = os.path.realpath(found[0]) if found else ''
    chosen = [s for s in SCENARIOS if not o.scenario or s.name in o.scenario]
    for s in chosen:
        if s.plugin and not os.path.exists('%s/%s.so' % (o.plugins, s.plugin)):
            print('# %s: %s was not built' % (s.name, s.plugin))
            continue
        o.deadline = None
        if o.budget:
            o.deadline = time.monotonic() + o.budget / len(chosen)
        worker = Worker(o, s)
        try:
            worker.all()
        finally:
            if not (o.keep and o.failures):
                shutil.rmtree(worker.top, ignore_errors=True)
    print('# %d runs, %d failures' % (o.total, o.failures))
    return 1 if o.failures else 0


if __name__ == '__main__':
    sys.exit(main())
