"""A server in the place of Prometheus that misbehaves in every way there is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.prometheus import read_prometheus
from cdbctl.model.metrics import MetricState
from cdbctl.model.needs import MetricQuestion
from cdbctl.model.prometheus import PrometheusFacts, RuleFacts
from cdbctl.model.snapshot import Window
from tests.collect.servers import Answer, free_port, page, serving, silent_port

NOW = datetime.now(UTC)


def data(value: object, **envelope: object) -> Answer:
    """What Prometheus wraps around its data."""
    return page(json.dumps({"status": "success", "data": value, **envelope}))


def refused(status: int, kind: str, error: str) -> Answer:
    return page(json.dumps({"status": "error", "errorType": kind, "error": error}), status=status)


def told_time(request: BaseHTTPRequestHandler) -> None:
    """The time for the question for the time, and nothing for every other one."""
    if parse_qs(urlsplit(request.path).query)["query"] == ["time()"]:
        data({"resultType": "scalar", "result": [time.time(), str(time.time())]})(request)
    else:
        data({"resultType": "vector", "result": []})(request)


def only_time_and(answer: Answer) -> Answer:
    """The time as it is, and one answer to every other question."""

    def choose(request: BaseHTTPRequestHandler) -> None:
        is_time = "query=time%28%29" in request.path
        (told_time if is_time else answer)(request)

    return choose


def vector(*samples: dict[str, Any]) -> Answer:
    return data({"resultType": "vector", "result": list(samples)})


def part(name: str, value: float | str, **labels: str) -> dict[str, Any]:
    return {"metric": {"cdbctl_part": name, **labels}, "value": [time.time(), str(value)]}


def alert_rule(name: str, expression: str) -> dict[str, Any]:
    return {"name": name, "query": expression, "type": "alerting", "health": "ok", "labels": {}}


def rules(*loaded: dict[str, Any]) -> Answer:
    return data({"groups": [{"name": "g", "file": "/rules/a.yml", "rules": list(loaded)}]})


GOOD: dict[str, Answer] = {
    "query": told_time,
    "status/buildinfo": data({"version": "9.9.9"}),
    "status/runtimeinfo": data(
        {
            "startTime": "2020-01-01T00:00:00.123456789Z",
            "reloadConfigSuccess": True,
            "lastConfigTime": "2020-01-01T00:00:00Z",
        }
    ),
    "status/config": data({"yaml": "scrape_configs:\n- job_name: cdb_ws\nrule_files:\n- /rules/*.yml\n"}),
    "targets": data(
        {
            "activeTargets": [
                {
                    "labels": {"job": "cdb_ws", "instance": "cdb_ws:8000"},
                    "scrapeUrl": "http://u:p@cdb_ws:8000/metrics?key=secret",
                    "health": "up",
                    "lastError": "",
                    "lastScrape": "0001-01-01T00:00:00Z",
                }
            ]
        }
    ),
    "alerts": data({"alerts": []}),
    "rules": rules(alert_rule("A", 'a{x="y"} > 0')),
    "label/__name__/values": data(["a"]),
    "series": data([{"__name__": "a", "x": "y"}]),
}
PARTS = {
    "status/buildinfo": "build information",
    "status/runtimeinfo": "runtime information",
    "status/config": "configuration",
    "targets": "targets",
    "alerts": "alerts",
    "rules": "rules",
    "label/__name__/values": "metric names",
}


@contextmanager
def fake(special: Mapping[str, Answer], asked: list[str]) -> Iterator[str]:
    """A server that answers as Prometheus does, but for the special paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            path = urlsplit(self.path).path.removeprefix("/api/v1/")
            with suppress(OSError):
                (special.get(path) or special.get("*") or GOOD[path])(self)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with serving(Handler) as address:
        yield address


def ask(url: str, *metrics: str, timeout_seconds: float = 5) -> Seen[PrometheusFacts]:
    questions = [MetricQuestion(name, False) for name in metrics]
    window = Window(NOW - timedelta(hours=1), NOW)
    return read_prometheus(url, metrics=questions, window=window, timeout_seconds=timeout_seconds)


def read(special: Mapping[str, Answer], *metrics: str, timeout_seconds: float = 5) -> PrometheusFacts:
    with fake(special, []) as url:
        return ask(url, *metrics, timeout_seconds=timeout_seconds).value


def refusal(special: Mapping[str, Answer], *, timeout_seconds: float = 5) -> NoAnswer:
    with fake(special, []) as url, pytest.raises(NoAnswer) as caught:
        ask(url, timeout_seconds=timeout_seconds)
    return caught.value


def dripping(request: BaseHTTPRequestHandler) -> None:
    """A byte now and then, for ever."""
    request.send_response(200)
    request.end_headers()
    for _ in range(200):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.05)


def cut_short(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"status": "success", "data": [')


def late(request: BaseHTTPRequestHandler) -> None:
    time.sleep(1)
    told_time(request)


def test_a_server_as_it_should_be_is_read() -> None:
    facts = read({})
    assert (facts.version, facts.config_loaded, facts.jobs, facts.not_read) == ("9.9.9", True, ("cdb_ws",), ())
    assert facts.started_at == datetime(2020, 1, 1, 0, 0, 0, 123456, UTC)
    assert facts.empty_rule_files == ()
    assert not facts.rules[0].dead


def test_times_that_never_were_are_none_and_addresses_lose_their_secrets() -> None:
    (target,) = read({}).targets
    assert target.last_scrape_at is None
    assert target.url == "http://cdb_ws:8000/metrics?…"


class TestNoAnswerAtAll:
    def test_nobody_listens(self) -> None:
        with pytest.raises(NoAnswer, match="connection refused"):
            ask(f"http://127.0.0.1:{free_port()}")

    def test_a_frozen_server_costs_its_timeout(self) -> None:
        with silent_port() as port:
            started = time.monotonic()
            with pytest.raises(NoAnswer, match=r"accepts connections and does not answer within 0\.3 s"):
                ask(f"http://127.0.0.1:{port}", timeout_seconds=0.3)
            assert time.monotonic() - started < 1

    def test_a_server_that_drips_costs_its_timeout(self) -> None:
        started = time.monotonic()
        assert "begins an answer and does not end it" in refusal({"*": dripping}, timeout_seconds=0.4).reason
        assert time.monotonic() - started < 1.5

    @pytest.mark.parametrize(
        ("answer", "reason", "remedy"),
        [
            (page("Service Unavailable", status=503), "is not ready (503): Service Unavailable", "in a moment"),
            (page("Unauthorized", status=401), "asks for a login (401 Unauthorized)", "without a login"),
            (page("no", status=403), "asks for a login (403 Forbidden)", "without a login"),
            (page("404 page not found", status=404), "answers 404 Not Found: 404 page not found", "prometheus.url"),
            (page("boom", status=500), "answers 500 Internal Server Error: boom", ""),
            (page("<!doctype html>"), "does not answer with JSON", "prometheus.url"),
            (page("[1, 2]"), "does not answer as Prometheus does", "prometheus.url"),
            (page('{"name": "grafana"}'), "does not answer as Prometheus does", "prometheus.url"),
            (page("[" * 100_000), "does not answer with JSON", "prometheus.url"),
            (cut_short, "the answer ended before its announced end", ""),
            (
                data({"resultType": "scalar", "result": "x"}),
                "answers the question for its time with something else",
                "",
            ),
            (data({"resultType": "scalar", "result": [0, "1e300"]}), "for its time with something else", ""),
            (data(None), "does not answer as Prometheus does: TypeError", "prometheus.url"),
            (page('{"status": "success", "data": "' + "x" * 9_000_000 + '"}'), "larger than 8 MiB", ""),
            (refused(422, "timeout", "query timed out"), "gave up on the question: query timed out", ""),
        ],
    )
    def test_the_reason_is_told(self, answer: Answer, reason: str, remedy: str) -> None:
        failure = refusal({"*": answer})
        assert reason in failure.reason
        assert remedy in failure.remedy

    def test_an_address_with_a_folder_and_a_login_is_asked_there_and_its_login_is_not_shown(self) -> None:
        asked: list[str] = []
        with fake({f"/prometheus/api/v1/{path}": answer for path, answer in GOOD.items()}, asked) as url:
            seen = ask(url.replace("//", "//user:secret@") + "/prometheus/?x=y#z")
        assert all(path.startswith("/prometheus/api/v1/") for path in asked)
        assert "secret" not in seen.text


class TestOnePartIsMissing:
    @pytest.mark.parametrize("path", PARTS)
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (page("boom", status=500), "answers 500 Internal Server Error: boom"),
            (cut_short, "the answer ended before its announced end"),
            (data(17), "does not answer as Prometheus does"),
            (data({"activeTargets": 3, "alerts": 3, "groups": 3}), ""),
            (refused(400, "bad_data", "no"), "refuses the question (400): no"),
        ],
    )
    def test_it_costs_nothing_else(self, path: str, answer: Answer, reason: str) -> None:
        facts = read({path: answer}, "a")
        assert {item.what for item in facts.not_read} <= {PARTS[path]}
        if reason:
            assert reason in (facts.gap(PARTS[path]) or "")
        assert [metric.name for metric in facts.metrics] == ["a"]

    @pytest.mark.parametrize("path", PARTS)
    def test_a_slow_part_costs_the_deadline_of_all_and_the_rest_is_there(self, path: str) -> None:
        started = time.monotonic()
        facts = read({path: dripping}, timeout_seconds=0.8)
        assert time.monotonic() - started < 2.5
        assert "0.8 s" in str(facts.gap(PARTS[path])) or "begins an answer" in str(facts.gap(PARTS[path]))
        assert {item.what for item in facts.not_read} == {PARTS[path]}

    def test_without_the_names_no_rule_is_called_dead(self) -> None:
        (rule,) = read({"label/__name__/values": page("", status=500)}).rules
        assert (rule.dead, rule.not_judged) == (False, "the names of the metrics could not be read")

    def test_when_a_series_cannot_be_asked_for_its_rule_is_not_judged(self) -> None:
        (rule,) = read({"series": page("boom", status=500)}).rules
        assert (rule.dead, rule.not_judged) == (False, 'a{x="y"}: answers 500 Internal Server Error: boom')

    @pytest.mark.parametrize("text", ["[" * 3_000_000, "- 1", "", "\x00", "<html>"])
    def test_a_configuration_that_is_none_is_unknown(self, text: str) -> None:
        facts = read({"status/config": data({"yaml": text})})
        assert facts.gap("configuration") == "its configuration is in a form that cdbctl does not know"
        assert facts.jobs == ()

    def test_names_in_the_configuration_may_be_quoted(self) -> None:
        text = """\
global:
  scrape_interval: 1m
rule_files:
- /rules/*.yml
- 'it''s.yml'
scrape_configs:
- job_name: "17"
  static_configs:
  - targets:
    - a:1
    labels:
      job_name: other
- job_name: cdb ws
"""
        facts = read({"status/config": data({"yaml": text})})
        assert (facts.jobs, facts.rule_files) == (("17", "cdb ws"), ("/rules/*.yml", "it's.yml"))

    def test_a_metric_that_gets_no_answer_is_not_zero(self) -> None:
        facts = read({"query": only_time_and(page("boom", status=500))}, "a", "b")
        assert [item.state for item in facts.metrics] == [MetricState.PROM_DOWN] * 2
        assert [item.value for item in facts.metrics] == [None, None]
        assert facts.metrics[0].note == "answers 500 Internal Server Error: boom"


class TestStrangeNumbers:
    def test_nothing_at_all_is_never_seen(self) -> None:
        (answer,) = read({}, "zzz").metrics
        assert (answer.state, answer.value, answer.nearest) == (MetricState.NEVER_SEEN, None, "")

    def test_not_a_number_is_a_value_and_not_zero(self) -> None:
        (answer,) = read({"query": only_time_and(vector(part("sum", "NaN"), part("count", 1)))}, "a").metrics
        assert answer.state is MetricState.VALUE
        assert answer.value is not None
        assert answer.value != answer.value

    @pytest.mark.parametrize(
        "sample",
        [
            {"metric": {"cdbctl_part": "sum"}, "value": [0, "many"]},
            {"metric": {"cdbctl_part": "sum"}, "value": 7},
            {"metric": {}, "value": [0, "1"]},
            {"metric": {"cdbctl_part": "sum"}, "histogram": [0, {}]},
        ],
    )
    def test_what_cannot_be_a_number_is_no_answer(self, sample: dict[str, Any]) -> None:
        (answer,) = read({"query": only_time_and(vector(sample))}, "a").metrics
        assert answer.state is MetricState.PROM_DOWN
        assert answer.note


class TestBounds:
    def test_warnings_are_carried_once_each(self) -> None:
        warned = data({"alerts": []}, warnings=["remote read failed", "remote read failed", "x" * 1000, {"a": 1}])
        warnings = read({"alerts": warned, "targets": data({"activeTargets": []}, warnings="no list")}).warnings
        assert "remote read failed" in warnings
        assert len(warnings) == 3
        assert max(map(len, warnings)) == 300

    def test_a_warning_that_our_own_limit_was_kept_is_none(self) -> None:
        limited = data([{"x": "y"}], warnings=["results truncated due to limit"])
        assert read({"series": limited}).warnings == ()

    def test_thousands_of_rules_and_selectors_cost_a_bounded_number_of_questions(self) -> None:
        loaded = rules(*(alert_rule(f"R{number}", f'a{{x="{number}"}} > 0') for number in range(900)))
        asked: list[str] = []
        with fake({"rules": loaded, "series": data([])}, asked) as url:
            facts = ask(url).value
        assert len(asked) == facts.requests < 120
        assert sum(rule.dead for rule in facts.rules) == 100
        assert "more than 100 selectors would have to be asked for" in facts.rules[-1].not_judged

    def test_too_many_rules_are_not_judged_at_all(self) -> None:
        loaded = rules(*(alert_rule(f"R{number}", "a > 0") for number in range(1001)))
        assert read({"rules": loaded}).gap("rules") == "it has more than 1000 rules"

    def test_too_many_metrics_are_not_asked_for(self) -> None:
        facts = read({}, *(f"m{number}" for number in range(300)))
        assert facts.requests > 250
        assert "more than 250 questions would be needed" in facts.metrics[-1].note

    def test_an_old_server_that_sends_every_series_is_believed_to_have_one(self) -> None:
        (rule,) = read({"series": data([{"x": "y" * 100}] * 5_000)}).rules
        assert not rule.dead

    def test_ten_thousand_names_are_searched_for_a_neighbour_in_time(self) -> None:
        names = [f"service_{number}_requests_total" for number in range(10_000)] + ["signals_generated_total"]
        loaded = rules(*(alert_rule(f"R{number}", f"signals_generated_totl{number} > 0") for number in range(50)))
        started = time.monotonic()
        facts = read({"label/__name__/values": data(names), "rules": loaded})
        assert time.monotonic() - started < 3
        assert {rule.nearest[0][1] for rule in facts.rules} == {"signals_generated_total"}

    def test_the_evidence_is_bounded_and_says_so(self) -> None:
        loaded = rules(*(alert_rule(f"R{number}", "a > 0 # " + "x" * 500) for number in range(900)))
        with fake({"rules": loaded}, []) as url:
            text = ask(url).text
        assert len(text) < 200_000
        assert text.endswith("… the rest is not shown here\n")

    def test_all_questions_together_keep_to_the_deadline(self) -> None:
        started = time.monotonic()
        facts = read({"series": late, "query": only_time_and(late)}, *"abcdefghijklmnopqrstuvwxyz", timeout_seconds=1.5)
        assert time.monotonic() - started < 3
        assert any("no time was left" in item.note or "within" in item.note for item in facts.metrics)


class TestRulesThatAreHardToRead:
    @staticmethod
    def judged(expression: str) -> RuleFacts:
        (rule,) = read({"rules": rules(alert_rule("R", expression))}).rules
        return rule

    @pytest.mark.parametrize("expression", ["x[5m + 1m] > 0", "x $ y", "", "+".join("x" * 500)])
    def test_what_is_not_understood_is_never_called_dead(self, expression: str) -> None:
        rule = self.judged(expression)
        assert not rule.dead
        assert rule.not_judged.startswith("cdbctl does not understand the expression: ")

    def test_characters_of_any_kind_can_be_asked_for(self) -> None:
        assert not self.judged('a{x="ä\\ud800\\n😀\\x00"} > 0').not_judged

    def test_rules_that_rest_on_each_other_in_a_circle_end(self) -> None:
        circle = [
            {**alert_rule(name, expression), "type": "recording"} for name, expression in (("p", "q"), ("q", "p"))
        ]
        assert not any(rule.dead for rule in read({"rules": rules(*circle)}).rules)
