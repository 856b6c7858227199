# The steps of coding agents: hooks in their settings, and what becomes of their events.
. "$(dirname "$0")/lib.sh"

DATA=$(cd "$(dirname "$0")/../data/agent" && pwd)
unset CLAUDE_CONFIG_DIR CODEX_HOME GEMINI_CLI_HOME

# each test has a home of its own
home() { export HOME=$W/home XDG_STATE_HOME=$W/home/state && mkdir -p "$HOME"; }
here() { home && repo app && cd app && git sk init -q >/dev/null; }
# event NAME TOOL INPUT [PROMPT]: one of Claude Code's
event() {
	printf '{"session_id":"%s","transcript_path":"/t","cwd":"%s","hook_event_name":"%s","tool_name":"%s","tool_input":%s,"prompt":"%s"}' \
		"${SESSION:-5ea1}" "$PWD" "$1" "$2" "$3" "${4:-}" | git sk agent hook claude >"$W/hook.out" 2>"$W/hook.err"
	eq "$(cat "$W/hook.out")" "" "what the tool reads"
	eq "$(cat "$W/hook.err")" "" "what the hook says"
}
prompt() { event UserPromptSubmit "" '{}' "$1"; }
bash_step() {
	event PreToolUse Bash "{\"command\":\"$1\"}"
	sh -c "$1"
	event PostToolUse Bash "{\"command\":\"$1\"}"
}
titles() { git sk list --json "$@" | python3 -c 'import json, sys
for e in json.load(sys.stdin)["entries"]: print(e["title"])'; }

t_install_and_remove_leave_every_byte() {
	here
	mkdir "$HOME/.claude"
	printf '{\n\t"model": "m", // mine\n\t"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say"}]}]}\n}' >"$HOME/.claude/settings.json"
	chmod 640 "$HOME/.claude/settings.json"
	cp -p "$HOME/.claude/settings.json" "$W/was"
	git sk agent install claude >"$W/out" 2>&1
	has "$W/out" "hooks put into"
	has "$HOME/.claude/settings.json" '"command": "say"'
	has "$HOME/.claude/settings.json" '// mine'
	eq "$(grep -c 'git.sk agent hook claude || true' "$HOME/.claude/settings.json")" 5 "hooks"
	eq "$(stat -c %a "$HOME/.claude/settings.json")" 640 mode
	cp "$HOME/.claude/settings.json" "$W/with"
	git sk agent install claude >"$W/out" 2>&1
	has "$W/out" "already in"
	cmp "$HOME/.claude/settings.json" "$W/with"
	git sk agent list >"$W/out"
	grep -q '^claude  *installed' "$W/out" || die "not listed"
	git sk agent remove claude >"$W/out"
	has "$W/out" "every byte as before"
	cmp "$HOME/.claude/settings.json" "$W/was"
	eq "$(stat -c %a "$HOME/.claude/settings.json")" 640 mode
	git sk agent remove claude >"$W/out"
	has "$W/out" "nothing to take out"
	eq "$(ls "$XDG_STATE_HOME/safekeep/agent")" "" "copies"
}

t_what_was_not_there_is_gone_again() {
	local t
	here
	for t in claude codex gemini; do
		git sk -q agent install $t >/dev/null
		git sk -q agent install $t --project >/dev/null
	done
	git sk -q agent install claude --local >/dev/null
	for t in .claude/settings.json .claude/settings.local.json .codex/hooks.json .gemini/settings.json; do
		[ -e "$t" ] || die "no $t"
	done
	python3 -m json.tool "$HOME/.codex/hooks.json" >/dev/null
	for t in claude codex gemini; do git sk agent remove $t >/dev/null; done
	eq "$(git status --porcelain)" "" "what is left in the project"
	eq "$(find "$HOME" -name '.c*' -o -name '.gemini' | grep -v .config || true)" "" "what is left at home"
}

t_uninit_names_what_stays() {
	here
	git sk -q agent install claude >/dev/null
	git sk -q agent install gemini --project >/dev/null
	git sk -q agent install claude --local >/dev/null
	git sk uninit >/dev/null 2>../err
	has ../err "git sk agent remove gemini --project"
	has ../err "git sk agent remove claude --local"
	eq "$(grep -c 'agent remove' ../err)" 2 "the user's own settings serve other repositories"
	git sk agent remove gemini --project >/dev/null && git sk agent remove claude --local >/dev/null
	git sk uninit >/dev/null 2>../err
	grep -q "agent remove" ../err && die "named again"
	:
}

t_changes_of_others_stay() {
	here
	mkdir "$HOME/.gemini"
	echo '{"hooks": {"AfterTool": []}, "a": 1}' >"$HOME/.gemini/settings.json"
	git sk -q agent install gemini >/dev/null
	sed -i 's/"a": 1/"a": 2/' "$HOME/.gemini/settings.json"
	git sk agent list | grep -q '^gemini  *installed' || die "not seen"
	# ours, as another version put it there: put right, and only once
	sed -i 's/30000/5000/' "$HOME/.gemini/settings.json"
	git sk agent list | grep -q '^gemini  *out of date' || die "not seen as old"
	git sk -q agent install gemini >/dev/null
	eq "$(grep -o 'agent hook gemini' "$HOME/.gemini/settings.json" | wc -l)" 4 "hooks"
	sed -i 's/"a": 2/"a": 3/' "$HOME/.gemini/settings.json"
	git sk agent remove gemini >"$W/out"
	has "$W/out" "all else left"
	hasnt "$HOME/.gemini/settings.json" "agent hook"
	has "$HOME/.gemini/settings.json" '"a": 3'
}

t_bad_settings_are_left_alone() {
	here
	mkdir "$HOME/.claude"
	printf '{\n "a": 1\n "b": 2\n}\n' >"$HOME/.claude/settings.json"
	cp "$HOME/.claude/settings.json" "$W/was"
	code 13 git sk agent install claude
	has "$W.err" "line 3: a comma is missing"
	has "$W.err" "settings.json was left alone"
	cmp "$HOME/.claude/settings.json" "$W/was"
	echo '{"hooks": []}' >"$HOME/.claude/settings.json"
	code 13 git sk agent install claude
	has "$W.err" '"hooks" is no object'
	git sk agent list >"$W/out" 2>"$W/err"
	has "$W/err" '"hooks" is no object'
	code 2 git sk agent install emacs
	code 2 git sk agent install codex --local
	code 2 git sk agent install claude --user --project
	code 2 git sk agent dance
	git sk agent install generic | grep -q 'git sk run -- AGENT' || die "no words for others"
}

t_links_are_followed_at_home_and_not_out_of_a_project() {
	here
	mkdir "$HOME/dot" "$HOME/.claude" .claude
	echo '{"a": 1}' >"$HOME/dot/claude.json"
	ln -s ../dot/claude.json "$HOME/.claude/settings.json"
	git sk -q agent install claude >/dev/null
	[ -L "$HOME/.claude/settings.json" ] || die "the link is gone"
	has "$HOME/dot/claude.json" "agent hook claude"
	git sk -q agent remove claude >/dev/null
	eq "$(cat "$HOME/dot/claude.json")" '{"a": 1}' settings
	[ -L "$HOME/.claude/settings.json" ] || die "the link is gone"
	ln -s "$HOME/dot/claude.json" .claude/settings.json
	code 13 git sk agent install claude --project
	has "$W.err" "leads out of the project"
	rm -r .claude && ln -s "$HOME/dot" .claude
	code 13 git sk agent install claude --project
	eq "$(cat "$HOME/dot/claude.json")" '{"a": 1}' settings
	rm "$HOME/.claude/settings.json" && ln -s nowhere "$HOME/.claude/settings.json"
	code 13 git sk agent install claude
	rm "$HOME/.claude/settings.json" && ln "$HOME/dot/claude.json" "$HOME/.claude/settings.json"
	code 13 git sk agent install claude
	has "$W.err" "hard links"
	rm "$HOME/.claude/settings.json" && mkdir "$HOME/.claude/settings.json"
	code 13 git sk agent install claude
	rmdir "$HOME/.claude/settings.json" && echo '{}' >"$HOME/.claude/settings.json"
	chmod 400 "$HOME/.claude/settings.json"
	code 13 git sk agent install claude
}

t_a_session_as_its_user_sees_it() {
	here
	prompt 'make it two'
	bash_step 'echo two > a.txt'
	bash_step 'ls >/dev/null'
	event PreToolUse Write "{\"file_path\":\"$PWD/new/deep/x.c\",\"content\":\"x\"}"
	mkdir -p new/deep && echo x >new/deep/x.c
	event PostToolUse Write "{\"file_path\":\"$PWD/new/deep/x.c\",\"content\":\"x\"}"
	echo mine >>src/b.txt
	prompt 'now \"three\"\nplease, the token: abc123'
	event PreToolUse Bash '{"command":"false"}'
	echo half >>a.txt
	event PostToolUseFailure Bash '{"command":"false"}'
	event Stop "" '{}'
	eq "$(titles)" 'claude: Bash false (failed)
before prompt 2: now "three" please, the token: ...
claude: Write new/deep/x.c
claude: Bash echo two > a.txt
before prompt 1: make it two
first backup' titles
	eq "$(titles --session 5e | wc -l)" 5 "of the session"
	eq "$(titles --session other)" "" "of no session"
	git sk show latest >"$W/out"
	has "$W/out" "Session:   5ea1"
	has "$W/out" "Prompt:    2"
	has "$W/out" "Agent:     claude"
	git sk agent list | grep -q '^claude  *5ea1  2 prompts, 3 steps' || die "$(git sk agent list)"
	# the last step, then everything since a prompt, by number, by words, and all of it
	git sk -q undo --yes >/dev/null
	eq "$(cat a.txt)" two a.txt
	git sk -q rollback --prompt 1 --yes >/dev/null
	eq "$(head -c 3 a.txt)" one a.txt
	[ ! -e new ] || die "new is still there"
	git sk -q rollback --prompt THREE --yes >/dev/null
	eq "$(cat new/deep/x.c)" x x.c
	eq "$(tail -n 1 src/b.txt)" mine "the user's own change"
	git sk -q rollback --session 5ea --yes >/dev/null
	[ ! -e new ] || die "new is still there"
	eq "$(git sk cat '@{prompt}' src/b.txt | tail -n 1)" mine "@{prompt}"
	eq "$(git sk cat '@{prompt 1}' src/b.txt)" two "@{prompt 1}"
	eq "$(git sk cat '@{prompt make it}' src/b.txt)" two "@{prompt make it}"
	code 1 git sk rollback --prompt 7 --yes
	has "$W.err" "no prompt 7"
	code 1 git sk rollback --session zzz --yes
	code 2 git sk rollback latest --prompt 1 --yes
	code 1 git sk show '@{prompt nothing of this}'
}

t_a_tool_that_never_ended_has_its_name() {
	here
	prompt hello
	event PreToolUse Bash '{"command":"make all"}'
	echo made >out.txt
	event PreToolUse Bash '{"command":"ls"}'
	eq "$(titles -n 1)" "claude: Bash make all" "title"
	event PostToolUse Bash '{"command":"ls"}'
	echo mine >own.txt
	event PreToolUse Bash '{"command":"ls"}'
	eq "$(titles -n 1)" "before claude: Bash ls" "title"
}

t_undo_takes_back_a_step_as_a_whole() {
	here
	prompt hello
	event PreToolUse Bash '{"command":"make"}'
	echo 1 >one.txt
	git sk backup >/dev/null # as the watcher does
	echo 2 >two.txt
	event PostToolUse Bash '{"command":"make"}'
	event PreToolUse Bash '{"command":"ls"}'
	event PostToolUse Bash '{"command":"ls"}'
	git sk undo --yes >"$W/out" 2>&1
	has "$W/out" "taking back: claude: Bash make"
	[ ! -e one.txt ] && [ ! -e two.txt ] || die "files of the step are left"
}

t_recorded_events_of_each_tool() {
	local t line n
	home
	for t in claude codex gemini; do
		repo "$W/$t" && cd "$W/$t" && git sk init -q >/dev/null
		n=0
		while IFS= read -r line; do
			case $line in *'"PostToolUse'* | *'"AfterTool"'*) n=$((n + 1)) && echo $n >src/new.c ;; esac
			printf '%s' "$line" | sed "s,@W@,$PWD,g" | git sk agent hook $t >"$W/out" 2>&1
			eq "$(cat "$W/out")" "" "output"
			# Codex says nothing when a patch is done that it found in a shell command
			case $line in *'Begin Patch'*) echo patched >src/new.c ;; esac
		done <"$DATA/$t.jsonl"
		titles >>"$W/titles"
	done
	eq "$(cat "$W/titles")" "$(cat "$DATA/titles.txt")" titles
}

t_the_hook_never_fails_and_never_talks() {
	local long
	here
	long=$(head -c 300000 /dev/zero | tr '\0' x)
	printf '{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Write","tool_input":{"file_path":"%s/a.txt","content":"%s' "$PWD" "$long" |
		git sk agent hook claude >"$W/out" 2>&1
	for t in '' '{' '[]' 'null' '{"hook_event_name":3}' '{"hook_event_name":"PreToolUse","cwd":"/no/where","tool_input":7}' \
		'{"hook_event_name":"UserPromptSubmit","session_id":"a\u0000b\ud800","prompt":"\ud800"}'; do
		printf '%s' "$t" | git sk agent hook claude >>"$W/out" 2>&1
	done
	cd "$W" && mkdir plain && cd plain
	echo '{"hook_event_name":"PreToolUse"}' | git sk agent hook claude >>"$W/out" 2>&1
	repo off && cd off
	echo '{"hook_event_name":"UserPromptSubmit","prompt":"x"}' | git sk agent hook claude >>"$W/out" 2>&1
	eq "$(git for-each-ref refs/sk)" "" "refs where it is not enabled"
	cd "$W/app"
	echo '{"hook_event_name":"UserPromptSubmit","prompt":"off"}' | GIT_SK_DISABLE=1 git sk agent hook claude >>"$W/out" 2>&1
	eq "$(cat "$W/out")" "" "output"
	hasnt <(titles) "off"
}

t_a_prompt_that_cannot_be_saved_is_told_to_the_user() {
	[ "$(id -u)" != 0 ] || skip "root may write everywhere"
	here
	chmod -R a-w .git
	echo '{"hook_event_name":"PreToolUse","tool_name":"Bash"}' | git sk agent hook claude >"$W/out" 2>"$W/err"
	eq "$(cat "$W/out")" "" "output at a tool"
	echo '{"hook_event_name":"UserPromptSubmit","prompt":"x"}' | git sk agent hook claude >"$W/out" 2>"$W/err"
	chmod -R u+w .git
	python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["systemMessage"])' "$W/out" >"$W/text"
	has "$W/text" "could not save"
}

t_the_working_tree_of_the_file_counts() {
	here
	git worktree add -q ../tree 2>/dev/null
	repo ../inner.tmp && mv ../inner.tmp ../other && (cd ../other && git sk init -q >/dev/null)
	echo t >>../tree/a.txt && echo o >>../other/a.txt
	event PreToolUse Edit "{\"file_path\":\"$W/tree/a.txt\"}"
	event PostToolUse Edit "{\"file_path\":\"$W/other/src/../a.txt\"}"
	eq "$(cd ../tree && titles -n 1)" "before claude: Edit a.txt" "linked worktree"
	eq "$(cd ../other && titles -n 1)" "claude: Edit a.txt" "another repository"
	eq "$(titles -n 1)" "first backup" "here"
	# a file of no repository: the step is the agent's folder's
	echo h >>a.txt
	event PostToolUse Write "{\"file_path\":\"$W/nowhere/x\"}"
	eq "$(titles -n 1)" "claude: Write $W/nowhere/x" "here"
}

t_sessions_count_for_themselves() {
	here
	SESSION=aa prompt one
	SESSION=bb prompt two
	SESSION=aa prompt three
	rm .git/sk/agents # as after a crash
	SESSION=aa prompt four
	SESSION=bb prompt five
	eq "$(titles -n 5)" 'before prompt 2: five
before prompt 3: four
before prompt 2: three
before prompt 1: two
before prompt 1: one' titles
	eq "$(git sk show '@{prompt 2}' --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["title"])')" "before prompt 2: five" "of the last session"
	git sk rollback --session aa --prompt 2 --dry-run >/dev/null
	printf 'xx\0yy' >.git/sk/agents
	SESSION=bb prompt six
	eq "$(titles -n 1)" "before prompt 3: six" "with a damaged file"
}

run_tests
