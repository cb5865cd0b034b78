"""What is said about Prometheus, its targets, its alerts, its rules, and single metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cdbctl.assess import assess, judge, needs
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.metrics import MetricState
from cdbctl.model.needs import MetricQuestion
from cdbctl.model.prometheus import NotRead
from cdbctl.model.runtime import ServiceState
from cdbctl.model.snapshot import Snapshot
from tests.assess import snapshots
from tests.assess.prometheus_facts import (
    alert,
    answer,
    dead,
    rule,
    target,
    with_prometheus,
    with_silent_prometheus,
)
from tests.assess.snapshots import NOW, PIPELINE, STARTED, healthy, make_check

SERVER = make_check("prometheus.server", "Prometheus")
TARGETS = make_check("prometheus.targets", "Prometheus")
ALERTS = make_check("prometheus.alerts", "Prometheus")
RULES = make_check("prometheus.rules", "Prometheus")


def findings(check: Check, **changes: Any) -> list[Finding]:
    return list(assess(with_prometheus(healthy((check,)), **changes)))


def only(check: Check, **changes: Any) -> Finding:
    (finding,) = findings(check, **changes)
    texts = {item.id: item.text for item in with_prometheus(healthy((check,)), **changes).evidence()}
    assert all(quote.text in texts[quote.evidence] for quote in finding.quotes)
    return finding


class TestNoAnswer:
    @pytest.mark.parametrize("rule_name", ["server", "targets", "alerts", "rules"])
    def test_a_server_that_is_down_makes_everything_unknown(self, rule_name: str) -> None:
        check = make_check(f"prometheus.{rule_name}", "Prometheus")
        (finding,) = assess(with_silent_prometheus(healthy((check,))))
        assert finding.status is Status.UNKNOWN
        assert finding.details["state"] == "PROM_DOWN"
        assert "connection refused" in finding.actual

    def test_a_metric_is_not_zero_because_the_server_is_down(self) -> None:
        check = make_check("prometheus.metric", "signals_generated_total", min=1)
        (finding,) = assess(with_silent_prometheus(healthy((check,))))
        assert (finding.status, finding.details["state"]) == (Status.UNKNOWN, "PROM_DOWN")

    def test_a_server_that_nobody_declared_is_absent(self) -> None:
        (finding,) = assess(healthy((ALERTS,)))
        assert finding.status is Status.UNKNOWN
        assert "declares no prometheus" in finding.actual

    def test_one_voice_speaks_for_all_of_it(self) -> None:
        checks = (SERVER, TARGETS, ALERTS, RULES, make_check("prometheus.metric", "a", "b"))
        judged = judge(silent := with_silent_prometheus(healthy(checks)), assess(silent))
        assert [item.check for item in judged.findings if item.caused_by is None] == [SERVER.id]

    def test_the_end_of_its_service_explains_it(self) -> None:
        server = make_check("prometheus.server", "Prometheus", service="cdb_regime")
        checks = (make_check("service.state", "cdb_regime"), server, ALERTS)
        hurt = snapshots.with_service(healthy(checks), "cdb_regime", state=ServiceState.EXITED, pid=None)
        judged = judge(hurt := with_silent_prometheus(hurt), assess(hurt))
        assert [item.check for item in judged.findings if item.caused_by is None] == ["test.service.state"]

    @pytest.mark.parametrize(
        ("check", "what"), [(SERVER, "runtime information"), (TARGETS, "targets"), (ALERTS, "alerts"), (RULES, "rules")]
    )
    def test_a_part_that_was_not_read_is_unknown_and_not_fine(self, check: Check, what: str) -> None:
        finding = only(check, not_read=(NotRead(what, "answers 500"),), targets=(), alerts=(), rules=())
        assert (finding.status, finding.actual) == (Status.UNKNOWN, f"{what}: answers 500")


class TestServer:
    def test_it_is_content_with_one_that_watched_the_window(self) -> None:
        finding = only(SERVER)
        assert finding.status is Status.OK
        assert finding.actual.startswith("Prometheus 2.42.0 answered in 2.0 ms, started 2026-02-08 11:00:00 UTC")

    def test_a_refused_configuration_fails(self) -> None:
        finding = only(SERVER, config_loaded=False)
        assert (finding.status, finding.key) == (Status.FAIL, "configuration")

    def test_a_start_inside_the_window_is_a_stretch_that_nobody_watched(self) -> None:
        finding = only(SERVER, started_at=NOW - timedelta(minutes=20), blind_since=NOW - timedelta(minutes=25))
        assert (finding.status, finding.key) == (Status.WARN, "blind")
        assert finding.title == "Prometheus started inside the window: 5 min were not watched"
        assert "from 2026-02-09 08:35:00 UTC on" in finding.actual

    def test_without_an_older_sample_the_whole_window_before_was_not_watched(self) -> None:
        finding = only(SERVER, started_at=NOW - timedelta(minutes=20))
        assert finding.details["blind_seconds"] == 2400
        assert "it has no sample from before that" in finding.actual

    def test_a_start_together_with_the_stack_has_missed_nothing(self) -> None:
        snapshot = healthy((make_check("prometheus.server", "Prometheus", max_blind_seconds=30),))
        started = NOW - timedelta(minutes=5)
        for name in snapshots.TITLES:
            snapshot = snapshots.with_service(snapshot, name, started_at=started)
        late = with_prometheus(snapshot, started_at=started + timedelta(seconds=20))
        assert [item.status for item in assess(late)] == [Status.OK]
        later = with_prometheus(snapshot, started_at=started + timedelta(seconds=40))
        assert [item.status for item in assess(later)] == [Status.WARN]

    def test_a_clock_that_is_off_fails(self) -> None:
        finding = only(SERVER, server_at=NOW + timedelta(minutes=3))
        assert (finding.status, finding.key) == (Status.FAIL, "skew")
        assert finding.title == "the clock of Prometheus is 3 min ahead of the clock of this machine"

    def test_slowness_and_warnings_are_told(self) -> None:
        found = {item.key: item for item in findings(SERVER, round_trip_ms=900.0, warnings=("remote read failed",))}
        assert found.keys() == {"slow", "warnings"}
        assert all(item.status is Status.WARN for item in found.values())


class TestTargets:
    def test_all_up_is_well(self) -> None:
        assert only(TARGETS).actual == "8 targets of 8 jobs, all up"

    def test_a_target_that_is_down_fails_with_its_error(self) -> None:
        sick = tuple(target(name, *(("down", "connection refused") if name == "cdb_ws" else ())) for name in PIPELINE)
        finding = only(TARGETS, targets=sick)
        assert (finding.status, finding.key) == (Status.FAIL, "cdb_ws")
        assert finding.actual == "1 of 1 target down: cdb_ws:8000; connection refused"
        assert finding.details["service"] == "cdb_ws"
        assert finding.quotes[0].text == "connection refused"

    def test_a_job_without_a_target_is_a_warning_unless_it_is_expected(self) -> None:
        finding = only(TARGETS, jobs=(*PIPELINE, "cadvisor"))
        assert (finding.status, finding.key) == (Status.WARN, "cadvisor/none")
        check = make_check("prometheus.targets", "Prometheus", expected_jobs=["cdb_paper_runner"])
        assert [item.status for item in findings(check)] == [Status.FAIL]

    def test_a_job_may_be_left_out(self) -> None:
        check = make_check("prometheus.targets", "Prometheus", ignore=["cadvisor"])
        assert only(check, jobs=(*PIPELINE, "cadvisor")).status is Status.OK

    def test_a_target_that_was_not_scraped_yet_is_unknown(self) -> None:
        assert only(TARGETS, targets=tuple(target(name, "unknown") for name in PIPELINE)).status is Status.UNKNOWN

    def test_a_server_without_any_target_watches_nothing(self) -> None:
        assert only(TARGETS, targets=(), jobs=()).title == "Prometheus scrapes nothing"

    def test_its_service_explains_it(self) -> None:
        checks = (make_check("service.state", "cdb_ws"), TARGETS, ALERTS)
        hurt = snapshots.with_service(healthy(checks), "cdb_ws", state=ServiceState.EXITED, pid=None)
        sick = tuple(target(name, *(("down", "refused") if name == "cdb_ws" else ())) for name in PIPELINE)
        hurt = with_prometheus(hurt, targets=sick, alerts=(alert("TargetDown", job="cdb_ws", instance="cdb_ws:8000"),))
        judged = judge(hurt, assess(hurt))
        assert [item.check for item in judged.findings if item.caused_by is None] == ["test.service.state"]


class TestAlerts:
    def test_what_fires_always_does_not_count(self) -> None:
        assert only(ALERTS).status is Status.OK

    def test_silence_without_an_alert_rule_is_unknown_and_rules_that_were_not_read_are_not_counted(self) -> None:
        without = only(ALERTS, alerts=(), rules=())
        assert (without.status, without.title) == (Status.UNKNOWN, "no alert rule is loaded")
        unread = only(ALERTS, alerts=(), rules=(), not_read=(NotRead("rules", "answers 500"),))
        assert unread.status is Status.OK
        assert unread.actual == "no alert fires or is pending; how many rules are loaded is not known"

    def test_it_counts_when_the_check_says_so(self) -> None:
        check = make_check("prometheus.alerts", "Prometheus", ignore=[], severities={})
        assert only(check).status is Status.FAIL

    @pytest.mark.parametrize(
        ("state", "severity", "status"),
        [
            ("firing", "critical", Status.FAIL),
            ("firing", "", Status.FAIL),
            ("firing", "warning", Status.WARN),
            ("firing", "none", Status.OK),
            ("pending", "critical", Status.WARN),
        ],
    )
    def test_firing_fails_pending_warns(self, state: str, severity: str, status: Status) -> None:
        assert only(ALERTS, alerts=(alert("A", state, severity=severity),)).status is status

    def test_many_series_of_one_alert_are_one_finding(self) -> None:
        active = tuple(alert("TargetDown", summary=f"{name} is down", job=name) for name in PIPELINE)
        finding = only(ALERTS, alerts=active)
        assert finding.title == "alert TargetDown fires: cdb_ws is down"
        assert finding.actual.startswith("8 series since 2026-02-09 08:50:00 UTC: job=cdb_ws, job=cdb_candles")
        assert finding.key == "TargetDown"

    def test_an_alert_about_a_service_belongs_to_it(self) -> None:
        for labels in ({"job": "cdb_risk"}, {"instance": "cdb_risk:8000"}, {"container": "cdb_risk"}):
            assert only(ALERTS, alerts=(alert("A", **labels),)).details["service"] == "cdb_risk"

    def test_an_alert_about_a_service_stands_in_its_row_of_the_matrix(self) -> None:
        for checks in ((SERVER, ALERTS), (ALERTS,)):
            hurt = with_prometheus(healthy(checks), alerts=(alert("A", job="cdb_risk"),))
            rows = {row.component: row.status for row in judge(hurt, assess(hurt)).matrix}
            assert rows["risk manager"] is Status.FAIL
            assert rows.get("Prometheus") is (Status.OK if SERVER in checks else None)

    def test_a_target_that_is_down_is_only_a_possible_cause(self) -> None:
        sick = tuple(target(name, *(("down", "refused") if name == "cdb_ws" else ())) for name in PIPELINE)
        hurt = with_prometheus(healthy((TARGETS, ALERTS)), targets=sick, alerts=(alert("TargetDown", job="cdb_ws"),))
        (effect,) = (item for item in assess(hurt) if item.rule == "prometheus.alerts")
        assert effect.details["cause"] == "possible: the target is down"

    def test_a_rule_over_what_the_wrong_exporter_does_not_export_follows_from_the_contradiction(self) -> None:
        check = make_check("prometheus.contradiction", "pg_up", probe="database", service="cdb_postgres_exporter")
        rules = (dead("A", "pg_locks_count", ""), dead("B", "signals_totl", ""))
        hurt = with_prometheus(healthy((check, RULES)), metrics=(answer("pg_up", value=0.0),), rules=rules)
        by_key = {item.key: item for item in assess(hurt)}
        assert by_key["dead pg_locks_count"].details["cause"] == "possible: the exporter itself is wrong"
        assert by_key["dead signals_totl"].caused_by is None

    def test_an_alert_on_a_metric_that_lies_follows_from_the_contradiction(self) -> None:
        check = make_check("prometheus.contradiction", "pg_up", probe="database", service="cdb_postgres_exporter")
        lying = with_prometheus(
            healthy((check, ALERTS)),
            metrics=(answer("pg_up", MetricState.ZERO),),
            alerts=(alert("PostgresDown"),),
            rules=(rule("PostgresDown", "pg_up == 0", metrics=("pg_up",)),),
        )
        judged = judge(lying, assess(lying))
        assert [item.check for item in judged.findings if item.caused_by is None] == [check.id]
        assert judged.findings[0].title == "Prometheus says pg_up is 0, but postgresql://127.0.0.1:5432/cdb answers"


class TestRules:
    def test_loaded_and_alive_is_well(self) -> None:
        assert only(RULES).actual == "2 rules in 1 group, each over series that exist"

    def test_rules_over_one_missing_metric_are_one_finding_with_its_neighbour(self) -> None:
        rules = (dead("A", "signals_totl", "signals_total"), dead("B", "signals_totl", "signals_total"))
        finding = only(RULES, rules=rules)
        assert finding.status is Status.FAIL
        assert finding.title == "2 alerts can never fire: nobody exports signals_totl"
        assert "A, B: health ok" in finding.actual
        assert "most like signals_totl is signals_total" in finding.actual
        assert finding.fix is not None
        assert finding.fix.summary.startswith("See in /etc/prometheus/rules/stack.yml whether signals_total")
        assert finding.key == "dead signals_totl"

    def test_labels_that_never_occurred_are_only_a_warning(self) -> None:
        finding = only(RULES, rules=(dead("A", 'a{code="500"}', certain=False),))
        assert finding.status is Status.WARN
        assert finding.title == '1 alert cannot fire now: there is no a{code="500"}'
        assert "the metric is there, but not with these labels so far" in finding.actual

    def test_what_is_down_may_export_it(self) -> None:
        sick = tuple(target(name, "down" if name == "cdb_ws" else "up") for name in PIPELINE)
        finding = only(RULES, rules=(dead("A", "a", certain=False),), targets=sick)
        assert "what is down could export it: cdb_ws" in finding.actual

    def test_a_dead_recording_rule_is_a_warning(self) -> None:
        finding = only(RULES, rules=(dead("a:rate5m", "a", kind="recording"),))
        assert (finding.status, finding.title) == (
            Status.WARN,
            "1 recording rule can never record anything: nobody exports a",
        )

    def test_an_error_fails_in_the_words_of_the_server(self) -> None:
        finding = only(RULES, rules=(rule("A", "a * b", health="err", last_error="many-to-many matching"),))
        assert (finding.status, finding.key, finding.quotes[0].text) == (
            Status.FAIL,
            "error A",
            "many-to-many matching",
        )

    def test_rule_files_without_a_rule_and_expected_rules_that_are_not_there_fail(self) -> None:
        check = make_check("prometheus.rules", "Prometheus", expected_rules=["AuditTrailBroken", "Watchdog"])
        found = findings(check, empty_rule_files=("/etc/prometheus/rules/*.yml",))
        assert [(item.status, item.key) for item in found] == [
            (Status.FAIL, "file /etc/prometheus/rules/*.yml"),
            (Status.FAIL, "rule AuditTrailBroken"),
        ]

    def test_what_is_not_understood_is_unknown_and_not_dead(self) -> None:
        finding = only(RULES, rules=(rule("A", "?", not_judged="cdbctl does not understand the expression"),))
        assert (finding.status, finding.actual) == (
            Status.UNKNOWN,
            "A (cdbctl does not understand the expression)",
        )

    def test_no_rules_and_no_rule_files_is_said(self) -> None:
        assert only(RULES, rules=(), rule_files=()).actual == "no rule file is declared"


class TestMetric:
    NAME = "signals_generated_total"

    def about(self, state: MetricState, params: dict[str, Any] | None = None, **facts: Any) -> Finding:
        check = make_check("prometheus.metric", self.NAME, **(params or {}))
        return only(check, metrics=(answer(self.NAME, state, **facts),))

    def test_it_is_asked_for_once_with_its_increase_if_anybody_wants_it(self) -> None:
        checks = (make_check("prometheus.metric", "a", "b"), make_check("prometheus.metric", "a", min_increase=1))
        assert needs(checks).metrics == (MetricQuestion("a", True), MetricQuestion("b", False))

    def test_zero_and_a_value_are_told_apart(self) -> None:
        for state, text in ((MetricState.VALUE, "5142"), (MetricState.ZERO, "0")):
            finding = self.about(state)
            assert (finding.status, finding.details["state"]) == (Status.OK, state.value)
            assert finding.actual.startswith(f"{text} over 1 series")

    def test_limits_are_kept(self) -> None:
        assert self.about(MetricState.VALUE, {"min": 1, "max": 6000}).status is Status.OK
        assert self.about(MetricState.VALUE, {"max": 5000}).status is Status.FAIL
        assert self.about(MetricState.ZERO, {"min": 1}).title == f"{self.NAME} is 0"

    def test_what_nobody_exports_names_its_neighbour(self) -> None:
        finding = self.about(MetricState.NEVER_SEEN, nearest="signals_total")
        assert (finding.status, finding.key) == (Status.FAIL, "present")
        assert finding.title == f"{self.NAME} does not exist in Prometheus"
        assert finding.actual.endswith("in the last 24 h; absent is not zero; most like it is signals_total")

    def test_what_is_gone_says_since_when(self) -> None:
        finding = self.about(MetricState.GONE, last_seen_at=NOW - timedelta(hours=2))
        assert finding.status is Status.FAIL
        assert finding.title == f"{self.NAME} is gone: last seen 2026-02-09 07:00:00 UTC"

    def test_what_cannot_be_seen_because_its_target_is_down_is_unknown(self) -> None:
        note = "exported by cdb_signal (cdb_signal:8000), which is down now: refused"
        finding = self.about(MetricState.TARGET_DOWN, note=note)
        assert (finding.status, finding.title) == (Status.UNKNOWN, f"{self.NAME} cannot be seen: its target is down")
        assert note in finding.actual

    @pytest.mark.parametrize("state", [MetricState.NEVER_SEEN, MetricState.GONE, MetricState.TARGET_DOWN])
    def test_without_a_value_no_limit_is_broken(self, state: MetricState) -> None:
        assert self.about(state, {"min": 1}).status is Status.UNKNOWN

    def test_a_question_without_an_answer_is_unknown(self) -> None:
        finding = self.about(MetricState.PROM_DOWN, note="gave up on the question")
        assert (finding.status, finding.actual) == (Status.UNKNOWN, "gave up on the question")

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_what_is_not_a_number_proves_nothing(self, value: float) -> None:
        assert self.about(MetricState.VALUE, {"min": 1}, value=value).status is Status.UNKNOWN

    @pytest.mark.parametrize(
        ("increase", "at_most", "status"),
        [
            (40.0, 40.0, Status.OK),
            (0.0, 0.0, Status.FAIL),
            (5.0, 5.0, Status.FAIL),
            (40.0, None, Status.OK),
            (5.0, None, Status.UNKNOWN),
            (5.0, 500.0, Status.UNKNOWN),
            (0.0, 3.0, Status.FAIL),
            (None, None, Status.UNKNOWN),
        ],
    )
    def test_an_increase_is_judged_by_what_is_certain(
        self, increase: float | None, at_most: float | None, status: Status
    ) -> None:
        facts = {"increase": increase, "increase_at_most": at_most}
        assert self.about(MetricState.VALUE, {"min_increase": 10}, **facts).status is status

    def test_an_exact_increase_has_no_note_and_tells_what_was_watched(self) -> None:
        note = {"note": "the increase is at least this"}
        exact = self.about(MetricState.VALUE, {"min_increase": 10}, **note)
        assert exact.actual.endswith("an increase of 40 over the window")
        least = self.about(MetricState.VALUE, {"min_increase": 10}, increase_at_most=50.0, **note)
        assert least.actual.endswith("over the window (the increase is at least this)")
        check = make_check("prometheus.metric", "x_total")
        late = {"metrics": (answer("x_total"),), "started_at": NOW - timedelta(seconds=90)}
        assert only(check, **late).actual.endswith("in the 90 s that Prometheus watched")
        kept = only(check, **late, blind_since=NOW - timedelta(minutes=10))
        assert kept.actual.endswith("over the window")

    def test_a_metric_that_the_run_did_not_ask_for_is_unknown(self) -> None:
        assert only(make_check("prometheus.metric", "other"), metrics=()).status is Status.UNKNOWN

    def test_a_broken_audit_trail_explains_its_metric_and_its_alert(self) -> None:
        audit = make_check("prometheus.metric", "risk_events_persisted_total", min=1, service="cdb_risk")
        checks = (make_check("logs.signature", "cdb_risk"), audit, ALERTS)
        hurt = with_prometheus(
            snapshots.with_missing_table(healthy(checks)),
            metrics=(answer("risk_events_persisted_total", MetricState.ZERO),),
            alerts=(alert("AuditTrailBroken", job="cdb_risk"),),
        )
        judged = judge(hurt, assess(hurt))
        assert [item.rule for item in judged.findings if item.caused_by is None] == ["logs.signature"]
        assert len(judged.findings) == 3


class TestContradiction:
    CHECK = make_check("prometheus.contradiction", "pg_up", probe="database")

    @pytest.mark.parametrize(
        ("value", "series", "answers", "status"),
        [
            (1.0, 1, True, Status.OK),
            (0.0, 1, True, Status.FAIL),
            (1.0, 2, True, Status.FAIL),
            (1.0, 1, False, Status.UNKNOWN),
            (0.0, 1, False, Status.UNKNOWN),
        ],
    )
    def test_the_direct_answer_is_believed(self, value: float, series: int, answers: bool, status: Status) -> None:
        snapshot = healthy((self.CHECK,))
        if not answers:
            assert snapshot.database is not None
            snapshot = replace(snapshot, database=snapshots.unavailable(snapshot.database, "no answer"))
        snapshot = with_prometheus(snapshot, metrics=(answer("pg_up", value=value, series=series),))
        assert [item.status for item in assess(snapshot)] == [status]

    def test_a_metric_that_is_not_there_contradicts_nothing(self) -> None:
        assert only(self.CHECK, metrics=(answer("pg_up", MetricState.GONE),)).status is Status.UNKNOWN


@pytest.mark.parametrize(
    "hurt",
    [
        lambda: with_prometheus(healthy((SERVER,)), started_at=None),
        lambda: with_prometheus(healthy((SERVER,)), started_at=STARTED, config_loaded=None, config_loaded_at=None),
        lambda: with_prometheus(healthy((TARGETS,)), targets=(target("x", "down", "`|\n<b>" * 50),)),
        lambda: with_prometheus(healthy((ALERTS,)), alerts=(alert("", "?", "x" * 5000),)),
        lambda: with_prometheus(healthy((RULES,)), rules=(dead("", "", ""),)),
    ],
)
def test_no_answer_of_a_server_breaks_a_rule(hurt: Callable[[], Snapshot]) -> None:
    assert not any("defect" in item.actual for item in assess(hurt()))
