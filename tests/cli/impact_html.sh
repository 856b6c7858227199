#!/bin/bash
# git sk impact --format html: the page as text, and in a browser where there is one (SK_BROWSER, or
# chromium of the path).
. "${0%/*}/lib.sh"
HERE=$(cd "${0%/*}" && pwd)

# Names that would be markup, or would end the element that the data stands in.
BAD='</script><img src=x onerror=taken=1>.ts'
project() {
	git init -q p && cd p && mkdir -p src tests "src/<b>&amp;\"'"
	echo 'export const c = 1' >src/c.ts
	echo "import './c'" >src/b.ts
	echo "import './b'; import './c'" >src/a.ts
	echo "import '../src/a'" >tests/a.test.ts
	mkdir -p "src/${BAD%/*}" && echo "import '../c'" >"src/$BAD"
	echo "import '../c'" >"src/<b>&amp;\"'/<!--<script>.ts"
	printf "import './c'" >"$(printf 'src/\xe2\x80\xaegnp\n\xff@DATA@.ts')"
	echo "import './c'" >'src/<svg onload=taken=2>${taken=3}.ts'
	git add -A && git commit -qm first
}
page() { code 0 git sk impact --format html "$@" && cp "$W.out" "$W/page.html"; }
browser() {
	local b

	for b in ${SK_BROWSER:-chromium chromium-browser google-chrome}; do
		command -v "$b" && return
	done
	skip 'no chromium'
}

t_page_is_whole() {
	project
	page src/c.ts
	python3 - "$W/page.html" <<-'END'
		import base64, hashlib, html.parser, json, re, sys

		text = open(sys.argv[1], encoding="utf-8").read()
		void = {"meta", "link", "input", "img", "br"}

		class Page(html.parser.HTMLParser):
		    def __init__(self):
		        super().__init__()
		        self.open, self.count, self.attrs, self.text, self.ids = [], {}, [], {}, []
		    def handle_starttag(self, tag, attrs):
		        self.count[tag] = self.count.get(tag, 0) + 1
		        self.attrs += [(tag, k, v) for k, v in attrs]
		        self.ids += [v for k, v in attrs if k == "id"]
		        if tag not in void:
		            self.open.append(tag + (dict(attrs).get("id") or ""))
		    def handle_endtag(self, tag):
		        assert self.open and self.open.pop().startswith(tag), tag
		    def handle_data(self, data):
		        if self.open:
		            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data

		page = Page()
		page.feed(text)
		page.close()
		assert not page.open, page.open
		assert len(page.ids) == len(set(page.ids)), "ids"
		assert page.count["script"] == 2 and "img" not in page.count and "svg" not in page.count, page.count
		# nothing to ask for, nothing that runs by an attribute
		assert not [a for a in page.attrs if a[1] in ("src", "srcset", "action", "style") or a[1].startswith("on")], page.attrs
		assert [v for t, k, v in page.attrs if k == "href"] == ["data:,"]
		assert not re.search(r"https?:|//[a-z]|@import|url\(|innerHTML|document\.write|\beval\b", text.replace(page.text["scriptdata"], ""))
		# the policy names the one script
		policy = [v for t, k, v in page.attrs if k == "content" and "default-src" in v][0]
		digest = base64.b64encode(hashlib.sha256(page.text["script"].encode()).digest()).decode()
		assert "default-src 'none'" in policy and "script-src 'sha256-%s'" % digest in policy, policy
		assert not re.search("[<>&]", page.text["scriptdata"])
		data = json.loads(page.text["scriptdata"])
		want = ["src/c.ts", "src/</script><img src=x onerror=taken=1>.ts", "src/<b>&amp;\"'/<!--<script>.ts",
		        "src/<svg onload=taken=2>${taken=3}.ts", r"src/\342\200\256gnp\n\377@DATA@.ts"]
		assert set(want) < set(data["path"]), data["path"]
		assert sorted(data["distance"]) == [0, 1, 1, 1, 1, 1, 1, 2], data["distance"]
		assert data["via"][0] == -1 and data["status"][0] == "M", data
		n = data["path"].index("tests/a.test.ts")
		assert data["test"][n] == 1 and data["path"][data["via"][n]] == "src/a.ts"
		edges = {(data["path"][a], data["path"][b]) for a, b in zip(data["edge"][::2], data["edge"][1::2])}
		assert {("src/a.ts", "src/b.ts"), ("src/a.ts", "src/c.ts")} <= edges and data["left"] == 0
	END
	# the same again gives the same bytes
	page src/c.ts && cp "$W/page.html" "$W/first.html"
	page src/c.ts && cmp "$W/first.html" "$W/page.html"
}

t_deleted_and_none() {
	project
	page
	has "$W/page.html" '"path":[]'
	git rm -q src/c.ts
	page
	has "$W/page.html" '"path":["src/c.ts",'
	has "$W/page.html" '"status":["D",'
	python3 -c 'import re,sys,json; d=json.loads(re.search(r"id=\"data\">(.*?)</script>", open(sys.argv[1]).read(), re.S)[1])
assert d["via"][d["path"].index("src/b.ts")] == 0, d' "$W/page.html"
	code 2 git sk impact --json --format html
	code 0 git sk impact --why src/b.ts --format html
	hasnt "$W.out" '<html'
}

t_in_a_browser() {
	local b

	b=$(browser) || exit $?
	project
	page src/c.ts
	code 0 timeout 120 python3 "$HERE/impact_html.py" "$b" "$W/page.html" checks tests/a.test.ts
	code 0 timeout 120 python3 "$HERE/impact_html.py" "$b" "$W/page.html" checks "src/$BAD"
}

t_many_files_in_a_browser() {
	local b

	b=$(browser) || exit $?
	git init -q p && cd p
	python3 - <<-'END'
		import os
		for k in range(7):
		    os.makedirs("src/%d" % k)
		open("src/root.ts", "w").close()
		for i in range(2000): # five steps, then from the start again
		    use = "root" if i % 5 == 0 else "%d/f%d" % ((i - 1) % 7, i - 1)
		    open("src/%d/f%d.ts" % (i % 7, i), "w").write("import '../%s'\n" % use)
	END
	git add -A && git commit -qm first
	page src/root.ts
	code 0 timeout 120 python3 "$HERE/impact_html.py" "$b" "$W/page.html" checks src/4/f1999.ts
}

run_tests
