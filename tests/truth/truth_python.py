"""What Python's own parser says the files on stdin import: PATH, KIND, SPEC, NAME by tabs; "PATH !"
for a file that it cannot parse."""
import ast, sys, warnings

warnings.simplefilter("ignore")
for path in sys.stdin.read().splitlines():
    try:
        with open(path, "rb") as f:
            tree = ast.parse(f.read())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        print(path, "!", sep="\t")
        continue
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(1, a.name, "") for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            spec = "." * node.level + (node.module or "")
            found |= {(2, spec, a.name) for a in node.names}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) \
                and isinstance(node.args[0].value, str) and node.args[0].value:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else \
                node.func.id if isinstance(node.func, ast.Name) else ""
            if name in ("import_module", "__import__"):
                found.add((1, node.args[0].value, ""))
    for row in found:
        try:
            print(path, *row, sep="\t")
        except UnicodeEncodeError:
            pass
