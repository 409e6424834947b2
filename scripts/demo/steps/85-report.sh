# shellcheck shell=bash disable=SC2154
# All of it on one page, for one manager, without a browser having to fetch anything.

title "All of it on one page"
psql_quiet -o "$LOG/step.log" -c "SELECT crm.rotate_token_key()" -c "SELECT crm.allow_report('ingrid')"
typed "SELECT crm.allow_report('ingrid');"
typed "\\! crmd report --principal ingrid -o report.html"
page() { "$CRMD" -c "$LOG/crmd.ini" report --principal ingrid -o "$LOG/report.html"; }
during "crmd writes what Ingrid may see of the last 30 days" page
won=$(value "SELECT crm.said_number(sum(value), 0, crm.message_locale_of('en')) FROM sales.deals WHERE status = 'won' AND closed BETWEEN current_date - 30 AND current_date - 1")
grep -qF "<p class=\"value\">$won</p>" "$LOG/report.html" || fail "the report does not say that $won was won"
! grep -qE '<script|src=|https?:' "$LOG/report.html" || fail "the report asks for something outside of it"
good "one file of $(($(wc -c <"$LOG/report.html") / 1024)) kB that needs nothing else; its won value, $won, is the sum over the deals"
if [ -n "${DEMO_REPORT:-}" ] && cp "$LOG/report.html" "$DEMO_REPORT" 2>/dev/null; then
    note "  at the end it is build/report.html: open it in a browser"
fi
