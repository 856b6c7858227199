# bash completion for `git sk`: git's own completion loads this file and calls _git_sk.
# What can follow comes from the program itself (`git-sk --complete-line`), so that this never lags
# behind it.  With more than one candidate each is shown with what it is.

_git_sk() {
	local i
	local -a at=()

	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		sk) break ;;
		-C) at+=(-C "${words[i + 1]}") && ((i++)) ;; # git's own is ours too
		esac
	done
	_git_sk_line "${at[@]}" "${words[@]:i+1:cword-i-1}" "$cur"
}

_git_sk_revise() {
	local i

	for ((i = 1; i < cword; i++)); do [ "${words[i]}" = sk-revise ] && break; done
	_git_sk_line revise "${words[@]:i+1:cword-i-1}" "$cur"
}

_git_sk_line() {
	local how line value cut=0 n=0 wide=0 IFS=$'\n'
	local -a args=() lines=()

	# words as they will be for the command: without quotes
	for line in "$@"; do
		case $line in
		*[\\\'\"]*) line=${line//[\\\'\"]/} ;;
		esac
		args+=("$line")
	done
	{
		read -r how
		while read -r line; do lines+=("$line"); done
	} < <(git-sk --complete-line "${args[@]}" 2>/dev/null)
	COMPREPLY=()
	case $how in
	:dirs)
		compopt -o filenames +o nospace 2>/dev/null
		COMPREPLY=($(compgen -d -- "$cur"))
		return
		;;
	:command)
		compopt +o nospace 2>/dev/null
		COMPREPLY=($(compgen -c -- "$cur"))
		return
		;;
	:paths) compopt -o filenames 2>/dev/null ;;
	:files)
		compopt -o filenames +o nospace 2>/dev/null
		COMPREPLY=($(compgen -f -- "$cur"))
		;;
	*) compopt +o default +o bashdefault 2>/dev/null ;; # no names of files where none belong
	esac
	# readline replaces what stands behind the last "=" or ":" alone
	case $COMP_WORDBREAKS in
	*=*) [[ $cur != *=* ]] || value=${cur%"${cur##*=}"} ;;
	esac
	case $COMP_WORDBREAKS in
	*:*) [[ $cur != *:* ]] || value=${cur%"${cur##*[:=]}"} ;;
	esac
	cut=${#value}
	for line in "${lines[@]}"; do
		value=${line%%$'\t'*}
		((${#value} > wide)) && wide=${#value}
	done
	for line in "${lines[@]}"; do
		value=${line%%$'\t'*}
		((n++))
		# what it is belongs to a list to look at, not to what is inserted
		if [[ ${#lines[@]} -gt 1 && $line == *$'\t'* && $COMP_TYPE != 37 && $COMP_TYPE != 42 ]]; then
			printf -v line '%-*s  (%s)' "$wide" "$value" "${line#*$'\t'}"
			((cut == 0)) || line=${line:cut}
			COMPREPLY+=("${line:0:${COLUMNS:-80}-2}")
			continue
		fi
		value=${value:cut}
		case $how$value in
		:paths* | *=) COMPREPLY+=("$value") ;;
		*) COMPREPLY+=("$value ") ;;
		esac
	done
	[[ $how == :words ]] || return 0
	compopt -o nospace 2>/dev/null
}
