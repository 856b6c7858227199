"""What gcc's own scanner says the files on stdin include, in every branch of an #if: PATH, KIND, SPEC,
NAME by tabs. gcc -fpreprocessed removes comments and leaves directives alone."""
import re, subprocess, sys

line = re.compile(rb'^\s*#\s*(?:include(?:_next)?|import)\b\s*(?:<([^>\n]+)>|"([^"\n]+)")')
for path in sys.stdin.read().splitlines():
    kind = "c" if path.endswith((".c", ".h")) else "c++"
    text = subprocess.run(["gcc", "-w", "-x", kind, "-fpreprocessed", "-dD", "-E", path],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if text.returncode:
        print(path, "!", sep="\t")
        continue
    rows = set()
    for part in text.stdout.split(b"\n"):
        m = line.match(part)
        if m:
            rows.add((4, m[1]) if m[1] else (3, m[2]))
    for k, spec in rows:
        print(path, k, spec.decode(errors="surrogateescape"), "", sep="\t")
