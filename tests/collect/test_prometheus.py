"""A real Prometheus: the states of metrics, increases, targets, alerts, rules, and starts inside the window."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.prometheus import read_prometheus
from cdbctl.model.metrics import MetricState
from cdbctl.model.needs import MetricQuestion
from cdbctl.model.prometheus import MetricAnswer, RuleFacts
from cdbctl.model.snapshot import Window
from tests.collect.prometheus_server import Exporter, Prometheus, exporters, needs_prometheus, prometheus
from tests.collect.servers import frozen, until

pytestmark = [pytest.mark.live, needs_prometheus]

RULES = [
    {"alert": "TargetDown", "expr": "up == 0"},
    {"alert": "Slow", "expr": "signals_generated_total > 0", "for": "1h", "labels": {"severity": "warning"}},
    {"alert": "Watchdog", "expr": "vector(1)", "annotations": {"summary": "alerting works"}},
    {"alert": "Typo", "expr": "rate(signals_generated_totl[5m]) == 0"},
    {"alert": "NoErrorsSoFar", "expr": 'rate(signals_generated_total{code="500"}[5m]) > 0'},
    {"alert": "WrongJob", "expr": 'up{job="cdb_wss"} == 0'},
    {"alert": "Missing", "expr": 'absent(up{job="cdb_nobody"})'},
    {"alert": "Either", "expr": "nobody_exports_this or signals_generated_total > 100"},
    {"alert": "AboutAlerts", "expr": 'ALERTS{alertname="TargetDown"}'},
    {"alert": "AboutNoAlert", "expr": 'ALERTS{alertname="TargetDwn"}'},
    {"alert": "Pattern", "expr": '{__name__=~"signals_gener.*"} > 100'},
    {"alert": "NoPattern", "expr": '{__name__=~"signals_gener"} > 100'},
    {"alert": "Filtered", "expr": 'signals_generated_total{job=~"cdb_.*"} > 100'},
    {"record": "job:signals:rate5m", "expr": "sum by (job) (rate(signals_generated_total[5m]))"},
    {"record": "job:orders:rate5m", "expr": "sum by (job) (rate(orders_generated_total[5m]))"},
    {"alert": "OnARecording", "expr": "job:signals:rate5m > 100"},
    {"alert": "OnADeadRecording", "expr": "job:orders:rate5m > 100"},
    {"alert": "Broken", "expr": "many_a * on () many_b"},
    {"alert": "Grouped", "expr": "signals_generated_total * on () group_left () (up or vector(1))"},
]


class Stack:
    """A server, and the pages that it scrapes."""

    def __init__(self, server: Prometheus, pages: list[Exporter]) -> None:
        self.server = server
        self.ws, self.signal, self.dead = pages


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two exporters that answer, one that fails, and a job without a target; shared by the tests that only read."""
    many = "".join(f'many_{name}{{x="{number}"}} 1\n' for name in "ab" for number in (1, 2))
    folder = tmp_path_factory.mktemp("prometheus")
    extra = {"rule_files": [str(folder / name / "*.yml") for name in ("rules", "elsewhere")]}
    with exporters("decoded_total 4\nidle_total 0\n", f"signals_generated_total 5\n{many}", "x 1\n") as pages:
        pages[2].status = 500
        jobs = {
            "cdb_ws": (pages[0].instance,),
            "cdb_signal": (pages[1].instance,),
            "cdb_dead": (pages[2].instance,),
            "cdb_empty": (),
        }
        with prometheus(folder, jobs, RULES, extra) as server:
            server.wait_for('ALERTS{alertname="TargetDown"}')
            server.wait_for("job:signals:rate5m")
            yield Stack(server, pages)


def rule_of(stack: Stack, name: str) -> RuleFacts:
    return next(rule for rule in stack.server.read().rules if rule.name == name)


class TestTheServer:
    def test_it_tells_who_it_is_and_what_it_loaded(self, stack: Stack) -> None:
        facts = stack.server.read()
        assert facts.version.startswith("2.")
        assert facts.config_loaded is True
        assert facts.started_at is not None
        assert abs((facts.server_at - facts.host_at).total_seconds()) < 2
        assert facts.jobs == ("cdb_ws", "cdb_signal", "cdb_dead", "cdb_empty")
        assert facts.not_read == ()
        assert 0 < facts.round_trip_ms < 5000

    def test_the_number_of_questions_is_bounded_and_told(self, stack: Stack) -> None:
        assert 8 < stack.server.read("decoded_total").requests < 30

    def test_everything_in_the_facts_stands_in_the_evidence(self, stack: Stack) -> None:
        now = datetime.now(UTC)
        window = Window(now - timedelta(hours=1), now)
        asked = [MetricQuestion(name, False) for name in ("decoded_total", "nobody")]
        seen = read_prometheus(stack.server.url, metrics=asked, window=window, timeout_seconds=10)
        for target in seen.value.targets:
            assert target.last_error in seen.text
            assert target.instance in seen.text
        for rule in seen.value.rules:
            assert rule.expression in seen.text
            assert all(name in seen.text for name in rule.missing)
        assert all(alert.name in seen.text and alert.summary in seen.text for alert in seen.value.alerts)
        assert "decoded_total: VALUE value=4" in seen.text
        assert "nobody: NEVER_SEEN value=none" in seen.text

    def test_targets_have_their_health_and_their_error(self, stack: Stack) -> None:
        targets = {target.job: target for target in stack.server.read().targets}
        assert targets.keys() == {"cdb_ws", "cdb_signal", "cdb_dead"}
        assert (targets["cdb_ws"].health, targets["cdb_ws"].last_error) == ("up", "")
        assert targets["cdb_ws"].instance == stack.ws.instance
        assert targets["cdb_ws"].url == f"http://{stack.ws.instance}/metrics"
        assert (targets["cdb_dead"].health, targets["cdb_dead"].last_error) == (
            "down",
            "server returned HTTP status 500 Internal Server Error",
        )

    def test_alerts_fire_or_are_pending(self, stack: Stack) -> None:
        alerts = {alert.name: alert for alert in stack.server.read().alerts}
        assert alerts["TargetDown"].state == "firing"
        assert alerts["TargetDown"].label("job") == "cdb_dead"
        assert alerts["TargetDown"].active_at is not None
        assert (alerts["Slow"].state, alerts["Slow"].label("severity")) == ("pending", "warning")
        assert alerts["Watchdog"].summary == "alerting works"
        assert "Typo" not in alerts


class TestTheSixStates:
    def test_a_value(self, stack: Stack) -> None:
        (answer,) = stack.server.read("decoded_total").metrics
        assert (answer.state, answer.value, answer.series) == (MetricState.VALUE, 4.0, 1)

    def test_zero_is_a_value_of_its_own(self, stack: Stack) -> None:
        (answer,) = stack.server.read("idle_total").metrics
        assert (answer.state, answer.value, answer.series) == (MetricState.ZERO, 0.0, 1)

    def test_what_nobody_ever_exported_is_not_zero_and_has_a_neighbour(self, stack: Stack) -> None:
        (answer,) = stack.server.read("decoded_messages_total").metrics
        assert (answer.state, answer.value, answer.increase) == (MetricState.NEVER_SEEN, None, None)
        assert answer.nearest == "decoded_total"

    def test_labels_that_never_occurred_are_never_seen(self, stack: Stack) -> None:
        (answer,) = stack.server.read('decoded_total{side="buy"}').metrics
        assert (answer.state, answer.nearest) == (MetricState.NEVER_SEEN, "")

    def test_a_selector_adds_up_what_it_selects(self, stack: Stack) -> None:
        (answer,) = stack.server.read('{__name__=~"decoded_total|signals_generated_total"}').metrics
        assert (answer.state, answer.value, answer.series, answer.increase) == (MetricState.VALUE, 9.0, 2, None)

    def test_up_of_a_target_that_is_down_is_there_and_zero(self, stack: Stack) -> None:
        (answer,) = stack.server.read('up{job="cdb_dead"}').metrics
        assert (answer.state, answer.value, answer.note) == (MetricState.ZERO, 0.0, "")

    def test_what_is_no_selector_gets_no_answer_and_a_reason(self, stack: Stack) -> None:
        facts = stack.server.read("rate(decoded_total[5m])", "decoded_total")
        assert [answer.state for answer in facts.metrics] == [MetricState.PROM_DOWN, MetricState.VALUE]
        assert "is not a metric name or a selector: it is an expression" in facts.metrics[0].note

    def test_a_selector_that_matches_everything_is_refused_and_costs_nothing_else(self, stack: Stack) -> None:
        facts = stack.server.read('{job=""}', "decoded_total")
        assert "refuses the question (400)" in facts.metrics[0].note
        assert facts.metrics[1].state is MetricState.VALUE

    def test_gone_and_target_down_are_told_apart_with_the_time(self, tmp_path: Path) -> None:
        with exporters("gone_total 3\nkept_total 1\n", "lost_total 7\nkept_total 2\n") as (first, second):
            jobs = {"a": (first.instance,), "b": (second.instance,)}
            with prometheus(tmp_path, jobs) as server:
                server.wait_for("count_over_time(gone_total[9s]) > 5 and on () count_over_time(lost_total[9s]) > 5")
                last = datetime.now(UTC)
                first.text = "kept_total 1\n"
                second.status = 503
                until(lambda: not server.query("gone_total or lost_total"), what="the series going stale")
                facts = server.read("gone_total", "lost_total", "kept_total")
                gone, lost, kept = facts.metrics
                assert (gone.state, gone.value, gone.seen_on) == (MetricState.GONE, None, (f"a {first.instance}",))
                assert gone.last_seen_at is not None
                assert abs((gone.last_seen_at - last).total_seconds()) < 2
                assert (lost.state, lost.value, lost.increase) == (MetricState.TARGET_DOWN, None, None)
                assert lost.last_seen_at is not None
                assert "which is down now: server returned HTTP status 503" in lost.note
                assert (kept.state, kept.value) == (MetricState.VALUE, 1.0)
                assert kept.note.startswith(f"the part of b ({second.instance}) is missing, because it is down now")


SHORT = timedelta(seconds=8)


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A server whose counters have just moved."""
    with (
        exporters("old_total 100\nreset_total 100\n") as (page,),
        prometheus(tmp_path_factory.mktemp("increases"), {"a": (page.instance,)}) as server,
    ):
        server.wait_for("old_total offset 8s")
        page.text = "old_total 107\nreset_total 3\nborn_total 9\ntemperature 20\norders 5\n"
        server.wait_for("orders")
        yield server


@pytest.fixture(scope="module")
def answers(moved: Prometheus) -> dict[str, MetricAnswer]:
    """What was said about them at once."""
    names = ("old_total", "reset_total", "born_total", "temperature")
    facts = moved.read(*names, MetricQuestion("orders", increase=True), window=SHORT)
    return {answer.name: answer for answer in facts.metrics}


class TestIncreases:
    """Over a window of seconds: the arithmetic is that of hours."""

    def test_what_was_there_before_is_a_plain_difference(self, answers: dict[str, MetricAnswer]) -> None:
        answer = answers["old_total"]
        assert (answer.increase, answer.exact, answer.note) == (7.0, True, "")

    def test_a_newborn_counter_keeps_its_first_value(self, answers: dict[str, MetricAnswer]) -> None:
        answer = answers["born_total"]
        assert (answer.increase, answer.exact) == (9.0, True)
        assert answer.note == "1 series was born inside the window, counted from 0"

    def test_prometheus_itself_loses_it(self, moved: Prometheus) -> None:
        moved.wait_for("count_over_time(born_total[8s]) > 2")
        assert [item["value"][1] for item in moved.query("increase(born_total[8s])")] == ["0"]

    def test_of_what_was_not_watched_before_only_the_growth_is_known(self, moved: Prometheus) -> None:
        (answer,) = moved.read("old_total").metrics
        assert (answer.increase, answer.increase_at_most, answer.exact) == (7.0, 107.0, False)
        assert "1 series was not scraped at the start of the window" in answer.note
        assert "the increase is at least this" in answer.note

    def test_a_counter_that_began_anew_is_an_estimate(self, answers: dict[str, MetricAnswer]) -> None:
        answer = answers["reset_total"]
        assert answer.increase is not None
        assert 2 < answer.increase < 10
        assert (answer.increase_at_most, answer.exact) == (None, False)
        assert answer.note == "1 counter reset inside the window: an estimate"

    def test_a_gauge_has_none(self, answers: dict[str, MetricAnswer]) -> None:
        assert answers["temperature"].increase is None

    def test_a_counter_whose_name_does_not_say_so_has_one_when_it_is_asked_for(
        self, answers: dict[str, MetricAnswer]
    ) -> None:
        assert answers["orders"].increase == 5.0


class TestRules:
    @pytest.mark.parametrize(
        ("name", "missing"),
        [
            ("Typo", ("signals_generated_totl",)),
            ("WrongJob", ('up{job="cdb_wss"}',)),
            ("AboutNoAlert", ('ALERTS{alertname="TargetDwn"}',)),
            ("NoPattern", ('{__name__=~"signals_gener"}',)),
            ("job:orders:rate5m", ("orders_generated_total",)),
            ("OnADeadRecording", ("job:orders:rate5m",)),
            ("NoErrorsSoFar", ('signals_generated_total{code="500"}',)),
        ],
    )
    def test_a_rule_over_what_nobody_exports_is_dead(self, stack: Stack, name: str, missing: tuple[str, ...]) -> None:
        rule = rule_of(stack, name)
        assert (rule.dead, rule.missing, rule.health) == (True, missing, "ok")

    @pytest.mark.parametrize(
        "name",
        [
            "TargetDown",
            "Watchdog",
            "Missing",
            "Either",
            "AboutAlerts",
            "Pattern",
            "Filtered",
            "OnARecording",
            "Grouped",
        ],
    )
    def test_a_rule_that_can_have_a_result_is_not(self, stack: Stack, name: str) -> None:
        rule = rule_of(stack, name)
        assert (rule.dead, rule.not_judged) == (False, "")

    def test_what_is_missing_comes_with_the_nearest_that_exists(self, stack: Stack) -> None:
        assert rule_of(stack, "Typo").nearest == (("signals_generated_totl", "signals_generated_total"),)
        assert rule_of(stack, "WrongJob").nearest == (('job="cdb_wss"', "cdb_ws"),)
        assert rule_of(stack, "AboutNoAlert").nearest == (('alertname="TargetDwn"', "TargetDown"),)

    def test_a_rule_that_is_alive_still_names_what_is_missing_in_it(self, stack: Stack) -> None:
        assert rule_of(stack, "Either").missing == ("nobody_exports_this",)

    def test_while_a_target_is_down_nothing_is_certain(self, stack: Stack) -> None:
        assert not rule_of(stack, "Typo").certain

    def test_when_all_targets_are_up_a_name_is_certain_and_a_label_is_not(self, tmp_path: Path) -> None:
        with (
            exporters("signals_generated_total 5\n") as (page,),
            prometheus(tmp_path, {"cdb_ws": (page.instance,)}, RULES) as server,
        ):
            server.wait_for("signals_generated_total")
            rules = {rule.name: rule for rule in server.read().rules}
        assert [rules[name].certain for name in ("Typo", "WrongJob", "NoPattern", "OnADeadRecording")] == [True] * 4
        assert (rules["NoErrorsSoFar"].dead, rules["NoErrorsSoFar"].certain) == (True, False)

    def test_a_rule_that_cannot_be_evaluated_says_why(self, stack: Stack) -> None:
        rule = rule_of(stack, "Broken")
        assert rule.health == "err"
        assert "found duplicate series for the match group" in rule.last_error
        assert not rule.dead

    def test_rule_files_without_a_group_are_not_loaded(self, stack: Stack) -> None:
        facts = stack.server.read()
        assert facts.empty_rule_files == (str(stack.server.folder / "elsewhere" / "*.yml"),)
        assert len(facts.rule_files) == 2

    def test_before_the_first_scrape_nothing_is_called_dead(self, tmp_path: Path) -> None:
        with exporters("a 1\n") as (page,):
            server = Prometheus(tmp_path, {"a": (page.instance,)}, [{"alert": "A", "expr": "a > 1"}])
            server.configure({"global": {"scrape_interval": "1h", "evaluation_interval": "300ms"}})
            try:
                server.start()
                until(lambda: server.read().rules, what="the rules")
                (rule,) = server.read().rules
            finally:
                server.stop()
        assert not rule.dead
        assert rule.not_judged in ("no target was discovered yet", "1 target was not scraped yet")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that every test leaves running."""
    with (
        exporters("a 1\n") as (page,),
        prometheus(tmp_path_factory.mktemp("starts"), {"a": (page.instance,)}) as running,
    ):
        running.wait_for("a")
        yield running


class TestStarts:
    def test_a_first_start_has_nothing_before_it(self, server: Prometheus) -> None:
        assert server.read().blind_since is None

    def test_a_refused_configuration_is_known(self, server: Prometheus) -> None:
        (server.folder / "prometheus.yml").write_text("global: {scrape_interval: never}\n", encoding="utf-8")
        assert server.reload() == 500
        assert server.read().config_loaded is False
        server.configure()
        assert server.reload() == 200
        assert server.read().config_loaded is True

    @pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
    def test_a_frozen_server_costs_its_timeout(self, server: Prometheus) -> None:
        with frozen(server.pid):
            started = time.monotonic()
            with pytest.raises(NoAnswer, match="accepts connections and does not answer"):
                server.read("a", timeout_seconds=0.5)
            assert time.monotonic() - started < 1.5

    def test_a_restart_leaves_a_stretch_that_nobody_watched(self, server: Prometheus) -> None:
        before = datetime.now(UTC)
        server.stop()
        with pytest.raises(NoAnswer, match="connection refused"):
            server.read("a")
        time.sleep(1.5)
        server.start()
        facts = server.read()
        assert facts.started_at is not None
        assert facts.blind_since is not None
        assert abs((facts.blind_since - before).total_seconds()) < 1.5
        assert (facts.started_at - facts.blind_since).total_seconds() > 1
        assert server.read(window=timedelta(seconds=0)).blind_since is None
