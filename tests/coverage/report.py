"""report.py SOURCE BUILD: lines and branches that ran, by room, from gcov's counts.

Source of the format: gcov(1), --json-format.  What is compiled more than once is added up.  Branches
are those that gcov tells apart, without the ones for exceptions."""
import gzip
import json
import os
import subprocess
import sys
import tempfile

LARGEST = 25


def room_of(path):
    part = path.split("/")
    return "/".join(part[:2]) if part[0] in ("core", "plugins") and len(part) > 2 else part[0]


def add(files, source, data):
    for f in data["files"]:
        path = os.path.relpath(os.path.join(data.get("current_working_directory", "/"), f["file"]), source)
        if path.split("/")[0] not in ("core", "hooks", "plugins"):
            continue
        lines, functions = files.setdefault(path, ({}, {}))
        for line in f["lines"]:
            count, branches = lines.get(line["line_number"], (0, []))
            more = [b["count"] for b in line["branches"] if not b["throw"]]
            if len(more) == len(branches):
                more = [a + b for a, b in zip(branches, more)]
            elif len(more) < len(branches):
                more = branches
            lines[line["line_number"]] = (count + line["count"], more)
        for fn in f["functions"]:
            size = fn["end_line"] - fn["start_line"] + 1
            runs = functions.get(fn["name"], (0, 0, 0))[0]
            functions[fn["name"]] = (runs + fn["execution_count"], size, fn["start_line"])


def main(source, build):
    files, notes = {}, []
    for folder, _, names in os.walk(build):
        notes += [os.path.join(folder, n) for n in names if n.endswith(".gcno")]
    with tempfile.TemporaryDirectory() as scratch:
        for note in notes:
            subprocess.run(["gcov", "-b", "--json-format", note], cwd=scratch, check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for name in os.listdir(scratch):
                with gzip.open(os.path.join(scratch, name)) as text:
                    add(files, source, json.load(text))
                os.unlink(os.path.join(scratch, name))
    rooms = {}
    for path, (lines, _) in files.items():
        total = [0, 0, 0, 0]
        for count, branches in lines.values():
            total[0] += count > 0
            total[1] += 1
            total[2] += sum(b > 0 for b in branches)
            total[3] += len(branches)
        for room in (room_of(path), "all"):
            rooms[room] = [a + b for a, b in zip(rooms.get(room, [0] * 4), total)]
    print(f"{'room':24} {'lines':>16} {'':>6} {'branches':>16}")
    for room in sorted(rooms, key=lambda r: (r == "all", r)):
        a, b, c, d = rooms[room]
        print(f"{room:24} {a:7} of {b:6} {a / max(b, 1):6.1%} {c:7} of {d:6} {c / max(d, 1):6.1%}")
    never = [(size, f"{path}:{start} {name}") for path, (_, functions) in files.items()
             for name, (runs, size, start) in functions.items() if not runs]
    print(f"\n{len(never)} functions never ran; the largest:")
    for size, text in sorted(never, reverse=True)[:LARGEST]:
        print(f"{size:5} lines  {text}")


if __name__ == "__main__":
    main(os.path.realpath(sys.argv[1]), sys.argv[2])
