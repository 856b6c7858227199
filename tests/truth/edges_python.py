#!/usr/bin/env python3
"""edges_python.py DIR ROOT...: the imports of DIR's Python files as Python's own import system finds
them below ROOTs (relative to DIR), "FROM\tTO" a line.  Nothing is run.  To compare with truth_edges."""
import ast, os, sys
from importlib.machinery import PathFinder

top = os.path.abspath(sys.argv[1])
roots = [os.path.join(top, r) for r in sys.argv[2:] or ["."]]
known = {}


def find(name):
    """The file of a module: "" for a namespace, None when there is none."""
    if name not in known:
        parent, _, _ = name.rpartition(".")
        path = roots
        if parent:
            found = find(parent)
            path = known[parent][1] if found is not None else None
        try:
            spec = PathFinder.find_spec(name, path) if path else None
        except KeyError:  # a namespace package whose parent is not imported, as nothing is here
            last = name.rpartition(".")[2]
            known[name] = ("", [os.path.join(p, last) for p in path if os.path.isdir(os.path.join(p, last))])
            return ""
        if spec is None:
            known[name] = (None, None)
        else:
            where = spec.submodule_search_locations
            known[name] = (spec.origin if spec.has_location else "", list(where) if where else None)
    return known[name][0]


def module_of(path):
    for r in sorted(roots, key=len, reverse=True):
        if path.startswith(r + os.sep):
            parts = os.path.relpath(path, r)[:-3].split(os.sep)
            package = parts[-1] == "__init__"
            return ".".join(parts[:-1] if package else parts), package
    return None, False


for folder, _, files in os.walk(top):
    for f in files:
        path = os.path.join(folder, f)
        if not f.endswith(".py"):
            continue
        try:
            tree = ast.parse(open(path, "rb").read())
        except (SyntaxError, ValueError):
            continue
        name, package = module_of(path)
        out = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                out.update(find(a.name) for a in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parts = (name or "").split(".")
                    up = node.level - (1 if package else 0)
                    if up > len(parts) or (up == len(parts) and not base and up):
                        continue
                    parts = parts[: len(parts) - up] if up else parts
                    base = ".".join(parts + ([base] if base else []))
                if not base:
                    continue
                for a in node.names:
                    sub = find(base + "." + a.name) if a.name != "*" and find(base) is not None else None
                    out.add(sub if sub else find(base))
        for to in out:
            if to and to.startswith(top + os.sep) and to.endswith(".py") and to != path:
                print(os.path.relpath(path, top) + "\t" + os.path.relpath(to, top))
