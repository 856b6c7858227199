# bash completion for `git sk`: git's own completion loads this file and calls _git_sk.
# What can follow comes from the program itself, so that this never lags behind it.

_git_sk() {
	local word i command='' dashes=''

	# the command: the first word after "sk" that is no option (nor the folder after -C)
	for ((i = 1; i < cword; i++)); do [ "${words[i]}" = sk ] && break; done
	for ((i++; i < cword; i++)); do
		word=${words[i]}
		case $word in
		--) dashes=1 ;;
		-C) [ -n "$command" ] || ((i++)) ;;
		-*) ;;
		*) [ -n "$command" ] || command=$word ;;
		esac
	done
	_git_sk_words "$command" "$dashes"
}

_git_sk_revise() {
	_git_sk_words revise ''
}

_git_sk_words() {
	local word IFS=$'\n'

	COMPREPLY=()
	[ -z "$2" ] || return # after "--" are files: bash's own completion
	if [ -z "$1" ]; then
		set -- "$(git-sk --complete-list 2>/dev/null)"
	elif [ "$1 $prev" = 'release --from' ]; then
		set -- HEAD$'\n'worktree$'\n'"$(git for-each-ref --format='%(refname:lstrip=3)' \
			refs/sk/backup refs/sk/revision 2>/dev/null)"
	elif [ "$1 $prev" = 'release --out' ] || [ "$1 $prev" = 'verify --from' ] ||
		[ "$1 $prev" = 'purge --path' ]; then
		return # files and folders: bash's own completion
	elif [[ $cur == -* ]]; then
		set -- "$(git-sk --complete-list "$1" 2>/dev/null)"
	else
		case $1 in
		show | diff | cat | restore | rollback | revise | verify)
			set -- "latest"$'\n'"$(git for-each-ref --format='%(refname:lstrip=3)' \
				refs/sk/backup refs/sk/revision 2>/dev/null)" ;;
		vault) set -- add$'\n'list$'\n'push$'\n'fetch$'\n'remove$'\n'clone ;;
		list) set -- backups$'\n'revisions$'\n'releases$'\n'commits$'\n'all ;;
		plugin) set -- list$'\n'show ;;
		*) set -- "$(git-sk --complete-words "$1" 2>/dev/null)" ;;
		esac
	fi
	for word in $1; do
		[[ $word == "$cur"* ]] || continue
		case $word in
		*=) COMPREPLY+=("$word") ;;
		*) COMPREPLY+=("$word ") ;;
		esac
	done
	compopt -o nospace 2>/dev/null
}
