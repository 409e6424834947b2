# bash completion for crmd
_crmd()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local commands='run once check secret report' options='-c --config -h --help -V --version'
    local report='--principal --since --until --unit --language -o --output'
    local command='' word i

    COMPREPLY=()
    case $previous in
    -c | --config | -o | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
        return
        ;;
    --language)
        mapfile -t COMPREPLY < <(compgen -W 'en es nl' -- "$current")
        return
        ;;
    --principal | --since | --until | --unit) return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        -c | --config | -o | --output | --principal | --since | --until | --unit | --language) i=$((i + 1)) ;;
        -*) ;;
        *) command=$word; break ;;
        esac
    done
    case $command in
    '') mapfile -t COMPREPLY < <(compgen -W "$commands $options" -- "$current") ;;
    secret) [ "$previous" != secret ] || mapfile -t COMPREPLY < <(compgen -W 'set public' -- "$current") ;;
    report) mapfile -t COMPREPLY < <(compgen -W "$report" -- "$current") ;;
    esac
}
complete -F _crmd crmd
