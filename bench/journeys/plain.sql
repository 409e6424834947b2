-- The same funnel in plain SQL, for Postgres and DuckDB: at each row the latest beginning of an attempt that has come to each step,
-- since the latest one leaves the most of the window. All five windows have one order, so the rows are sorted once.
WITH first AS (SELECT who, seen, stage, max(CASE WHEN stage = 100 THEN seen END) OVER w AS s1 FROM event
               WINDOW w AS (PARTITION BY who ORDER BY seen, stage ROWS UNBOUNDED PRECEDING)),
second AS (SELECT *, max(CASE WHEN stage = 200 AND seen <= s1 + interval '7 days' THEN s1 END) OVER w AS s2 FROM first
           WINDOW w AS (PARTITION BY who ORDER BY seen, stage ROWS UNBOUNDED PRECEDING)),
third AS (SELECT *, max(CASE WHEN stage = 300 AND seen <= s2 + interval '7 days' THEN s2 END) OVER w AS s3 FROM second
          WINDOW w AS (PARTITION BY who ORDER BY seen, stage ROWS UNBOUNDED PRECEDING)),
fourth AS (SELECT *, max(CASE WHEN stage = 400 AND seen <= s3 + interval '7 days' THEN s3 END) OVER w AS s4 FROM third
           WINDOW w AS (PARTITION BY who ORDER BY seen, stage ROWS UNBOUNDED PRECEDING)),
fifth AS (SELECT *, max(CASE WHEN stage = 500 AND seen <= s4 + interval '7 days' THEN s4 END) OVER w AS s5 FROM fourth
          WINDOW w AS (PARTITION BY who ORDER BY seen, stage ROWS UNBOUNDED PRECEDING)),
came AS (SELECT who, max(s1) AS s1, max(s2) AS s2, max(s3) AS s3, max(s4) AS s4, max(s5) AS s5 FROM fifth GROUP BY who)
SELECT count(s1) AS n1, count(s2) AS n2, count(s3) AS n3, count(s4) AS n4, count(s5) AS n5 FROM came
