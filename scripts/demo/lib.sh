# How the demo speaks and checks. Sourced by scripts/demo/run; PGHOST, PGUSER and PGDATABASE say where psql goes.
# Everything fits in 100 columns; colours and moving seconds only where the output is a terminal.
# shellcheck shell=bash

if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m' terminal=1
else
    bold='' dim='' green='' red='' plain='' terminal=
fi
section=0

title() { # a numbered heading
    section=$((section + 1))
    printf '\n%s%d  %s%s\n' "$bold" "$section" "$1" "$plain"
}
say() { # prose, folded
    printf '%s\n' "$*" | fmt -w 94 | sed 's/^/   /'
}
gap() { echo; }
note() { # one line, already formatted
    printf '   %s\n' "$*"
}
good() { # what was checked
    printf '   %s✓%s %s\n' "$green" "$plain" "$*"
}
fail() {
    printf '\n%s✗ demo failed: %s%s\n' "$red" "$*" "$plain" >&2
    exit 1
}

psql_quiet() { # rows as text, fields separated by tabs, nothing else; stops at the first error
    psql -qXAt -F $'\t' -v ON_ERROR_STOP=1 -v "day=$DAY" "$@"
}
value() { # one value of one query
    psql_quiet -c "$1"
}
must() { # must CONDITION WHAT: a condition in SQL that has to hold
    [ "$(value "SELECT ($1) IS TRUE")" = t ] || fail "$2 (it does not hold that $1)"
}
table() { # a query's rows, aligned
    PGOPTIONS="${PGOPTIONS:-} -c intervalstyle=postgres" psql -qX -v ON_ERROR_STOP=1 -v "day=$DAY" -P pager=off -P border=1 \
        -P linestyle=unicode -P footer=off -c "$1" | sed '/^$/d; s/^/  /; s/ *$//' ||
        fail "a query failed"
}
typed() { # what the user would type
    local line mark='» '
    while IFS= read -r line; do
        printf '   %s%s%s%s\n' "$dim" "$mark" "$line" "$plain"
        mark='  '
    done <<<"$1"
}
ask() { # show what is typed, then what comes back
    typed "$1"
    table "$1"
}

seconds_since() { # START in ms
    local ms=$(($(now_ms) - $1))
    printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}
now_ms() { date +%s%3N; }

during() { # during TEXT COMMAND...: runs it, showing that time passes; its output stays in $LOG/step.log
    local text=$1 start child status
    shift
    start=$(now_ms)
    if [ -n "$terminal" ]; then
        "$@" >"$LOG/step.log" 2>&1 &
        child=$!
        while kill -0 "$child" 2>/dev/null; do
            printf '\r   %s… %s' "$text" "$(seconds_since "$start")"
            sleep 0.1
        done
        wait "$child" && status=0 || status=$?
        printf '\r\e[K'
    else
        "$@" >"$LOG/step.log" 2>&1 && status=0 || status=$?
    fi
    if [ "$status" != 0 ]; then
        sed 's/^/   /' "$LOG/step.log" >&2
        fail "$text"
    fi
    printf '   %-74s %s%9s%s\n' "$text" "$dim" "$(seconds_since "$start")" "$plain"
}
