"""The Prometheus of the demo with containers: its files fit the services, its rules can fire and do not."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdbctl.assess import RULES, assess, needs
from cdbctl.collect.prometheus import read_prometheus
from cdbctl.collect.prometheus.promql import parse, parse_selector, selectors
from cdbctl.load.checks import load_checks
from cdbctl.model.check import Check
from cdbctl.model.finding import Status
from cdbctl.model.reading import Evidence, Observed
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Service
from tests.assess.snapshots import declared_services, healthy
from tests.collect.prometheus_server import Prometheus, exporters, needs_prometheus

REPOSITORY = Path(__file__).parents[2]
STACK = REPOSITORY / "cdbctl" / "demo" / "stack"
FILES = STACK / "docker" / "prometheus"
PAGES: Mapping[str, Callable[[float], str]] = {
    "cdb_ws": lambda n: f"decoded_messages_total {n}\nmarket_data_last_timestamp_seconds {time.time()}\n",
    "cdb_candles": lambda n: f"candles_written_total {n}\n",
    "cdb_regime": lambda n: f"regime_updates_total {n}\n",
    "cdb_allocation": lambda n: f"allocation_decisions_total {n}\n",
    "cdb_signal": lambda n: f"signals_generated_total {n}\n",
    "cdb_risk": lambda n: (
        f'risk_events_persisted_total {n}\nrisk_decisions_total{{decision="ALLOW",reason_code="RC_000"}} {n}\n'
        f'risk_decisions_total{{decision="BLOCK",reason_code="RC_001"}} {n / 8}\n'
    ),
    "cdb_execution": lambda n: f"orders_executed_total {n}\n",
    "cdb_db_writer": lambda n: f'rows_written_total{{table="orders"}} {n}\nrows_written_total{{table="trades"}} {n}\n',
    "cdb_postgres_exporter": lambda n: (
        'pg_up 1\npg_stat_database_numbackends{datname="cdb"} 6\npg_stat_database_deadlocks{datname="cdb"} 0\n'
        'pg_settings_max_connections{datname="cdb"} 100\n'
    ),
}
"""What a healthy service exports after ``n`` seconds."""


def documents() -> Iterator[tuple[Path, Any]]:
    for path in sorted((FILES / "rules").glob("*.yml")):
        yield path, yaml.safe_load(path.read_text(encoding="utf-8"))


def loaded_rules() -> list[Any]:
    return [rule for _, document in documents() for group in document["groups"] for rule in group["rules"]]


def docker_checks() -> tuple[Check, ...]:
    """The checks of the demo with containers, in which Prometheus is a service, too."""
    first = declared_services()[0]
    services: tuple[Service, ...] = (*declared_services(), replace(first, name="cdb_prometheus", title="Prometheus"))
    params = {name: rule.params for name, rule in RULES.items()}
    return load_checks(REPOSITORY / "checks" / "docker", services=services, params=params)


def prometheus_checks() -> tuple[Check, ...]:
    return tuple(check for check in docker_checks() if check.rule.startswith("prometheus."))


def test_every_service_with_a_page_is_scraped_under_its_own_name() -> None:
    config = yaml.safe_load((FILES / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert jobs == {name: [f"{name}:8000"] for name in PAGES}
    assert list(FILES.glob(config["rule_files"][0])) != []


def test_every_metric_of_the_rules_and_checks_is_one_that_a_service_exports() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (STACK / "services").glob("*/service.py"))
    recorded = {rule["record"] for rule in loaded_rules() if "record" in rule}
    names = {item.name for rule in loaded_rules() for item in selectors(parse(rule["expr"]))}
    names |= {parse_selector(question.name).name for question in needs(prometheus_checks()).metrics}
    for name in names - recorded - {"up"}:
        assert name is not None
        assert re.search(rf'"{name.removesuffix("_total")}"', sources), name


def test_every_expected_rule_and_job_is_there() -> None:
    names = {rule.get("alert") for rule in loaded_rules()}
    for check in prometheus_checks():
        assert set(check.params.get("expected_rules", ())) <= names  # type: ignore[call-overload]  # texts, by its schema
        assert set(check.params.get("expected_jobs", PAGES)) == set(PAGES)  # type: ignore[call-overload]  # likewise


@pytest.mark.live
@needs_prometheus
def test_on_a_healthy_stack_every_rule_is_alive_none_fires_and_every_check_passes(tmp_path: Path) -> None:
    began = time.monotonic()
    pages = [lambda page=page: page(round(time.monotonic() - began + 50, 1)) for page in PAGES.values()]
    with exporters(*pages) as running:
        jobs = {name: (exporter.instance,) for name, exporter in zip(PAGES, running, strict=True)}
        server = Prometheus(tmp_path, jobs)
        server.configure({"rule_files": [str(FILES / "rules" / "*.yml")]})
        try:
            server.start()
            server.wait_until_scraped()
            server.wait_for("job:risk_blocked:ratio1m")
            server.wait_for("count_over_time(pg_up[1m]) > 8")
            now = datetime.now(UTC)
            window = Window(now - timedelta(hours=1), now)
            checks = prometheus_checks()
            asked = needs(checks).metrics
            seen = read_prometheus(server.url, metrics=asked, window=window, timeout_seconds=10)
        finally:
            server.stop()
    assert [(alert.name, alert.state) for alert in seen.value.alerts] == [("Watchdog", "firing")]
    assert [rule.name for rule in seen.value.rules if rule.dead or rule.not_judged or rule.health != "ok"] == []
    assert len(seen.value.rules) == len(loaded_rules())
    reading = Observed(server.url, now, 1.0, seen.value, Evidence("E009", server.url, now, seen.text))
    findings = assess(replace(healthy(checks), window=window, taken_at=now, prometheus=reading, runtime=_young(now)))
    assert [(item.check, item.title) for item in findings if item.status is not Status.OK] == []


def _young(now: datetime) -> Any:
    """A runtime whose services were started together with Prometheus."""
    runtime = healthy(()).runtime
    assert isinstance(runtime, Observed)
    services = tuple(replace(item, started_at=now - timedelta(seconds=60)) for item in runtime.value.services)
    return replace(runtime, value=replace(runtime.value, services=services))
