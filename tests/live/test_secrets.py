"""Secrets, planted in every source at once, reach neither the disk nor the terminal."""

from __future__ import annotations

import base64
import json
import re
import string
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from urllib.parse import quote, quote_plus

import pytest
import redis

from cdbctl.collect.secret_patterns import TOKEN
from cdbctl.demo.bootstrap import connect
from cdbctl.demo.faults import Fault
from cdbctl.demo.places import places_of
from cdbctl.demo.programs import POSTGRES, REDIS
from cdbctl.demo.state import status
from tests.live.stack import CheckUp, Report, Stack, cdbctl, finding, running
from tests.live.test_disturbances import copy_of_definitions

pytestmark = pytest.mark.live

_RANDOM = Random(20260209)


def _random(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_RANDOM.choices(alphabet, k=length))


# Each is made here, so that no scanner takes this file for a leak.
SECRETS = {
    "environment": "Kx9-44512-Zeta/7+&Q=81 ünïq",
    "dsn": "dsn-Pw-83145-tail9",
    "bearer": _random(40),
    "jwt": ".".join(("eyJ" + _random(30), _random(60), _random(43))),
    "github": "ghp_" + _random(36),
    "telegram": _random(9, "123456789") + ":AA" + _random(33),
    "aws": "AKIA" + _random(16, string.ascii_uppercase + string.digits),
    "named": "Zq-20931-bird-55102-nest",
    "label": "quiet label of nobody",
    "pem": "\n".join(_random(64) for _ in range(6)),
    "pem end": "\n".join(_random(64) for _ in range(30)),
}
FRAGMENT = 10
"""Characters of a secret that must not be found anywhere: half a secret is a secret."""

SERVICE = "cdb_pages"
STREAM = "stream.secrets"


@dataclass(frozen=True, slots=True)
class Scene:
    """A running stack that is full of secrets, seen from a folder of its own."""

    stack: Stack
    root: Path
    secrets: Mapping[str, str]

    def look(self, form: str | None, **environment: str) -> CheckUp:
        """Run the check-up with secrets in its environment."""
        arguments = ("daily-check", "--root", str(self.root), *(() if form is None else ("--format", form)))
        known = {
            "EXCHANGE_API_SECRET": SECRETS["environment"],
            "DATABASE_URL": f"postgresql://cdb:{SECRETS['dsn']}@db/cdb",
        }
        return cdbctl(*arguments, environment=known | environment)

    def written(self) -> dict[Path, str]:
        """Every file below the folder of the reports."""
        found = (path for path in sorted((self.root / "reports").rglob("*")) if path.is_file())
        return {path: path.read_text(encoding="utf-8") for path in found}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with running(tmp_path_factory.mktemp("secrets") / "demo", Fault.NONE) as stack:
        own = sorted((stack.root / "run" / "secrets").iterdir())
        secrets = {**SECRETS, **{path.name: path.read_text(encoding="utf-8").strip() for path in own}}
        root = copy_of_definitions(stack, tmp_path_factory.mktemp("look"))
        with _pages(secrets) as address:
            _define(root, address)
            _plant_in_log(root, secrets)
            _plant_in_servers(stack, secrets)
            _plant_in_migrations(root, secrets)
            _plant_in_repository(root, secrets)
            yield Scene(stack, root, secrets)


@pytest.fixture(scope="module")
def runs(scene: Scene) -> dict[str, CheckUp]:
    """One run for each form, oldest first."""
    return {str(form): scene.look(form) for form in ("json", "md", "junit", None)}


@pytest.fixture(scope="module")
def report(runs: dict[str, CheckUp]) -> Report:
    return runs["json"].report


def written_forms(secret: str) -> set[str]:
    """Every fragment of a secret in every way of writing it."""
    raw = secret.encode()
    forms = (
        *secret.splitlines(),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    )
    return {form[start : start + FRAGMENT] for form in forms for start in range(max(1, len(form) - FRAGMENT + 1))}


def leaks(secrets: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """Which secrets stand in which texts, with the line."""
    found = []
    for name, secret in secrets.items():
        pattern = re.compile("|".join(map(re.escape, sorted(written_forms(secret)))))
        for place, text in texts.items():
            if match := pattern.search(text):
                line = text[max(0, match.start() - 60) : match.end() + 30]
                found.append(f"{name} in {place}: …{line!r}")
    return found


def test_no_secret_reaches_a_file(scene: Scene, runs: dict[str, CheckUp]) -> None:
    assert {run.status for run in runs.values()} == {1}
    written = {str(path.relative_to(scene.root)): text for path, text in scene.written().items()}
    assert len(written) > 100
    assert leaks(scene.secrets, written) == []


def test_no_secret_reaches_the_terminal(scene: Scene, runs: dict[str, CheckUp]) -> None:
    said = {f"{form} {name}": text for form, run in runs.items() for name, text in _streams(run).items()}
    assert leaks(scene.secrets, said) == []


def test_every_source_was_read_so_that_each_could_have_leaked(scene: Scene, report: Report) -> None:
    folder = _folder(scene, report)
    hidden = {item["source"] for item in report["evidence"] if TOKEN.search(_read(folder / item["file"]))}
    for source in (f"log of {SERVICE}", f"git repository {scene.root}", "migrations in governance/migrations"):
        assert source in hidden
    for end in ("/cdb", "/0", "/secret-health", "/secret-metrics", "(pages.version of secret version)"):
        assert [source for source in hidden if source.endswith(end)], end
    quoted = [quote["text"] for one in report["findings"] if one["subject"] == SERVICE for quote in one["quotes"]]
    assert any(TOKEN.search(text) for text in quoted)
    assert TOKEN.search(report["repository"]["branch"])


def test_the_report_still_says_what_it_has_to_say(scene: Scene, report: Report) -> None:
    assert report["verdict"] == "FAIL"
    assert SERVICE in {service["name"] for service in report["services"]}
    assert not [service["name"] for service in report["services"] if TOKEN.search(service["name"])]
    known = finding(report, "pages.signatures", SERVICE)
    assert known["details"]["sqlstate"] == "28P01"
    decisions = finding(report, "pages.decisions", "secret decisions")
    assert decisions["status"] == "FAIL"
    hidden = {one["check"] for one in report["findings"] if TOKEN.search(one["title"])}
    assert hidden <= {"pages.decisions", "migrations.pending"}
    assert _read(_folder(scene, report) / "report.md").startswith("# Daily check-up")
    log = _read(_folder(scene, report) / _log(report)["file"])
    assert re.search(rf"pages: connection to the exchange failed: Authorization: Bearer {TOKEN.pattern}\n", log)
    assert re.search(rf"pages: cannot use postgresql://cdb:{TOKEN.pattern}@db:5432/cdb\?sslmode=disable today\n", log)
    assert re.search(
        rf"\n-----BEGIN PRIVATE KEY-----{TOKEN.pattern}\n-----END PRIVATE KEY-----\nand that was it\n", log
    )


def test_the_report_lists_what_was_replaced(scene: Scene, report: Report) -> None:
    listed = {item["token"]: item["count"] for item in report["redactions"]}
    folder = _folder(scene, report)
    used = {token for path in folder.rglob("*") if path.is_file() for token in TOKEN.findall(_read(path))}
    assert used == set(listed)
    assert min(listed.values()) >= 1
    kinds = {token.split(":")[1] for token in listed}
    known = {"EXCHANGE_API_SECRET", "DATABASE_URL", "redis-password", "database-password", "secret-risk_password"}
    assert known | {"authorization", "jwt", "telegram", "aws-key", "private-key", "key"} <= kinds
    _, _, section = _read(folder / "report.md").partition("## Redactions")
    assert section
    assert not [token for token in listed if token not in section]


def test_one_secret_has_one_token_in_a_run_however_it_is_written(scene: Scene, report: Report) -> None:
    tokens = [item["token"] for item in report["redactions"]]
    for kind in ("EXCHANGE_API_SECRET", "DATABASE_URL", "redis-password", "aws-key", "jwt"):
        assert len([token for token in tokens if f":{kind}:" in token]) == 1, kind
    (token,) = (token for token in tokens if ":EXCHANGE_API_SECRET:" in token)
    log = _read(_folder(scene, report) / _log(report)["file"])
    for words in ("as it is", "in base64", "in an address"):
        assert f"[ERROR] pages: {words} {token} end\n" in log
        assert f"masked: pages: {words} <secret> end\n" in log


def test_another_run_uses_other_tokens(scene: Scene, report: Report, runs: dict[str, CheckUp]) -> None:
    first = {item["token"] for item in report["redactions"]}
    second = set(TOKEN.findall(runs["md"].stdout))
    assert second
    assert not first & second


def test_the_next_run_knows_every_finding_again(scene: Scene, runs: dict[str, CheckUp]) -> None:
    again = scene.look("json").report
    ours = {one["check"]: one["lifecycle"] for one in again["findings"] if one["check"].startswith("pages.")}
    assert set(ours.values()) == {"ONGOING"}, ours


def test_a_password_that_is_an_ordinary_word_leaves_the_report_whole(scene: Scene, report: Report) -> None:
    run = scene.look("json", PGPASSWORD="postgres", BROKER_PASSWORD="signals", OTHER_PASSWORD="cdb_risk")
    again = run.report
    assert again["verdict"] == report["verdict"]
    assert [service["name"] for service in again["services"]] == [service["name"] for service in report["services"]]
    assert _subjects(again) == _subjects(report)
    assert {token.split(":")[1] for token in TOKEN.findall(run.stdout)} >= {"EXCHANGE_API_SECRET"}
    text = _read(_folder(scene, again) / _log(again)["file"])
    assert "password=postgres" not in text
    assert "the word postgres alone" not in text


def _subjects(report: Report) -> set[tuple[str, str]]:
    seen = {(one["check"], one["subject"]) for one in (*report["findings"], *report["coverage"]["not_checked"])}
    return seen | {(one["check"], subject) for one in report["passed"] for subject in _subjects_of(one)}


def _subjects_of(passed: Report) -> list[str]:
    return list(passed["subjects"]) if "subjects" in passed else [passed["subject"]]


def _folder(scene: Scene, report: Report) -> Path:
    """Where a run is stored."""
    return next(
        path.parent
        for path in (scene.root / "reports" / "daily").glob("*/*/report.json")
        if json.loads(_read(path))["taken_at"] == report["taken_at"]
    )


def _log(report: Report) -> Report:
    """The evidence of the log that is full of secrets."""
    return next(item for item in report["evidence"] if item["source"] == f"log of {SERVICE}")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _streams(run: CheckUp) -> dict[str, str]:
    return {"stdout": run.stdout, "stderr": run.stderr}


@contextmanager
def _pages(secrets: Mapping[str, str]) -> Iterator[str]:
    """A service that tells its secrets to everybody who asks."""
    health = {
        "status": "ok",
        "api_key": secrets["named"],
        "dsn": f"postgresql://cdb:{secrets['dsn']}@db:5432/cdb",
        "filler": "x" * 60,
        "note": secrets["environment"],
        "token": secrets["github"],
    }
    labels = {
        "api_key": secrets["label"],
        "target": f"postgresql://cdb:{secrets['dsn']}@db/cdb",
        "broker": secrets["redis_password"],
        "agent": f"curl Authorization: Bearer {secrets['bearer']}",
    }
    written = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    bodies = {
        "/secret-health": (json.dumps(health, ensure_ascii=False), "application/json"),
        "/secret-metrics": (f"orders_total{{{written}}} 5\n", "text/plain; version=0.0.4"),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, kind = bodies[self.path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


CHECKS: Mapping[str, Mapping[str, object]] = {
    "pages.signatures": {"rule": "logs.signature", "subject": SERVICE},
    "pages.errors": {"rule": "logs.error-rate", "subject": SERVICE, "params": {"min_errors": 1}},
    "pages.running": {"rule": "service.state", "subject": SERVICE},
    "pages.healthy": {"rule": "service.health", "subject": SERVICE},
    "pages.orders": {"rule": "metric.value", "subject": f"{SERVICE}/orders_total", "params": {"min": 9}},
    "pages.decisions": {
        "rule": "pipeline.decisions",
        "subject": "secret decisions",
        "params": {"streams": [STREAM], "field": "decision", "reason_field": "reason_code"},
    },
    "pages.version": {
        "rule": "database.value",
        "subject": "secret version",
        "params": {"sql": "SELECT description FROM schema_version WHERE version = 'secret'", "max": 1},
    },
}
WORDS = {"severity": "P1", "short": "Silence.", "motivation": "Talk.", "impact": "All of it.", "remedy": "Wait."}


def _define(root: Path, address: str) -> None:
    """Declare the service and its checks."""
    with (root / "cdbctl.yaml").open("a", encoding="utf-8") as settings:
        settings.write(
            f"  {SERVICE}:\n    title: pages\n    group: under-test\n    required: true\n"
            f'    health: {{url: "{address}/secret-health"}}\n    metrics: "{address}/secret-metrics"\n'
            f"    log: {{path: {SERVICE}.log, timezone: UTC}}\n"
        )
    checks = [{"id": name, **fields, **WORDS} for name, fields in CHECKS.items()]
    (root / "checks" / "pages.yaml").write_text(json.dumps({"checks": checks}, indent=1), encoding="utf-8")


def _plant_in_log(root: Path, secrets: Mapping[str, str]) -> None:
    """Every secret in an ERROR of its own, one inside a traceback, and one cut off in its middle."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    environment = secrets["environment"]
    pem = f"-----BEGIN PRIVATE KEY-----\n{secrets['pem']}\n-----END PRIVATE KEY-----"
    messages = [
        *(f"the file {name} holds {value} end" for name, value in secrets.items() if name.endswith("_password")),
        f"as it is {environment} end",
        f"in base64 {base64.b64encode(environment.encode()).decode()} end",
        f"in an address {quote(environment, safe='')} end",
        f"and another one: https://exchange.example/orders?key={quote_plus(environment)}&symbol=BTCUSDT",
        f"cannot use postgresql://cdb:{secrets['dsn']}@db:5432/cdb?sslmode=disable today",
        f"connection to the exchange failed: Authorization: Bearer {secrets['bearer']}",
        f"session {secrets['jwt']} expired",
        f"git clone https://{secrets['github']}@github.com/cdb/cdb.git failed with 128",
        f"POST https://api.telegram.org/bot{secrets['telegram']}/sendMessage answered 404",
        f"telegram says no to {secrets['telegram']} again",
        f"s3 refuses {secrets['aws']} since 12:00:01",
        f"login failed, password={secrets['named']}",
        "with password=postgres and the word postgres alone",
        f"the key is\n{pem}\nand that was it",
        f"a long word: {'z' * 3930}{environment}",
        (
            "Unhandled exception\nTraceback (most recent call last):\n"
            f'  File "/app/services/pages/service.py", line 12, in connect\n    connect("{secrets["dsn"]}")\n'
            f'psycopg.OperationalError: connection to server at "127.0.0.1", port 5432 failed: FATAL:  password '
            f'authentication failed for user "cdb" (postgresql://cdb:{secrets["dsn"]}@db/cdb)'
        ),
        # The evidence shows only the last lines of the log, which begin inside of this key.
        f"the last one\n-----BEGIN PRIVATE KEY-----\n{secrets['pem end']}\n-----END PRIVATE KEY-----",
    ]
    lines = (f"{now},{number:03} [ERROR] pages: {message}\n" for number, message in enumerate(messages))
    (root / f"{SERVICE}.log").write_text("".join(lines), encoding="utf-8")


def _plant_in_servers(stack: Stack, secrets: Mapping[str, str]) -> None:
    """Entries of a stream and a row, which checks ask for."""
    places, ports = places_of(stack.root), status(stack.root).ports
    encoded = base64.b64encode(secrets["environment"].encode()).decode()
    with redis.Redis(port=ports[REDIS], password=secrets["redis_password"]) as client:
        for _ in range(8):
            client.xadd(STREAM, {"decision": secrets["github"], "reason_code": f"RC {encoded}"})
    with connect(places, ports[POSTGRES]) as session:
        row = ("secret", f"{secrets['environment']} and postgresql://cdb:{secrets['dsn']}@db/cdb")
        session.execute("INSERT INTO schema_version (version, description) VALUES (%s, %s)", row)


def _plant_in_migrations(root: Path, secrets: Mapping[str, str]) -> None:
    """A comment, a statement, and a mistake that the parser quotes."""
    folder = root / "governance" / "migrations"
    (folder / "0090_roles.sql").write_text(
        f"-- password={secrets['named']}, once {secrets['environment']}\n"
        f"CREATE ROLE cdb_pages LOGIN PASSWORD '{secrets['named']}';\n"
        f"COMMENT ON ROLE cdb_pages IS 'postgresql://cdb:{secrets['dsn']}@db/cdb';\n",
        encoding="utf-8",
    )
    (folder / "0091_wrong.sql").write_text(f"CREATE {secrets['github']} TABLE;\n", encoding="utf-8")
    (folder / f"0092_{secrets['aws']}.sql").write_text("CREATE TABLE later (id INT);\n", encoding="utf-8")


def _plant_in_repository(root: Path, secrets: Mapping[str, str]) -> None:
    """The name of the branch, the subject of the commit, and files that git does not know."""
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgSign=false")
    subject = f"Use postgresql://cdb:{secrets['dsn']}@db/cdb, was {secrets['environment']}"
    for arguments in (
        ("init", "--quiet"),
        ("checkout", "--quiet", "-b", f"fix/{secrets['github']}"),
        ("add", "--all"),
        (*who, "commit", "--quiet", "--no-verify", "--message", subject),
    ):
        subprocess.run(["git", "-C", str(root), *arguments], check=True)
    for name in (f"dump-{secrets['aws']}.txt", f"backup-{secrets['redis_password']}.rdb"):
        (root / name).write_text("", encoding="utf-8")
