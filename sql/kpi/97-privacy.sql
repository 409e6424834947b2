-- Numbers stay after an erasure: they name nobody. An error that quoted a row may.
INSERT INTO @extschema@.free_text (relation, "column", room, purpose) VALUES ('kpi_broken', 'error', 'kpi', 'why a component is paused, quoting the row');
