# shellcheck shell=bash disable=SC2154
# One customer's whole story, as every department reads it.

title "One customer: she tells her story once"
# somebody who is known to all three departments, signed up twice, has renewed and has asked for help
customer=$(value "
SELECT l.customer_id FROM demo.linked l JOIN demo.path p ON p.i = l.who
WHERE p.renewed IS NOT NULL
GROUP BY l.customer_id HAVING count(*) = 4 AND count(DISTINCT l.department) = 3
ORDER BY abs((SELECT count(*) FROM service.tickets t JOIN demo.linked k ON k.relation = 'service.clients'::regclass AND k.record_key = t.client_no::text
              WHERE k.customer_id = l.customer_id) - 2), l.customer_id LIMIT 1")
[ -n "$customer" ] || fail "there is no customer with records in all departments and a renewal"
typed "SELECT crm.customer_360($customer);"
table "
SELECT left(d #>> '{customer,name}', 20) AS name, left(d #>> '{customer,email}', 30) AS \"e-mail\", d #>> '{customer,phone}' AS phone,
       left(d #>> '{organisation,0,name}', 23) AS organisation, jsonb_array_length(d -> 'records') AS records
FROM crm.customer_360($customer) d"
typed "SELECT * FROM crm.customer_timeline($customer);"
table "
SELECT to_char(at, 'YYYY-MM-DD') AS day, kind, left(subject, 30) AS subject, relation || ' ' || left(record_key, 7) AS \"where it stands\"
FROM crm.customer_timeline($customer) WHERE kind <> 'touch' OR subject LIKE 'first visit%' ORDER BY at, kind"
must "(SELECT count(DISTINCT department) = 3 FROM crm.customer_timeline($customer))" "the story has all three departments"
must "(SELECT count(*) = 4 FROM jsonb_array_elements(crm.customer_360($customer) -> 'records'))" "the customer has four records"
