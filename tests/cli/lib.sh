# lib.sh - the driver of the command-line tests (bash).
#
# A test file sources this, defines functions named t_SOMETHING, and ends with `run_tests`.  Each
# test runs in a subshell with `set -eu`, in an empty folder $W of its own, with HOME, XDG_* and
# git's configuration in scratch.  It fails when any command in it fails.  A test that cannot run
# here calls `skip REASON`.
#
#   SK_BIN   folder with git-sk, git-sk-hook...; put first in PATH (default: what PATH has)
#   SK_ONLY  a pattern: only the tests whose name matches it

SCRATCH=${SK_SCRATCH:-$(mktemp -d "${TMPDIR:-/tmp}/sk-cli.XXXXXX")}
[ -n "${SK_BIN:-}" ] && PATH=$SK_BIN:$PATH
for v in $(git rev-parse --local-env-vars); do unset "$v"; done
export HOME=$SCRATCH/home XDG_CONFIG_HOME=$SCRATCH/home/.config XDG_CACHE_HOME=$SCRATCH/home/.cache
export XDG_DATA_HOME=$SCRATCH/home/.local/share XDG_STATE_HOME=$SCRATCH/home/.local/state
export XDG_RUNTIME_DIR=$SCRATCH/run GIT_CONFIG_GLOBAL=$SCRATCH/home/.gitconfig GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
# a test of the service unsets it, and stops what it starts
export GIT_SK_NO_SERVICE=1
export GIT_TERMINAL_PROMPT=0 GIT_EDITOR=true TZ=UTC LC_ALL=C.UTF-8 NO_COLOR=1
mkdir -p "$HOME/.config" "$XDG_RUNTIME_DIR" && chmod 700 "$XDG_RUNTIME_DIR"
cat >"$GIT_CONFIG_GLOBAL" <<EOF
[init]
	defaultBranch = main
[protocol "file"]
	allow = always
[advice]
	detachedHead = false
EOF

die() { echo "    $*" >&2; exit 1; }
skip() { echo "$*" >"$W/.skip"; exit 77; }
# eq GOT WANT [WHAT]
eq() { [ "$1" = "$2" ] || die "${3:-values} differ: got '$1', want '$2'"; }
# code N CMD...: CMD must exit with N; its output is in $W/../out and $W/../err
code() {
	local want=$1 got=0
	shift
	"$@" >"$W.out" 2>"$W.err" || got=$?
	[ "$got" = "$want" ] || { cat "$W.out" "$W.err" >&2; die "'$*' exited $got, not $want"; }
}
# has FILE TEXT: the file has that fixed text
has() { grep -qF -- "$2" "$1" || { cat "$1" >&2; die "'$2' is not in $1"; }; }
hasnt() { ! grep -qF -- "$2" "$1" || { cat "$1" >&2; die "'$2' is in $1"; }; }
# repo DIR: a repository with two commits
repo() {
	git init -q "$1" && (
		cd "$1" && mkdir -p src/lib && echo one >a.txt && echo two >src/b.txt && echo three >src/lib/c.txt &&
			git add -A && git commit -qm first && echo more >>a.txt && git commit -qam second
	)
}
# state DIR: names, kinds, permission bits and bytes of a working tree (its .git left out)
state() {
	(cd "$1" && find . -path ./.git -prune -o -printf '%y %m %P -> %l\n' | LC_ALL=C sort &&
		find . -path ./.git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0r sha1sum --)
}
# same_index DIR CMD...: CMD leaves the index file as it is, byte for byte, and no lock
same_index() {
	local d=$1 before
	shift
	before=$(sha1sum <"$d")
	"$@"
	eq "$(sha1sum <"$d")" "$before" "index"
	[ ! -e "$d.lock" ] || die "index.lock is left"
}

# release_build: a build in $RELEASE as a package is made from, without what only tests need, warnings
# being errors.  It takes a minute of processor time, so whoever runs many test files gives one folder,
# SK_RELEASE, for all of them; tests leave it as it is.  $SRC is where the sources are.
RELEASE=${SK_RELEASE:-$SCRATCH/release}
release_build() {
	[ -z "${SK_SANITIZED:-}" ] || skip "a release has no sanitizers"
	command -v cmake >/dev/null || skip "no cmake"
	(
		flock 9
		[ ! -e "$RELEASE/done" ] || exit 0
		cmake -S "$SRC" -B "$RELEASE" -DSK_WERROR=ON -DCMAKE_INSTALL_PREFIX=/usr && cmake --build "$RELEASE" -j 2 &&
			touch "$RELEASE/done"
	) 9>"$RELEASE.lock"
}

run_tests() {
	local file=${0##*/} name pass=0 fail=0 skipped=0 rc
	for name in $(declare -F | sed -n 's/^declare -f t_//p'); do
		case $name in ${SK_ONLY:-*}) ;; *) continue ;; esac
		W=$SCRATCH/$name && mkdir -p "$W" && export W
		rc=0
		# no `||` around the subshell: it would switch `set -e` off inside
		set +e
		(set -eu; cd "$W"; "t_$name") >"$SCRATCH/$name.log" 2>&1
		rc=$?
		if [ $rc = 0 ]; then
			pass=$((pass + 1)); echo "ok - $file: $name"
		elif [ $rc = 77 ] && [ -e "$W/.skip" ]; then
			skipped=$((skipped + 1)); echo "ok - $file: $name # skip $(cat "$W/.skip")"
		else
			fail=$((fail + 1)); echo "not ok - $file: $name"; sed 's/^/    /' "$SCRATCH/$name.log" | tail -n 40
		fi
		chmod -R u+rwX "$W" 2>/dev/null; rm -rf "$W"
	done
	[ -n "${SK_SCRATCH:-}" ] || rm -rf "$SCRATCH"
	echo "# $file: $pass passed, $fail failed, $skipped skipped"
	[ "$fail" = 0 ]
}
