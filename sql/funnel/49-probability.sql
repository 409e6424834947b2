-- The chance of a win from each stage: given by the team, or learned from the history, tested on what came after, kept with a version.

CREATE TABLE @extschema@.probability_model (
    funnel text NOT NULL REFERENCES @extschema@.funnel,
    version integer NOT NULL,
    funnel_version integer NOT NULL,
    learned_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    learned_by text NOT NULL,
    prior_cases numeric NOT NULL,
    decided bigint NOT NULL,
    won bigint NOT NULL,
    split_at timestamptz,
    tested bigint NOT NULL,
    brier numeric,
    base_rate numeric,
    base_brier numeric,
    PRIMARY KEY (funnel, version)
);
COMMENT ON TABLE @extschema@.probability_model IS
'What learn_probabilities learned, each time, and how well that did: entries since split_at, predicted from what was known before it. brier '
'is their mean squared error, base_brier that of base_rate, the share won before, for all.';

CREATE TABLE @extschema@.learned_probability (
    funnel text NOT NULL,
    version integer NOT NULL,
    stage text NOT NULL,
    probability numeric NOT NULL,
    entered bigint NOT NULL,
    decided bigint NOT NULL,
    won bigint NOT NULL,
    predicted numeric,
    tested bigint NOT NULL,
    tested_won bigint NOT NULL,
    PRIMARY KEY (funnel, version, stage),
    FOREIGN KEY (funnel, version) REFERENCES @extschema@.probability_model
);
COMMENT ON TABLE @extschema@.learned_probability IS
'The learned chance of a win by stage, of how many cases, and its test: predicted is what was learned before the split, tested and '
'tested_won what then became of those who entered the stage.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.probability_model', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.learned_probability', '');

-- A record's order is that of its history; a customer's records are ordered by time.
CREATE FUNCTION @extschema@.stage_outcomes(funnel text, as_of timestamptz)
    RETURNS TABLE (subject text, stage text, entered_at timestamptz, won boolean, decided_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000 COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    by_record CONSTANT boolean := (require_funnel(funnel)).subject <> 'customer';
BEGIN
    RETURN QUERY
    WITH move AS ( -- windows and no join: nothing is estimated
        SELECT t.subject, t.to_stage AS stage, t.at, s.kind,
               first_value(s.kind) OVER (PARTITION BY t.subject ORDER BY CASE WHEN by_record THEN t."sequence" END DESC, t.at DESC NULLS LAST,
                                         t.relation::text DESC, t.record_key DESC, t."sequence" DESC) AS present
        FROM subject_transition t
        JOIN funnel_stage s ON s.funnel = t.funnel AND s.stage = t.to_stage
        WHERE t.funnel = stage_outcomes.funnel AND (as_of IS NULL OR t.at < as_of)),
    judged AS (
        SELECT m.*, CASE WHEN m.present = 'lost' THEN false WHEN m.present IN ('won', 'after_win', 'churned') THEN true END AS won,
               coalesce(max(m.at) FILTER (WHERE m.kind = CASE WHEN m.present = 'lost' THEN 'lost' ELSE 'won' END) OVER s, max(m.at) OVER s) AS decided_at
        FROM move m WINDOW s AS (PARTITION BY m.subject))
    SELECT j.subject, j.stage, min(j.at), j.won, CASE WHEN j.won IS NOT NULL THEN j.decided_at END
    FROM judged j
    WHERE j.kind IN ('entry', 'active', 'waiting')
    GROUP BY j.subject, j.stage, j.won, CASE WHEN j.won IS NOT NULL THEN j.decided_at END;
END
$$;
COMMENT ON FUNCTION @extschema@.stage_outcomes(text, timestamptz) IS
'Each subject in each stage before an outcome that it was in, when first, and what became of it, judged by where it stands: won (in a stage '
'of kind won, after_win or churned), lost, or NULL while it is open. as_of: as it was known then. No rights applied.';
SELECT @extschema@.set_audience('stage_outcomes(text, timestamptz)', 'internal');

CREATE TYPE @extschema@.stage_share AS (stage text, "position" integer, entered bigint, decided bigint, won bigint);
COMMENT ON TYPE @extschema@.stage_share IS 'How many entered a stage, are decided by now, and won.';

-- Beta-binomial, each stage shrunk to the one before it; the first to the share of all, that to one half by two cases (Laplace).
CREATE FUNCTION @extschema@.shrink_shares(shares @extschema@.stage_share[], decided bigint, won bigint, prior_cases numeric)
    RETURNS TABLE (stage text, probability numeric)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    share stage_share;
BEGIN
    probability := (won + 1)::numeric / (decided + 2);
    FOR share IN SELECT s.* FROM unnest(shares) s ORDER BY s."position" LOOP
        stage := share.stage;
        probability := (share.won + prior_cases * probability) / (share.decided + prior_cases);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.shrink_shares(@extschema@.stage_share[], bigint, bigint, numeric) IS
'The share won of those decided, by stage, as if prior_cases more of each stage had come out as the stage before it says.';

CREATE FUNCTION @extschema@.stage_shares(funnel text, as_of timestamptz) RETURNS @extschema@.stage_share[]
    LANGUAGE sql STABLE PARALLEL SAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT array_agg(ROW(s.stage, s."position", coalesce(o.entered, 0), coalesce(o.decided, 0), coalesce(o.won, 0))::stage_share)
    FROM funnel_stage s
    LEFT JOIN (SELECT o.stage, count(*) AS entered, count(o.won) AS decided, count(*) FILTER (WHERE o.won) AS won
               FROM stage_outcomes(stage_shares.funnel, as_of) o GROUP BY 1) o USING (stage)
    WHERE s.funnel = stage_shares.funnel AND s.kind IN ('entry', 'active', 'waiting') AND s.read_as IS NULL
$$;
COMMENT ON FUNCTION @extschema@.stage_shares(text, timestamptz) IS 'Shares of all stages before an outcome, as they were known then.';
SELECT @extschema@.set_audience('stage_shares(text, timestamptz)', 'internal');

CREATE VIEW @extschema@.stage_probability AS
SELECT s.funnel, s.stage, s."position", s.kind,
       coalesce(s.probability, l.probability, CASE WHEN s.kind IN ('won', 'after_win') THEN 1 WHEN s.kind = 'lost' THEN 0 END) AS probability,
       CASE WHEN s.probability IS NOT NULL THEN 'given' WHEN l.probability IS NOT NULL THEN 'learned'
            WHEN s.kind IN ('won', 'after_win', 'lost') THEN 'kind' END AS source,
       s.probability AS given, l.probability AS learned, m.version, m.learned_at
FROM @extschema@.funnel_stage s
LEFT JOIN (SELECT DISTINCT ON (m.funnel) m.* FROM @extschema@.probability_model m ORDER BY m.funnel, m.version DESC) m USING (funnel)
LEFT JOIN @extschema@.learned_probability l ON l.funnel = s.funnel AND l.version = m.version AND l.stage = coalesce(s.read_as, s.stage);
COMMENT ON VIEW @extschema@.stage_probability IS
'The chance of a win from each stage, 0 to 1: as given by the team, else as learned last, else 1 for won and 0 for lost; source says which. '
'The same for all who read it.';
GRANT SELECT ON @extschema@.stage_probability TO PUBLIC;

CREATE FUNCTION @extschema@.learn_probabilities(funnel text, prior_cases numeric DEFAULT 10, test_share numeric DEFAULT 0.3)
    RETURNS SETOF @extschema@.stage_probability
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    model probability_model;
    before record;
    now_shares stage_share[];
    then_shares stage_share[];
BEGIN
    IF coalesce(prior_cases, -1) <= 0 OR prior_cases = 'NaN' OR coalesce(test_share, -1) NOT BETWEEN 0 AND 0.9 THEN
        RAISE EXCEPTION 'prior_cases % or test_share % makes no sense', prior_cases, test_share
            USING ERRCODE = 'RM005', HINT = 'prior_cases is above 0, 10 say; test_share is the share of decisions to test with, 0 to 0.9.';
    END IF;
    model.funnel := (require_funnel(funnel)).funnel;
    model.funnel_version := hold_funnel(model.funnel);
    model.version := coalesce((SELECT max(m.version) FROM probability_model m WHERE m.funnel = model.funnel), 0) + 1;
    -- a subject counts once, however many stages it was in
    SELECT count(*), count(*) FILTER (WHERE d.won), percentile_disc(1 - test_share::double precision) WITHIN GROUP (ORDER BY d.decided_at)
    INTO model.decided, model.won, model.split_at
    FROM (SELECT DISTINCT o.subject, o.won, o.decided_at FROM stage_outcomes(model.funnel, NULL) o WHERE o.won IS NOT NULL) d;
    IF model.decided = 0 THEN
        RAISE EXCEPTION 'nothing is decided in funnel "%" yet', model.funnel
            USING ERRCODE = 'RM005', HINT = 'Probabilities are learned of subjects that are in stages of kind won or lost; give them with change_stage.';
    END IF;
    now_shares := stage_shares(model.funnel, NULL);
    then_shares := stage_shares(model.funnel, model.split_at);
    SELECT count(*) AS decided, count(*) FILTER (WHERE d.won) AS won INTO before
    FROM (SELECT DISTINCT o.subject, o.won FROM stage_outcomes(model.funnel, model.split_at) o WHERE o.won IS NOT NULL) d;
    INSERT INTO probability_model (funnel, version, funnel_version, learned_by, prior_cases, decided, won, split_at, tested, base_rate)
    VALUES (model.funnel, model.version, model.funnel_version, coalesce(current_principal(), caller()::text), prior_cases, model.decided,
            model.won, model.split_at, 0, CASE WHEN before.decided > 0 THEN round((before.won + 1)::numeric / (before.decided + 2), 6) END);
    INSERT INTO learned_probability (funnel, version, stage, probability, entered, decided, won, predicted, tested, tested_won)
    SELECT model.funnel, model.version, n.stage, round(p.probability, 6), n.entered, n.decided, n.won,
           CASE WHEN before.decided > 0 THEN round(b.probability, 6) END, coalesce(t.tested, 0), coalesce(t.won, 0)
    FROM unnest(now_shares) n
    JOIN shrink_shares(now_shares, model.decided, model.won, prior_cases) p USING (stage)
    JOIN shrink_shares(then_shares, before.decided, before.won, prior_cases) b USING (stage)
    LEFT JOIN (SELECT o.stage, count(*) AS tested, count(*) FILTER (WHERE o.won) AS won FROM stage_outcomes(model.funnel, NULL) o
               WHERE o.won IS NOT NULL AND o.entered_at >= model.split_at AND before.decided > 0 GROUP BY 1) t USING (stage);
    -- every case of a stage has the same prediction p: the sum of (p - y)^2 over n cases, w of them won, is n p^2 - 2 p w + w
    UPDATE probability_model m
    SET tested = t.tested, brier = round(t.error / nullif(t.tested, 0), 6), base_brier = round(t.base_error / nullif(t.tested, 0), 6)
    FROM (SELECT sum(l.tested) AS tested,
                 sum(l.tested * l.predicted ^ 2 - 2 * l.predicted * l.tested_won + l.tested_won) AS error,
                 sum(l.tested * b.base_rate ^ 2 - 2 * b.base_rate * l.tested_won + l.tested_won) AS base_error
          FROM learned_probability l JOIN probability_model b USING (funnel, version)
          WHERE l.funnel = model.funnel AND l.version = model.version) t
    WHERE m.funnel = model.funnel AND m.version = model.version;
    RETURN QUERY SELECT s.* FROM stage_probability s WHERE s.funnel = model.funnel ORDER BY s."position";
END
$$;
COMMENT ON FUNCTION @extschema@.learn_probabilities(text, numeric, numeric) IS
'Learns the chance of a win from each stage and returns what now holds: of the subjects that were in a stage and are decided (they stand '
'in a stage of kind won, after_win, churned or lost) the share won. Open ones are not counted, so where wins take longer than losses a '
'young funnel''s chances come out low. Few cases are drawn to the stage before, as if prior_cases more had come out as that says; without '
'any a stage has its chance. It is tested by time: learned again of what was known when all but test_share of the decisions had been made, '
'and compared with what became of those who entered a stage since (probability_test, probability_evidence). Each call is kept as another '
'version; what was given with create_funnel or change_stage is not touched and goes first. Errors: RM001, RM005 nothing is decided yet. '
'Example: SELECT stage, probability, source FROM crm.learn_probabilities(''sales'');';
SELECT @extschema@.set_audience('learn_probabilities(text, numeric, numeric)', 'admin');

CREATE FUNCTION @extschema@.probability_tests()
    RETURNS TABLE (funnel text, version integer, funnel_version integer, learned_at timestamptz, learned_by text, decided bigint, won bigint,
                   split_at timestamptz, tested bigint, brier numeric, base_rate numeric, base_brier numeric, skill numeric)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 COST 1000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT m.funnel, m.version, m.funnel_version, m.learned_at, m.learned_by, m.decided, m.won, m.split_at, m.tested, m.brier, m.base_rate,
           m.base_brier, round(1 - m.brier / nullif(m.base_brier, 0), 4)
    FROM probability_model m WHERE (SELECT visible(NULL::text, 'kpi', 'total'))
$$;
COMMENT ON FUNCTION @extschema@.probability_tests() IS 'The rows of the view probability_test.';
CREATE VIEW @extschema@.probability_test AS SELECT * FROM @extschema@.probability_tests();
COMMENT ON VIEW @extschema@.probability_test IS
'How well learned probabilities did, each version: brier is the mean squared error over the tested entries since split_at, predicted from '
'what was known before; base_brier that of one base_rate for all; skill the share of it that is saved (below 0: worse). For those who have '
'the privilege total for the organisation.';

CREATE FUNCTION @extschema@.probability_evidences()
    RETURNS TABLE (funnel text, version integer, stage text, probability numeric, entered bigint, decided bigint, won bigint,
                   predicted numeric, tested bigint, observed numeric)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 COST 1000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT l.funnel, l.version, l.stage, l.probability, l.entered, l.decided, l.won, l.predicted, l.tested,
           round(l.tested_won / nullif(l.tested, 0)::numeric, 6)
    FROM learned_probability l WHERE (SELECT visible(NULL::text, 'kpi', 'total'))
$$;
COMMENT ON FUNCTION @extschema@.probability_evidences() IS 'The rows of the view probability_evidence.';
CREATE VIEW @extschema@.probability_evidence AS SELECT * FROM @extschema@.probability_evidences();
COMMENT ON VIEW @extschema@.probability_evidence IS
'What each learned probability rests on: how many entered the stage, are decided, and won; and its calibration: what was predicted before '
'the split, for how many it was tested, and the share of those that won. For those who have the privilege total for the organisation.';
GRANT SELECT ON @extschema@.probability_test, @extschema@.probability_evidence TO PUBLIC;
