# shellcheck shell=bash
# What measurements share that go by processor time, which other work on the machine does not change. Sourced.

query() { psql -qAtX -v ON_ERROR_STOP=1 -c "$1"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

# A session's own processor time in ms around a statement: user and system time of its process.
query "CREATE FUNCTION cpu_ms() RETURNS numeric LANGUAGE sql VOLATILE AS \$\$
           SELECT ((regexp_split_to_array(regexp_replace(pg_read_file('/proc/' || pg_backend_pid() || '/stat'), '^.*\) ', ''), ' '))[12]::numeric
                 + (regexp_split_to_array(regexp_replace(pg_read_file('/proc/' || pg_backend_pid() || '/stat'), '^.*\) ', ''), ' '))[13]::numeric) * 10 \$\$"
measured_ms() { # statement, what to do before it
    psql -qAtX -v ON_ERROR_STOP=1 2>/dev/null <<SQL | tail -n 1
${2:-};
SELECT cpu_ms() AS before \gset
$1;
SELECT greatest(cpu_ms() - :before, 1);
SQL
}
