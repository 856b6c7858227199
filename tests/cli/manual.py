"""The manual pages as tests: their examples, and what must agree with the program.

manual.py examples PAGE     run the page's examples here, a repository (config/man/README.md)
manual.py text PAGE PLAIN MANDOC    the two renderings have the same words
manual.py table PAGE HELP   the page's synopsis and options are those of `git sk COMMAND -h`
manual.py keys PAGE INI     safekeep.ini.5 and safekeep.ini have the same settings
"""
import os
import re
import subprocess
import sys


def fail(text):
    sys.exit(text)


def unescape(line):
    line = line.replace("\\&", "").replace("\\-", "-").replace("\\(dq", '"').replace("\\(aq", "'")
    return line.replace("\\e", "\\")


class Command:
    def __init__(self, text, where, shown):
        self.text, self.where, self.shown = text, where, shown
        self.status, self.output = 0, []


def commands(path):
    """All commands of the literal blocks, with the output that the page shows."""
    found, literal, norun, status, current = [], False, False, 0, None
    for number, line in enumerate(open(path, encoding="utf-8").read().split("\n"), 1):
        where = "%s:%d" % (os.path.basename(path), number)
        note = re.match(r'\.\\" (\$ |exit |norun )(.*)', line)
        if note and note[1] == "$ ":
            found.append(Command(unescape(note[2]), where, False))
        elif note and note[1] == "exit ":
            status = int(note[2])
        elif note:
            norun = True
        elif line.startswith(".Bd -literal"):
            literal, current = True, None
        elif line == ".Ed":
            literal = norun = False
        elif literal and not norun:
            text = unescape(line)
            if text.startswith("$ "):
                current = Command(text[2:], where, True)
                current.status, status = status, 0
                found.append(current)
            elif text.startswith("> ") and current and not current.output:
                current.text += "\n" + text[2:]
            elif current:
                current.output.append(text)
    return found


ELIDED = [
    (r"\b\d{8}T\d{6}Z(-\d+)?", "<id>"),
    (r"_\d{8}_\d{4}(_\d+)?\b", "_<stamp>"),
    (r"\b[0-9a-f]{7,40}\b", "<hash>"),
    (r"\b\d{4}-\d\d-\d\d\b", "<date>"),
    (r"\b\d\d:\d\d(:\d\d)?\b", "<time>"),
    (r"\b(a|an|\d+) (second|minute|hour|day)s?( ago)?\b|\bjust now\b", "<age>"),
    (r"\b\d+(\.\d+)? ?(bytes|[kMG]i?B?)\b", "<size>"),
    (r"\s+", " "),
]


def elide(line):
    for pattern, put in ELIDED:
        line = re.sub(pattern, put, line)
    return line.strip()


def matches(wanted, got):
    pattern = ""
    for line in wanted:
        if line.strip() == "...":
            pattern += "(?:.*\n)*"
        else:
            parts = re.split(r" ?\.\.\. ?", elide(line))
            pattern += ".*".join(re.escape(part) for part in parts) + "\n"
    return re.fullmatch(pattern, "".join(elide(line) + "\n" for line in got)) is not None


def examples(path):
    todo = commands(path)
    here = os.path.abspath("../run")
    os.mkdir(here)
    with open(here + "/script", "w", encoding="utf-8") as script:
        for i, command in enumerate(todo):
            name = "%s/%d" % (here, i)
            with open(name, "w", encoding="utf-8") as out:
                out.write(command.text + "\n")
            script.write('eval "$(cat %s)" >%s.out 2>&1 </dev/null\necho $? >%s.status\n' % ((name,) * 3))
    subprocess.run(["bash", here + "/script"], check=False)
    for i, command in enumerate(todo):
        name = "%s/%d" % (here, i)
        if not os.path.exists(name + ".status"):
            fail("%s: the shell ended at '%s'" % (command.where, command.text))
        status = int(open(name + ".status").read())
        output = open(name + ".out", encoding="utf-8", errors="replace").read()
        told = "%s: '%s' exited %d and printed:\n%s" % (command.where, command.text, status, output)
        if status != command.status:
            fail("%s\nnot %d" % (told, command.status))
        got = [line for line in output.split("\n")]
        while got and not got[-1]:
            got.pop()
        wanted = list(command.output)
        while wanted and not wanted[-1]:
            wanted.pop()
        if wanted and not matches(wanted, got):
            fail("%s\nthe page shows:\n%s" % (told, "\n".join(wanted)))
    print("%d commands" % len(todo))
    return len(todo)


def words(path):
    text = open(path, encoding="utf-8").read()
    text = re.sub(".\b", "", text).replace("\u2018", "'").replace("\u2019", "'")
    text = text.replace("\u2013", "-").replace("\u2022", "*").replace("\u00a0", " ")
    # man's first and last line; what is hyphenated or kept together is one
    body = [line for line in text.split("\n") if not re.match(r"\S.*\S {3,}\S.* {3,}\S", line)]
    return re.sub(r"\s+", "", "".join(body))


def text(page, plain, mandoc):
    one, other = words(plain), words(mandoc)
    if one == other:
        return
    for i in range(min(len(one), len(other))):
        if one[i] != other[i]:
            fail("%s: '%s' in plain text is '%s' in mandoc's" % (page, one[i - 30:i + 30], other[i - 30:i + 30]))
    fail("%s: one rendering goes on: '%s'" % (page, (one + other)[min(len(one), len(other)):][:60]))


def section(page, name):
    found = re.search(r"^\.Sh %s\n(.*?)(?=^\.Sh |\Z)" % name, open(page, encoding="utf-8").read(), re.M | re.S)
    if not found:
        fail("%s has no %s" % (page, name))
    return found[1]


def table(page, help_file):
    lines = open(help_file, encoding="utf-8").read().split("\n")
    usage = [re.sub(r"^(usage:|   or:) ", "", line) for line in lines if re.match("usage:|   or:", line)]
    shown = "".join(line for line in plain_synopsis(section(page, "SYNOPSIS")))
    if re.sub(r"\s", "", "".join(usage)) != shown:
        fail("%s: the synopsis is\n%s\nnot\n%s" % (page, shown, "\n".join(usage)))
    options = set()
    for line in lines[len(usage) + 2:]:
        option = re.match(r"  (?:(-\w)|   )(?:,? ?(--[a-z-]+))?(?: [A-Z]+)? ", line)
        if option and option[1] not in ("-C", "-q", "-h") and option[2] not in ("--color", "--help"):
            options |= {o for o in option.groups() if o}
    there = set()
    for line in re.findall(r"^\.It (Fl .*)", section(page, "OPTIONS"), re.M):
        there |= {"-" + o for o in re.findall(r"Fl (\S+)", line)}
    if options != there:
        fail("%s: options %s are in one of table and page only" % (page, sorted(options ^ there)))


def plain_synopsis(source):
    """Enough of mdoc for a synopsis."""
    for line in source.split("\n"):
        if not line.startswith("."):
            continue
        out, close, flag = "", "", False
        for word in line[1:].split():
            if word in ("Op", "Oo"):
                out += "["
                close += "]" if word == "Op" else ""
            elif word == "Oc":
                out += "]"
            elif word in ("Fl", "Ar", "Cm", "Nm", "No", "Ns"):
                flag = word == "Fl"
            else:
                out += ("-" if flag and word != "|" else "") + word
        # what follows the brackets of .Op stands inside of them in our pages, but for "..."
        yield out + close


def keys(page, ini):
    """[section] key of both; in the page .It Va section.key"""
    have, part = set(), ""
    for line in open(ini, encoding="utf-8"):
        head = re.match(r"(?:; )?\[([a-z]+)(?: \"([a-z-]+)\")?\]", line)
        key = re.match(r"(?:; )?([a-z_]+) =", line)
        if head:
            part = head[1] if head[1] != "plugin" else "plugin." + (head[2] or "")
        elif key and part not in ("affects", "components") and not re.match("(check|after)_nginx", key[1]):
            have.add("%s.%s" % (part, key[1]))
    shown = set()
    for line in re.findall(r"^\.It Va (.*)", open(page, encoding="utf-8").read(), re.M):
        shown |= {word for word in line.split() if re.match(r"[a-z-]+(\.[a-z_-]+)+$", word)}
    if have != shown:
        fail("only in safekeep.ini: %s; only in its page: %s" % (sorted(have - shown), sorted(shown - have)))


{"examples": examples, "text": text, "table": table, "keys": keys}[sys.argv[1]](*sys.argv[2:])
