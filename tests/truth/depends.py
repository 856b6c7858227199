"""usage: depends.py EXTRACT FOLDER: the headers that `gcc -MM -I. -MG` says each FOLDER/*.c needs, against
those that are reached by following what EXTRACT finds (quotes: beside the file, then FOLDER).

More may be reached than gcc says: every branch of an #if counts here, one of them there."""
import glob, os, re, subprocess, sys

extract, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
os.chdir(folder)
names = [os.path.normpath(os.path.join(d, f)) for d, _, files in os.walk(".") for f in files
         if f.endswith((".c", ".h"))]
text = subprocess.run([extract], input="\n".join(names), stdout=subprocess.PIPE, text=True,
                      errors="replace").stdout
quoted = {}
for line in text.splitlines():
    path, kind, spec = line.split("\t")[:3]
    if kind == "3":
        quoted.setdefault(path, []).append(spec)


def reach(path, seen):
    for spec in quoted.get(path, []):
        for base in (os.path.dirname(path), "."):
            target = os.path.normpath(os.path.join(base, spec))
            if os.path.exists(target):
                if target not in seen:
                    seen.add(target)
                    reach(target, seen)
                break
    return seen


hits = missing = extra = 0
for path in sorted(glob.glob("*.c")):
    said = subprocess.run(["gcc", "-MM", "-MG", "-w", "-I.", path], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    if said.returncode:
        continue
    words = re.sub(r"\\\n", " ", said.stdout).split()[1:]
    want = {os.path.normpath(w) for w in words if os.path.exists(w)} - {path}
    have = reach(path, set()) - {path}
    hits, missing, extra = hits + len(want & have), missing + len(want - have), extra + len(have - want)
print(f"edges {hits + missing} recall {hits / max(1, hits + missing):.5f} "
      f"in no branch that gcc took {extra}")
