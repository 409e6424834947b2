#!/bin/bash
# In a clean Debian, with packages in /srv/packages and this checkout's docs/install.md in /srv/install.md: an operator's first ten minutes, as
# that page has them, line by line; then completions, an upgrade to a later version, removal and purge. Nothing that the page
# does not name stays.
set -u
number=0 failed=0
set -- /srv/packages/postgresql-*-crm_*.deb
major=${1#*/postgresql-} major=${major%%-*} # of this Debian's PostgreSQL
ok() { # NAME; the status of the command before
    local status=$?
    number=$((number + 1))
    if [ "$status" = 0 ]; then echo "ok $number - $1"; else echo "not ok $number - $1"; failed=$((failed + 1)); tail -n 20 /tmp/last 2>/dev/null | sed 's/^/#   /'; fi
}
is() { # GOT WANTED NAME
    number=$((number + 1))
    if [ "$1" = "$2" ]; then echo "ok $number - $3"; else
        echo "not ok $number - $3"; failed=$((failed + 1))
        printf '#   got:\n%s\n#   wanted:\n%s\n' "$1" "$2" | sed '/^#/!s/^/#     /'
    fi
}
# The Nth block of shell below a heading of the page
block() { awk -v heading="## $1" -v n="$2" '$0 == heading { on = 1; next } /^## / { on = 0 } on && /^```sh$/ { seen++; if (seen == n) { want = 1; next } }
    /^```$/ { want = 0 } want' /srv/install.md | sed "s/postgresql-15-crm/postgresql-$major-crm/g"; }
run_block() { block "$@" >/tmp/block; [ -s /tmp/block ] || { echo "no block $*" >/tmp/last; return 1; }; (cd /tmp/packages && bash -e /tmp/block) >/tmp/last 2>&1; }
sql() { runuser -u postgres -- psql -qXAt -d sales -c "$1" 2>&1; }
files() { find / -xdev \( -path /proc -o -path /srv -o -path /tmp -o -path /dev -o -path /var/cache -o -path /var/log -o -path /var/lib/dpkg \) -prune -o -print | sort; }

{ apt-get -qq update && apt-get -qq -y install --no-install-recommends sudo systemd "postgresql-$major" libcurl4 zsh fish bash-completion man-db procps; } >/tmp/last 2>&1
ok 'what the packages stand upon is there'
ls /srv/packages/postgresql-*-crm_*.deb /srv/packages/crmd_*.deb >/dev/null || exit 1
mkdir /tmp/packages
cp /srv/packages/postgresql-*-crm_*.deb /srv/packages/crmd_*.deb /tmp/packages/
version=$(dpkg-deb -f /tmp/packages/crmd_*.deb Version)
# systemd itself does not run here. Its client is played: it notes what it is asked, and starts what the unit says.
mkdir -p /opt/fake
cat >/opt/fake/systemctl <<'SH'
#!/bin/bash
echo "$*" >>/tmp/systemctl.log
unit=/lib/systemd/system/crmd.service
running() { [ -e /tmp/crmd.pid ] && kill -0 "$(cat /tmp/crmd.pid)" 2>/dev/null; }
stop() { ! running || { kill "$(cat /tmp/crmd.pid)"; while running; do sleep 0.1; done; }; rm -f /tmp/crmd.pid; }
start() {
    (cd / && exec setpriv --reuid "$(sed -n 's/^User=//p' $unit)" --regid crmd --init-groups $(sed -n 's/^ExecStart=//p' $unit)) >>/tmp/crmd.log 2>&1 &
    echo $! >/tmp/crmd.pid
}
case "$*" in
*is-active*) running ;;
*is-enabled*) [ -e /tmp/enabled ] && echo enabled || { echo disabled; exit 1; } ;;
*'enable --now crmd'*) touch /tmp/enabled; start ;;
*reload\ crmd*) kill -HUP "$(cat /tmp/crmd.pid)" ;;
*restart*crmd*) stop; start ;;
*stop*crmd*) stop ;;
*start*crmd*) start ;;
esac
SH
chmod 755 /opt/fake/systemctl
files >/tmp/before

echo '# the first ten minutes'
run_block 'The first ten minutes' 1
ok 'the packages install by apt'
is "$(dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' crmd 'postgresql-*-crm')" \
    "crmd $version installed"$'\n'"postgresql-$major-crm $version installed" 'both are installed'
is "$(stat -c '%U:%G %a %n' /etc/crmd /etc/crmd/crmd.ini)" 'crmd:crmd 700 /etc/crmd'$'\n''root:crmd 640 /etc/crmd/crmd.ini' 'the configuration is for crmd alone'
is "$(grep -c '^[^;[]' /etc/crmd/crmd.ini)" 0 'the configuration says nothing yet'
is "$(getent passwd crmd | cut -d: -f1,6,7)" crmd:/etc/crmd:/usr/sbin/nologin 'crmd has a system user'
[ "$(id -u crmd)" -lt 1000 ]
ok 'its number is that of a system user'
[ ! -e /etc/systemd/system/multi-user.target.wants/crmd.service ] && ! pgrep -x crmd
ok 'crmd is neither enabled nor started'
# a system without a running systemd does not know what the unit comes after
systemd-analyze verify --man=no /lib/systemd/system/crmd.service >/tmp/last 2>&1; [ "$(grep -c crmd /tmp/last)" = 0 ]
ok 'systemd takes the unit'
for page in 'crmd(1)' 'crmd.ini(5)'; do
    section=${page##*(}
    man --warnings "${section%)}" "${page%(*}" 2>&1 | col -b 2>/dev/null | grep -q 'PostgreSQL\|configuration of crmd'
    ok "man shows $page"
done
zgrep -q 'crmd secret set' /usr/share/man/man1/crmd.1.gz || zgrep -q 'secret set' /usr/share/man/man1/crmd.1.gz
ok 'manual pages are compressed and whole'

pg_ctlcluster "$major" main start && runuser -u postgres -- createdb sales
ok 'the cluster that came with the server starts'
PATH=/opt/fake:$PATH run_block 'The first ten minutes' 2
ok 'the extension is made'
is "$(sql "SELECT extversion FROM pg_extension WHERE extname = 'crm'")" "${version%-*}" 'it has the version of the package'
is "$(sql "LOAD 'crm'; SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0;
    SELECT count(*), count(DISTINCT crm.jaro_winkler('martha', 'marhta' || g)) FROM generate_series(1, 1000) g")" "$(sql "SET jit = off;
    SELECT count(*), count(DISTINCT crm.jaro_winkler('martha', 'marhta' || g)) FROM generate_series(1, 1000) g")" 'the JIT reads the bitcode and finds the same'
sed -i 's|^Defaults.*secure_path=.*|Defaults secure_path="/opt/fake:/usr/sbin:/usr/bin:/sbin:/bin"|' /etc/sudoers
run_block 'The first ten minutes' 3
ok 'crmd is configured, checked and started'
grep -q '^ok  *connection' /tmp/last && grep -q '^ok  *privileges' /tmp/last && ! grep -q '^FAIL' /tmp/last
ok 'crmd check finds all in order'
for _ in $(seq 300); do [ "$(sql "SELECT state FROM crm.status WHERE item = 'daemons'")" = ok ] && break; sleep 0.1; done
run_block 'The first ten minutes' 4
ok 'status and doctor answer'
grep -qE 'daemons +\| ok' /tmp/last
ok 'status shows the daemon'
run_block 'The first ten minutes' 5
ok 'a receiver is written down, and crmd reads it'
is "$(stat -c '%U:%G %a' /etc/crmd/secrets.ini)" 'crmd:crmd 600' 'the secrets are for crmd alone'
kill -0 "$(cat /tmp/crmd.pid)"
ok 'crmd still runs'

echo '# completions'
for shell in bash zsh fish; do
    /srv/completion.sh "$shell" >/tmp/completion 2>&1
    is "$(grep -v '^ok' /tmp/completion)" '' "$shell completes commands, options and files ($(grep -c '^ok' /tmp/completion) looks)"
done

echo '# upgrade'
# The later version: the same, with an update script that does something. It takes the operator's conffile as he left it.
later=${version%.*}.99-1 old=${version%-*} new=${version%.*}.99
mkdir /tmp/later
for package in /tmp/packages/*.deb; do
    rm -rf /tmp/repack
    dpkg-deb -R "$package" /tmp/repack
    sed -i "s/^Version: .*/Version: $later/" /tmp/repack/DEBIAN/control
    for folder in /tmp/repack/usr/share/postgresql/*/extension; do
        [ -d "$folder" ] || continue
        sed "s/^default_version = .*/default_version = '$new'/" -i "$folder/crm.control"
        mv "$folder/crm--$old.sql" "$folder/crm--$new.sql"
        echo "COMMENT ON SCHEMA @extschema@ IS 'later';" >"$folder/crm--$old--$new.sql"
    done
    name=$(basename "$package" | sed "s/_${version}_/_${later}_/")
    dpkg-deb --root-owner-group -b /tmp/repack "/tmp/later/$name" >/dev/null
    { dpkg-deb -f "/tmp/later/$name"; echo "Filename: ./$name"; echo "Size: $(stat -c %s "/tmp/later/$name")"
        echo "SHA256: $(sha256sum "/tmp/later/$name" | cut -d' ' -f1)"; echo; } >>/tmp/later/Packages
done
chmod -R a+rX /tmp/later
echo 'deb [trusted=yes] file:/tmp/later ./' >/etc/apt/sources.list.d/later.list
apt-get -qq update >/tmp/last 2>&1
rm -f /usr/sbin/policy-rc.d
mkdir -p /run/systemd/system # from here on maintainer scripts believe in systemd
: >/tmp/systemctl.log
before=$(cat /tmp/crmd.pid)
mv /bin/systemctl /bin/systemctl.real; cp /opt/fake/systemctl /bin/systemctl
DEBIAN_FRONTEND=noninteractive apt-get -y install crmd "postgresql-$major-crm" >/tmp/last 2>&1
ok 'apt upgrades from a folder, and asks nothing'
is "$(dpkg-query -W -f '${Version} ' crmd "postgresql-$major-crm")" "$later $later " 'both are the later version'
grep -q '^dsn = dbname=sales user=crmd$' /etc/crmd/crmd.ini
ok 'the configuration is as the operator left it'
is "$(stat -c '%U:%G %a' /etc/crmd /etc/crmd/crmd.ini | tr '\n' ' ')" 'crmd:crmd 700 root:crmd 640 ' 'so are owner and mode'
[ -e /tmp/crmd.pid ] && [ "$(cat /tmp/crmd.pid)" != "$before" ] && kill -0 "$(cat /tmp/crmd.pid)"
ok 'crmd was running and runs again'
is "$(sql "SELECT extversion FROM pg_extension WHERE extname = 'crm'")" "$old" 'the extension in the database waits for ALTER EXTENSION'
is "$(sql "SELECT count(*) > 0 FROM crm.status")" t 'and works meanwhile'
rm -f /tmp/packages/*; cp /tmp/later/*.deb /tmp/packages/
run_block 'Upgrade' 1
ok 'the page has the way to upgrade'
is "$(sql "SELECT extversion || ' ' || obj_description('crm'::regnamespace) FROM pg_extension WHERE extname = 'crm'")" "$new later" 'the extension is updated'
systemctl stop crmd
rm /tmp/enabled
: >/tmp/systemctl.log
apt-get -y install --reinstall crmd >/tmp/last 2>&1 && ! pgrep -x crmd
ok 'a crmd that is stopped and not enabled is not started by an upgrade'

echo '# removal'
sql "SELECT crm.disown_all()" >/dev/null; sql 'DROP EXTENSION crm' >/tmp/last && [ ! -s /tmp/last ]
ok 'the extension leaves the database'
rm /tmp/packages/*
run_block 'Remove' 1
ok 'remove and purge'
is "$(dpkg-query -W -f '${Package} ' crmd 'postgresql-*-crm' 2>/dev/null)" '' 'dpkg knows them no more'
[ ! -e /etc/crmd ]
ok 'no configuration and no secret is left'
apt-get -y autoremove --purge >/tmp/last 2>&1
mv /bin/systemctl.real /bin/systemctl; rm -rf /run/systemd/system /etc/apt/sources.list.d/later.list
files >/tmp/after
is "$(comm -13 /tmp/before /tmp/after | grep -vE '^/(opt/fake|var/lib/(apt|postgresql|systemd/deb-systemd-helper-(enabled|masked)$)|run/|etc/(\.pwd\.lock|(passwd|group|shadow|gshadow|subuid|subgid)-?)$|root/|etc/\.updated$|var/lib/man-db|etc/sudoers)')" \
    '' 'no file is left that was not there before'
is "$(getent passwd crmd | cut -d: -f1)" crmd 'the system user stays'
echo "$((number - failed)) passed, $failed failed"
[ "$failed" = 0 ]
