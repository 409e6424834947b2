"""The funnel of bench/journey by DuckDB or chdb, over the same events.

    peers.py duckdb|chdb events.csv ROUNDS

Prints the name, its version, the counts of the five steps, then the median of the seconds of ROUNDS queries, by the clock. Loading is not timed.
"""
import os
import statistics
import sys
import time

FUNNEL = ("SELECT countIf(l >= 1), countIf(l >= 2), countIf(l >= 3), countIf(l >= 4), countIf(l >= 5) FROM (SELECT who, windowFunnel(604800)"
          "(seen, stage = 100, stage = 200, stage = 300, stage = 400, stage = 500) AS l FROM event GROUP BY who)")


def duckdb_query(path):
    import duckdb
    database = duckdb.connect()
    database.execute(f"CREATE TABLE event AS SELECT * FROM read_csv('{path}', header = false, "
                     "columns = {'who': 'INTEGER', 'seen': 'TIMESTAMP', 'stage': 'INTEGER'}) ORDER BY who, seen")
    with open(os.path.join(os.path.dirname(__file__), "plain.sql"), encoding="utf-8") as file:
        plain = file.read()
    return duckdb.__version__, lambda: [int(n) for n in database.execute(plain).fetchone()]


def chdb_query(path):
    import chdb
    from chdb import session
    database = session.Session()
    database.query("CREATE TABLE event (who Int32, seen DateTime('UTC'), stage Int32) ENGINE = MergeTree ORDER BY (who, seen)")
    database.query(f"INSERT INTO event SELECT * FROM file('{path}', CSV, 'who Int32, seen DateTime(\\'UTC\\'), stage Int32')")
    database.query("OPTIMIZE TABLE event FINAL")
    return chdb.__version__, lambda: [int(n) for n in str(database.query(FUNNEL, "CSV")).strip().split(",")]


def main():
    name, path, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    version, query = {"duckdb": duckdb_query, "chdb": chdb_query}[name](path)
    query()
    seconds = []
    for _ in range(rounds):
        began = time.monotonic()
        counts = query()
        seconds.append(time.monotonic() - began)
    print(f"{name} {version}", "{" + ",".join(map(str, counts)) + "}", round(statistics.median(seconds), 3), sep="\t")


main()
