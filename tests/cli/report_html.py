"""The page of git sk report, as text and in a headless Chromium.

  report_html.py text PAGE                  one whole page, and what its data says, as JSON
  report_html.py browser BROWSER PAGE       the checks below
"""
import base64
import hashlib
import html.parser
import json
import re
import sys
import tempfile

import impact_html
from impact_html import Browser, check

VOID = {"meta", "link", "input", "img", "br"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.count, self.attrs, self.text, self.ids = [], {}, [], {}, []

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.attrs += [(tag, k, v) for k, v in attrs]
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in VOID:
            self.open.append(tag + (dict(attrs).get("id") or ""))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop().startswith(tag), tag

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data


def parse(text):
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open, page.open
    assert len(page.ids) == len(set(page.ids)), "ids"
    return page


def hash_of(page):
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(page.text["script"].encode()).digest()).decode()


def whole(path):
    """The page is complete in itself; returns its data."""
    page = parse(open(path, encoding="utf-8").read())
    assert page.count["script"] == 2 and "img" not in page.count and page.count["iframe"] == 1, page.count
    assert not [a for a in page.attrs if a[1] in ("src", "srcset", "action", "style") or a[1].startswith("on")]
    assert [v for t, k, v in page.attrs if k == "href"] == ["data:,", "#list"]
    policy = [v for t, k, v in page.attrs if k == "content" and "default-src" in v][0]
    assert "default-src 'none'" in policy and hash_of(page) in policy, policy
    inner = [v for t, k, v in page.attrs if k == "srcdoc"][0]
    if inner:
        assert hash_of(parse(inner)) in policy, "the graph's script"
    assert ("sandbox" in [k for t, k, v in page.attrs if t == "iframe"])
    assert not re.search("[<>&]", page.text["scriptdata"])
    return json.loads(page.text["scriptdata"]), bool(inner)


def browser(program, path):
    data, graph = whole(path)
    rows = "[...document.querySelectorAll('#list details')]"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        b = Browser(program, profile)
        b.size(1200, 900)
        b.open(path)
        check("every event is a row", b.run(rows + ".length"), len(data["events"]))
        check("their titles are as they were", b.run(rows + ".map(e => e.querySelector('.title').textContent)"),
              [e["title"] for e in data["events"]])
        check("it says how things stand", bool(b.run("document.getElementById('verdict').textContent")), True)
        check("all checks are told", b.run("document.querySelectorAll('#health tr').length"), len(data["health"]))
        n = next(i for i, e in enumerate(data["events"]) if data["changes"].get(e.get("change"), {}).get("n"))
        b.run(rows + "[%d].firstElementChild.focus()" % n)
        b.key("Enter", "\r")
        check("Enter opens one", b.run(rows + "[%d].open" % n), True)
        check("its paths are there", b.run(rows + "[%d].querySelectorAll('td.path').length" % n),
              data["changes"][data["events"][n]["change"]]["n"])
        b.key("/", "/")
        check("/ goes to the search", b.run("document.activeElement.id"), "find")
        for c in "second":
            b.key(c, c)
        check("the search finds by title", b.run(rows + ".map(e => e.querySelector('.title').textContent)"),
              [e["title"] for e in data["events"] if "second" in e["title"]])
        b.run("(() => { const f = document.getElementById('find'); f.value = ''; f.dispatchEvent(new Event('input')); })()")
        b.run("document.querySelector('#kinds .commit input').click()")
        check("a kind can be left out", b.run(rows + ".length"), len([e for e in data["events"] if e["kind"] != "commit"]))
        for width in 320, 390, 1200:
            b.size(width, 800)
            b.frame()
            check("%d wide, nothing runs off" % width, b.run("document.documentElement.scrollWidth <= %d" % width), True)
        check("the graph is there", b.run("!!document.getElementById('graph')"), graph)
        check("no name became an element", b.run("document.querySelectorAll('img, b').length"), 0)
        check("no name ran", b.run("typeof window.taken"), "undefined")
        said = [e["params"] for e in b.events if e.get("method") in
                ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")]
        check("the console is silent", said, [])
        asked = [e["params"]["request"]["url"] for e in b.events if e.get("method") == "Network.requestWillBeSent"]
        check("nothing is asked for but the page",
              [u[:40] for u in asked if not u.startswith(("file:", "data:", "about:"))], [])
        check("its policy refuses requests", b.run("fetch('data:,x').then(() => 'went', () => 'refused')"), "refused")
        b.close()
    sys.exit(1 if impact_html.failed else 0)


if sys.argv[1] == "text":
    print(json.dumps(whole(sys.argv[2])[0]))
else:
    browser(*sys.argv[2:4])
