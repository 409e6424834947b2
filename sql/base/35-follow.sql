-- What follows a team's row when it is merged into another, comes back, or is erased: each room moves what it keeps by key.

CREATE TABLE @extschema@.follow_hook (
    room text PRIMARY KEY,
    "position" integer NOT NULL UNIQUE,
    merging text,
    merged text,
    unmerged text,
    erased text,
    forgotten text
);
COMMENT ON TABLE @extschema@.follow_hook IS
'Functions by which a room follows its rows, by name, NULL where it has none; called in order of position with the extension''s rights. '
'relation is the table (of a partitioned one the root), lose and keep are record keys of the same length: row lose[i] becomes row keep[i]. '
'merging(relation regclass, lose text[], keep text[]) -> jsonb: nothing has changed yet; what it returns is kept with the merge. '
'merged(relation, lose, keep, held jsonb) -> void: the rows are merged; held is what merging returned. '
'unmerged(relation, lose, keep, held jsonb) -> void: the rows lose are back. '
'erased(relation, keys text[], mode text) -> bigint: rows were deleted or blanked (mode delete, blank) and what the room holds '
'about them goes; returns how many rows of its own it deleted or blanked. '
'forgotten() -> void: an erasure has changed everything, links included, and looks for what is left. Shipped.';
