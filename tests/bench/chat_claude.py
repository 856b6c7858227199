#!/usr/bin/env python3
"""chat_claude.py MEGABYTES [FILE]: a transcript as Claude Code writes it, for measuring.

Its lines have the mix of a day's work: prompts, answers, thinking with its signature, calls, results full of
source text (most of the bytes), each result a second time in toolUseResult, now and then a pasted image.
The same numbers give the same file."""
import base64
import json
import random
import sys

WORDS = """the a file function reads writes test error value buffer returns when then line number
path of to and in is that it with for as was but they this from call result parse check commit branch
service lock plugin archive config memory free struct pointer length string loop case""".split()
CODE = ["\tif (rc != 0)\n\t\tgoto out;\n", "\tchar *name = NULL;\n", "#include <stdio.h>\n",
        "static int read_all(int fd, struct buf *out)\n{\n", "}\n\n", "\treturn sk_error(SK_EIO, \"cannot read %s\", name);\n",
        "/* What it does, and why: the caller owns the memory. */\n", "\tfor (size_t i = 0; i < n; i++)\n",
        "    print(f\"{name}: {count}\")\n", "const x = {\"a\": [1, 2, 3], 'b': `${y}`};\n", "größe = 5  # naïve\n"]


def main():
    goal = int(float(sys.argv[1]) * 1e6)
    out = open(sys.argv[2], "wb") if len(sys.argv) > 2 else sys.stdout.buffer
    rng = random.Random(7)
    words = lambda n: " ".join(rng.choices(WORDS, k=n)).capitalize() + "."
    code = lambda n: "".join(f"{i + 1:6d}\t" + rng.choice(CODE) for i in range(n))
    ident = lambda: "%08x-%04x-4%03x-a%03x-%012x" % tuple(rng.getrandbits(b) for b in (32, 16, 12, 12, 48))
    session, parent, made, second = ident(), None, 0, 1786363200

    def line(kind, more):
        nonlocal parent, made, second
        second += rng.randint(1, 40)
        uuid = ident()
        day, rest = divmod(second - 1786363200, 86400)
        when = "2026-08-%02dT%02d:%02d:%02d.%03dZ" % (1 + day % 28, rest // 3600, rest // 60 % 60, rest % 60,
                                                     rng.randint(0, 999))
        record = {"parentUuid": parent, "isSidechain": False, "userType": "external", "cwd": "/w/app",
                  "sessionId": session, "version": "2.1.230", "gitBranch": "main", "type": kind}
        record.update(more)
        record.update({"uuid": uuid, "timestamp": when})
        data = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        out.write(data)
        parent, made = uuid, made + len(data)

    def said(blocks):
        line("assistant", {"message": {
            "id": "msg_" + ident(), "type": "message", "role": "assistant", "model": "claude-opus-4-5",
            "content": blocks, "stop_reason": None, "usage": {
                "input_tokens": rng.randint(1, 9), "cache_creation_input_tokens": rng.randint(100, 9999),
                "cache_read_input_tokens": rng.randint(1000, 99999), "output_tokens": rng.randint(1, 999),
                "service_tier": "standard"}}, "requestId": "req_" + ident()})

    while made < goal:
        line("user", {"message": {"role": "user", "content": words(rng.randint(5, 60))}})
        if rng.random() < 0.01:
            data = base64.b64encode(rng.randbytes(rng.randint(50_000, 900_000))).decode()
            line("user", {"message": {"role": "user", "content": [
                {"type": "text", "text": words(9)},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}]}})
        for _ in range(rng.randint(1, 12)):
            if rng.random() < 0.4:
                said([{"type": "thinking", "thinking": words(rng.randint(20, 200)),
                       "signature": base64.b64encode(rng.randbytes(300)).decode()}])
            said([{"type": "text", "text": words(rng.randint(5, 120))}])
            tool, path = "toolu_" + ident(), "/w/app/src/" + rng.choice(WORDS) + ".c"
            said([{"type": "tool_use", "id": tool, "name": "Read", "input": {"file_path": path}}])
            text = code(rng.randint(5, 250))
            line("user", {"message": {"role": "user", "content": [
                {"tool_use_id": tool, "type": "tool_result", "content": text}]},
                "toolUseResult": {"type": "text", "file": {"filePath": path, "content": text, "numLines": 99}}})


main()
