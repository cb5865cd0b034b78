"""What must not be claimed: silence is not zero, absence is not a value, few are not a rate."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cdbctl.assess import assess, judge, needs
from cdbctl.assess.units import duration, share, size
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status, Verdict
from cdbctl.model.logs import Level, LogFacts
from cdbctl.model.metrics import MetricsPage
from cdbctl.model.needs import StreamQuestion
from cdbctl.model.redis import StreamFacts
from cdbctl.model.runtime import ProbeDepth
from cdbctl.model.snapshot import Snapshot
from tests.assess import snapshots
from tests.assess.snapshots import NOW, group, healthy, log, make_check, signature, with_log, with_metric, with_stream

METRIC = "cdb_risk/risk_events_persisted_total"


def only(snapshot: Snapshot, check: Check) -> Finding:
    findings = assess(replace(snapshot, checks=(check,)))
    assert len(findings) == 1
    return findings[0]


class TestMetrics:
    def test_a_metric_nobody_exports_has_no_value(self) -> None:
        check = make_check("metric.value", METRIC, min=0)
        finding = only(with_metric(healthy((check,)), "cdb_risk", "risk_events_persisted_total", None), check)
        assert (finding.status, finding.details["state"]) == (Status.UNKNOWN, "NEVER_SEEN")

    def test_a_page_that_does_not_answer_says_nothing(self) -> None:
        for rule in ("metric.present", "metric.value", "metric.increase"):
            check = make_check(rule, METRIC)
            finding = only(snapshots.with_dead_pages(healthy((check,)), "cdb_risk"), check)
            assert (finding.status, finding.details["state"]) == (Status.UNKNOWN, "TARGET_DOWN")

    def test_a_metric_without_a_finite_value_is_exported_and_proves_nothing(self) -> None:
        name = METRIC.partition("/")[2]
        for rule, status in (
            ("metric.present", Status.OK),
            ("metric.value", Status.UNKNOWN),
            ("metric.increase", Status.UNKNOWN),
        ):
            check = make_check(rule, METRIC)
            snapshot = with_metric(healthy((check,)), "cdb_risk", name, None)
            page = snapshots.edit(snapshot.metrics["cdb_risk"], lambda page: replace(page, not_finite=(name,)))
            finding = only(replace(snapshot, metrics={"cdb_risk": page}), check)
            assert finding.status is status
            assert "not exported" not in finding.title
            assert finding.details.get("state") in (None, "VALUE")

    def test_zero_is_a_value(self) -> None:
        check = make_check("metric.present", METRIC)
        finding = only(with_metric(healthy((check,)), "cdb_risk", "risk_events_persisted_total", 0.0), check)
        assert (finding.status, finding.details["state"]) == (Status.OK, "ZERO")

    def test_scrapes_too_close_together_prove_no_standstill(self) -> None:
        check = make_check("metric.increase", "cdb_ws/decoded_messages_total", min_apart_seconds=0.5)
        snapshot = with_metric(healthy((check,)), "cdb_ws", "decoded_messages_total", 20.0)

        def closer(page: MetricsPage) -> MetricsPage:
            return replace(page, apart_seconds=0.0)

        page = snapshots.edit(snapshot.metrics["cdb_ws"], closer)
        assert only(replace(snapshot, metrics={"cdb_ws": page}), check).status is Status.UNKNOWN

    def test_a_counter_that_began_anew_has_increased(self) -> None:
        check = make_check("metric.increase", "cdb_ws/decoded_messages_total")
        snapshot = with_metric(healthy((check,)), "cdb_ws", "decoded_messages_total", 3.0, earlier=900.0)
        assert only(snapshot, check).status is Status.OK

    def test_labels_choose_the_series(self) -> None:
        check = make_check("metric.value", "cdb_risk/risk_decisions_total", labels={"decision": "BLOCK"}, max=1000)
        assert only(healthy((check,)), check).actual == "642"

    def test_not_a_number_lies_within_no_limits(self) -> None:
        check = make_check("metric.value", METRIC, min=0)
        finding = only(with_metric(healthy((check,)), "cdb_risk", "risk_events_persisted_total", float("nan")), check)
        assert finding.status is Status.FAIL


class TestContradiction:
    CHECK = make_check("metric.contradiction", "cdb_postgres_exporter", metric="pg_up", probe="database")

    def silent_database(self) -> Snapshot:
        snapshot = healthy((self.CHECK,))
        assert snapshot.database is not None
        return replace(snapshot, database=snapshots.unavailable(snapshot.database, "refused the connection"))

    def test_a_question_without_an_answer_contradicts_nothing(self) -> None:
        finding = only(self.silent_database(), self.CHECK)
        assert (finding.status, finding.details["needs"]) == (Status.UNKNOWN, "database")
        assert "refused the connection" in finding.actual
        assert finding.fix is not None
        assert finding.fix.commands[-1] == "cdbctl doctor --root .demo"

    def test_both_saying_down_is_no_contradiction_and_no_pass(self) -> None:
        snapshot = with_metric(self.silent_database(), "cdb_postgres_exporter", "pg_up", 0.0)
        assert only(snapshot, self.CHECK).status is Status.UNKNOWN


class TestDecisions:
    CHECK = make_check(
        "pipeline.decisions",
        "order decisions",
        streams=["stream.orders", "stream.orders_blocked"],
        field="decision",
        reason_field="reason_code",
        min_count=5,
    )

    def stream(self, name: str, decision: str, reason: str, count: int) -> StreamFacts:
        counts = {"decision": {decision: count}, "reason_code": {reason: count}}
        return replace(snapshots.stream(name, 1), in_window=count, counts=counts)

    def judge(self, allowed: int, blocked: int, **params: object) -> Finding:
        check = replace(self.CHECK, params={**self.CHECK.params, **params})
        streams = (
            self.stream("stream.orders", "ALLOW", "RC_000", allowed),
            self.stream("stream.orders_blocked", "BLOCK", "RC_002", blocked),
        )
        return only(with_stream(healthy((check,)), *streams), check)

    @pytest.mark.parametrize(
        ("allowed", "blocked", "status"),
        [
            (0, 0, Status.UNKNOWN),
            (0, 4, Status.UNKNOWN),
            (0, 5, Status.FAIL),
            (1, 3, Status.OK),
            (1, 900, Status.OK),
        ],
    )
    def test_all_refused_takes_a_few_decisions_and_one_order_disproves_it(
        self, allowed: int, blocked: int, status: Status
    ) -> None:
        assert self.judge(allowed, blocked).status is status

    def test_the_reason_is_never_that_of_the_orders_that_were_let_through(self) -> None:
        finding = self.judge(20, 80, max_share=0.5)
        assert finding.title == "decisions: 80.0 % BLOCK RC_002"
        assert finding.details["refused_share"] == 0.8

    def test_below_a_share_a_few_decisions_prove_nothing(self) -> None:
        assert self.judge(3, 1, max_share=0.5).status is Status.UNKNOWN

    def test_streams_that_do_not_exist_are_no_decisions(self) -> None:
        snapshot = with_stream(healthy((self.CHECK,)), without=("stream.orders", "stream.orders_blocked"))
        assert only(snapshot, self.CHECK).actual.startswith("0 decisions in the window of 60 min;")


class TestContinuity:
    """An event of the future would hide a standstill until its time has come."""

    def judge(self, snapshot: Snapshot, check: Check) -> Status:
        return only(snapshot, check).status

    def test_a_gauge_in_milliseconds_has_no_age(self) -> None:
        stage = {"name": "ticks", "service": "cdb_ws", "max_age_seconds": 5}
        name = "market_data_last_timestamp_seconds"
        check = make_check("pipeline.continuity", "ticks", stages=[{**stage, "metric": name}])
        for stamp, status in (
            (NOW.timestamp() + 1, Status.OK),
            (NOW.timestamp() + 86_400, Status.UNKNOWN),
            (NOW.timestamp() * 1000, Status.UNKNOWN),
        ):
            assert self.judge(with_metric(healthy((check,)), "cdb_ws", name, stamp), check) is status

    def test_an_entry_with_an_id_of_tomorrow_has_no_age(self) -> None:
        stage = {"name": "fills", "service": "cdb_execution", "max_age_seconds": 30, "streams": ["stream.fills"]}
        check = make_check("pipeline.continuity", "fills", stages=[stage])
        ahead = with_stream(healthy((check,)), snapshots.stream("stream.fills", -86_400))
        assert self.judge(ahead, check) is Status.UNKNOWN


class TestLogs:
    def test_a_rate_is_computed_over_the_time_that_the_log_covers(self) -> None:
        check = make_check("logs.error-rate", "cdb_risk")
        facts = log(group("[ERROR] x", count=6, first_at=NOW - timedelta(seconds=20)), lines=10)
        window = replace(facts.window, reaches_back=False, first_at=NOW - timedelta(seconds=30))
        finding = only(with_log(healthy((check,)), "cdb_risk", replace(facts, window=window)), check)
        assert finding.actual == "6 errors (12/min) in 10 lines in 30 s"

    def test_a_log_that_was_not_read_completely_says_so(self) -> None:
        check = make_check("logs.signature", "cdb_risk")
        facts = log()
        window = replace(facts.window, complete=False, note="only the last 64 MiB")
        finding = only(with_log(healthy((check,)), "cdb_risk", replace(facts, window=window)), check)
        assert "not read completely (only the last 64 MiB)" in finding.actual

    @pytest.mark.parametrize("rule", ["logs.signature", "logs.error-rate", "service.healthy-but-erroring"])
    def test_no_error_in_a_part_of_a_log_does_not_clear_the_rest(self, rule: str) -> None:
        check = make_check(rule, "cdb_risk")
        facts = log()
        half = replace(facts, window=replace(facts.window, complete=False))
        assert only(with_log(healthy((check,)), "cdb_risk", facts), check).status is Status.OK
        assert only(with_log(healthy((check,)), "cdb_risk", half), check).status is Status.UNKNOWN

    def test_a_line_from_the_future_is_no_sign_of_life(self) -> None:
        check = make_check("logs.freshness", "cdb_ws", max_age_seconds=15)
        snapshot = with_log(healthy((check,)), "cdb_ws", log(newest_at=NOW + timedelta(hours=2)))
        finding = only(snapshot, check)
        assert finding.status is Status.UNKNOWN
        assert "dated 2 h in the future" in finding.title

    def test_groups_of_one_signature_are_one_finding(self) -> None:
        check = make_check("logs.signature", "cdb_risk")
        known = signature("redis_oom")
        facts = log(
            group("[ERROR] a: OOM", count=3, signature=known), group("[ERROR] b: OOM", count=4, signature=known)
        )
        finding = only(with_log(healthy((check,)), "cdb_risk", facts), check)
        assert (finding.details["count"], finding.key) == (7, "redis_oom")

    def test_a_warning_is_no_failure_unless_the_check_says_so(self) -> None:
        known = group(
            "[WARNING] retry: connection refused", level=Level.WARNING, signature=signature("connection_refused")
        )
        for levels, status in ((["ERROR"], Status.OK), (["ERROR", "WARNING"], Status.FAIL)):
            check = make_check("logs.signature", "cdb_risk", levels=levels)
            assert only(with_log(healthy((check,)), "cdb_risk", log(known)), check).status is status

    def test_an_ignored_signature_is_no_failure(self) -> None:
        check = make_check("logs.signature", "cdb_risk", ignore=["http_429"])
        facts = log(group("[ERROR] 429", signature=signature("http_429")))
        assert only(with_log(healthy((check,)), "cdb_risk", facts), check).status is Status.OK

    def test_one_error_long_ago_has_no_interval_and_is_not_over(self) -> None:
        check = make_check("logs.signature", "cdb_risk")
        ago = NOW - timedelta(minutes=50)
        facts = log(group("[ERROR] OOM", count=1, signature=signature("redis_oom"), first_at=ago, last_at=ago))
        finding = only(with_log(healthy((check,)), "cdb_risk", facts), check)
        assert finding.status is Status.FAIL
        assert "mean_interval_seconds" not in finding.details

    def test_errors_that_are_over_are_told_apart_from_those_that_go_on(self) -> None:
        check = make_check("logs.error-rate", "cdb_risk")
        facts = log(group("[ERROR] old", last_at=NOW - timedelta(minutes=20)), group("[ERROR] new", count=2))
        finding = only(with_log(healthy((check,)), "cdb_risk", facts), check)
        assert finding.status is Status.OK
        assert finding.actual == "2 errors (0.0333/min), 812 more that are over, in 5120 lines in 60 min"

    def test_a_log_that_was_never_written_is_silent(self) -> None:
        check = make_check("logs.freshness", "cdb_ws", max_age_seconds=15)
        finding = only(with_log(healthy((check,)), "cdb_ws", log(lines=0, newest_at=None)), check)
        assert (finding.status, finding.title) == (Status.FAIL, "cdb_ws has logged nothing")

    def test_a_log_from_the_future_is_a_clock_that_is_wrong(self) -> None:
        check = make_check("clocks.skew", "logs")
        finding = only(with_log(healthy((check,)), "cdb_ws", log(newest_at=NOW + timedelta(hours=1))), check)
        assert finding.title == "the log of cdb_ws is 60 min in the future"

    def test_a_quote_that_the_evidence_does_not_hold_is_left_out(self) -> None:
        check = make_check("logs.signature", "cdb_risk")
        snapshot = healthy((check,))

        def failing(_: LogFacts) -> LogFacts:
            return log(group("[ERROR] OOM", signature=signature("redis_oom")))

        reading = snapshots.edit(snapshot.logs["cdb_risk"], failing, text="nothing of the kind")
        assert only(replace(snapshot, logs={"cdb_risk": reading}), check).quotes == ()


class TestServices:
    def test_a_passing_probe_says_how_little_it_proves(self) -> None:
        check = make_check("service.health", "cdb_ws")
        shallow = snapshots.health(depth=ProbeDepth.PORT, detail="connected")
        finding = only(snapshots.with_health(healthy((check,)), "cdb_ws", shallow), check)
        assert finding.status is Status.OK
        assert "proves only that something accepts connections" in finding.actual

    def test_no_health_page_is_not_healthy(self) -> None:
        check = make_check("service.health", "cdb_postgres")
        assert only(healthy((check,)), check).status is Status.UNKNOWN

    def test_an_optional_service_leaves_the_verdict_open_to_pass(self) -> None:
        check = make_check("service.health", "cdb_postgres_exporter", "cdb_ws")
        snapshot = snapshots.with_dead_pages(healthy((check,)), "cdb_postgres_exporter")
        judged = judge(snapshot, assess(snapshot))
        assert judged.verdict is Verdict.PASS
        assert (judged.coverage.declared, judged.coverage.ran) == (2, 1)
        assert not judged.coverage.not_checked[0].required

    def test_a_service_that_nobody_knows_is_unknown(self) -> None:
        check = make_check("service.state", "cdb_grafana")
        assert only(healthy((check,)), check).status is Status.UNKNOWN


class TestDatabase:
    def test_another_language_still_says_that_the_table_is_missing(self) -> None:
        check = make_check("database.freshness", "risk_events", column="created_at", max_age_seconds=30)
        snapshot = snapshots.without_table(healthy((check,)), "risk_events")
        answers = {
            id: snapshots.unavailable(reading, "42P01 Relation »risk_events« existiert nicht")
            for id, reading in snapshot.answers.items()
        }
        finding = only(replace(snapshot, answers=answers), check)
        assert (finding.status, finding.details["relation"]) == (Status.FAIL, "risk_events")

    def test_a_table_that_the_catalog_holds_is_not_called_missing(self) -> None:
        check = make_check("database.freshness", "risk_events", column="created_at", max_age_seconds=30)
        snapshot = healthy((check,))
        reason = '42P01 relation "risk_events" does not exist'
        answers = {id: snapshots.unavailable(reading, reason) for id, reading in snapshot.answers.items()}
        finding = only(replace(snapshot, answers=answers), check)
        assert finding.status is Status.UNKNOWN
        assert finding.fix is not None
        assert "search_path" in finding.fix.summary

    def test_a_row_from_the_future_is_not_fresh(self) -> None:
        check = make_check("database.freshness", "orders", column="created_at", max_age_seconds=30)
        for age, status in ((-3.0, Status.OK), (-3600.0, Status.UNKNOWN)):
            assert only(snapshots.with_row_age(healthy((check,)), "orders", age), check).status is status

    def test_a_number_beyond_every_float_is_compared(self) -> None:
        check = make_check("database.value", "rows", sql="SELECT 1", max=5)
        snapshot = healthy((check,))
        for value, status in ((10**400, Status.FAIL), (-(10**400), Status.OK), (f"{10**400}", Status.FAIL)):
            answers = {
                id: snapshots.edit(reading, lambda answer, value=value: replace(answer, rows=((value,),)))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                for id, reading in snapshot.answers.items()
            }
            assert only(replace(snapshot, answers=answers), check).status is status

    def test_an_empty_table_is_not_fresh(self) -> None:
        check = make_check("database.freshness", "orders", column="created_at", max_age_seconds=30)
        assert only(snapshots.with_row_age(healthy((check,)), "orders", None), check).title == "orders holds no row"

    def test_what_the_role_may_not_see_is_unknown(self) -> None:
        check = make_check("database.health", "transactions")
        snapshot = snapshots.with_database(healthy((check,)), idle_in_transaction=None, not_read=("pg_stat_activity",))
        assert only(snapshot, check).status is Status.UNKNOWN

    def test_identifiers_in_questions_are_quoted(self) -> None:
        check = make_check("database.freshness", 'audit.ev"il', column="created_at", max_age_seconds=1)
        assert 'FROM "audit"."ev""il"' in needs((check,)).questions[0].sql


class TestWhatIsNotDeclared:
    def test_a_check_of_a_source_that_nobody_declared_is_unknown(self) -> None:
        check = make_check("database.reachable", "PostgreSQL")
        finding = only(replace(healthy((check,)), database=None), check)
        assert finding.status is Status.UNKNOWN
        assert finding.evidence

    def test_no_check_at_all_is_no_pass(self) -> None:
        judged = judge(healthy(()), assess(healthy(())))
        assert judged.verdict is Verdict.UNKNOWN
        assert "no check is declared" in judged.next_step.text

    def test_a_rule_that_this_version_does_not_know_is_unknown(self) -> None:
        check = make_check("moon.phase", "moon")
        assert only(healthy(()), check).status is Status.UNKNOWN

    def test_a_component_that_no_check_looks_at_is_not_called_well(self) -> None:
        check = make_check("service.state", "cdb_ws")
        rows = {row.component: row for row in judge(healthy((check,)), assess(healthy((check,)))).matrix}
        assert rows["market data feed"].status is Status.OK
        assert rows["risk manager"].status is Status.UNKNOWN


def test_every_stream_is_asked_for_once_with_all_fields() -> None:
    streams = {question.name: question.count_fields for question in needs(healthy().checks).streams}
    assert streams["stream.orders_blocked"] == ("decision", "reason_code")
    assert len(needs(healthy().checks).streams) == len(streams) == 7
    assert StreamQuestion("stream.fills", ()) in needs(healthy().checks).streams


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.0002, "less than 1 ms"),
        (0.4, "400 ms"),
        (4.4, "4.4 s"),
        (9.97, "10 s"),
        (44, "44 s"),
        (3600, "60 min"),
        (86_400, "24 h"),
        (3 * 86_400, "3 d"),
    ],
)
def test_durations_are_short_and_have_a_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_shares_are_never_rounded_to_all_or_nothing() -> None:
    assert [share(value) for value in (0, 0.0001, 0.125, 0.99999, 1)] == [
        "0 %",
        "less than 0.1 %",
        "12.5 %",
        "more than 99.9 %",
        "100 %",
    ]


def test_sizes_are_binary() -> None:
    assert [size(value) for value in (0, 1023, 1_900_000, 2**31)] == ["0 B", "1023 B", "1.8 MiB", "2.0 GiB"]
