"""A repository with many backups, made at once: their trees, tags like the newest backup's, and
packed references."""

import hashlib, os, shutil, struct, time, zlib

TYPES = {"tree": 2, "blob": 3, "tag": 4}


class Pack:
    def __init__(self):
        self.parts, self.count = [], 0

    def add(self, kind, data):
        """The object's name, as hexadecimal digits."""
        size, head = len(data) >> 4, [TYPES[kind] << 4 | len(data) & 15]
        while size:
            head[-1] |= 0x80
            head.append(size & 0x7F)
            size >>= 7
        self.parts.append(bytes(head) + zlib.compress(data, 1))
        self.count += 1
        return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest()

    def bytes(self):
        data = b"PACK" + struct.pack(">II", 2, self.count) + b"".join(self.parts)
        return data + hashlib.sha1(data).digest()


def edited_trees(tree, count, names):
    """`count` states of HEAD's tree, each with 3 of the files edited since the one before, in one
    pack.  git fast-import makes them as commits, in a repository of its own, so that no more than
    trees and files get into this one."""
    box = tree.box
    apart = os.path.join(box.scratch, "apart.git")
    shutil.rmtree(apart, ignore_errors=True)
    box.sh(f"git init -q --bare '{apart}' && "
           f"echo '{tree.git}/objects' >'{apart}/objects/info/alternates'")
    head = box.sh("git rev-parse HEAD", tree.path).strip()
    text = [f"reset refs/heads/main\nfrom {head}\n\n".encode()]
    for i in range(count):
        text.append(b"commit refs/heads/main\ncommitter B <b@example.org> 1700000000 +0000\n"
                    b"data 1\nx\n")
        for k in range(3):
            name = names[(3 * i + k) % len(names)]
            with open(os.path.join(tree.path, name), "rb") as file:
                data = file.read() + f"// backup {i}\n".encode()
            text.append(f"M 100644 inline {name}\ndata {len(data)}\n".encode() + data + b"\n")
    box.sh("git fast-import --quiet", apart, data=b"".join(text))
    box.sh(f"git log --reverse --format=%T {head}..main >trees && "
           f"(cat trees && echo ^{head}) | git rev-list --objects --stdin >names && "
           f"cut -d' ' -f1 names | git pack-objects -q --stdout >new.pack", apart)
    box.sh(f"git index-pack --stdin <'{apart}/new.pack' >/dev/null", tree.path)
    with open(os.path.join(apart, "trees")) as trees:
        out = trees.read().split()
    shutil.rmtree(apart)
    return out


def fabricate(tree, count, apart=600, trees=None):
    """Adds `count` backups, `apart` seconds from each other, the last an hour ago, of these trees;
    without any, each changes one file at the top."""
    sh = tree.box.sh
    tag, root = sh("git for-each-ref --count=1 --format='%(objectname) %(*objectname)' "
                   "refs/sk/backup", tree.path).split()
    lines = sh(f"git cat-file tag {tag}", tree.path).split("\n")
    names = sh(f"git ls-tree {root}", tree.path).splitlines()
    entries = []
    for line in names:
        mode, _, rest = line.partition(" ")
        oid, _, name = rest.split(" ")[1].partition("\t")
        entries.append(f"{mode.lstrip('0')} {name}\0".encode() + bytes.fromhex(oid))
    start = int(time.time()) - 3600 - apart * (count - 1)
    pack, refs = Pack(), []
    for i in range(count):
        when = start + apart * i
        ident = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(when))
        if trees:
            made = trees[i]
        else:  # "zz-bench" sorts behind the corpus's folders
            blob = bytes.fromhex(pack.add("blob", f"backup {i}\n".encode()))
            made = pack.add("tree", b"".join(entries) + b"100644 zz-bench\0" + blob)
        lines[0], lines[2] = f"object {made}", f"tag {ident}"
        lines[3] = lines[3][:lines[3].index(">") + 1] + f" {when} +0000"
        tag = pack.add("tag", "\n".join(lines).encode())
        refs.append(f"create refs/sk/backup/{ident} {tag}\n")
    path = os.path.join(tree.box.scratch, "fabricated.pack")
    with open(path, "wb") as out:
        out.write(pack.bytes())
    sh(f"git index-pack --stdin <'{path}' >/dev/null && rm '{path}'", tree.path)
    sh("git update-ref --stdin && git pack-refs --all", tree.path, data="".join(refs).encode())
