# root at work in another user's repository: nothing there becomes root's, and the user goes on.
. "$(dirname "$0")/lib.sh"

ID=65534

# begin: a user's repository u/r, and a vault u/vault; root may work there
begin() {
	local v=$SCRATCH built
	[ "$(id -u)" = 0 ] || skip "not root"
	command -v setpriv >/dev/null || skip "no setpriv"
	export XDG_CONFIG_HOME=$W/config XDG_CACHE_HOME=$W/cache XDG_STATE_HOME=$W/state
	umask 022
	mkdir -p u/home "$XDG_CONFIG_HOME/safekeep"
	while [ "$v" != / ]; do
		setpriv --reuid $ID --regid $ID --clear-groups test -x "$v" || chmod o+x "$v" || skip "no way in"
		v=$(dirname "$v")
	done
	chmod 755 "$W" "$W/config" "$W/config/safekeep"
	git config --global safe.directory '*' && chmod 644 "$GIT_CONFIG_GLOBAL" && chmod 755 "$HOME"
	settings
	if ! git sk plugin list | grep -q '^feature-flag .*loaded'; then
		built=$(dirname "$(readlink -f "$(command -v git-sk)")")/plugins
		[ -e "$built/feature-flag.so" ] || die "feature-flag.so is not there"
		settings "folder = $built"
	fi
	repo u/r
	printf '[new_payment]\ntype = boolean\ndefault = false\n' >u/r/flags.ini
	echo '{"a": 1}' >u/conf.json
	git -C u/r add -A && git -C u/r commit -qm flags
	chown -R $ID:$ID u
}

settings() {
	{
		printf '[plugins]\nenable = feature-flag, config-backup\ntimeout = 5m\n'
		[ $# = 0 ] || printf '%s\n' "$@"
	} >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
}

user() {
	(cd "$W/u/r" && setpriv --reuid $ID --regid $ID --clear-groups env HOME="$W/u/home" \
		XDG_CACHE_HOME="$W/u/home/cache" XDG_STATE_HOME="$W/u/home/state" GIT_CONFIG_GLOBAL="$GIT_CONFIG_GLOBAL" "$@")
}

# as sudo does it
as_root() { (cd "$W/u/r" && SUDO_UID=$ID SUDO_GID=$ID "$@"); }

# all AS: what changes anything below .git, done by AS
all() {
	local as=$1
	$as git sk init --no-service >/dev/null
	echo "$as $RANDOM" >"$W/u/r/new" && chown $ID:$ID "$W/u/r/new"
	$as git sk backup -q >/dev/null
	$as git sk revise -q "of $as" 'a reason' >/dev/null
	echo "$as $RANDOM" >>"$W/u/r/a.txt"
	# two of one second have no order: not `latest`
	$as git sk rollback -q --yes --staged "$($as git sk list backups -n 1 -z | tr -d '\0')" >/dev/null
	$as git sk undo -q --yes >/dev/null
	$as git sk restore -q -- a.txt >/dev/null
	$as git sk flag set new_payment true >/dev/null
	$as git sk flag set new_payment false >/dev/null
	$as git sk conf backup "$W/u/conf.json" >/dev/null
	echo "{\"$as\": $RANDOM}" >"$W/u/conf.json" && chown $ID:$ID "$W/u/conf.json"
	$as git sk conf backup "$W/u/conf.json" >/dev/null
	$as git sk vault list | grep -q disk || $as git sk vault add disk "$W/u/vault" >/dev/null
	$as git sk vault push >/dev/null
	$as git sk impact >/dev/null
	$as git sk prune >/dev/null
	$as git sk verify >/dev/null
	$as git sk purge --yes --path new >/dev/null
	$as git sk vault push >/dev/null
	$as git sk status >/dev/null || true
	$as git sk health --fix >"$W/health" || true
	$as git commit -qam "by $as" || true
}

# those of root; git's own of a `git commit` by root are not ours
roots() { find "$W/u/r" "$W/u/vault" -user 0 ! -path '*/.git/COMMIT_EDITMSG' ! -path '*/.git/gc.*'; }

t_nothing_becomes_roots() {
	begin
	all as_root
	as_root git sk backup -q >/dev/null
	eq "$(roots)" "" "files of root"
	all user
	as_root git sk uninit >/dev/null
	eq "$(roots)" "" "files of root after uninit"
	user git sk init --no-service >/dev/null
	as_root git sk uninit --purge >/dev/null
	user git sk init --no-service >/dev/null
	eq "$(roots)" "" "files of root after all"
}

t_first_by_user_then_root() {
	begin
	all user
	all as_root
	as_root git sk backup -q >/dev/null
	eq "$(roots)" "" "files of root"
	all user
}

# a file that was moved or linked in to be given away is not
t_what_is_roots_own_stays() {
	begin
	as_root git sk init --no-service >/dev/null
	echo secret >"$W/secret" && chmod 600 "$W/secret" && echo s >"$W/linked"
	touch -d '2 days ago' "$W/secret" "$W/linked"
	sleep 1.1
	mv "$W/secret" u/r/.git/sk/secret
	ln "$W/linked" u/r/.git/sk/linked
	as_root git sk backup -q >/dev/null
	eq "$(stat -c %u u/r/.git/sk/secret u/r/.git/sk/linked | tr '\n' ' ')" "0 0 "
}

run_tests
