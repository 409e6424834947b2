-- Rollup and pending together. Whoever reads one without the other, or both in two statements, reads wrong numbers.

CREATE VIEW @extschema@.kpi_cell AS
SELECT r.instance, r.day, r.rows, r.invalid, r.s1, r.s2, r.s3, r.s4,
       d.funnel, d.unit, d.stage, d.campaign, d.channel, d.product, d.owner, d.segment, d.currency
FROM @extschema@.kpi_rollup r JOIN @extschema@.kpi_dims d USING (dims)
UNION ALL
SELECT part.instance, part.day, part.rows, part.invalid, part.s1, part.s2, part.s3, part.s4,
       p.funnel, p.unit, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, p.currency
FROM @extschema@.kpi_pending p CROSS JOIN LATERAL pg_catalog.unnest(p.parts) part;
COMMENT ON VIEW @extschema@.kpi_cell IS
'Counts and sums of components by day and raw dimensions, folded and pending; sum them up, groups come in pieces.';

CREATE VIEW @extschema@.kpi_value_cell AS
SELECT c.instance, c.day, c.piece, d.funnel, d.unit, d.stage, d.campaign, d.channel, d.product, d.owner, d.segment, d.currency
FROM @extschema@.kpi_counted c JOIN @extschema@.kpi_dims d USING (dims)
UNION ALL
SELECT part.instance, part.day, part.piece, p.funnel, p.unit, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, p.currency
FROM @extschema@.kpi_pending p CROSS JOIN LATERAL pg_catalog.unnest(p.counted) part
WHERE p.counted IS NOT NULL;
COMMENT ON VIEW @extschema@.kpi_value_cell IS
'Counted values of components by day and raw dimensions, folded and pending, in pieces that add up (counted_merge).';
