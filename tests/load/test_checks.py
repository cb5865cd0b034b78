"""``checks/*.yaml``: what is expected, and every way in which that can be written wrong."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.errors import DefinitionError
from cdbctl.load.checks import load_checks
from cdbctl.model.check import Check, Severity
from cdbctl.model.stack import Group, Service

CHECK = """\
id: logs.known-signatures
rule: logs.signature
subject: services:*
params: {levels: [ERROR, WARNING]}
severity: P0
short: No service logs a known signature.
motivation: >
  A table was missing
  and everything said healthy.
impact: Decisions are not audited.
policy: INV-030
remedy: Look at the log.
"""
TEXTS = {"short": "s", "motivation": "m", "impact": "i", "remedy": "r"}
PARAMS = {
    "prometheus.metric": {"type": "object", "additionalProperties": False},
    "logs.signature": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"levels": {"type": "array", "items": {"enum": ["ERROR", "WARNING"]}}},
    },
    "database.freshness": {
        "type": "object",
        "additionalProperties": False,
        "required": ["column"],
        "properties": {"column": {"type": "string"}, "service": {"type": "string"}},
    },
}


def service(name: str, group: Group = Group.UNDER_TEST, *, required: bool = True) -> Service:
    return Service(
        name=name,
        title=name,
        group=group,
        required=required,
        source_folder=None,
        database_role=None,
        health_url=None,
        health_depth=None,
        metrics_url=None,
        log_paths=(),
        log_timezone="UTC",
    )


SERVICES = (
    service("cdb_ws"),
    service("cdb_risk"),
    service("cdb_postgres_exporter", Group.OBSERVABILITY, required=False),
)


def check(**changes: object) -> str:
    fields = {"id": "a.b", "rule": "logs.signature", "subject": "cdb_ws", "severity": "P1", **TEXTS, **changes}
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value is not None)


def load(folder: Path, **files: str) -> tuple[Check, ...]:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_checks(
        folder, services=SERVICES, params=PARAMS, about_services={"logs.signature"}, shown_folder="checks"
    )


def problems(folder: Path, **files: str) -> list[str]:
    with pytest.raises(DefinitionError) as error:
        load(folder, **files)
    return [str(problem) for problem in error.value.problems]


class TestGood:
    def test_a_file_holds_one_check(self, tmp_path: Path) -> None:
        assert load(tmp_path, logs="# Logs.\n" + CHECK) == (
            Check(
                id="logs.known-signatures",
                rule="logs.signature",
                subjects=("cdb_ws", "cdb_risk", "cdb_postgres_exporter"),
                params={"levels": ("ERROR", "WARNING")},
                severity=Severity.P0,
                required=True,
                short="No service logs a known signature.",
                motivation="A table was missing and everything said healthy.",
                impact="Decisions are not audited.",
                policy="INV-030",
                remedy="Look at the log.",
                file="checks/logs.yaml",
                line=2,
            ),
        )

    def test_or_a_list_of_them(self, tmp_path: Path) -> None:
        item = CHECK.replace("\n", "\n    ")
        text = f"checks:\n  - {item}\n  - {item.replace('known-signatures', 'others')}\n"
        first, second = load(tmp_path, logs=text)
        assert (first.id, first.line, second.id, second.line) == ("logs.known-signatures", 2, "logs.others", 15)

    def test_files_are_read_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        found = load(tmp_path, b=check(id="x.b"), a=check(id="x.a"), c=check(id="x.c"))
        assert [each.id for each in found] == ["x.a", "x.b", "x.c"]

    @pytest.mark.parametrize(
        ("subject", "subjects"),
        [
            ("cdb_ws", ("cdb_ws",)),
            ("[cdb_risk, cdb_ws]", ("cdb_risk", "cdb_ws")),
            ("services:under-test", ("cdb_ws", "cdb_risk")),
            ("services:observability", ("cdb_postgres_exporter",)),
            ("services:required", ("cdb_ws", "cdb_risk")),
            ("[cdb_risk, 'services:*']", ("cdb_risk", "cdb_ws", "cdb_postgres_exporter")),
        ],
    )
    def test_selectors_become_services(self, tmp_path: Path, subject: str, subjects: tuple[str, ...]) -> None:
        (found,) = load(tmp_path, a=check(subject=subject))
        assert found.subjects == subjects

    @pytest.mark.parametrize("subject", ["risk_events", "Redis", "cdb_ws/decoded_messages_total"])
    def test_a_subject_need_not_be_a_service(self, tmp_path: Path, subject: str) -> None:
        (found,) = load(tmp_path, a=check(subject=subject, rule="database.freshness", params="{column: at}"))
        assert found.subjects == (subject,)

    def test_a_metric_of_prometheus_may_be_called_like_a_service(self, tmp_path: Path) -> None:
        (found,) = load(tmp_path, a=check(subject="cdb_orders_total", rule="prometheus.metric"))
        assert found.subjects == ("cdb_orders_total",)

    def test_hidden_files_of_editors_are_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / ".#a.yaml").write_text("[", encoding="utf-8")
        assert len(load(tmp_path, a=check())) == 1

    def test_without_a_word_a_folder_is_named_by_its_last_part(self, tmp_path: Path) -> None:
        folder = tmp_path / "expectations"
        folder.mkdir()
        (folder / "a.yaml").write_text(check(), encoding="utf-8")
        (found,) = load_checks(folder, services=SERVICES, params=PARAMS)
        assert found.file == "expectations/a.yaml"


class TestBad:
    def test_every_problem_of_every_file_is_told_at_once(self, tmp_path: Path) -> None:
        text = """\
checks:
  - id: Logs
    rule: logs.signatures
    subject: cdb_rsik
    severity: P9
    requierd: true
    short: s
    motivation: " "
    impact: i
  - id: a.b
    rule: logs.signature
    subject: [cdb_ws, cdb_ws]
    params: {levels: [ERROR, DEBUG], level: 1}
    severity: P1
    required: no
    short: 5
    motivation: m
    impact: i
    remedy: r
"""
        assert problems(tmp_path, a=text, b="[", c=check()) == [
            'checks/a.yaml:2: checks[0].id: "Logs" is not of the right form: write it like logs.known-signatures',
            "checks/a.yaml:2: checks[0].remedy: is missing",
            "checks/a.yaml:3: checks[0].rule: unknown rule `logs.signatures`: did you mean `logs.signature`?",
            "checks/a.yaml:4: checks[0].subject: unknown service `cdb_rsik`: did you mean `cdb_risk`?",
            'checks/a.yaml:5: checks[0].severity: "P9" is not one of P0, P1, P2, P3',
            "checks/a.yaml:6: checks[0].requierd: unknown key `requierd`: did you mean `required`?",
            "checks/a.yaml:8: checks[0].motivation: must not be empty",
            'checks/a.yaml:12: checks[1].subject[1]: "cdb_ws" is in the list twice',
            'checks/a.yaml:13: checks[1].params.level: unknown key `level`: did you mean `levels`?',
            'checks/a.yaml:13: checks[1].params.levels[1]: "DEBUG" is not one of ERROR, WARNING',
            'checks/a.yaml:15: checks[1].required: "no" is text, not true or false: write false',
            "checks/a.yaml:16: checks[1].short: 5 is a number, not text: put it in quotes",
            "checks/b.yaml:2: is not valid YAML: did not find expected node content (while parsing a flow node)",
            "checks/c.yaml:1: id: `a.b` is already the id of the check at checks/a.yaml:10",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("subject", "problem"),
        [
            ("services:undertest", "unknown selector `services:undertest`: did you mean `services:under-test`?"),
            ("cdb_wss", "unknown service `cdb_wss`: did you mean `cdb_ws`?"),
            ("risk", "unknown service `risk`: did you mean `cdb_risk`?"),
            ("cdb_wss/x_total", "unknown service `cdb_wss`: did you mean `cdb_ws`?"),
            ("{a: b}", "is a mapping, not text or a list"),
            ("[]", "must not be empty"),
        ],
    )
    def test_a_subject_that_cannot_be_meant(self, tmp_path: Path, subject: str, problem: str) -> None:
        assert problems(tmp_path, a=check(subject=subject)) == [f"checks/a.yaml:3: subject: {problem}"]

    def test_a_service_of_the_stack_has_to_be_declared_also_for_other_rules(self, tmp_path: Path) -> None:
        text = check(rule="database.freshness", subject="cdb_wss", params="{column: at, service: cdb_wz}")
        assert problems(tmp_path, a=text) == [
            "checks/a.yaml:3: subject: unknown service `cdb_wss`: did you mean `cdb_ws`?",
            "checks/a.yaml:9: params.service: unknown service `cdb_wz`: did you mean `cdb_ws`?",
        ]

    def test_a_selector_that_selects_nothing_would_never_fail(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(check(subject="services:observability"), encoding="utf-8")
        with pytest.raises(DefinitionError, match="1 definition error") as error:
            load_checks(tmp_path, services=SERVICES[:1], params=PARAMS)
        assert "selects no service" in error.value.why

    def test_a_parameter_that_the_rule_needs(self, tmp_path: Path) -> None:
        assert problems(tmp_path, a=check(rule="database.freshness", subject="orders")) == [
            "checks/a.yaml:1: params.column: is missing"
        ]

    @pytest.mark.parametrize("text", ["[]", "5", "words"])
    def test_a_file_that_holds_no_check(self, tmp_path: Path, text: str) -> None:
        (problem,) = problems(tmp_path, a=text)
        assert problem.endswith("not a mapping")

    @pytest.mark.parametrize("change", [{"rule": '""'}, {"subject": '""'}, {"params": "{levels: .inf}"}])
    def test_one_mistake_is_told_once(self, tmp_path: Path, change: dict[str, str]) -> None:
        assert len(problems(tmp_path, a=check(**change))) == 1

    @pytest.mark.parametrize(
        "text",
        [
            f"checks: [{'1,' * 90_000}]",
            f"checks: [{'{},' * 90_000}]",
            check(subject=f"[{'1,' * 90_000}]"),
            check(subject=f"[{','.join(f'cdb_{number}' for number in range(90_000))}]"),
        ],
        ids=["numbers", "empty-checks", "subjects-of-a-wrong-type", "unknown-services"],
    )
    def test_thousands_of_mistakes_in_a_file_end_soon(self, tmp_path: Path, text: str) -> None:
        started = time.monotonic()
        found = problems(tmp_path, a=text, b="checks: 5\n")
        assert time.monotonic() - started < 10
        assert len(found) == 102
        assert "checks/a.yaml:1: has more problems than the 100 that are listed" in found

    def test_the_list_is_checked_too(self, tmp_path: Path) -> None:
        assert problems(tmp_path, a="checks: []\n", b="checks: 5\n", c="chekcs: 1\nchecks: [5]\n") == [
            "checks/a.yaml:1: checks: must not be empty",
            "checks/b.yaml:1: checks: 5 is a number, not a list",
            "checks/c.yaml:1: chekcs: unknown key `chekcs`: did you mean `checks`?",
            "checks/c.yaml:2: checks[0]: 5 is a number, not a mapping",
        ]

    def test_an_empty_or_missing_folder_expects_nothing_and_is_refused(self, tmp_path: Path) -> None:
        assert problems(tmp_path) == ["checks/: holds no check: without an expectation nothing can pass"]
        assert problems(tmp_path / "no") == ["checks/: the folder of the checks does not exist"]

    def test_a_file_that_would_not_be_read_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "b.yml").write_text(check(id="x.y"), encoding="utf-8")
        assert problems(tmp_path, a=check()) == [
            "checks/b.yml: is not read under this name: its ending has to be .yaml"
        ]

    def test_while_the_services_are_unknown_everything_else_is_checked(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(check(subject="services:*", severity="P9"), encoding="utf-8")
        with pytest.raises(DefinitionError) as error:
            load_checks(tmp_path, services=None, params=PARAMS)
        assert [problem.field for problem in error.value.problems] == ["severity"]


@given(st.binary(max_size=200) | st.tuples(st.integers(0, len(CHECK)), st.integers(0, 30), st.text(max_size=6)))
def test_any_bytes_give_checks_or_a_definition_error(
    tmp_path_factory: pytest.TempPathFactory, change: bytes | tuple[int, int, str]
) -> None:
    if isinstance(change, bytes):
        raw = change
    else:
        start, length, word = change
        raw = (CHECK[:start] + word + CHECK[start + length :]).encode()
    folder = tmp_path_factory.mktemp("checks")
    (folder / "a.yaml").write_bytes(raw)
    with suppress(DefinitionError):
        assert len(load(folder)) == 1
