"""Opens a page in a headless Chromium and asks it things, over the browser's own pipe (the Chrome
DevTools Protocol, messages that end in a NUL, on descriptors 3 and 4): nothing but Python's library.

  impact_html.py BROWSER PAGE checks FILE   the checks below, FILE an affected file of the page
  impact_html.py BROWSER PAGE shot PNG [WIDTH HEIGHT [SCRIPT [dark]]]   a picture, after SCRIPT ran

Prints one line for each check and exits with 1 when one fails.
"""
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time


class Browser:
    """One page in one browser, in a profile of its own."""

    def __init__(self, program, profile):
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()

        def pipes():
            # 3 and 4, by way of numbers that are neither
            a, b = os.dup(to_read), os.dup(to_write)
            while a < 5 or b < 5:
                a, b = os.dup(a), os.dup(b)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--user-data-dir=" + profile, "about:blank"],
            preexec_fn=pipes, close_fds=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.rest, self.number, self.events = b"", 0, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = None
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Log", "Network":
            self.ask(domain + ".enable")

    def message(self):
        while b"\0" not in self.rest:
            more = os.read(self.back, 1 << 16)
            if not more:
                sys.exit("the browser went away")
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def ask(self, method, **params):
        self.number += 1
        call = {"id": self.number, "method": method, "params": params}
        if getattr(self, "session", None):
            call["sessionId"] = self.session
        os.write(self.to, json.dumps(call).encode() + b"\0")
        while True:
            m = self.message()
            if m.get("id") == self.number:
                if "error" in m:
                    sys.exit("%s: %s" % (method, m["error"]["message"]))
                return m["result"]
            self.events.append(m)

    def open(self, page):
        self.ask("Page.navigate", url=pathlib.Path(page).absolute().as_uri())
        end = time.monotonic() + 60
        while not self.run("location.protocol === 'file:' && document.documentElement &&"
                           " +document.documentElement.dataset.drawn"):
            if time.monotonic() > end:
                sys.exit("the page draws nothing")
            time.sleep(.02)

    def run(self, script):
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            sys.exit("%s: %s" % (script, json.dumps(answer["exceptionDetails"])))
        return answer["result"].get("value")

    def frame(self):
        """Until what was asked for is drawn."""
        self.run("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")

    def click(self, x, y):
        for kind in "mouseMoved", "mousePressed", "mouseReleased":
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.frame()

    def key(self, key, text=None):
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.frame()

    def size(self, width, height):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=False)

    def close(self):
        self.session = None
        self.ask("Browser.close")
        self.process.wait()


failed = []


def check(what, got, want):
    print(("ok    " if got == want else "FAIL  ") + what)
    if got != want:
        print("      got  %r\n      want %r" % (got, want))
        failed.append(what)


def checks(b, path):
    way = "[...document.querySelectorAll('#way button')].map(e => e.textContent)"
    name = json.dumps(path)
    paths = b.run("impact.data.path")
    n = b.run("impact.data.path.length")
    i = b.run("impact.find(%s)" % name)
    want = b.run("(() => { const out = []; for (let i = impact.find(%s); i >= 0; i = impact.data.via[i])"
                 " out.push(impact.data.path[i]); return out; })()" % name)

    check("every file is shown", b.run("+document.documentElement.dataset.shown"), n)
    check("the page has the file", i >= 0, True)
    colors = b.run("(() => { const c = document.getElementById('view'), d = c.getContext('2d')"
                   ".getImageData(0, 0, c.width, c.height).data, s = new Set();"
                   "for (let i = 0; i < d.length; i += 4) s.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);"
                   "return s.size; })()")
    check("something is drawn", colors > 8, True)

    b.run("document.getElementById('view').focus()")
    b.key("/", "/")
    check("/ goes to the search", b.run("document.activeElement.id"), "find")
    for c in path:
        b.key(c, c)
    found = b.run("[...document.querySelectorAll('#hits button')].map(e => e.textContent)")
    words = path.lower().split()
    check("the search finds what it should", found,
          [p for p in paths if all(w in p.lower() for w in words)][:100])
    b.key("Enter", "\r")
    check("Enter chooses the first one", b.run("impact.chosen()"), paths.index(found[0]))
    b.key("Escape")
    check("Escape lets go", b.run("[impact.chosen(), document.getElementById('find').value]"), [-1, ""])

    b.key("0", "0")
    place = b.run("impact.place(%d)" % i)
    b.click(place["x"], place["y"])
    check("a click chooses the file", b.run("impact.chosen()"), i)
    check("its way to a changed file is told", b.run(way), want)
    check("that way is as long as the distance", len(want) - 1, b.run("impact.data.distance[%d]" % i))
    b.key("ArrowLeft")
    check("the left arrow goes nearer", b.run("impact.chosen()"), paths.index(want[1]))
    b.key("ArrowRight")
    check("the right arrow goes farther", b.run("impact.data.distance[impact.chosen()]"), len(want) - 1)

    before = b.run("impact.place(0)")
    b.key("+", "+")
    check("+ zooms", b.run("impact.place(0)") != before, True)
    before = b.run("impact.place(0)")
    x, y = b.run("innerWidth") - 100, b.run("innerHeight") // 2
    b.ask("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
    b.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x - 30, y=y - 20, button="left", buttons=1)
    b.ask("Input.dispatchMouseEvent", type="mouseReleased", x=x - 30, y=y - 20, button="left", clickCount=1)
    b.frame()
    after = b.run("impact.place(0)")
    check("dragging moves", [round(after["x"] - before["x"]), round(after["y"] - before["y"])], [-30, -20])

    b.run("(() => { const d = document.getElementById('depth'); d.value = 1; d.dispatchEvent(new Event('input')); })()")
    check("one step only", b.run("+document.documentElement.dataset.shown"),
          b.run("impact.data.distance.filter(d => d <= 1).length"))
    b.run("(() => { const a = document.getElementById('all'); a.click(); })()")
    b.frame()

    # what the names of files were to do
    check("no name became an element", b.run("document.querySelectorAll('img, svg, iframe').length"), 0)
    check("no name ran", b.run("typeof window.taken"), "undefined")
    said = [e["params"] for e in b.events if e.get("method") in
            ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")]
    check("the console is silent", said, [])
    asked = [e["params"]["request"]["url"] for e in b.events if e.get("method") == "Network.requestWillBeSent"]
    check("nothing is asked for but the page", [u[:40] for u in asked if not u.startswith(("file:", "data:", "about:"))], [])
    check("only one file is read", len([u for u in asked if u.startswith("file:")]), 1)
    tried = b.run("fetch('data:,x').then(() => 'went', () => 'refused')")
    check("its policy refuses requests", tried, "refused")


def main():
    program, page, what = sys.argv[1:4]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        b = Browser(program, profile)
        if what == "checks":
            b.size(1280, 800)
            b.open(page)
            print("drawn in %s ms" % b.run("document.documentElement.dataset.ms"))
            checks(b, sys.argv[4])
        else:
            b.size(int(sys.argv[5]) if len(sys.argv) > 5 else 1600, int(sys.argv[6]) if len(sys.argv) > 6 else 1000)
            if "dark" in sys.argv:
                b.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
            b.open(page)
            if len(sys.argv) > 7:
                print(b.run(sys.argv[7]))
                b.frame()
            print("drawn in %s ms, %s ms after the page was asked for" % (
                b.run("document.documentElement.dataset.ms"), b.run("Math.round(performance.now())")))
            picture = base64.b64decode(b.ask("Page.captureScreenshot", format="png")["data"])
            pathlib.Path(sys.argv[4]).write_bytes(picture)
        b.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
