# chat-export: conversations of several tools, archived, redacted, shown, found again, purged.
. "$(dirname "$0")/lib.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
# a token that the rules know; no file of ours has it in one piece
TOKEN=ghp_; TOKEN=${TOKEN}wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx
S1=11111111-1111-4111-8111-111111111111
S2=22222222-2222-4222-8222-222222222222
REF=refs/sk/chat/archive

# the plugin that was built or installed with this git-sk
plugin() {
	local bin f
	bin=$(dirname "$(readlink -f "$(command -v git-sk)")")
	for f in "$bin/plugins/chat-export.so" "$bin"/../lib/safekeep/plugins/chat-export.so \
		"$bin"/../lib/*/safekeep/plugins/chat-export.so; do
		[ ! -f "$f" ] || { echo "$f"; return; }
	done
}

# settings LINE...: of [plugin "chat-export"]
settings() {
	{
		printf '[plugins]\nfolder = %s\ntimeout = 60s\nenable = chat-export\n[plugin "chat-export"]\n' "$W/plugins"
		[ $# = 0 ] || printf '%s\n' "$@"
	} >"$W/config/safekeep/safekeep.ini"
}

# begin [LINE...]: a repository in r, a home without logs, and the plugin with these settings
begin() {
	local so
	so=$(plugin)
	[ -n "$so" ] || die "chat-export.so was not built"
	umask 022
	export HOME=$W/home XDG_CONFIG_HOME=$W/config XDG_CACHE_HOME=$W/cache XDG_DATA_HOME=$W/data
	unset CLAUDE_CONFIG_DIR CODEX_HOME GEMINI_CLI_HOME
	mkdir -p "$W/plugins" "$W/config/safekeep" "$HOME"
	cp "$so" "$W/plugins/chat-export.so"
	settings "$@"
	repo r
	cd r
	R=$PWD
	git sk init >/dev/null
	CLAUDE=$(claude "$R")
	mkdir -p "$CLAUDE"
}

# claude DIR: the folder in which Claude Code keeps the logs of DIR
claude() { echo "$HOME/.claude/projects/$(printf %s "$1" | sed 's/[^A-Za-z0-9-]/-/g')"; }

# said SESSION TIME WHO ID PARENT TEXT: a record as Claude Code writes it; TEXT is the inside of a JSON string
said() {
	local parent=null
	[ -z "$5" ] || parent="\"$5\""
	if [ "$3" = user ]; then
		printf '{"type":"user","uuid":"%s","parentUuid":%s,"isSidechain":false,"cwd":"%s","sessionId":"%s","version":"2.1.230","gitBranch":"main","timestamp":"%s","message":{"role":"user","content":"%s"}}\n' \
			"$4" "$parent" "${CWD:-$R}" "$1" "$2" "$6"
	else
		printf '{"type":"assistant","uuid":"%s","parentUuid":%s,"isSidechain":false,"cwd":"%s","sessionId":"%s","version":"2.1.230","gitBranch":"main","timestamp":"%s","message":{"role":"assistant","model":"m-1","content":[{"type":"text","text":"%s"}]}}\n' \
			"$4" "$parent" "${CWD:-$R}" "$1" "$2" "$6"
	fi
}

# edited SESSION TIME ID PARENT FILE: a call that writes FILE
edited() {
	printf '{"type":"assistant","uuid":"%s","parentUuid":"%s","cwd":"%s","sessionId":"%s","gitBranch":"main","timestamp":"%s","message":{"role":"assistant","model":"m-1","content":[{"type":"tool_use","id":"t_%s","name":"Edit","input":{"file_path":"%s","old_string":"a","new_string":"b"}}]}}\n' \
		"$3" "$4" "$R" "$1" "$2" "$3" "$5"
}

# talk SESSION DAY: a conversation of four messages
talk() {
	said "$1" "$2T10:00:00.000Z" user u1 "" "How does the login work?"
	said "$1" "$2T10:00:05.500Z" assistant a1 u1 "By a token.\\nIt is signed."
	said "$1" "$2T10:01:00.000Z" user u2 a1 "Add email verification"
	said "$1" "$2T10:02:00.000Z" assistant a2 u2 "Done: see src/b.txt"
}

chat() { git sk chat "$@"; }
sync() { git sk -q chat sync --json >"$W.sync"; }
# field NAME: of the last sync
field() { sed -n "s/^  \"$1\": \\([0-9]*\\),*\$/\\1/p" "$W.sync"; }
# logs KIND [NAME]: all lines of the archive's logs of that kind, in order
logs() {
	git ls-tree -r --name-only $REF | grep "/$1/${2:-}" | LC_ALL=C sort | while read -r f; do
		git cat-file blob "$REF:$f"
	done
}
# objects: every byte of every object of the repository
objects() { git cat-file --batch-all-objects --batch; }

t_sync_and_show() {
	begin
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	sync
	eq "$(field records) $(field messages) $(field sessions) $(field new_sessions)" "4 4 1 1"
	chat show >../out
	cat >../want <<-END
		Chat History - 2026-11-20
		--------------------------

		Claude Code session $S1: How does the login work?

		[10:00:00] User: How does the login work?

		[10:00:05] Assistant: By a token.
		It is signed.

		[10:01:00] User: Add email verification

		[10:02:00] Assistant: Done: see src/b.txt

	END
	diff ../want ../out
	chat list >../out
	has ../out "$S1  2026-11-20 10:00  claude       2+2    How does the login work?"
	chat show 1111 --raw >../out
	cmp ../out "$CLAUDE/$S1.jsonl"
	# each cleaned line leads to its raw one
	chat show --json >../out
	has ../out '"line": 2,'
	raw=$(sed -n 's/^ *"raw": "\(.*\)",$/\1/p' ../out | head -n 1)
	git cat-file blob "$REF:$raw/000000001.jsonl" >../raw
	cmp ../raw "$CLAUDE/$S1.jsonl"
	offset=$(sed -n 's/^ *"offset": \([0-9]*\)$/\1/p' ../out | sed -n 2p)
	eq "$(tail -c +$((offset + 1)) "$CLAUDE/$S1.jsonl" | head -n 1)" "$(sed -n 2p ../raw)" "record at the offset"
	git cat-file tag $REF | grep -qx 'Sk-Private: yes'
}

t_nothing_new_changes_nothing() {
	begin
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	sync
	was=$(git rev-parse $REF)
	sync
	eq "$(field read)" 0 "sources read"
	touch "$CLAUDE/$S1.jsonl"
	sync
	eq "$(field records)" 0 "records"
	eq "$(logs raw | wc -l) $(logs log | wc -l)" "4 4"
	git sk chat sync >../out 2>&1
	has ../out "nothing new in 1 logs; 1 sessions are archived"
	eq "$(git rev-parse $REF^{tree} | wc -l)" 1
	sync
	eq "$(git for-each-ref refs/sk/chat | wc -l)" 1 "refs"
	[ -n "$was" ]
}

t_goes_on_where_it_ended() {
	begin
	f=$CLAUDE/$S1.jsonl
	talk $S1 2026-11-20 >../all
	said $S1 2026-11-20T11:00:00.000Z user u3 a2 "And now a word that was half written" >>../all
	: >"$f"
	# any cut, in the middle of a line too
	for n in 100 301 302 700 701 1100 100000; do
		head -c $n ../all >"$f.new" && cat "$f.new" >"$f" && rm "$f.new"
		sync
	done
	logs raw >../raw
	cmp ../raw ../all
	eq "$(logs log | wc -l)" 5 "cleaned lines"
	said $S1 2026-11-20T12:00:00.000Z assistant a3 u3 "appended" >>"$f"
	sync
	eq "$(field records)" 1 "new records"
	logs raw >../raw
	cmp ../raw "$f"
}

t_truncated_rewritten_rotated() {
	begin
	f=$CLAUDE/$S1.jsonl
	talk $S1 2026-11-20 >"$f"
	sync
	cp "$f" ../first
	# truncated: what was there stays
	head -n 2 ../first >"$f"
	sync
	eq "$(logs raw | sort -u | wc -l) $(logs raw | wc -l)" "4 4" "after truncation"
	# rewritten: one line of it is another, one is new
	sed -n 1p ../first >"$f"
	said $S1 2026-11-20T10:00:07.000Z assistant a9 u1 "By a cookie." >>"$f"
	sed -n 3,4p ../first >>"$f"
	said $S1 2026-11-20T10:09:00.000Z user u9 a2 "thanks" >>"$f"
	sync
	eq "$(field records)" 2 "records after a rewrite"
	eq "$(logs raw | wc -l)" 6
	grep -qF "By a token." <(logs raw)
	grep -qF "By a cookie." <(logs raw)
	eq "$(logs log | wc -l)" 6 "cleaned lines"
	# same size, other content
	sed 's/thanks/ThankS/' "$f" >../new && cat ../new >"$f"
	sync
	eq "$(logs raw | wc -l)" 7
	# another file of that name
	mv "$f" ../old.jsonl
	said $S1 2026-11-21T09:00:00.000Z user u20 "" "after rotation" >"$f"
	sync
	eq "$(logs raw | wc -l)" 8
	eq "$(logs raw | sort -u | wc -l)" 8 "no line twice"
}

t_rotated_log_is_read_to_its_end() {
	begin "logs = $W/chat.log"
	say() { printf '[2026-11-20 10:%s:00] User: message %s\n\n' "$1" "$1"; }
	say 01 >"$W/chat.log"
	sync
	say 02 >>"$W/chat.log"
	mv "$W/chat.log" "$W/chat.log.1"
	say 03 >"$W/chat.log"
	sync
	chat show >../out
	for n in 01 02 03; do eq "$(grep -c "User: message $n" ../out)" 1 "message $n"; done
	sync
	eq "$(field records)" 0
}

t_state_that_is_lost() {
	begin
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	sync
	rm -rf .git/sk/plugins
	sync
	eq "$(field records) $(logs raw | wc -l)" "0 4"
}

t_index_that_is_lost() {
	begin
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	talk $S2 2026-11-21 >"$CLAUDE/$S2.jsonl"
	sync
	# the record without its rows
	git read-tree --index-output="$W/i" --empty
	export GIT_INDEX_FILE=$W/i
	git read-tree $REF
	git rm -q --cached -r index/sessions index/reads
	tree=$(git write-tree)
	tag=$(git cat-file tag $REF | sed "1s/.*/object $tree/" | git mktag)
	unset GIT_INDEX_FILE
	git update-ref $REF "$tag"
	sync
	eq "$(field records) $(field sessions)" "0 2"
	eq "$(logs raw | wc -l) $(logs log | wc -l)" "8 8"
	said $S1 2026-11-20T12:00:00.000Z user u8 a2 "more" >>"$CLAUDE/$S1.jsonl"
	sync
	eq "$(field records)" 1
	chat show 1111 >../out
	has ../out "User: more"
	has ../out "How does the login"
}

t_secrets_and_images_never_get_in() {
	begin "logs = $W/own.log"
	f=$CLAUDE/$S1.jsonl
	png=iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==
	said $S1 2026-11-20T10:00:00.000Z user u1 "" "use $TOKEN and be quick" >"$f"
	said $S1 2026-11-20T10:00:01.000Z assistant a1 u1 "header: \\\"$TOKEN\\\"" >>"$f"
	said $S1 2026-11-20T10:00:02.000Z user u2 a1 "\\u0067hp_${TOKEN#ghp_}" >>"$f"
	said $S1 2026-11-20T10:00:03.000Z "user" "u-$TOKEN" u2 "in a name" >>"$f"
	edited $S1 2026-11-20T10:00:04.000Z a2 u2 "$R/src/$TOKEN.txt" >>"$f"
	printf '{"type":"user","uuid":"u5","cwd":"%s","sessionId":"%s","timestamp":"2026-11-20T10:00:05.000Z","message":{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"%s"}},{"type":"text","text":"look"}]}}\n' "$R" $S1 "$png" >>"$f"
	printf '{"type":"summary","%s":"a key","summary":"about %s"}\n' "$TOKEN" "$TOKEN" >>"$f"
	printf '{"type":"user", broken \\"%s\\" \n' "$TOKEN" >>"$f"
	printf '2026-11-20 10:00:00 User: my token is %s\n' "$TOKEN" >"$W/own.log"
	sync || cat "$W.sync"
	[ "$(field secrets)" -ge 8 ] || die "only $(field secrets) secrets"
	eq "$(field images)" 1 "images"
	objects >../objects
	hasnt ../objects "$TOKEN"
	hasnt ../objects "hp_${TOKEN#ghp_}"
	hasnt ../objects "${png:20:40}"
	logs raw >../raw
	has ../raw '[image image/png, 70 bytes, sha256 497790947d4666760ce38f3c00e852c7'
	has ../raw '[REDACTED:'
	grep -rqF "$TOKEN" .git && die "it is in a file of .git"
	chat show --tools >../out
	hasnt ../out "$TOKEN"
	sync
	eq "$(field records)" 0 "records of a second sync"
}

t_secrets_in_names_and_images_in_text() {
	begin "logs = $W/own.log"
	img=data:image/png\;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==
	# a folder and a branch, which the parser remembers, and a log
	CWD="$R/sub-$TOKEN" said $S1 2026-11-20T10:00:00.000Z user u1 "" one | sed "s/\"main\"/\"b-$TOKEN\"/" >"$CLAUDE/$S1.jsonl"
	said "S-$TOKEN" 2026-11-20T10:00:01.000Z user u2 "" "![x]($img) is it" >"$CLAUDE/$TOKEN.jsonl"
	printf '[2026-11-20 10:00:00] User: see %s now\n' "$img" >"$W/own.log"
	mkdir -p .specstory/history
	printf '_**User (2026-11-20 10:00:00Z)**_\n\n![a](%s)\n' "$img" >.specstory/history/2026-11-20_10-00-00Z-x.md
	sync
	eq "$(field images)" 3 "images"
	objects >../objects
	hasnt ../objects "$TOKEN"
	hasnt ../objects "${img:30:30}"
	logs log plain_ >../log
	has ../log 'see [image image/png, 70 bytes, sha256 497790947d4666760ce38f3c00e852c7] now'
	# it is known again, goes on, and is not taken in twice
	sync
	eq "$(field records)$(field logs)" "0" "records of a second sync"
	printf '{"type":"user","uuid":"u9","parentUuid":"u1","sessionId":"%s","timestamp":"2026-11-20T10:00:09.000Z","message":{"role":"user","content":"more"}}\n' $S1 >>"$CLAUDE/$S1.jsonl"
	said "S-$TOKEN" 2026-11-20T10:00:10.000Z user u3 "u2" "more" >>"$CLAUDE/$TOKEN.jsonl"
	sync
	eq "$(field records) $(field new_sessions)" "2 0"
	objects >../objects
	hasnt ../objects "$TOKEN"
}

t_without_rules_nothing_is_stored() {
	begin
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	mkdir -p "$XDG_CONFIG_HOME/safekeep/secrets"
	echo '[rule "x"' >"$XDG_CONFIG_HOME/safekeep/secrets/mine.ini"
	code 13 git sk chat sync
	has "$W.err" "no conversation is archived: "
	has "$W.err" "mine.ini"
	! git rev-parse -q --verify $REF >/dev/null || die "something was stored"
	echo x >>a.txt
	git commit -qam "goes on" 2>../err
	has ../err "no conversation is archived"
	! git rev-parse -q --verify $REF >/dev/null || die "something was stored"
	git sk status >../out || true
	has ../out "no conversation is archived"
	rm "$XDG_CONFIG_HOME/safekeep/secrets/mine.ini"
	sync
	eq "$(field records)" 4
}

t_a_missing_source_is_no_error() {
	begin
	rm -rf "$HOME/.claude"
	code 0 git sk chat sync
	has "$W.out" "no tool has conversations about this repository"
	has "$W.err" "Claude Code"
	settings "logs = $W/none.log"
	code 0 git sk chat sync
	code 1 git sk chat show
	has "$W.err" "no conversation is archived"
	code 0 git sk chat list
	code 1 git sk chat export
	settings "logs = relative.log"
	code 2 git sk chat sync
	settings "tools = claude, nonesuch"
	code 2 git sk chat sync
	has "$W.err" "nonesuch"
}

t_whose_conversation() {
	begin
	git worktree add -q ../other
	git clone -q . nested
	mkdir -p "$W/elsewhere"
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	# of the same name as far as the tool's folder goes, of another folder, and of a clone within
	CWD=$W/elsewhere talk $S2 2026-11-20 >"$CLAUDE/$S2.jsonl"
	CWD=$R/nested talk 3$S2 2026-11-20 >"$CLAUDE/3$S2.jsonl"
	CWD=$R/src talk 4$S2 2026-11-20 >"$CLAUDE/4$S2.jsonl"
	d=$(claude "$W/other")
	mkdir -p "$d"
	CWD=$W/other talk 5$S2 2026-11-20 >"$d/5$S2.jsonl"
	sync
	chat list >../out
	eq "$(cut -d' ' -f1 ../out | LC_ALL=C sort | tr '\n' ' ')" "$S1 4$S2 5$S2 "
	# from the other worktree: the same archive, nothing twice
	(cd ../other && sync)
	eq "$(field records)" 0
	# what was said in a worktree that is gone still belongs
	git worktree remove --force ../other
	said 5$S2 2026-11-20T11:00:00.000Z user u7 a2 "late" | sed "s,\"cwd\":\"[^\"]*\",\"cwd\":\"$W/other\"," >>"$d/5$S2.jsonl"
	sync
	eq "$(field records)" 1 "of a worktree that was removed"
}

t_several_tools() {
	begin "logs = $W/plain.log"
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	c=$HOME/.codex/sessions/2026/11/20
	mkdir -p "$c"
	cat >"$c/rollout-2026-11-20T12-00-00-$S2.jsonl" <<-END
		{"timestamp":"2026-11-20T12:00:00.000Z","type":"session_meta","payload":{"id":"$S2","cwd":"$R","cli_version":"0.139.0"}}
		{"timestamp":"2026-11-20T12:00:01.000Z","type":"event_msg","payload":{"type":"user_message","message":"codex, fix it"}}
		{"timestamp":"2026-11-20T12:00:01.000Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"codex, fix it"}]}}
		{"timestamp":"2026-11-20T12:00:02.000Z","type":"response_item","payload":{"type":"function_call","name":"exec_command","arguments":"{\\"cmd\\":\\"make\\"}","call_id":"c1"}}
		{"timestamp":"2026-11-20T12:00:03.000Z","type":"event_msg","payload":{"type":"agent_message","message":"fixed"}}
	END
	g=$HOME/.gemini/tmp/proj
	mkdir -p "$g/chats"
	echo "$R" >"$g/.project_root"
	cat >"$g/chats/session-1.jsonl" <<-END
		{"sessionId":"gem","projectHash":"h","startTime":"2026-11-20T13:00:00.000Z","kind":"main"}
		{"id":"1","timestamp":"2026-11-20T13:00:05.000Z","type":"user","content":[{"text":"gemini, fix it"}]}
		{"id":"2","timestamp":"2026-11-20T13:00:09.000Z","type":"gemini","content":"it is fixed","model":"m"}
	END
	cat >.aider.chat.history.md <<-'END'

		# aider chat started at 2026-11-20 14:00:00

		> Aider v0.86.0

		#### aider, fix it

		I fixed it.
	END
	mkdir -p .specstory/history
	cat >.specstory/history/2026-11-20_15-00-00Z-fix.md <<-'END'
		<!-- Generated by SpecStory -->

		# 2026-11-20 15:00:00Z

		_**User (2026-11-20 15:00:00Z)**_

		specstory, fix it

		---

		_**Agent (m 2026-11-20 15:00:05Z)**_

		yes
	END
	printf '[2026-11-20 16:00:00] User: plain, fix it\n[2026-11-20 16:00:09] Assistant: plainly done\n' >"$W/plain.log"
	sync
	chat list >../out
	for w in claude codex gemini aider specstory plain; do
		grep -q " $w  *1+1 \| $w  *2+2 " ../out || { cat ../out; die "no conversation of $w"; }
	done
	chat export --all >../out
	for w in "codex, fix it" "fixed" "gemini, fix it" "it is fixed" "aider, fix it" "I fixed it." \
		"specstory, fix it" "plain, fix it" "plainly done"; do
		has ../out "$w"
	done
	eq "$(grep -c 'codex, fix it$' ../out)" 2 "a title, and one message"
	n=$(logs log | wc -l)
	sync
	eq "$(field records) $(logs log | wc -l)" "0 $n" "a second time"
	# a document that is read again as a whole: only what is new
	printf '\n---\n\n_**User (2026-11-20 15:10:00Z)**_\n\nmore of it\n' >>.specstory/history/2026-11-20_15-00-00Z-fix.md
	sync
	chat export --all >../out
	eq "$(grep -c 'specstory, fix it$' ../out) $(grep -c 'more of it$' ../out)" "1 1" "messages of a document"
	chat list --tool codex >../out
	eq "$(wc -l <../out)" 1
	code 2 git sk chat list --tool nonesuch
}

t_midnight_and_time_zones() {
	begin
	{
		said $S1 2026-11-20T23:59:50.000Z user u1 "" "late"
		said $S1 2026-11-21T00:00:10.000Z assistant a1 u1 "early"
		said $S1 "" user u2 a1 "without a time"
	} >"$CLAUDE/$S1.jsonl"
	sync
	eq "$(git ls-tree -r --name-only $REF | grep -c '2026-11/2[01]/raw/.*/000000001.jsonl\|2026-11/21/raw/.*/000000002.jsonl')" 2
	chat show >../out
	has ../out "Chat History - 2026-11-20"
	has ../out "Chat History - 2026-11-21"
	has ../out "[00:00:10] User: without a time"
	chat export --day 2026-11-21 >../out
	hasnt ../out "User: late"
	has ../out "early"
	TZ=Asia/Tokyo chat show >../out
	has ../out "[08:59:50] User: late"
	hasnt ../out "2026-11-20"
	export TZ=Asia/Tokyo
	said $S1 2026-11-21T16:00:00.000Z user u3 u2 "tomorrow in Tokyo" >>"$CLAUDE/$S1.jsonl"
	sync
	git ls-tree -r --name-only $REF | grep -q '2026-11/22/log/'
}

t_list_and_choose() {
	begin
	talk $S1 2026-11-18 >"$CLAUDE/$S1.jsonl"
	talk $S2 2026-11-20 >"$CLAUDE/$S2.jsonl"
	sync
	eq "$(chat list -n 1 | cut -c 1-8)" 22222222
	eq "$(chat list --until 2026-11-19 | cut -c 1-8)" 11111111
	eq "$(chat list --since 2026-11-19 | cut -c 1-8)" 22222222
	chat list --json >../out
	has ../out '"began": "2026-11-20T10:00:00.000Z"'
	eq "$(chat | wc -l)" 2 "list is what is meant"
	chat show >../out
	has ../out "2026-11-20"
	code 1 git sk chat show nonesuch
	code 2 git sk chat show ""
	code 2 git sk chat nonesuch
	code 2 git sk chat list -n x
	code 2 git sk chat show a b
}

t_export() {
	begin
	talk $S1 2026-11-18 >"$CLAUDE/$S1.jsonl"
	talk $S2 2026-11-20 >"$CLAUDE/$S2.jsonl"
	edited $S2 2026-11-20T10:03:00.000Z a3 a2 "$R/a.txt" >>"$CLAUDE/$S2.jsonl"
	sync
	code 0 git sk chat export --output ../one.txt
	hasnt "$W.err" "working tree"
	head -n 1 ../one.txt | grep -qx "Chat History - 2026-11-20"
	hasnt ../one.txt "Tool Edit"
	code 0 git sk chat export 1111 --output ./one.txt
	has "$W.err" "is in the working tree"
	has one.txt "2026-11-18"
	eq "$(stat -c %a one.txt)" 600
	chat export --tools --format md -o ../one.md
	has ../one.md "## [10:03:00] Tool Edit"
	chat export --all --format json -o ../all.json
	python3 -c 'import json,sys; o=json.load(open(sys.argv[1])); assert len(o["sessions"]) == 2; assert o["sessions"][0]["messages"][1]["text"] == "By a token.\nIt is signed."' ../all.json
	chat export 1111 --format jsonl >../one.jsonl
	eq "$(wc -l <../one.jsonl)" 4
	chat export --all --dir ../many >../out
	eq "$(ls ../many | tr '\n' ' ')" "2026-11-18_claude_$S1.txt 2026-11-20_claude_$S2.txt "
	code 2 git sk chat export --all --dir ../many -o ../x
	code 2 git sk chat export --format nonesuch
	code 15 git sk chat export -o ../no/where
	code 1 git sk chat export --day 2001-01-01
}

t_filter() {
	begin
	talk $S1 2026-11-18 >"$CLAUDE/$S1.jsonl"
	sync
	code 0 git sk chat filter --topic 'EMAIL|e-mail' --output ../topic
	cat >../want <<-END
		Topic: EMAIL|e-mail

		== 2026-11-18 - Claude Code session $S1: How does the login work?

		User: Add email verification
		    (2026-11-18, session $S1, RAW line 3)

		Assistant: Done: see src/b.txt
		    (2026-11-18, session $S1, RAW line 4)

	END
	sed -i 's,2026-11/18/raw/[^ ]*,RAW,' ../topic
	diff ../want ../topic
	chat filter --topic token >../out
	has ../out "How does the login work?" # the whole exchange
	hasnt ../out "Add email"
	code 1 git sk chat filter --topic nonesuch
	code 2 git sk chat filter --topic '('
	code 2 git sk chat filter
	chat filter --topic token --json >../out
	has ../out '"topic": "token"'
	# a pattern that never ends
	said $S2 2026-11-19T10:00:00.000Z user u1 "" "$(printf 'a%.0s' {1..3000})" >"$CLAUDE/$S2.jsonl"
	sync
	code 1 git sk chat filter --topic '((a+)+)+(b|c\1)$'
	has "$W.err" "given up on 1 messages"
}

t_for_and_back() {
	begin
	export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
	set_date() { GIT_AUTHOR_DATE="$1" GIT_COMMITTER_DATE="$1"; }
	set_date "2026-11-18T09:00:00Z"
	git commit -q --allow-empty -m before
	talk $S1 2026-11-18 >"$CLAUDE/$S1.jsonl"
	edited $S1 2026-11-18T10:02:30.000Z a3 a2 "$R/src/b.txt" >>"$CLAUDE/$S1.jsonl"
	said $S2 2026-11-18T10:01:30.000Z user u1 "" "what is the weather" >"$CLAUDE/$S2.jsonl"
	said 3$S2 2026-11-18T08:00:00.000Z user u1 "" "too early" >"$CLAUDE/3$S2.jsonl"
	echo verified >>src/b.txt
	set_date "2026-11-18T10:03:00Z"
	git commit -qam "Verify email"
	sync
	chat for HEAD >../out
	has ../out "Verify email"
	has ../out "2026-11-18 09:00:00 to 2026-11-18 10:03:00"
	grep -A 3 "^$S1  claude" ../out >../one
	has ../one "4 messages from 2026-11-18 10:00:00 to 2026-11-18 10:02:00, between the one before and this one"
	has ../one "wrote src/b.txt, which changed in it"
	has ../one "on branch main"
	eq "$(grep -c '^[0-9]' ../out)" 3 "a range and two sessions"
	grep -n "^[1-3]" ../out | sed -n 2p | grep -q "$S1" || die "the one that wrote the file is not first"
	hasnt ../out "3$S2"
	# a commit later on, of what was written before: the file leads to it
	echo later >>src/b.txt
	set_date "2026-11-18T12:00:00Z"
	git commit -q --allow-empty -m between
	set_date "2026-11-18T13:00:00Z"
	git commit -qam "Later"
	chat for HEAD --json >../out
	has ../out "in the week before"
	code 1 git sk chat for HEAD~1
	has "$W.err" "no archived conversation led to"
	code 1 git sk chat for nonesuch
	hasnt "$W.err" fatal
	# and back
	chat show 1111 >../out
	has ../out "Made meanwhile:"
	has ../out "Verify email"
	hasnt ../out "Later"
	chat for 1111 --json >../out
	has ../out '"title": "Verify email"'
	code 1 git sk chat for nonesuch
	# a backup
	unset GIT_AUTHOR_DATE GIT_COMMITTER_DATE
	now=$(date -u +%Y-%m-%dT%H:%M:%S.000Z)
	said 4$S2 "$now" user u1 "" "just now" >"$CLAUDE/4$S2.jsonl"
	sync
	echo backed up >>a.txt
	id=$(git sk backup -m "a change")
	chat for "$id" >../out
	has ../out "backup $id"
	has ../out "4$S2"
	chat show 4222 >../out
	has ../out "$id"
}

t_before_a_commit() {
	begin
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	echo x >>a.txt
	git commit -qam third
	eq "$(logs raw | wc -l)" 4 "archived by the commit"
	chat list >../out
	has ../out $S1
}

t_rests_until_a_tool_begins_a_log() {
	begin
	rests() { git sk plugin list | grep -q '^chat-export .*(resting'; }
	sleep 0.2
	git commit -qm empty --allow-empty
	rests || die "it does not rest without logs"
	# a log in the folder that was there
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	git commit -qm third --allow-empty
	eq "$(logs raw | wc -l)" 4 "archived by the commit"
	! rests || die "it rests beside logs"
	rm -r "$HOME/.claude"
	# another home, for one command
	sleep 0.2
	git commit -qm empty --allow-empty
	rests || die "it does not rest when the logs are gone"
	mkdir -p ../second/projects
	CLAUDE_CONFIG_DIR=$W/second git sk plugin list | grep -q '^chat-export .*resting' && die "it rests in another home"
	# ten minutes are over
	git commit -qm empty --allow-empty
	rests
	SK_TEST_NOW=$(($(date +%s) + 650)) rests && die "it rests for ever"
	true
}

t_in_the_round_of_the_service() {
	begin
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	BACKUP_INTERVAL=1 git sk backup --if-due
	eq "$(logs raw | wc -l)" 4 "archived by the round"
	# a document that changes all the time is read once an hour, but at once by hand
	mkdir -p .specstory/history
	d=.specstory/history/2026-11-20_15-00-00Z-x.md
	printf '_**User (2026-11-20 15:00:00Z)**_\n\nfirst\n' >$d
	echo x >>a.txt && git commit -qam one
	printf '\n---\n\n_**User (2026-11-20 15:01:00Z)**_\n\nsecond\n' >>$d
	echo x >>a.txt && git commit -qam two
	chat show 2026 >../out
	has ../out "User: first"
	hasnt ../out "User: second"
	sync
	chat show 2026 >../out
	has ../out "User: second"
}

t_purge_a_session() {
	begin
	talk $S1 2026-11-20 | sed 's/login/Geheimnis/' >"$CLAUDE/$S1.jsonl"
	talk $S2 2026-11-20 >"$CLAUDE/$S2.jsonl"
	sync
	code 13 git sk chat purge 1111
	code 2 git sk chat purge --yes
	code 0 git sk chat purge 1111 --dry-run
	grep -q Geheimnis <(logs raw)
	code 0 git sk chat purge 1111 --yes
	has "$W.err" "still has it; it is not archived again"
	git ls-tree -r $REF | while read -r _ _ id _; do git cat-file blob "$id"; done >../all
	hasnt ../all Geheimnis
	has ../all "login"
	said $S1 2026-11-20T12:00:00.000Z user u8 a2 "more Geheimnis" >>"$CLAUDE/$S1.jsonl"
	sync
	cp "$CLAUDE/$S1.jsonl" "$CLAUDE/copy.jsonl"
	sync
	git ls-tree -r $REF | while read -r _ _ id _; do git cat-file blob "$id"; done >../all
	hasnt ../all Geheimnis
	eq "$(chat list | wc -l)" 1
	# and the objects go with git's own tidying
	git gc -q --prune=now
	objects >../objects
	hasnt ../objects Geheimnis
	git fsck --no-dangling
}

t_purge_days_and_lines() {
	begin
	talk $S1 2026-11-18 >"$CLAUDE/$S1.jsonl"
	talk $S2 2026-11-20 >"$CLAUDE/$S2.jsonl"
	sync
	code 0 git sk chat purge --before 2026-11-19 --yes
	eq "$(chat list | cut -c 1-8)" 22222222
	sync
	eq "$(field records)" 0 "it does not come back"
	code 0 git sk chat purge --match 'By a t.ken' --yes
	logs raw >../raw
	hasnt ../raw "token"
	has ../raw '{"purged":true}'
	eq "$(wc -l <../raw)" 4 "lines keep their numbers"
	chat show >../out
	hasnt ../out token
	has ../out "Add email verification"
	# written anew, so that all of it is read again
	sed 's/version/Version/' "$CLAUDE/$S2.jsonl" | tac >../new && sed -n 1,2p ../new >"$CLAUDE/$S2.jsonl"
	cat ../raw >/dev/null
	talk $S2 2026-11-20 >"$CLAUDE/$S2.jsonl"
	sync
	hasnt <(logs raw) "By a token"
	code 2 git sk chat purge --match '(' --yes
	code 2 git sk chat purge --match 'x*' --yes
	code 1 git sk chat purge --match nonesuch --yes
	git fsck --no-dangling
}

t_purged_days_stay_away() {
	begin
	claude_log() {
		said $S1 2026-11-20T10:00:00.000Z user u1 "" "OLD-ONE"
		said $S1 2026-11-21T10:00:00.000Z user u2 u1 "kept"
	}
	gemini_log() {
		printf '{"sessionId":"GS","startTime":"2026-11-18T10:30:00.000Z","messages":[{"id":"1","timestamp":"2026-11-18T10:30:05.000Z","type":"user","content":"OLD-TWO"}%s]}' "$1"
	}
	claude_log >"$CLAUDE/$S1.jsonl"
	g=$HOME/.gemini/tmp/x/chats
	mkdir -p "$g" .specstory/history
	echo "$R" >"$HOME/.gemini/tmp/x/.project_root"
	gemini_log "" >"$g/session-1.json"
	s=.specstory/history/2026-11-17_10-00-00Z-x.md
	printf '_**User (2026-11-17 10:00:00Z)**_\n\nOLD-THREE\n' >$s
	sync
	eq "$(field records)" 4
	git sk -q chat purge --before 2026-11-21 --yes >/dev/null
	# each tool writes its log anew, and adds to it
	{ said $S1 2026-11-22T10:00:00.000Z user u3 u2 "NEW-ONE"; claude_log; } >log
	cat log >"$CLAUDE/$S1.jsonl"
	gemini_log ',{"id":"2","timestamp":"2026-11-22T10:30:05.000Z","type":"user","content":"NEW-TWO"}' >"$g/session-1.json"
	printf '_**User (2026-11-17 10:00:00Z)**_\n\nOLD-THREE\n\n_**Agent (2026-11-22 10:00:00Z)**_\n\nNEW-THREE\n' >$s
	sync
	chat export --all >../out
	for n in ONE TWO THREE; do has ../out "NEW-$n"; done
	has ../out kept
	rm log
	git reflog expire --expire=now --all
	git gc -q --prune=now
	git ls-tree -r --name-only $REF | while read -r f; do git cat-file blob "$REF:$f"; done >../archive
	hasnt ../archive "OLD-"
}

t_purged_words_leave_what_the_parser_remembers() {
	begin
	said $S1 2026-11-20T10:00:00.000Z user u1 "" one | sed 's/"main"/"secret-plan"/' >"$CLAUDE/$S1.jsonl"
	sync
	git sk -q chat purge --match secret-plan --yes >/dev/null
	git ls-tree -r --name-only $REF | while read -r f; do git cat-file blob "$REF:$f"; done >../archive
	hasnt ../archive secret-plan
	said $S1 2026-11-20T10:00:01.000Z user u2 u1 two >>"$CLAUDE/$S1.jsonl"
	sync
	eq "$(field records) $(field new_sessions)" "1 0"
}

t_warns_before_the_tool_deletes() {
	begin
	talk $S1 2026-11-18 >"$CLAUDE/$S1.jsonl"
	touch -d '27 days ago' "$CLAUDE/$S1.jsonl"
	git sk status >../out || true
	has ../out "1 logs that are not archived are deleted by Claude Code from"
	echo '{"cleanupPeriodDays": 99999}' >"$HOME/.claude/settings.json"
	git sk status >../out || true
	hasnt ../out "deleted by"
	echo '{"cleanupPeriodDays": 60}' >"$HOME/.claude/settings.json"
	touch -d '57 days ago' "$CLAUDE/$S1.jsonl"
	git sk status >../out || true
	has ../out "deleted by"
	sync
	git sk status >../out || true
	hasnt ../out "deleted by"
}

t_size_has_a_bound_and_it_is_said() {
	begin "max_size = 32K"
	for d in 15 16 17 18; do
		{
			talk $d$S1 2026-11-$d
			said $d$S1 2026-11-${d}T11:00:00.000Z user u5 a2 "$(printf 'word%.0s ' {1..700})"
		} >"$CLAUDE/$d$S1.jsonl"
	done
	code 0 git sk chat sync
	has "$W.err" "reached max_size"
	git ls-tree -r --name-only $REF >../names
	hasnt ../names "2026-11/15/raw"
	has ../names "2026-11/18/raw"
	has ../names "2026-11/18/log"
	git cat-file blob $REF:index/dropped >../dropped
	has ../dropped "raw 2026-11-15"
	sync
	eq "$(field records)" 0
	# retention of its own
	talk $S2 2026-11-01 >"$CLAUDE/$S2.jsonl"
	said now "$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" user u1 "" "just now" >"$CLAUDE/now.jsonl"
	settings "max_size = 1M" "keep = 2d"
	sync
	git sk prune --dry-run >../out 2>&1
	has ../out "conversations of 2026-11-01 would be dropped (keep)"
	chat list >../out
	has ../out $S2
	git sk prune >../out 2>&1
	chat list >../out
	hasnt ../out $S2
	has ../out "just now"
	eq "$(logs raw | wc -l)" 1
	sync
	eq "$(field records)" 0
	settings "max_size = nonsense"
	code 2 git sk chat sync
}

t_killed_at_any_moment() {
	begin
	local i pid n=30
	mkdir ../logs
	for i in $(seq 1 8); do
		{
			talk $i$S1 2026-11-1$i
			for j in $(seq 1 120); do
				said $i$S1 2026-11-1${i}T12:00:00.000Z user v$j a2 "message $i $j $(printf 'word%.0s ' {1..60})"
			done
		} >../logs/$i$S1.jsonl
	done
	for i in $(seq 1 $n); do
		# something new each time, then a kill somewhere in it
		f=$((i % 8 + 1))$S1.jsonl
		head -n $((i * 4)) ../logs/$f >"$CLAUDE/$f.new" && cat "$CLAUDE/$f.new" >"$CLAUDE/$f" && rm "$CLAUDE/$f.new"
		setsid git sk -q chat sync >/dev/null 2>&1 &
		pid=$!
		sleep "0.0$((RANDOM % 6))$((RANDOM % 10))"
		kill -9 -- -$pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
	done
	cp ../logs/*.jsonl "$CLAUDE/"
	# whoever was killed while git had the lock leaves it; it is taken away when it is old
	find .git/refs -name '*.lock' -exec touch -d '1 hour ago' {} +
	sync
	sync
	eq "$(field records)" 0
	logs raw | LC_ALL=C sort >../raw
	cat ../logs/*.jsonl | LC_ALL=C sort >../want
	cmp ../raw ../want
	eq "$(logs log | wc -l)" "$(wc -l <../want)" "cleaned lines"
	git fsck --no-dangling
}

t_several_at_once() {
	begin
	local i
	for i in $(seq 1 6); do talk $i$S1 2026-11-1$i >"$CLAUDE/$i$S1.jsonl"; done
	for i in 1 2 3 4; do git sk -q chat sync >/dev/null 2>"../err$i" & done
	git commit -q --allow-empty -m meanwhile
	wait
	eq "$(logs raw | wc -l) $(logs raw | sort -u | wc -l)" "24 24"
}

t_waits_while_git_tidies_up() {
	begin
	talk $S1 2026-11-20 >"$CLAUDE/$S1.jsonl"
	sync
	git gc -q
	said $S1 2026-11-21T10:00:00.000Z user u3 a2 "on another day" >>"$CLAUDE/$S1.jsonl"
	sleep 600 &
	gc=$!
	echo "$gc $(uname -n)" >.git/gc.pid
	code 11 git sk chat sync
	has "$W.err" "git is tidying up"
	rm .git/gc.pid
	kill $gc
	sync
	eq "$(field records)" 1
}

t_hostile_text() {
	begin
	f=$CLAUDE/$S1.jsonl
	said $S1 2026-11-20T10:00:00.000Z user u1 "" 'clear \u001b[2J and \u0000 nul \u202e turn' >"$f"
	printf '{"type":"user","uuid":"u2","cwd":"%s","sessionId":"../../x","timestamp":"2026-11-20T10:00:01.000Z","message":{"role":"user","content":"bad \xff\xfe bytes"}}\n' "$R" >>"$f"
	printf '\0\0\0\n[]\n"x"\n{"type":5}\n{"message":{"content":{"a":[]}},"timestamp":"9999-99-99"}\n' >>"$f"
	printf '%s' "$(printf '[%.0s' {1..2000})" >>"$f"
	echo >>"$f"
	sync
	chat show >../out
	git sk chat list >/dev/null
	chat export --all --format json -o ../all.json
	python3 -c 'import json,sys; json.load(open(sys.argv[1]))' ../all.json
	chat list --json >../out
	git ls-tree -r --name-only $REF >../names
	hasnt ../names ".."
	sync
	eq "$(field records)" 0
	# a time that is to come is none
	said $S1 2199-01-01T00:00:00.000Z user u9 u1 "from the future" >>"$f"
	sync
	chat show 1111 --tools >../out
	has ../out "from the future"
	hasnt ../out "Chat History - 2199"
	TERM=xterm GIT_PAGER=cat python3 "$HERE/terminal.py" 2 -- git sk chat show 1111 >../out || true
	hasnt ../out $'\033[2J'
}

t_ten_thousand_sessions() {
	[ -n "${SK_LONG:-}" ] || skip "SK_LONG is not set"
	begin
	local i
	for i in $(seq 10000 19999); do
		said $i-${S1#*-} 2026-11-1$((i % 9))T10:00:00.000Z user u$i "" "message $i" >"$CLAUDE/$i-${S1#*-}.jsonl"
	done
	sync
	eq "$(field sessions)" 10000
	eq "$(chat list | wc -l)" 10000
	sync
	eq "$(field read)" 0
}

t_conversations_stand_in_the_timeline() {
	begin
	{
		said $S1 "2026-11-20T09:23:45.000Z" user u1 "" "Please add a login"
		said $S1 "2026-11-20T09:25:10.000Z" assistant u2 u1 "Done."
	} >"$CLAUDE/$S1.jsonl"
	git sk chat sync -q
	code 0 git sk log --graph && has "$W.out" "> " || die "no conversation"
	grep -q '2026-11-20 09:23:45  conversation   11111111-1  *Please add a login (claude.*, 2 messages, to 09:25)' "$W.out"
	code 0 git sk log --json --until "2026-11-21"
	python3 -c '
import json, sys
e, = [x for x in json.load(open(sys.argv[1]))["events"] if x["type"] == "conversation"]
assert e["messages"] == 2 and e["branch"] == "main" and e["id"] == sys.argv[2] and e["ended"] == "2026-11-20T09:25:10Z", e' "$W.out" $S1
	code 0 git sk log --branch other && hasnt "$W.out" conversation
	# without the plugin there are none, and that is nothing to speak of
	printf '[plugins]\nenable =\n' >"$W/config/safekeep/safekeep.ini"
	code 0 git sk log && hasnt "$W.out" conversation && [ ! -s "$W.err" ]
}

run_tests
