"""A repository with many backups, made at once: a pack with a blob, a tree and a tag for each, written
like the newest backup's, and packed references."""

import hashlib, os, struct, time, zlib

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


def fabricate(tree, count, apart=600):
    """Adds `count` backups, `apart` seconds from each other, the last an hour ago; each changes one
    file at the top."""
    sh = tree.box.sh
    ref, tag, root = sh("git for-each-ref --sort=refname --count=1 --format='%(refname) %(objectname) "
                        "%(*objectname)' refs/sk/backup", tree.path).split()
    lines = sh(f"git cat-file tag {tag}", tree.path).split("\n")
    names = sh(f"git ls-tree {root}", tree.path).splitlines()
    entries = []
    for line in names:
        mode, _, rest = line.partition(" ")
        oid, _, name = rest.split(" ")[1].partition("\t")
        entries.append(mode.lstrip("0").encode() + b" " + name.encode() + b"\0" + bytes.fromhex(oid))
    start = int(time.time()) - 3600 - apart * (count - 1)
    pack, refs = Pack(), []
    for i in range(count):
        when = start + apart * i
        ident = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(when))
        blob = pack.add("blob", f"backup {i}\n".encode())
        # "zz-bench" sorts behind the corpus's folders
        made = pack.add("tree", b"".join(entries) + b"100644 zz-bench\0" + bytes.fromhex(blob))
        lines[0], lines[2] = f"object {made}", f"tag {ident}"
        lines[3] = lines[3][:lines[3].index(">") + 1] + f" {when} +0000"
        refs.append(f"create refs/sk/backup/{ident} {pack.add('tag', chr(10).join(lines).encode())}\n")
    path = os.path.join(tree.box.scratch, "fabricated.pack")
    with open(path, "wb") as out:
        out.write(pack.bytes())
    sh(f"git index-pack --stdin <'{path}' >/dev/null && rm '{path}'", tree.path)
    sh("git update-ref --stdin && git pack-refs --all", tree.path, data="".join(refs).encode())
