"""model.py - what a disk may hold after the power went, from what a command did to it (record.c).

A `Disk` is a scanned folder and the changes recorded since.  `states` gives what a power cut after
each of them could leave, each different one once, by two models:

ext4    Changes of names, sizes (truncate) and modes get to the disk in their order, as a journal
        does it: some first part of them is there.  fsync of a file or folder brings there whatever
        happened up to the last change of that file or folder, and its bytes.  Bytes that no fsync
        followed are there, or not, or cut off at a page: a file may be empty under its new name.
strict  All that is not asked of a disk is free: each name that a folder gets or loses, with no
        fsync of that folder since, may be there or not, whatever its neighbours do (a change of a
        name follows the changes of that name before it; a rename happens or does not).  fsync of
        a file keeps its bytes and nothing of its name.  Of bytes without an fsync each page may be
        there, be lost, or be zeros.
"""
import hashlib, os, random, stat, urllib.parse

PAGE = 4096


class Refused(Exception):
    pass


class Node:
    def __init__(self, kind, data=b'', mode=0o644, target=''):
        self.kind, self.data, self.mode, self.target = kind, data, mode, target
        self.ops, self.synced = [], []  # (index, what, ...) of bytes, size and mode; indexes of fsyncs

    def at(self, ops, start=None):
        data, mode = start if start else (bytearray(self.data), self.mode)
        for op in ops:
            if op[1] == 'write':
                at, b = op[2], op[3]
                if len(data) < at:
                    data.extend(bytes(at - len(data)))
                data[at:at + len(b)] = b
            elif op[1] == 'truncate':
                del data[op[2]:]
                data.extend(bytes(op[2] - len(data)))
            else:
                mode = op[2]
        return data, mode


class Disk:
    def __init__(self, top):
        self.top = top
        self.nodes = {}  # by inode number, of now
        self.root = self.scan(top)
        self.start = {}  # (folder, name): node
        self.read_folder(top, self.root)
        self.names = dict(self.start)
        self.events = []  # (text, changes of names or None, read names, nodes touched)
        self.commits = []  # for each event, up to which one a journal is on the disk after it

    def scan(self, path):
        st = os.lstat(path)
        if stat.S_ISDIR(st.st_mode):
            node = Node('folder', mode=stat.S_IMODE(st.st_mode))
        elif stat.S_ISLNK(st.st_mode):
            node = Node('link', target=os.readlink(path))
        else:
            node = self.nodes.get(st.st_ino)  # of two names
            if not node:
                with open(path, 'rb') as f:
                    node = Node('file', f.read(), stat.S_IMODE(st.st_mode))
        self.nodes[st.st_ino] = node
        return node

    def read_folder(self, path, node):
        for name in os.listdir(path):
            p = os.path.join(path, name)
            child = self.scan(p)
            self.start[node, name] = child
            if child.kind == 'folder':
                self.read_folder(p, child)

    def slot(self, path):
        """A path, as of now, as (folder, name)."""
        *parents, name = urllib.parse.unquote(path, errors='surrogateescape').split('/')
        node = self.root
        for p in parents:
            node = self.names[node, p]
        return node, name

    def load(self, log):
        with open(log, 'rb') as f:
            while True:
                line = f.readline()
                if not line:
                    break
                program, what, *args = line.decode().rstrip('\n').split(' ')
                data = b''
                if what == 'write':
                    data = f.read(int(args[2]) + 1)[:-1]
                getattr(self, 'on_' + what)(line.decode().strip(), data, *args)

    # an event each; `changes`: [((folder, name), node or None)...]
    def add(self, text, changes=None, reads=(), touched=()):
        self.events.append((text, changes, tuple(reads), tuple(touched)))
        for s, node in changes or ():
            if node:
                self.names[s] = node
            else:
                self.names.pop(s, None)

    def on_open(self, text, _, ino, path):
        s = self.slot(path)
        if s not in self.names:
            node = self.nodes[ino] = Node('file')
            self.add(text, [(s, node)], touched=(s[0], node))
        else:
            self.nodes[ino] = self.names[s]

    def of(self, ino):
        return self.nodes[ino] if ino in self.nodes else self.nodes[int(ino)]

    def change(self, text, node, *op):
        node.ops.append((len(self.events),) + op)
        self.add(text, touched=(node,))

    def on_write(self, text, data, ino, at, size):
        self.change(text, self.of(ino), 'write', int(at), data)

    def on_truncate(self, text, _, ino, size):
        node = self.of(ino)
        if len(node.at(node.ops)[0]) != int(size):
            self.change(text, node, 'truncate', int(size))

    def on_chmod(self, text, _, ino, mode):
        node = self.of(ino)
        if node.kind == 'file' and node.at(node.ops)[1] != int(mode, 8):
            self.change(text, node, 'mode', int(mode, 8))

    def new(self, text, ino, path, node):
        s = self.slot(path)
        self.nodes[ino] = node
        self.add(text, [(s, node)], touched=(s[0], node))

    def on_mkdir(self, text, _, ino, path):
        self.new(text, ino, path, Node('folder', mode=0o755))

    def on_symlink(self, text, _, ino, path, target):
        self.new(text, ino, path, Node('link', target=urllib.parse.unquote(target, errors='surrogateescape')))

    def on_link(self, text, _, old, new):
        a, b = self.slot(old), self.slot(new)
        self.add(text, [(b, self.names[a])], reads=[a], touched=(b[0], self.names[a]))

    def on_rename(self, text, _, old, new):
        a, b = self.slot(old), self.slot(new)
        node, gone = self.names[a], self.names.get(b)
        if node is not gone:
            self.add(text, [(a, None), (b, node)], touched=(a[0], b[0], node, gone))

    def on_exchange(self, text, _, old, new):
        a, b = self.slot(old), self.slot(new)
        x, y = self.names[a], self.names[b]
        self.add(text, [(a, y), (b, x)], touched=(a[0], b[0], x, y))

    def on_unlink(self, text, _, path):
        s = self.slot(path)
        self.add(text, [(s, None)], touched=(s[0], self.names[s]))

    def on_sync(self, text, _, ino):
        node = self.of(ino)
        node.synced.append(len(self.events))
        self.add('sync ' + node.kind + text[text.index(' sync') + 5:] + self.some_name(node))

    def on_syncall(self, text, _):
        for node in {n for n in self.nodes.values()}:
            node.synced.append(len(self.events))
        self.add(text)

    def on_lost(self, text, _, what):
        raise Refused('the recording is not whole: ' + urllib.parse.unquote(what))

    def some_name(self, node):
        path = []
        while node is not self.root:
            found = [s for s, n in self.names.items() if n is node]
            if not found:
                return ' (no name)'
            node = found[0][0]
            path.append(found[0][1])
        return ' ' + '/'.join(reversed(path))

    # -- what may be there ------------------------------------------------------------------
    def prepare(self):
        """What each fsync makes sure of, and which change of a name needs which other one."""
        last, journal = {}, -1
        self.needs, before = {}, {}
        self.in_folder = {}
        syncs = {}
        for node in set(self.nodes.values()) | {n for e in self.events for n in e[3] if n}:
            for i in node.synced:
                syncs.setdefault(i, []).append(node)
        for i, (_, changes, reads, touched) in enumerate(self.events):
            for node in syncs.get(i, ()):
                journal = max(journal, last.get(node, -1))
            self.commits.append(journal)
            for node in touched:
                last[node] = i
            if changes is None:
                continue
            slots = [s for s, _ in changes] + list(reads)
            self.needs[i] = {before[s] for s in slots if s in before}
            if len(changes) == 1 and changes[0][1] is None:  # a folder goes after what was in it
                self.needs[i] |= {j for (f, _), j in before.items() if f is touched[1]}
            for s, node in changes:
                self.in_folder.setdefault(s[0], []).append(i)
            for s in slots:
                before[s] = i

    def sure(self, p):
        """strict: the changes of names that are on the disk after event p - 1."""
        keep, todo = set(), []
        for folder, changes in self.in_folder.items():
            done = max([s for s in folder.synced if s < p], default=-1)
            todo += [i for i in changes if i < done]
        while todo:
            i = todo.pop()
            if i not in keep:
                keep.add(i)
                todo += self.needs[i]
        return keep

    def without(self, all_changes, dropped):
        """All changes of names but these and what needs them."""
        kept = set()
        for i in all_changes:  # in order: needs come first
            if i not in dropped and self.needs[i] <= kept:
                kept.add(i)
        return kept

    def bytes_of(self, node, p, journal, how, rng):
        """The bytes and mode of a file after event p - 1.  `how`: all, none, zero, cut (ext4), some
        (strict); `journal`: for ext4, up to which event sizes and modes are there."""
        done = max([s for s in node.synced if s < p], default=-1)
        past = [op for op in node.ops if op[0] < done]
        tail = [op for op in node.ops if done < op[0] < p]
        full = past + tail
        if not tail or how == 'all':
            return node.at(full)
        data, mode = node.at(past)
        if how == 'zero':
            size = len(node.at(full)[0])
            del data[size:]
            data.extend(bytes(size - len(data)))
            return data, mode
        if how == 'some':
            pieces = []
            for op in tail:
                if op[1] != 'write':
                    pieces += [op] if rng.random() < 0.5 else []
                    continue
                at, b = op[2], op[3]
                while b:
                    n = PAGE - at % PAGE
                    if rng.random() < 0.5:
                        piece = b[:n]
                        if rng.random() < 0.2:  # cut off within it
                            piece = piece[:rng.randrange(len(piece) + 1)]
                        pieces.append((op[0], 'write', at, piece))
                    at, b = at + n, b[n:]
            return node.at(pieces, (data, mode))
        limit = len(data) if how == 'none' else rng.randrange(len(node.at(full)[0]) // PAGE + 1) * PAGE
        pieces = []
        for op in tail:
            if op[1] != 'write':
                pieces += [op] if op[0] <= journal else []
            elif op[2] < limit and how != 'none':
                pieces.append((op[0], 'write', op[2], op[3][:limit - op[2]]))
        return node.at(pieces, (data, mode))

    def build(self, kept, p, journal, how):
        """{path: (kind, mode, bytes[, node: the same for all names of a file])}; `how` is a function of a node."""
        names = dict(self.start)
        for i in sorted(kept):
            for s, node in self.events[i][1] or ():
                if node:
                    names[s] = node
                else:
                    names.pop(s, None)
        inside = {}
        for (folder, name), node in names.items():
            inside.setdefault(folder, []).append((name, node))
        out, todo, known = {}, [('', self.root)], {}
        while todo:
            path, folder = todo.pop()
            for name, node in inside.get(folder, ()):
                full = path + name
                if node.kind == 'folder':
                    out[full] = ('folder', node.mode, b'')
                    todo.append((full + '/', node))
                elif node.kind == 'link':
                    out[full] = ('link', 0, os.fsencode(node.target))
                else:
                    if node not in known:
                        if any(op[0] < p for op in node.ops):
                            kind, rng = how(node)
                            data, mode = self.bytes_of(node, p, journal, kind, rng)
                            known[node] = ('file', mode, bytes(data), node)
                        else:
                            known[node] = ('file', node.mode, node.data, node)
                    out[full] = known[node]
        return out

    def choices(self, p, samples, rng, modes):
        """(name, kept, journal, how) for a cut after event p - 1."""
        changes = [i for i in range(p) if self.events[i][1] is not None]
        low = self.commits[p - 1] if p else -1
        if 'ext4' in modes:
            yield 'ext4 all', changes, p, lambda n: ('all', None)
            yield 'ext4 least', [i for i in changes if i <= low], low, lambda n: ('none', None)
            yield 'ext4 names', changes, p, lambda n: ('none', None)
            for _ in range(samples):
                upto = rng.randint(low, p)
                yield ('ext4 some', [i for i in changes if i <= upto], upto,
                       lambda n: (rng.choice(('none', 'all', 'cut')), rng))
        if 'strict' in modes:
            sure = self.sure(p)
            free = [i for i in changes if i not in sure]
            yield 'strict least', sure, -1, lambda n: ('none', None)
            yield 'strict bytes', sure, p, lambda n: ('all', None)
            yield 'strict zeros', changes, p, lambda n: ('zero', None)
            for i in free[-12:]:
                yield 'strict without one', self.without(changes, {i}), p, lambda n: ('all', None)
            for _ in range(samples):
                dropped = {i for i in free if rng.random() < 0.5}
                yield 'strict some', self.without(changes, dropped), p, lambda n: (rng.choice(('all', 'some')), rng)

    def states(self, samples, rng, modes=('ext4', 'strict')):
        """All different ones: (name, event, files, what was lost)."""
        self.prepare()
        seen = set()
        for p in range(len(self.events) + 1):
            for name, kept, journal, how in self.choices(p, samples, rng, modes):
                files = self.build(set(kept), p, journal, how)
                h = hashlib.sha1(repr(sorted((k, v[0], v[1], hashlib.sha1(v[2]).digest())
                                             for k, v in files.items())).encode(errors='surrogateescape')).digest()
                last = p == len(self.events)
                if (h, last) in seen or (h, True) in seen:
                    continue
                seen.add((h, last))
                kept = set(kept)
                lost = [self.events[i][0] for i in range(p) if self.events[i][1] is not None and i not in kept]
                yield name, p, files, lost


def put(files, top):
    """A state as files."""
    names = {}
    for path in sorted(files):
        kind, mode, data = files[path][:3]
        full = os.path.join(top, path)
        first = names.setdefault(files[path][3] if kind == 'file' else path, full)
        if first != full:
            os.link(first, full)
        elif kind == 'folder':
            os.mkdir(full, 0o700)
        elif kind == 'link':
            os.symlink(os.fsdecode(data), full)
        else:
            fd = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(fd, data)
            os.fchmod(fd, mode)
            os.close(fd)
    for path in sorted(files, reverse=True):
        if files[path][0] == 'folder':
            os.chmod(os.path.join(top, path), files[path][1])
