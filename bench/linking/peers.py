"""Splink and GoldenMatch on the same rows as bench/link, in the same terms: cluster-pairwise precision, recall and F1.

    peers.py splink historical_half.csv       the model of Splink's own tutorial of historical people, trained as there
    peers.py goldenmatch febrl3.csv           without configuration, as its front page says

Splink is scored at each threshold on a grid, and the best one, chosen with the truth at hand, is printed: more than
a user without labels could know. Times are wall clock, reading and scoring not included.
"""
import argparse
import csv
import os
import sys
import time
from collections import Counter

TRUTH = {
    "historical_half.csv": lambda row: row["cluster"],
    "fake_1000.csv": lambda row: row["cluster"],
    "febrl3.csv": lambda row: row["rec_id"].split("-")[1],
    "early_childhood_sites.csv": lambda row: row["True Id"],
}


def read(path):
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


def pairs(sizes):
    return sum(n * (n - 1) // 2 for n in sizes)


def scores(truth, found):
    """Of all pairs inside the found clusters and inside the true ones."""
    both = pairs(Counter(zip(truth, found)).values())
    precision = both / max(1, pairs(Counter(found).values()))
    recall = both / max(1, pairs(Counter(truth).values()))
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def splink(path):
    import duckdb
    import splink.comparison_library as compare
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    rows = read(path)
    base = os.path.basename(path)
    database = duckdb.connect()
    columns = list(rows[0])
    quoted = ", ".join(f"nullif(trim(\"{c}\"), '') AS \"{c.lower().replace(' ', '_')}\"" for c in columns)
    database.execute(f"CREATE TABLE people AS SELECT row_number() OVER ()::integer - 1 AS row_no, {quoted} "
                     f"FROM read_csv('{path}', all_varchar = true, header = true, quote = '\"')")
    if base != "historical_half.csv":
        sys.exit("Splink's tutorial has a model for historical people only")
    database.execute("CREATE TABLE input AS SELECT *, first_name || ' ' || surname AS first_name_surname_concat FROM people")
    rules = [
        block_on("substr(first_name,1,3)", "substr(surname,1,4)"), block_on("surname", "dob"), block_on("first_name", "dob"),
        block_on("postcode_fake", "first_name"), block_on("postcode_fake", "surname"), block_on("dob", "birth_place"),
        block_on("substr(postcode_fake,1,3)", "dob"), block_on("substr(postcode_fake,1,3)", "first_name"),
        block_on("substr(postcode_fake,1,3)", "surname"),
        block_on("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
    ]
    settings = SettingsCreator(
        link_type="dedupe_only", unique_id_column_name="row_no", blocking_rules_to_generate_predictions=rules,
        comparisons=[
            compare.ForenameSurnameComparison("first_name", "surname",
                                              forename_surname_concat_col_name="first_name_surname_concat"),
            compare.DateOfBirthComparison("dob", input_is_string=True),
            compare.PostcodeComparison("postcode_fake"),
            compare.ExactMatch("birth_place").configure(term_frequency_adjustments=True),
            compare.ExactMatch("occupation").configure(term_frequency_adjustments=True),
        ])
    api = DuckDBAPI(connection=database)
    started = time.monotonic()
    try:
        table = api.register("input")  # 5
        linker = Linker(table, settings)
    except Exception:
        linker = Linker("input", settings, api)  # 4
    linker.training.estimate_probability_two_random_records_match(
        ["l.first_name = r.first_name AND l.surname = r.surname AND l.dob = r.dob",
         "substr(l.first_name,1,2) = substr(r.first_name,1,2) AND l.surname = r.surname "
         "AND substr(l.postcode_fake,1,2) = substr(r.postcode_fake,1,2)",
         "l.dob = r.dob AND l.postcode_fake = r.postcode_fake"], recall=0.6)
    u_started = time.monotonic()
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    u_seconds = time.monotonic() - u_started
    for rule in (block_on("first_name", "surname"), block_on("dob")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    predictions = linker.inference.predict(threshold_match_probability=0.01)
    truth = [TRUTH[base](row) for row in rows]
    best = None
    for probability in (0.5, 0.8, 0.9, 0.94, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999):
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            predictions, threshold_match_probability=probability)
        if best is None:
            seconds = time.monotonic() - started
        found = dict(database.execute(f"SELECT row_no, cluster_id FROM {clusters.physical_name}").fetchall())
        p, r, f = scores(truth, [found.get(i, f"alone {i}") for i in range(len(rows))])
        if best is None or f > best[2]:
            best = (p, r, f, probability)
    print("splink       %-28s P %.4f R %.4f F1 %.4f at its best threshold, %.4f; %.1f s, of which %.1f for u"
          % (base, *best, seconds, u_seconds))


def goldenmatch(path):
    import goldenmatch as golden
    import tempfile

    rows = read(path)
    base = os.path.basename(path)
    truth = [TRUTH[base](row) for row in rows]
    hidden = {"cluster", "rec_id", "True Id", "Id", "unique_id"}
    columns = [c for c in rows[0] if c not in hidden and sum(1 for row in rows if row[c]) > len(rows) / 20]
    with tempfile.TemporaryDirectory() as folder:
        blind = os.path.join(folder, "rows.csv")
        with open(blind, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        started = time.monotonic()
        result = golden.dedupe(blind)
        seconds = time.monotonic() - started
    found = [f"alone {i}" for i in range(len(rows))]
    for number, cluster in result.clusters.items():
        for member in cluster["members"]:
            found[member] = number
    print("goldenmatch  %-28s P %.4f R %.4f F1 %.4f; %.1f s" % (base, *scores(truth, found), seconds))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=("splink", "goldenmatch"))
    parser.add_argument("file")
    asked = parser.parse_args()
    {"splink": splink, "goldenmatch": goldenmatch}[asked.peer](asked.file)


if __name__ == "__main__":
    main()
