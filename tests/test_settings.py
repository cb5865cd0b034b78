"""What ``cdbctl.yaml`` says, and every way in which it can be wrong."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.errors import DefinitionError, ExitStatus, UsageError
from cdbctl.model.stack import Group, Service
from cdbctl.settings import (
    ComposeProject,
    DatabaseSource,
    Deadlines,
    DockerSource,
    GithubSource,
    Paths,
    PrometheusSource,
    RedisSource,
    Secret,
    Settings,
    SupervisordSource,
    find_root,
    known_secret_values,
    load_definitions,
    load_settings,
    parse_duration,
)

FULL = """\
version: 1
stack: cdb
agent: "nightly"
timezone: Europe/Berlin
window: 90m
runtime: {supervisord: {url: "unix:///tmp/x/supervisor.sock", log: run/supervisord.log}}
database: {dsn: "postgresql://cdb_reader@127.0.0.1:5432/cdb", password: "file:run/secrets/reader_password"}
redis: {url: "redis://127.0.0.1:6379/0", password: "env:CDBCTL_TEST_REDIS_PASSWORD"}
prometheus: {url: "http://127.0.0.1:19090"}
github: {repository: owner/stack, token: "env:CDBCTL_TEST_TOKEN", branch: main, labels: [incident]}
paths: {migrations: db/migrations}
deadlines: {source: 3s, database: 500ms}
services:
  cdb_risk:
    title: risk manager
    group: under-test
    required: true
    source: services/risk
    database_role: cdb_risk
    health: {url: "http://127.0.0.1:18003/health", depth: application}
    metrics: "http://127.0.0.1:18003/metrics"
    log: {path: run/logs/cdb_risk.log, timezone: Europe/Berlin}
  cdb_redis: {group: observability, required: false, log: {path: [a.log, /var/log/b.log]}}
"""
SMALL = """\
version: 1
stack: cdb
runtime: {supervisord: {url: "http://127.0.0.1:9001"}}
services:
  cdb_ws: {}
"""


SCHEMES = "http://, https:// or docker://"


def load(folder: Path, text: str | bytes) -> Settings:
    (folder / "cdbctl.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    return load_settings(folder)


def problems(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(DefinitionError) as error:
        load(folder, text)
    assert error.value.status is ExitStatus.USAGE
    return [str(problem) for problem in error.value.problems]


class TestGood:
    def test_everything_that_is_said_is_kept(self, tmp_path: Path) -> None:
        assert load(tmp_path, FULL) == Settings(
            root=tmp_path,
            stack="cdb",
            agent="nightly",
            timezone="Europe/Berlin",
            window=timedelta(minutes=90),
            services=(
                Service(
                    name="cdb_risk",
                    title="risk manager",
                    group=Group.UNDER_TEST,
                    required=True,
                    source_folder="services/risk",
                    database_role="cdb_risk",
                    health_url="http://127.0.0.1:18003/health",
                    health_depth="application",
                    metrics_url="http://127.0.0.1:18003/metrics",
                    log_paths=("run/logs/cdb_risk.log",),
                    log_timezone="Europe/Berlin",
                ),
                Service(
                    name="cdb_redis",
                    title="cdb_redis",
                    group=Group.OBSERVABILITY,
                    required=False,
                    source_folder=None,
                    database_role=None,
                    health_url=None,
                    health_depth=None,
                    metrics_url=None,
                    log_paths=("a.log", "/var/log/b.log"),
                    log_timezone="UTC",
                ),
            ),
            compose=(),
            runtime=SupervisordSource("unix:///tmp/x/supervisor.sock", "run/supervisord.log"),
            database=DatabaseSource(
                "postgresql://cdb_reader@127.0.0.1:5432/cdb", Secret("file:run/secrets/reader_password")
            ),
            redis=RedisSource("redis://127.0.0.1:6379/0", Secret("env:CDBCTL_TEST_REDIS_PASSWORD")),
            prometheus=PrometheusSource("http://127.0.0.1:19090"),
            github=GithubSource(
                "owner/stack", Secret("env:CDBCTL_TEST_TOKEN"), "main", ("incident",), "https://api.github.com"
            ),
            paths=Paths(migrations="db/migrations"),
            deadlines=Deadlines(
                timedelta(seconds=3), {"github": timedelta(seconds=8), "database": timedelta(milliseconds=500)}
            ),
        )

    def test_little_is_needed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "America/New_York")
        settings = load(tmp_path, SMALL)
        assert (settings.agent, settings.window, settings.timezone) == (
            "cdbctl",
            timedelta(hours=1),
            "America/New_York",
        )
        assert (settings.database, settings.redis, settings.paths) == (None, None, Paths())

    def test_a_source_has_its_own_deadline_or_that_of_all(self, tmp_path: Path) -> None:
        deadlines = load(tmp_path, FULL).deadlines
        assert (deadlines.seconds("database"), deadlines.seconds("redis")) == (0.5, 3.0)
        assert load(tmp_path, SMALL).deadlines.seconds("logs") == 2.0

    def test_a_file_from_windows_is_the_same(self, tmp_path: Path) -> None:
        windows = b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode()
        assert load(tmp_path, windows) == load(tmp_path, FULL)


class TestDocker:
    ENGINE = """\
version: 1
stack: cdb
runtime:
  docker:
    projects:
      cdb: {compose: [compose.yaml, compose.paper.yaml], profiles: [paper]}
      cdb-watch: {compose: watch.yaml, group: observability}
"""

    def stack(self, folder: Path) -> None:
        compose = "services:\n  cdb_ws: {image: ws:1, build: services/ws}\n  grafana: {image: grafana}\n"
        (folder / "compose.yaml").write_text(compose, encoding="utf-8")
        paper = "services: {cdb_ws: {image: ws:2}, paper: {image: paper, profiles: [paper]}}\n"
        (folder / "compose.paper.yaml").write_text(paper, encoding="utf-8")
        (folder / "watch.yaml").write_text("services: {reports: {image: reports:1}}\n", encoding="utf-8")

    def test_projects_name_their_compose_files(self, tmp_path: Path) -> None:
        self.stack(tmp_path)
        assert load(tmp_path, self.ENGINE).runtime == DockerSource(
            projects=(
                ComposeProject("cdb", ("compose.yaml", "compose.paper.yaml"), ("paper",), None, None),
                ComposeProject("cdb-watch", ("watch.yaml",), (), None, Group.OBSERVABILITY),
            ),
            host=None,
            context=None,
            tls=None,
        )

    def test_what_compose_files_name_is_expected_in_its_half_of_the_stack(self, tmp_path: Path) -> None:
        self.stack(tmp_path)
        services = load(tmp_path, self.ENGINE).services
        assert [(service.name, service.group.value, service.source_folder) for service in services] == [
            ("cdb_ws", "under-test", "services/ws"),
            ("grafana", "observability", None),
            ("paper", "under-test", None),
            ("reports", "observability", None),
        ]

    def test_what_cdbctl_yaml_says_of_a_service_counts(self, tmp_path: Path) -> None:
        self.stack(tmp_path)
        said = "services: {grafana: {title: dashboards, group: under-test, required: false}, extra: {}}\n"
        services = load(tmp_path, self.ENGINE + said).services
        assert [(service.name, service.title, service.required) for service in services] == [
            ("grafana", "dashboards", False),
            ("extra", "extra", True),
            ("cdb_ws", "cdb_ws", True),
            ("paper", "paper", True),
            ("reports", "reports", True),
        ]
        assert services[0].group is Group.UNDER_TEST
        assert (services[0].project, services[0].compose_service) == ("cdb", "grafana")
        assert (services[1].project, services[1].compose_service) == (None, None)

    def test_one_key_in_two_projects_is_two_services(self, tmp_path: Path) -> None:
        self.stack(tmp_path)
        (tmp_path / "watch.yaml").write_text("services: {cdb_ws: {image: other}}\n", encoding="utf-8")
        names = [service.name for service in load(tmp_path, self.ENGINE).services]
        assert names == ["cdb-cdb_ws", "grafana", "paper", "cdb-watch-cdb_ws"]

    def test_without_services_and_compose_files_nothing_is_expected(self, tmp_path: Path) -> None:
        text = "version: 1\nstack: cdb\nruntime: {docker: {projects: {cdb: {}}}}\n"
        assert problems(tmp_path, text) == ["cdbctl.yaml:1: `services` is missing, and no compose file names any"]
        assert load(tmp_path, text + "services: {cdb_ws: {}}\n").compose == ()

    def test_a_missing_compose_file_is_a_definition_error(self, tmp_path: Path) -> None:
        self.stack(tmp_path)
        (tmp_path / "watch.yaml").unlink()
        assert problems(tmp_path, self.ENGINE) == ["watch.yaml: does not exist"]

    def test_an_engine_gets_more_time_for_its_containers(self, tmp_path: Path) -> None:
        self.stack(tmp_path)
        deadlines = load(tmp_path, self.ENGINE).deadlines
        assert (deadlines.seconds("runtime"), deadlines.seconds("logs"), deadlines.seconds("redis")) == (5, 8, 2)
        said = load(tmp_path, self.ENGINE + "deadlines: {runtime: 1s}\n").deadlines
        assert said.seconds("runtime") == 1

    def test_two_runtimes_are_one_too_many(self, tmp_path: Path) -> None:
        runtimes = 'runtime: {docker: {projects: {cdb: {}}}, supervisord: {url: "unix:///run/s.sock"}}'
        (problem,) = problems(
            tmp_path, SMALL.replace('runtime: {supervisord: {url: "http://127.0.0.1:9001"}}', runtimes)
        )
        assert problem.startswith("cdbctl.yaml:3: runtime: ")


class TestBad:
    def test_every_problem_is_told_at_once(self, tmp_path: Path) -> None:
        text = """\
version: 2
stak: cdb
window: 1 hour
timezone: Europa/Berlin
runtime: {supervisord: {url: "http://u:hunter2@127.0.0.1:9001", log: ../x}}
database: {dsn: "postgresql://cdb_reader:hunter2@127.0.0.1:5432/cdb", password: hunter2}
redis: {url: "redis://127.0.0.1:639999/0", password: 12345}
paths: {checks: ../checks, migrations: /abs, wavers: x}
deadlines: {source: 2h}
services:
  cdb risk: {required: yes, health: {url: "ftp://x", depth: app}, log: {path: [], timezone: Moon}}
  cdb_x: {titel: 8, title: 8080, health: http://x}
  cdb_x: []
"""
        inside = "holds a password: name it by `password: env:NAME` or `password: file:PATH` instead"
        itself = "is not a reference: write env:NAME or file:PATH, never the secret itself"
        zone = "is not a time zone: write it like Europe/Berlin, UTC or +01:00"
        assert problems(tmp_path, text) == [
            "cdbctl.yaml:1: stack: is missing",
            "cdbctl.yaml:1: version: 2 is not 1, the only value that is known here",
            "cdbctl.yaml:2: stak: unknown key `stak`: did you mean `stack`?",
            'cdbctl.yaml:3: window: "1 hour" is not a duration: write it like 45s, 90m, 1h or 2d',
            f'cdbctl.yaml:4: timezone: "Europa/Berlin" {zone}',
            'cdbctl.yaml:5: runtime.supervisord.log: "../x" leaves the root: write a path below it',
            f"cdbctl.yaml:5: runtime.supervisord.url: {inside}",
            f"cdbctl.yaml:6: database.dsn: {inside}",
            f"cdbctl.yaml:6: database.password: {itself}",
            "cdbctl.yaml:7: redis.password: is a number, not text",
            "cdbctl.yaml:7: redis.url: is not an address: write it like redis://127.0.0.1:6379/0",
            'cdbctl.yaml:8: paths.checks: "../checks" leaves the root: write a path below it',
            'cdbctl.yaml:8: paths.migrations: "/abs" is not relative to the root',
            "cdbctl.yaml:8: paths.wavers: unknown key `wavers`: did you mean `waivers`?",
            'cdbctl.yaml:9: deadlines.source: "2h" is not between 50ms and 10m',
            'cdbctl.yaml:11: services.cdb risk: "cdb risk" is not of the right form: write it like cdb_risk',
            'cdbctl.yaml:11: services.cdb risk.health.depth: "app" is not one of http, application, dependency',
            "cdbctl.yaml:11: services.cdb risk.health.url: is not an address that begins with " + SCHEMES,
            "cdbctl.yaml:11: services.cdb risk.log.path: must not be empty",
            f'cdbctl.yaml:11: services.cdb risk.log.timezone: "Moon" {zone}',
            'cdbctl.yaml:11: services.cdb risk.required: "yes" is text, not true or false: write true',
            'cdbctl.yaml:12: services.cdb_x.health: "http://x" is text, not a mapping',
            "cdbctl.yaml:12: services.cdb_x.titel: unknown key `titel`: did you mean `title`?",
            "cdbctl.yaml:12: services.cdb_x.title: 8080 is a number, not text: put it in quotes",
            "cdbctl.yaml:13: services.cdb_x: duplicate key: it is already on line 12",
        ]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "cdbctl.yaml: is empty"),
            ("- a\n", "cdbctl.yaml:1: is a list, not a mapping"),
            ("just words\n", 'cdbctl.yaml:1: "just words" is text, not a mapping'),
            (
                SMALL.replace("  cdb_ws: {}", "  cdb_ws:"),
                "cdbctl.yaml:5: services.cdb_ws: has no value: expected a mapping",
            ),
            (SMALL.replace("\n  cdb_ws: {}", " {}"), "cdbctl.yaml:4: services: must not be empty"),
        ],
    )
    def test_a_file_of_another_shape(self, tmp_path: Path, text: str, problem: str) -> None:
        assert problems(tmp_path, text) == [problem]

    def test_one_mistake_is_told_once(self, tmp_path: Path) -> None:
        empty = 'services: {a: {metrics: "", source: "", health: {url: ""}, log: {path: [""]}}}'
        fields = ("health.url", "log.path[0]", "metrics", "source")
        assert problems(tmp_path, SMALL.replace("services:\n  cdb_ws: {}", empty)) == [
            f"cdbctl.yaml:4: services.a.{field}: must not be empty" for field in fields
        ]

    def test_a_broken_file_is_named_with_its_line(self, tmp_path: Path) -> None:
        (problem,) = problems(tmp_path, SMALL + "  cdb_x: {\n")
        assert problem.startswith("cdbctl.yaml:7: is not valid YAML: ")

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(DefinitionError) as error:
            load_settings(tmp_path)
        assert error.value.why == "cdbctl.yaml: does not exist"

    def test_a_root_that_is_no_folder_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"there is no folder .*nowhere"):
            load_settings(tmp_path / "nowhere")

    def test_thousands_of_problems_end_soon(self, tmp_path: Path) -> None:
        many = "".join(f"k{number}: 1\n" for number in range(20_000))
        started = time.monotonic()
        assert len(problems(tmp_path, SMALL + many)) == 101
        assert time.monotonic() - started < 5


@dataclass(frozen=True)
class Rule:
    params: Mapping[str, Any]
    about_services: bool


class TestDefinitions:
    RULES: ClassVar = {"service.state": Rule({"type": "object", "additionalProperties": False}, about_services=True)}
    CHECK = """\
id: services.state
rule: service.state
subject: services:*
severity: P1
short: s
motivation: m
impact: i
remedy: r
"""
    WAIVERS = "waivers:\n  - {check: services.state, owner: o, reason: r, until: 2026-03-01}\n"

    def write(self, folder: Path, *, config: str = SMALL, check: str = CHECK, waivers: str = WAIVERS) -> None:
        for name, text in (("cdbctl.yaml", config), ("ops/a.yaml", check), ("ops/waivers/w.yaml", waivers)):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")

    CONFIG = SMALL + "paths: {checks: ops, waivers: ops/waivers/w.yaml}\n"

    def test_files_are_named_as_the_settings_name_them(self, tmp_path: Path) -> None:
        self.write(tmp_path, config=self.CONFIG)
        found = load_definitions(tmp_path, rules=self.RULES)
        assert found.settings.stack == "cdb"
        assert [(check.subjects, check.file, check.line) for check in found.checks] == [(("cdb_ws",), "ops/a.yaml", 1)]
        assert [(waiver.file, waiver.line) for waiver in found.waivers] == [("ops/waivers/w.yaml", 2)]

    def test_the_problems_of_all_files_come_together(self, tmp_path: Path) -> None:
        self.write(
            tmp_path,
            config=self.CONFIG,
            check=self.CHECK.replace("services:*", "ws"),
            waivers=self.WAIVERS.replace("owner", "ownr"),
        )
        with pytest.raises(DefinitionError) as error:
            load_definitions(tmp_path, rules=self.RULES)
        assert [str(problem) for problem in error.value.problems] == [
            "ops/a.yaml:3: subject: unknown service `ws`; known here: cdb_ws",
            "ops/waivers/w.yaml:2: waivers[0].owner: is missing",
            "ops/waivers/w.yaml:2: waivers[0].ownr: unknown key `ownr`: did you mean `owner`?",
        ]

    def test_wrong_settings_do_not_hide_wrong_checks(self, tmp_path: Path) -> None:
        self.write(tmp_path, config=SMALL.replace("stack", "stak"))
        (tmp_path / "checks").mkdir()
        (tmp_path / "checks" / "a.yaml").write_text(self.CHECK.replace("P1", "P9"), encoding="utf-8")
        with pytest.raises(DefinitionError) as error:
            load_definitions(tmp_path, rules=self.RULES)
        assert [(problem.file, problem.field) for problem in error.value.problems] == [
            ("cdbctl.yaml", "stack"),
            ("cdbctl.yaml", "stak"),
            ("checks/a.yaml", "severity"),
        ]


class TestRoot:
    def test_the_nearest_file_upwards_counts(self, tmp_path: Path) -> None:
        inner = tmp_path / "a" / "b"
        inner.mkdir(parents=True)
        (tmp_path / "cdbctl.yaml").touch()
        assert find_root(inner) == tmp_path
        (tmp_path / "a" / "cdbctl.yaml").touch()
        assert find_root(inner) == tmp_path / "a"

    def test_a_folder_of_that_name_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "a" / "cdbctl.yaml").mkdir(parents=True)
        (tmp_path / "cdbctl.yaml").touch()
        assert find_root(tmp_path / "a") == tmp_path

    def test_without_one_the_next_step_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError) as error:
            find_root(tmp_path)
        assert error.value.status is ExitStatus.USAGE
        assert "--root DIR" in error.value.next_step


class TestDurations:
    def test_the_command_line_reads_the_same_words(self) -> None:
        assert parse_duration("90m") == timedelta(minutes=90)

    def test_a_slip_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError, match="not a duration"):
            parse_duration("1 hour")


class TestKnownSecrets:
    def test_every_readable_secret_is_known(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CDBCTL_TEST_REDIS_PASSWORD", "redis-secret")
        monkeypatch.setenv("CDBCTL_TEST_TOKEN", "token-secret")
        secrets = tmp_path / "run" / "secrets"
        secrets.mkdir(parents=True)
        (secrets / "reader_password").write_text("reader-secret\n", encoding="utf-8")
        (secrets / "writer_password").write_text("writer-secret\n", encoding="utf-8")
        (secrets / "folder").mkdir()
        assert known_secret_values(load(tmp_path, FULL)) == {
            "database-password": "reader-secret",
            "redis-password": "redis-secret",
            "github-token": "token-secret",
            "secret-writer_password": "writer-secret",
        }

    def test_a_missing_secret_is_left_to_its_source(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CDBCTL_TEST_REDIS_PASSWORD", raising=False)
        assert known_secret_values(load(tmp_path, FULL)) == {}
        assert known_secret_values(load(tmp_path, SMALL)) == {}


@given(st.data())
def test_any_bytes_give_settings_or_a_definition_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = data.draw(st.binary(max_size=200) | _damaged(FULL))
    folder = tmp_path_factory.mktemp("root")
    started = time.monotonic()
    with suppress(DefinitionError):
        load(folder, raw)
    assert time.monotonic() - started < 5


def _damaged(text: str) -> st.SearchStrategy[bytes]:
    """A good file in which one stretch is something else."""
    words = [
        "",
        " ",
        "\n",
        "[",
        "}",
        "- ",
        ": ",
        "null",
        "5",
        "yes",
        '"',
        "*",
        "&a ",
        "!",
        "{",
        "\x1b",
        "../",
        "#",
        "ä",
        "x: y",
    ]
    return st.builds(
        lambda start, length, word: (text[:start] + word + text[start + length :]).encode(),
        st.integers(0, len(text)),
        st.integers(0, 30),
        st.sampled_from(words) | st.text(max_size=5),
    )
