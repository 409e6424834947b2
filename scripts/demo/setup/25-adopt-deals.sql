SELECT room, count(*), min(object) AS "for example", max(lock) AS lock, max(held_ms) AS held_ms
FROM crm.adopt('sales.deals', 'opportunity', department => 'sales', columns => '{
    "customer": "person_id", "name": "title", "amount": "value", "currency": "currency",
    "stage": "status", "product": "product", "unit": "office", "owner": "rep",
    "created_at": "opened", "closed_at": "closed", "expected_close_on": "expected",
    "lost_reason": "lost_because"}')
GROUP BY room ORDER BY min(held_ms);
