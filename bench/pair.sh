# shellcheck shell=bash disable=SC2154
# Measures pairs: the same query with the condition by hand and under a policy, in turn, and prints how much longer the
# second takes. Sourced; $scratch is a folder to write in.
#
# A statement's time is taken from pgbench's log of each transaction, as the mean of those between the 25th and the 60th
# percentile: the first ones of a session load and plan, and a busy machine makes the slowest. Long statements are timed
# one by one, the second of a session. A pair is measured $rounds times in turn, beginning with the other one each
# time; what is printed are the medians of the times and the median of the ratios of each round.

rounds=${BENCH_ROUNDS:-5}
slice_us=${BENCH_SLICE_US:-100000} # what one pgbench run should take
pairs=0 missed=0 worst=0

median() { sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

query() { psql -qAtX -v ON_ERROR_STOP=1 "$@"; }

# Mean time in microseconds of $2 transactions of role $1, run in mode $3 from script $4; -C as $5: each in a session of
# its own.
transaction_us() {
    pgbench -n ${5:+"$5"} -U "$1" -t "$2" -M "$3" -f "$4" -l --log-prefix="$scratch/log" >"$scratch/pgbench.out" 2>&1 ||
        { cat "$scratch/pgbench.out" >&2; return 1; }
    cut -d ' ' -f 3 "$scratch"/log.* | sort -n |
        awk '{ v[NR] = $1 } END { from = int(NR * 0.25) + 1; to = int(NR * 0.6); if (to < from) to = from
             for (i = from; i <= to; i++) s += v[i]; print s / (to - from + 1) }'
    rm -f "$scratch"/log.*
}

# Time in microseconds of statement $2 as role $1 in a session that is warm; $3 is a statement to warm it with.
statement_us() {
    psql -AtX -v ON_ERROR_STOP=1 -U "$1" -c "$3" -c '\timing on' -c "$2" >"$scratch/psql.out" 2>&1 ||
        { cat "$scratch/psql.out" >&2; return 1; }
    sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' "$scratch/psql.out" | awk 'END { if (NR == 0) exit 1; print $1 * 1000 }'
}

# Prints label $1, the pair's times in microseconds and its ratio against the aim $2; $3 has lines "hand policy".
report() {
    local times=$3 hand policy ratio verdict=''
    hand=$(cut -d ' ' -f 1 <<<"$times" | median)
    policy=$(cut -d ' ' -f 2 <<<"$times" | median)
    ratio=$(awk '{ print $2 / $1 }' <<<"$times" | median)
    pairs=$((pairs + 1))
    if [ "$2" != none ]; then # none: known to be slow
        if awk "BEGIN { exit !($ratio >= $2 + 0.005) }"; then
            verdict=' MISSED'
            missed=$((missed + 1))
        fi
        worst=$(printf '%s\n' "$worst" "$ratio" | sort -g | tail -n 1)
    fi
    awk -v l="$1" -v h="$hand" -v p="$policy" -v r="$ratio" -v a="$2" -v v="$verdict" 'BEGIN {
        unit = h >= 10000 ? "ms" : "us"; by = h >= 10000 ? 1000 : 1
        printf "%-66s %9.1f %9.1f %s  %5.2f  aim %s%s\n", l, h / by, p / by, unit, r, a, v }'
}

# Runs "$1 hand" and "$1 policy" $rounds times in turn: a function that prints a time.
in_turn() {
    local i hand policy
    for ((i = 0; i < rounds; i++)); do
        if ((i % 2)); then
            policy=$("$1" policy) && hand=$("$1" hand)
        else
            hand=$("$1" hand) && policy=$("$1" policy)
        fi || return 1
        echo "$hand $policy"
    done
}

# The pair in $scratch/hand.sql and $scratch/policy.sql, which $by_hand and $by_policy ask in mode $mode.
role_of() { if [ "$1" = hand ]; then echo "$by_hand"; else echo "$by_policy"; fi; }
short_one() { transaction_us "$(role_of "$1")" "$count" "$mode" "$scratch/$1.sql"; }
long_one() { statement_us "$(role_of "$1")" "$(cat "$scratch/$1.sql")" "$warm_up"; }

# How many transactions fill a slice: of the slower side, so that no pair takes long.
slice_count() {
    local hand policy
    hand=$(transaction_us "$by_hand" "$1" "$mode" "$scratch/hand.sql")
    policy=$(transaction_us "$by_policy" "$1" "$mode" "$scratch/policy.sql")
    awk "BEGIN { us = $hand > $policy ? $hand : $policy; print int($slice_us / (us < 1 ? 1 : us)) }"
}

compare() { # label, aim
    local times
    count=$(slice_count 3)
    if [ "$count" -lt 10 ] && ! grep -q '^\\set' "$scratch/hand.sql"; then
        times=$(in_turn long_one)
    else
        [ "$count" -lt 10 ] || count=$(slice_count "$((count < 50 ? count : 50))")
        [ "$count" -ge 10 ] || count=10
        times=$(in_turn short_one)
    fi
    report "$1" "$2" "$times"
}
