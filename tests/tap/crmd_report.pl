#!/usr/bin/perl
# crmd report: the command and its errors, the page that it writes, names that want to be more than names, and the page in a browser,
# where there is Chromium: no script, no request, nothing wider than the window, in three languages, in light and dark.
use strict;
use warnings;
use Cwd qw(abs_path);
use Encode;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Support qw(private_file);

my $dir = abs_path(PostgreSQL::Test::Utils::tempdir);
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }

my $hostile = qq{<script>alert(1)</script>"'&\x{202e}gnp.exe </style></title> } . 'W' x 80;
(my $quoted = encode('UTF-8', $hostile)) =~ s/'/''/g;
sql(qq{
    CREATE SCHEMA crm;
    CREATE EXTENSION crm SCHEMA crm;
    CREATE ROLE daemon LOGIN;
    SELECT crm.grant_daemon('daemon');
    SELECT crm.set_calendar('default', 'UTC');
    SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('emea', '$quoted', 'geographic', 'acme');
    SELECT crm.create_principal('anna', '$quoted', language => 'es'), crm.create_principal('zoe', 'Zoe', language => 'nl'), crm.create_principal('ben', 'Ben');
    CREATE ROLE anna;
    UPDATE crm.principal SET role_name = 'anna' WHERE principal = 'anna';
    SELECT crm.create_role('watch'), crm.grant_privilege('watch', 'kpi', 'total', 'below'), crm.grant_privilege('watch', 'campaign', 'read', 'below'),
           crm.grant_privilege('watch', 'ticket', 'read', 'below');
    SELECT crm.add_member('anna', 'acme', 'watch');
    SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "department": "sales", "kind": "entry"}, {"key": "won", "milestone": "won", "kind": "won"}, {"key": "lost", "kind": "lost"}]');
    UPDATE crm.funnel_stage SET label = '$quoted' WHERE stage = 'open';
    CREATE TABLE deals (id serial PRIMARY KEY, region text, status text, worth numeric, campaign text, opened timestamptz, closed date);
    CREATE TABLE campaigns (id text PRIMARY KEY, title text, region text, helps text);
    CREATE TABLE tickets (id text PRIMARY KEY, region text, opened timestamptz, replied timestamptz, done timestamptz, who text);
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO anna;
    SELECT count(*) FROM crm.adopt('deals', 'opportunity', department => 'sales', funnel => 'sales', columns =>
        '{"unit": "region", "stage": "status", "amount": "worth", "campaign": "campaign", "created_at": "opened", "closed_at": "closed"}');
    SELECT count(*) FROM crm.adopt('campaigns', 'campaign', department => 'marketing', columns => '{"name": "title", "unit": "region", "supports_unit": "helps"}');
    SELECT count(*) FROM crm.adopt('tickets', 'ticket', department => 'service', columns =>
        '{"unit": "region", "opened_at": "opened", "first_response_at": "replied", "resolved_at": "done", "owner": "who"}');
    SELECT crm.set_sla('solve', 'ticket', 'true', 'resolution', '2 hours', NULL);
});
$node->safe_psql('postgres', $_) for "CALL crm.backfill('deals')", "CALL crm.backfill('campaigns')", "CALL crm.backfill('tickets')";
sql(qq{
    INSERT INTO campaigns VALUES ('c', '$quoted', 'acme', 'emea');
    INSERT INTO deals (region, status, worth, campaign, opened, closed)
    SELECT CASE WHEN n % 3 = 0 THEN 'acme' ELSE 'emea' END, CASE n % 4 WHEN 0 THEN 'open' WHEN 1 THEN 'lost' ELSE 'won' END, 1000 * n, 'c', now() - interval '50 days' + n * interval '12 hours',
           CASE WHEN n % 4 > 0 THEN current_date - 40 + n / 2 END FROM generate_series(1, 72) n;
    INSERT INTO tickets VALUES ('$quoted', 'emea', now() - interval '10 days', NULL, NULL, '$quoted');
    SELECT crm.set_goal('$quoted', 'won_value', 1000000, current_date - 30, current_date + 30, departments => '{"emea": 1}', accountable => 'anna');
    SELECT crm.set_plan('sales', current_date, 90000), crm.set_plan('sales', (current_date + interval '1 month')::date, 90000);
    SELECT crm.create_rule('late', 'won_count', unit => 'emea', fire_level => 1000, description => '$quoted');
    UPDATE crm.rule_schedule SET next_at = now();
    SELECT crm.finish_rule(c.rule, c.epoch) FROM crm.claim_rules('test', 10, '1 minute') c;
});

my $config = private_file($dir, 'crmd.ini', "[crmd]\ndsn = " . $node->connstr('postgres') . " user=daemon\n");
sub crmd
{
    my ($out, $err) = ('', '');
    IPC::Run::run([ $ENV{CRMD}, '-c', $config, @_ ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
    return ($? >> 8, $out, $err);
}

# what cannot be done is said in a line, and leaves no file
my ($status, $out, $err) = crmd('report');
is("$status $err", "2 crmd: type crmd report --principal NAME; crmd --help lists what else it takes\n", 'nobody named');
is((crmd('once', '--principal', 'anna'))[0], 2, 'options of report with another command');
is((crmd('report', 'anna'))[0], 2, 'a word too many');
is((crmd('report', '--principle', 'anna'))[0], 2, 'an option that there is not');
($status, $out, $err) = crmd('report', '--principal', 'anna', '-o', "$dir/none.html");
is("$status $out $err", "1  crmd: no report may be written for principal \"anna\" (An administrator may type: SELECT crm.allow_report('anna');)\n", 'not allowed');
sql(q{SELECT crm.allow_report('anna'), crm.allow_report('zoe'), crm.allow_report('ben')});
($status, $out, $err) = crmd('report', '--principal', 'anna', '-o', "$dir/none.html");
like("$status $err", qr/^1 crmd: .*key.*rotate_token_key/, 'no key');
sql('SELECT crm.rotate_token_key()');
for ([ [ '--since', 'soon' ], qr/invalid input syntax for type date/ ], [ [ '--unit', 'emma' ], qr/unit "emma" does not exist \(Perhaps you meant "emea"/ ],
    [ [ '--language', 'fr' ], qr/language "fr" does not exist/ ], [ [ '--since', '2020-01-01' ], qr/a report is of 1 to 731 days/ ])
{
    my ($options, $said) = @$_;
    ($status, $out, $err) = crmd('report', '--principal', 'anna', @$options, '-o', "$dir/none.html");
    ok($status == 1 && $err =~ $said && ($err =~ tr/\n//) == 1, "@$options") or diag($err);
}
($status, $out, $err) = crmd('report', '--principal', 'anna', '-o', "$dir/no/where.html");
like("$status $err", qr{^1 crmd: cannot write beside .*/no/where.html: No such file}, 'a folder that there is not');
mkdir "$dir/folder";
is((crmd('report', '--principal', 'anna', '-o', "$dir/folder"))[0], 1, 'a folder');
is(join(' ', map { s/.*\///r } sort glob "$dir/*"), 'crmd.ini folder', 'nothing is left of what failed');

# pages: to a file and to standard output, the file as the umask says
my $before = time;
umask 027;
is((crmd('report', '--principal', 'anna', '-o', "$dir/es.html"))[0], 0, 'a report');
cmp_ok(time - $before, '<', 30, 'in seconds');
is(sprintf('%o', (stat "$dir/es.html")[2] & 0777), '640', 'with the mode that the umask leaves');
my $es = decode('UTF-8', slurp_file("$dir/es.html"), Encode::FB_CROAK);
($status, $out) = crmd('report', '--principal', 'anna', '--language', 'en-US', '--unit', 'emea');
my $en = decode('UTF-8', $out, Encode::FB_CROAK);
is((crmd('report', '--principal', 'anna', '--language', 'nl', '--output', "$dir/es.html"))[0], 0, 'over the one before');
my $nl = decode('UTF-8', slurp_file("$dir/es.html"));
append_to_file("$dir/en.html", encode('UTF-8', $en));
append_to_file("$dir/nl.html", encode('UTF-8', $nl));
ok(rename("$dir/es.html", "$dir/es.old") && !system('cp', "$dir/es.old", "$dir/es.html"), 'kept');
my %title = (es => 'Indicadores Objetivos Embudo', en => 'Numbers Funnel', nl => 'Cijfers Doelen Trechter');
my %page = (es => $es, en => $en, nl => $nl);
my $won = sql(q{SELECT sum(worth) FROM deals WHERE status = 'won' AND closed BETWEEN current_date - 30 AND current_date - 1});
my $in_emea = sql(q{SELECT sum(worth) FROM deals WHERE status = 'won' AND region = 'emea' AND closed BETWEEN current_date - 30 AND current_date - 1});
sub grouped { my ($number, $mark) = @_; 1 while $number =~ s/^(\d+)(\d{3})/$1$mark$2/; return $number }
like($es, qr{<p class="value">\Q@{[ grouped($won, '.') ]}\E</p>}, 'what was won, as written in Spanish');
like($nl, qr{<p class="value">\Q@{[ grouped($won, '.') ]}\E</p>}, 'in Dutch');
like($en, qr{<p class="value">\Q@{[ grouped($in_emea, ',') ]}\E</p>}, 'and of one unit in English');
for my $language (sort keys %page)
{
    my $html = $page{$language};
    like($html, qr/<html lang="$language">/, "$language: says so");
    my $titles = join ' ', $html =~ m{<h2>([^<]*)</h2>}g;
    like($titles, qr/$title{$language}/, "$language: its own words");
    unlike($html, qr/<script|<img|<iframe|<link|<object|javascript:|https?:|url\(|\@import|\x{202e}/i, "$language: no script, no address, nothing that turns");
    cmp_ok(scalar(() = $html =~ /&lt;script&gt;alert\(1\)&lt;\/script&gt;&quot;&#39;&amp;gnp\.exe &lt;\/style&gt;/g), '>=', 8, "$language: names are text");
    like($html, qr/content="default-src 'none'; style-src 'unsafe-inline'; img-src data:/, "$language: asks for nothing");
    unlike($html, qr/>NULL<|no_value|report_|\{[a-z]+\}(?![^<]*<\/style>)/, "$language: no word is missing");
}
($status, $out) = crmd('report', '--principal', 'zoe');
like($out, qr{<h1><bdi>Zoe</bdi></h1>.*<main>\n</main>\n<footer><p>Er is niets dat Zoe hier mag zien\.</p>}s, 'who sees nothing is told so, without an empty box');
is(sql('SELECT count(*) FROM crm.report_reader'), 3, 'nothing was written');

# the page in a browser
SKIP: {
    my ($chromium) = grep { -x } '/usr/bin/chromium', $ENV{CHROMIUM} // '';
    skip 'Chromium is not installed (Debian: chromium)', 1 unless $chromium;
    my @browser = ($chromium, qw(--headless --no-sandbox --disable-gpu --hide-scrollbars --enable-logging=stderr --v=0), "--user-data-dir=$dir/browser");
    # what a page says of itself: a copy whose policy lets one script measure, beside the page as it is
    my $measure = q{<script>addEventListener('load',()=>{const wide=[...document.querySelectorAll('body *')].filter(e=>{const r=e.getBoundingClientRect();
        return r.width>0&&!e.closest('.unseen,thead')&&r.right>innerWidth+1}).map(e=>e.tagName+'.'+(e.getAttribute('class')||''));
        const light=c=>{const v=c.match(/[0-9.]+/g).slice(0,3).map(x=>{x/=255;return x<=.03928?x/12.92:((x+.055)/1.055)**2.4});return .2126*v[0]+.7152*v[1]+.0722*v[2]};
        const behind=e=>{for(;e;e=e.parentElement){const b=getComputedStyle(e).backgroundColor;if(!/, 0\)$/.test(b)&&b!='transparent')return b}return 'rgb(255,255,255)'};
        let low=99;for(const e of document.querySelectorAll('h1,h2,h3,h4,p,li,span,td,th,b,a,summary')){if(!e.textContent.trim()||e.closest('.unseen')||e.classList.contains('key'))continue;
        const a=light(getComputedStyle(e).color),b=light(behind(e));low=Math.min(low,(Math.max(a,b)+.05)/(Math.min(a,b)+.05))}
        document.title=JSON.stringify({wide:[...new Set(wide)],scroll:document.documentElement.scrollWidth>innerWidth,dark:light(getComputedStyle(document.body).backgroundColor)<.2,
        contrast:low,requests:performance.getEntriesByType('resource').length,svg:document.querySelectorAll('svg').length,unnamed:[...document.querySelectorAll('svg')].filter(s=>!s.querySelector('title')&&s.getAttribute('aria-hidden')!='true').length})})</script>};
    for my $language (sort keys %page)
    {
        (my $measured = $page{$language}) =~ s/<meta http-equiv[^>]*>//;
        $measured =~ s/<\/head>/$measure<\/head>/;
        append_to_file("$dir/measured-$language.html", encode('UTF-8', $measured));
        for ([ '500,900', 1 ], [ '1280,900', 0 ])
        {
            my ($window, $dark) = @$_;
            my ($dom, $log) = ('', '');
            IPC::Run::run([ @browser, "--window-size=$window", $dark ? '--blink-settings=preferredColorScheme=0' : (), '--dump-dom', "file://$dir/measured-$language.html" ],
                '<', \undef, '>', \$dom, '2>', \$log, IPC::Run::timeout(60));
            my ($said) = $dom =~ m{<title>(\{.*?\})</title>};
            my $what = "$language, $window, " . ($dark ? 'dark' : 'light');
            like($said // '', qr/"wide":\[\],"scroll":false,"dark":@{[ $dark ? 'true' : 'false' ]},.*"requests":0,.*"unnamed":0/, "$what: fits, asks for nothing, each picture has its words") or diag($log);
            my ($contrast) = ($said // '') =~ /"contrast":([0-9.]+)/;
            cmp_ok($contrast // 0, '>=', 4.5, "$what: contrast");
        }
    }
    # the page as it is, under its own policy: nothing in the console
    my ($dom, $log) = ('', '');
    IPC::Run::run([ @browser, '--dump-dom', "file://$dir/es.html" ], '<', \undef, '>', \$dom, '2>', \$log, IPC::Run::timeout(60));
    like($dom, qr/<h1>/, 'Chromium reads the page');
    unlike($log, qr/CONSOLE|Refused|net_error/, 'and has nothing to say about it') or diag($log);
    # at the width of a phone, in a frame: a window is no narrower than 500
    append_to_file("$dir/phone.html", '<iframe width=360 height=800 src="measured-es.html"></iframe><script>setTimeout(()=>document.title=frames[0].document.title,1500)</script>');
    IPC::Run::run([ @browser, '--allow-file-access-from-files', '--virtual-time-budget=4000', '--dump-dom', "file://$dir/phone.html" ], '<', \undef, '>', \$dom, '2>', \$log, IPC::Run::timeout(60));
    like($dom, qr/<title>\{"wide":\[\],"scroll":false/, 'fits a phone of 360 pixels') or diag(substr($dom, 0, 600));
}
done_testing();
