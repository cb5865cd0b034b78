"""The built-in checks: a root with nothing but a cdbctl.yaml is looked at, and only about what it declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdbctl.assess import RULES
from cdbctl.errors import DefinitionError
from cdbctl.load.builtin import FOLDER
from cdbctl.model.check import Check
from cdbctl.settings import Definitions, load_definitions

CONFIG = """\
version: 1
stack: cdb
runtime: {docker: {projects: {cdb: {compose: compose.yaml}}}}
"""
COMPOSE = """\
services:
  redis: {image: redis, container_name: cdb_redis, ports: ["127.0.0.1:6380:6379"]}
  risk: {image: risk, container_name: cdb_risk, healthcheck: {test: "true"}}
  grafana: {image: grafana/grafana, container_name: cdb_grafana, healthcheck: {test: "true"}}
"""


def load(root: Path, config: str = CONFIG, compose: str = COMPOSE) -> Definitions:
    (root / "cdbctl.yaml").write_text(config, encoding="utf-8")
    (root / "compose.yaml").write_text(compose, encoding="utf-8")
    return load_definitions(root, rules=RULES)


def by_rule(definitions: Definitions) -> dict[str, Check]:
    return {check.rule: check for check in definitions.checks}


def test_a_cdbctl_yaml_is_enough_and_the_report_will_say_so(tmp_path: Path) -> None:
    definitions = load(tmp_path)
    assert definitions.notes == ("Judged by the built-in checks: there is no folder checks/.",)
    assert by_rule(definitions)["service.state"].subjects == ("cdb_redis", "cdb_risk", "cdb_grafana")


def test_nobody_asks_about_a_source_that_is_not_declared(tmp_path: Path) -> None:
    groups = {check.rule.partition(".")[0] for check in load(tmp_path).checks}
    assert groups == {"service", "logs", "container", "clocks", "repository", "host", "waivers"}


def test_what_is_declared_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "governance" / "migrations").mkdir(parents=True)
    config = CONFIG + (
        "database: {dsn: 'postgresql://reader@127.0.0.1/cdb'}\n"
        "redis: {url: 'docker://cdb_redis'}\n"
        "prometheus: {url: 'http://127.0.0.1:9090'}\n"
        "github: {repository: a/b, labels: [P0]}\n"
    )
    checks = by_rule(load(tmp_path, config))
    assert {"database.reachable", "redis.memory", "prometheus.rules", "ci.head", "compose.initdb"} <= checks.keys()
    assert checks["issues.open"].params["labels"] == {"P0": "WARN"}
    assert checks["migrations.pending"].required


def test_every_built_in_check_is_used_by_a_stack_that_declares_everything(tmp_path: Path) -> None:
    test_what_is_declared_is_asked_about(tmp_path)
    text = "".join(file.read_text(encoding="utf-8") for file in FOLDER.glob("*.yaml"))
    used = load_definitions(tmp_path, rules=RULES).checks
    assert len(used) == text.count("  - id: ")
    assert all(check.file.startswith("built-in checks/") and check.line for check in used)


def test_only_services_that_something_probes_are_asked_for_their_health(tmp_path: Path) -> None:
    config = CONFIG + "services: {cdb_redis: {health: {url: 'http://127.0.0.1:1/health'}}}\n"
    assert by_rule(load(tmp_path))["service.health"].subjects == ("cdb_risk", "cdb_grafana")
    assert by_rule(load(tmp_path, config))["service.health"].subjects == ("cdb_redis", "cdb_risk", "cdb_grafana")


def test_the_logs_of_servers_that_are_asked_directly_are_left_alone(tmp_path: Path) -> None:
    assert by_rule(load(tmp_path))["logs.signature"].subjects == ("cdb_redis", "cdb_risk")
    for url in ("docker://cdb_redis", "docker://redis:6379", "redis://127.0.0.1:6380/0"):
        checks = by_rule(load(tmp_path, f"{CONFIG}redis: {{url: '{url}'}}\n"))
        assert checks["logs.signature"].subjects == ("cdb_risk",)
        assert checks["redis.reachable"].params["service"] == "cdb_redis"
    elsewhere = by_rule(load(tmp_path, f"{CONFIG}redis: {{url: 'redis://10.0.0.7:6380/0'}}\n"))
    assert "service" not in elsewhere["redis.reachable"].params


def test_services_of_supervisord_without_a_log_are_not_asked_for_one(tmp_path: Path) -> None:
    config = """\
version: 1
stack: cdb
runtime: {supervisord: {url: "unix:///run/s.sock"}}
services: {one: {log: {path: one.log}}, two: {}}
"""
    checks = by_rule(load(tmp_path, config))
    assert checks["logs.signature"].subjects == ("one",)
    assert "container.ports" not in checks
    assert "service.health" not in checks


def test_a_folder_of_checks_counts_instead(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path)
    assert "checks/: holds no check" in caught.value.why


def test_a_folder_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, CONFIG + "paths: {checks: expected}\n")
    assert caught.value.why == "expected/: the folder of the checks does not exist"
    with pytest.raises(DefinitionError):
        load(tmp_path, CONFIG + "paths: {checks: checks}\n")


def test_what_is_wrong_with_the_definitions_is_said_without_a_word_about_checks(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, CONFIG, "services: {a: {image: 7}}")
    assert caught.value.why == "compose.yaml:1: services.a.image: is a number, not text"
