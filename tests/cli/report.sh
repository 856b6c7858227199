#!/bin/bash
# git sk report: the page as text, and in a browser where there is one (SK_BROWSER, or chromium of the
# path).
. "${0%/*}/lib.sh"
HERE=$(cd "${0%/*}" && pwd)
export PYTHONDONTWRITEBYTECODE=1

# Titles and names that would be markup, or would end the element that the data stands in.
project() {
	repo r && cd r && git sk init -q --no-service >/dev/null
	mkdir -p 'odd</script><img src=x onerror=taken=1>'
	echo 1 >'odd</script><img src=x onerror=taken=1>/<b>&amp;"' && echo more >>a.txt
	git sk backup -q -m '</script><script>taken=2</script> <!--<script>'
	git rm -q --cached src/b.txt && printf '\0\1' >bin && rm src/b.txt
	git sk backup -q -m $'second \e[31m one'
	git commit -qam 'third <b>'
	git sk-revise good "All <i>well</i>" >/dev/null
	echo last >>a.txt
}
page() { code 0 git sk report --html "$W/page.html" "$@"; }
data() { python3 "$HERE/report_html.py" text "$W/page.html" >"$W/data.json" && python3 -c "
import json, sys
d = json.load(open('$W/data.json'))
$1"; }

t_what_happened() {
	project
	page && has "$W.out" 'open it in a browser'
	data '
e = {x["title"]: x for x in d["events"]}
assert [x["t"] for x in d["events"]] == sorted((x["t"] for x in d["events"]), reverse=True)
assert d["whole"] and d["name"] == "r"
second = next(x for x in d["events"] if x["title"].startswith("second") and "\x1b" not in x["title"])
c = d["changes"][second["change"]]
assert c["n"] == 2 and c["path"][0] == ["A", "bin", None, None] and c["path"][1][:2] == ["D", "src/b.txt"] and c["path"][1][3] > 0, c
first = d["changes"][e["</script><script>taken=2</script> <!--<script>"]["change"]]
assert ["M", "a.txt", 1, 0] in first["path"] and first["n"] == 2, first
begin = d["changes"][e["first backup"]["change"]]
assert begin["n"] == e["first backup"]["files"] and all(p[0] == "A" for p in begin["path"]), begin
assert {x["kind"] for x in d["events"]} == {"backup", "revision", "commit"}
assert e["good"]["kind"] == "revision" and e["good"]["note"] == "All <i>well</i>"
assert d["status"]["backups"] == len([x for x in d["events"] if x["kind"] == "backup"])
assert {"hooks", "integrity", "backup_service"} <= {h[0] for h in d["health"]}
assert d["impact"]["changed"] and not d["impact"]["trouble"], d["impact"]
'
	# fewer: the oldest that is shown has nothing to be compared with
	page -n 2
	data 'assert len(d["events"]) == 2 and not d["whole"]'
	git sk report --html - >"$W/other.html" && cmp -n 2000 "$W/other.html" "$W/page.html"
	page --since HEAD~1
	data 'assert d["impact"]["since"] == "HEAD~1"'
}

t_nothing_is_lost() {
	project
	echo mine >mine.html
	code 13 git sk report --html mine.html && eq "$(cat mine.html)" mine
	ln -s mine.html link.html
	code 13 git sk report --html link.html && [ -L link.html ] && eq "$(cat mine.html)" mine
	code 13 git sk report --html src && code 2 git sk report && code 2 git sk report --html x -n -1
	code 2 git sk report --html x --since nope && [ ! -e x ]
	code 15 git sk report --html none/x
	page && page -q && eq "$(cat "$W.out")" ''
	cd .. && mkdir no && cd no && code 10 git sk report --html x && [ ! -e x ]
}

t_a_damaged_one_is_no_end() {
	project
	local tree
	tree=$(git rev-parse "$(git sk list backups -z -n 1 | tr -d '\0' | sed 's,^,refs/sk/backup/,')^{tree}")
	git repack -qad >/dev/null 2>&1 || :
	git unpack-objects -q <"$(ls .git/objects/pack/*.pack | head -n 1)" 2>/dev/null || :
	for p in .git/objects/pack/*.pack; do mv "$p" "$W/p.pack" && rm -f "${p%.pack}".* && git unpack-objects -q <"$W/p.pack"; done
	rm -f ".git/objects/${tree:0:2}/${tree:2}"
	page
	data 'assert d["events"] and (d["changes"].get("trouble") or d["changes"])'
}

t_in_a_browser() {
	local b

	for b in ${SK_BROWSER:-chromium chromium-browser google-chrome} ''; do
		[ -z "$b" ] || ! command -v "$b" >/dev/null || break
	done
	[ -n "$b" ] || skip 'no chromium'
	project
	page
	code 0 timeout 120 python3 "$HERE/report_html.py" browser "$(command -v "$b")" "$W/page.html"
}

run_tests
