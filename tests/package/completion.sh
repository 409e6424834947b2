#!/bin/bash
# What a shell offers for crmd, asked of the shell itself:
#   completion.sh bash|zsh|fish         "ok LINE" for each that is right; else what was offered
# A line ends where TAB is pressed; a file named ahead.ini is there.
set -u
shell=$1
cd "$(mktemp -d)" || exit 2
touch ahead.ini

offer_bash() {
    bash --norc --noprofile -c '
        . /usr/share/bash-completion/bash_completion; _completion_loader crmd
        line=$1; COMP_LINE=$line; COMP_POINT=${#line}
        read -ra COMP_WORDS <<<"$line"; case $line in *" ") COMP_WORDS+=("") ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "$(complete -p crmd | sed "s/.*-F \([^ ]*\).*/\1/")" crmd "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
        printf "%s\n" "${COMPREPLY[@]}"' - "$1"
}
# zsh completes only at a terminal: one is made by its own module, and matches are taken where they are added.
offer_zsh() {
    LINE=$1 zsh -f <<'ZSH'
zmodload zsh/zpty
zpty shell 'zsh -f -i'
drain() { local piece; while zpty -r -t shell piece 2>/dev/null; do :; done }
zpty -w shell 'PROMPT=; unsetopt zle_bracketed_paste 2>/dev/null; autoload -Uz compinit; compinit -u -D -d /dev/null
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return $?; fi
    typeset -a __hits
    builtin compadd -A __hits "$@"
    local h; for h in $__hits; do print -r -- "$h" >>hits; done
    builtin compadd "$@"
}
done_completing() { comppostfuncs=(done_completing_now) }
done_completing_now() { : >completed }
compprefuncs=(done_completing)
bindkey "^I" complete-word; : >ready'
integer i
for ((i = 0; i < 300; i++)); do [[ -e ready ]] && break; sleep 0.05; done
zpty -n -w shell "$LINE"$'\t'
for ((i = 0; i < 300; i++)); do [[ -e completed ]] && break; sleep 0.05; done
zpty -d shell
ZSH
    sort -u hits 2>/dev/null
    rm -f hits ready completed
}
offer_fish() { fish -c 'complete -C $argv[1]' -- "$1" 2>/dev/null | cut -f1 || true; }

look() { # LINE, then the words that must be offered; -NOT... must not
    local line=$1 word offered wrong=
    shift
    offered=$("offer_$shell" "$line")
    for word; do
        case $word in
        not:*) if grep -qxF -- "${word#not:}" <<<"$offered"; then wrong+=" ${word#not:} is offered;"; fi ;;
        *) grep -qxF -- "$word" <<<"$offered" || wrong+=" $word is not offered;" ;;
        esac
    done
    if [ -z "$wrong" ]; then echo "ok '$line'"; else echo "'$line':$wrong offered were: $(tr '\n' ' ' <<<"$offered")"; fi
}
look 'crmd ' run once check secret report not:set not:--principal not:ahead.ini
look 'crmd r' run report not:check
look 'crmd --' --config --help --version
look 'crmd -c ' ahead.ini not:run
look 'crmd -c ahead.ini ' run check not:ahead.ini
look 'crmd secret ' set public not:run
look 'crmd report --' --principal --since --until --unit --language --output
look 'crmd report --language ' en es nl not:run
look 'crmd report --principal anna --' --since
look 'crmd report -o ' ahead.ini
look 'crmd -c ahead.ini report --' --principal
look 'crmd run ' not:once not:set not:ahead.ini
