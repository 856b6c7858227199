# fish completion for `git sk` and `git-sk`: what can follow comes from the program itself.
# It lies in vendor_conf.d, because fish 3.6 loads nothing for `git sk` by itself.

function __git_sk_complete
    set -l words (commandline -opc)
    set -l args
    # before "sk" are git's own options, of which -C is ours too
    if test "$words[1]" = git
        while set -e words[1]
            set -q words[1]; or return
            switch $words[1]
                case sk
                    break
                case sk-revise
                    set args $args revise
                    break
                case -C
                    set args $args -C $words[2]
                    set -e words[1]
            end
        end
    else if string match -q '*git-sk-revise' -- $words[1]
        set args revise
    end
    set -e words[1]
    set -l current (string unescape -- (commandline -ct))
    set -l answer (git-sk --complete-line $args $words "$current" 2>/dev/null)
    set -l how $answer[1]
    set -e answer[1]
    test (count $answer) -gt 0; and printf '%s\n' $answer
    switch "$how"
        case :dirs
            __fish_complete_directories "$current"
        case :files
            __fish_complete_path "$current"
        case :command
            __fish_complete_subcommand
    end
end

complete -c git -f -n '__fish_git_using_command sk sk-revise' -k -a '(__git_sk_complete)'
complete -c git-sk -f -k -a '(__git_sk_complete)'
complete -c git-sk-revise -f -k -a '(__git_sk_complete)'
