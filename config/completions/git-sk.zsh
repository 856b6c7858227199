#compdef git-sk git-sk-revise
#description a safety net for the working tree
# zsh completion for `git sk` (zsh's own completion of git calls it) and `git-sk`: what can follow
# comes from the program itself.

_git-sk() {
	local -a args lines values open whats
	local how line value what

	[[ $service == git-sk-revise || $words[1] == sk-revise ]] && args+=(revise)
	# git's own -C is ours too
	[[ -n ${opt_args[-C]:-} ]] && args+=(-C "${(Q)opt_args[-C]}")
	args+=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
	lines=("${(@f)$(git-sk --complete-line "${args[@]}" 2>/dev/null)}")
	how=$lines[1]
	shift lines
	for line in "${lines[@]}"; do
		value=${line%%$'\t'*} what=
		[[ $line == *$'\t'* ]] && what=${line#*$'\t'}
		if [[ $value == *= || $how == :paths ]]; then
			open+=("$value")
		else
			values+=("${value//:/\\:}${what:+:$what}")
		fi
		[[ $value == *= ]] && whats+=("$value${what:+  -- $what}")
	done
	(($#values)) && _describe -V -t values 'git sk' values
	if [[ $how == :paths ]]; then
		compadd -f -S '' -a open
	elif (($#open)); then
		compadd -S '' -l -d whats -a open
	fi
	case $how in
	:dirs) _files -/ ;;
	:files) _files ;;
	:command) _command_names -e ;;
	esac
}

_git-sk "$@"
