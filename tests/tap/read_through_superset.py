"""Superset as docs/bi/superset.md says, through its REST API, printed for tests/tap/bi_tools.pl.

SUPERSET_CONFIG_PATH and SUPERSET_HOME are set; PGHOST and PGPORT say where the team's database is. Lines of fields with a bar between:
database|STATUS, column|VIEW|NAME|TYPE|TEMPORAL|DESCRIPTION, query|SQL, chart|USER|CACHED|ROW..., refused|USER|ERROR, lab|USER|ROW...
"""
import datetime
import os

from superset.app import create_app

app = create_app()
app.config["WTF_CSRF_ENABLED"] = False
clients = {}


def prepare():
    from flask_migrate import upgrade
    from superset import appbuilder, security_manager

    upgrade(directory=os.path.join(os.path.dirname(__import__("superset").__file__), "migrations"))
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    for name in ["admin", "nora", "zoe", "stranger"]:
        roles = ["Admin"] if name == "admin" else ["Alpha", "sql_lab"]
        security_manager.add_user(name, name, "Test", name + "@team.example", [security_manager.find_role(r) for r in roles], password="secret")


def ask(user, method, path, body=None):
    """One request as a user; the answer and its status."""
    if user not in clients:
        client = app.test_client()
        answer = client.post("/api/v1/security/login", json={"username": user, "password": "secret", "provider": "db"})
        clients[user] = (client, {"Authorization": "Bearer " + answer.json["access_token"]})
    client, headers = clients[user]
    answer = client.open(path, method=method, json=body, headers=headers)
    return answer.status_code, answer.json


def put(*parts):
    print("|".join("" if part is None else str(part) for part in parts), flush=True)


def datasets(database, names):
    found = {}
    for name in names:
        status, answer = ask("nora", "POST", "/api/v1/dataset/", {"database": database, "schema": "crm_bi", "table_name": name})
        assert status == 201, answer
        found[name] = answer["id"]
        for column in ask("nora", "GET", f"/api/v1/dataset/{answer['id']}")[1]["result"]["columns"]:
            put("column", name, column["column_name"], column["type"].lower(), column["is_dttm"], column["description"])
    return found


def chart(user, dataset, columns, metric, filters, says=False):
    status, answer = ask(user, "POST", "/api/v1/chart/data", {
        "datasource": {"id": dataset, "type": "table"}, "result_format": "json", "result_type": "full",
        "queries": [{"columns": columns, "metrics": [metric], "filters": filters, "row_limit": 10000, "orderby": []}]})
    if status != 200:
        put("refused", user, answer["message"].split("\n")[0])
        return
    result = answer["result"][0]
    if says:
        put("query", " ".join(result["query"].split()))
    rows = []
    for row in result["data"]:
        if "day" in row:
            row["day"] = datetime.datetime.fromtimestamp(row["day"] / 1000, datetime.timezone.utc).date()
        rows.append(",".join(f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()))
    put("chart", user, bool(result["is_cached"]), *sorted(rows))


with app.app_context():
    prepare()
status, answer = ask("admin", "POST", "/api/v1/database/", {
    "database_name": "team", "impersonate_user": True, "expose_in_sqllab": True,
    "sqlalchemy_uri": f"postgresql+psycopg2://superset_app@/team?host={os.environ['PGHOST']}&port={os.environ['PGPORT']}"})
put("database", status)
database = answer["id"]
known = datasets(database, ["kpi_value", "fct_opportunity", "dim_date"])
month = {"columnType": "BASE_AXIS", "sqlExpression": "day", "label": "day", "expressionType": "SQL", "timeGrain": "P1M"}
win_rate = {"expressionType": "SQL", "sqlExpression": "SUM(numerator) / NULLIF(SUM(denominator), 0)", "label": "win_rate"}
only = [{"col": "day", "op": "TEMPORAL_RANGE", "val": "2026-01-01 : 2027-01-01"}, {"col": "kpi_key", "op": "==", "val": "win_rate"}]
for n, user in enumerate(["nora", "nora", "zoe", "stranger", "admin"]):
    chart(user, known["kpi_value"], [month, "unit_key"], win_rate, only, says=n == 0)
amount = {"expressionType": "SIMPLE", "column": {"column_name": "amount"}, "aggregate": "SUM", "label": "amount"}
for user in ["nora", "zoe", "stranger"]:
    chart(user, known["fct_opportunity"], ["unit_key"], amount, [])
for user in ["nora", "stranger"]:
    status, answer = ask(user, "POST", "/api/v1/sqllab/execute/", {
        "database_id": database, "schema": "crm_bi", "runAsync": False, "client_id": user,
        "sql": "SELECT unit_key, sum(value) FROM crm_bi.kpi('won_value', 'year', '2026-01-01', '2026-12-31', '{unit_key}') GROUP BY 1 ORDER BY 1"})
    if status == 200:
        put("lab", user, *(",".join(str(value) for value in row.values()) for row in answer["data"]))
    else:
        put("refused", user, str(answer.get("errors", answer))[:400])
