"""Metrics pages, scraped from real web servers."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler

import pytest

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.metrics import read_page
from cdbctl.model.metrics import MetricsPage, Series
from tests.collect.servers import Answer, free_port, page, service, silent_port, web_server


def scrape(*answers: Answer, timeout_seconds: float = 2.0, apart_seconds: float = 0.05) -> Seen[MetricsPage]:
    with web_server(*answers) as url:
        target = service(metrics=f"{url}/metrics")
        return read_page(target, timeout_seconds=timeout_seconds, apart_seconds=apart_seconds)


def refusal(*answers: Answer) -> str:
    with pytest.raises(NoAnswer) as caught:
        scrape(*answers)
    return caught.value.reason


def text(body: str | bytes, *, status: int = 200) -> Answer:
    return page(body, status=status, kind="text/plain; version=0.0.4")


def test_a_counter_has_its_value_and_the_earlier_one() -> None:
    seen = scrape(text('orders_total{side="buy"} 40\n'), text('orders_total{side="buy"} 42\n'))
    assert seen.value.series == (Series("orders_total", (("side", "buy"),), 42.0, 40.0),)
    assert seen.value.target == "cdb_risk"
    assert 0.02 < seen.value.apart_seconds < 1
    assert 'orders_total{side="buy"} 42 (was 40)' in seen.text


def test_a_series_that_was_born_between_the_scrapes_has_no_earlier_value() -> None:
    seen = scrape(text("a 1\n"), text("a 1\nb 2\n"))
    assert seen.value.series[1] == Series("b", (), 2.0, None)
    assert "b 2 (was not there)" in seen.text


def test_a_series_that_went_away_is_not_shown_as_living() -> None:
    assert [series.name for series in scrape(text("a 1\nb 2\n"), text("a 1\n")).value.series] == ["a"]


def test_when_only_the_first_scrape_succeeds_there_are_values_and_no_rates() -> None:
    seen = scrape(text("a 1\n"), text("", status=503))
    assert (seen.value.series, seen.value.apart_seconds) == ((Series("a", (), 1.0, None),), 0.0)
    assert "the second scrape failed: answers 503" in seen.text


def test_a_page_without_series_is_an_answer() -> None:
    assert scrape(text("# nothing yet\n")).value.series == ()


def test_values_that_are_no_numbers_are_left_out_and_named() -> None:
    seen = scrape(text('a NaN\nb{x="y"} +Inf\nc 1\n'))
    assert [series.name for series in seen.value.series] == ["c"]
    assert "left out, because not a finite number: a\n" in seen.text
    assert 'left out, because not a finite number: b{x="y"}\n' in seen.text


def test_the_page_remembers_which_metrics_have_no_finite_value() -> None:
    facts = scrape(text('a NaN\nb{x="1"} +Inf\nb{x="2"} 2\nc 3\n')).value
    assert facts.not_finite == ("a", "b")
    assert [item.name for item in facts.series] == ["b", "c"]


def test_many_histogram_buckets_are_left_out_and_few_are_kept() -> None:
    few = "".join(f'h_bucket{{le="{n}"}} 1\n' for n in range(10)) + "h_count 1\nh_sum 1\n"
    assert len(scrape(text(few)).value.series) == 12
    many = "".join(f'h_bucket{{le="{n}"}} 1\n' for n in range(600)) + "h_count 1\nh_sum 1\n"
    seen = scrape(text(many))
    assert [series.name for series in seen.value.series] == ["h_count", "h_sum"]
    assert "left out: 600 histogram buckets" in seen.text


def test_a_series_that_is_there_twice_with_one_value_is_read_once() -> None:
    assert len(scrape(text("a 1\na 1\n")).value.series) == 1


@pytest.mark.parametrize("body", ["a 1\na 2\n", "a 1\na NaN\n", "a NaN\na 1\n"])
def test_a_series_with_two_values_makes_the_page_unbelievable(body: str) -> None:
    assert refusal(text(body)) == "exports a twice, with different values"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (text("no", status=404), "answers 404 Not Found instead of metrics"),
        (page("<!doctype html><p>hi", kind="text/html"), "answers with a web page instead of metrics"),
        (text("\n <html>"), "answers with a web page instead of metrics"),
        (text(b"\x80\x81\xff" * 100), "answers with something that is not text (byte 0)"),
        (text(b"a 1\n\x00\x01\n"), "does not answer with metrics: line 2 is not a metric: '\\x00\\x01'"),
        (page('{"status": "ok"}'), 'does not answer with metrics: line 1 is not a metric: \'{"status": "ok"}\''),
        (text("".join(f"m{n} 1\n" for n in range(20_001))), "exports more than 20000 series"),
        (text(b"#" * 9_000_000), "the page is larger than 8 MiB"),
    ],
)
def test_something_else_than_metrics_is_no_answer(answer: Answer, reason: str) -> None:
    assert refusal(answer) == reason


def _broken_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"a 1\n")


def test_half_a_page_is_no_answer() -> None:
    assert refusal(_broken_off) == "the page ended before its announced end"


def test_a_million_series_are_refused_quickly() -> None:
    body = "".join(f'm{{n="{n}"}} 1\n' for n in range(1_000_000))
    started = time.monotonic()
    assert refusal(text(body)) == "the page is larger than 8 MiB"
    assert time.monotonic() - started < 2


def test_the_evidence_of_a_large_page_is_bounded_and_says_so() -> None:
    seen = scrape(text("".join(f'some_metric{{number="{n}"}} {n}\n' for n in range(19_000))))
    assert len(seen.value.series) == 19_000
    assert len(seen.text) < 200_000
    assert seen.text.rstrip().endswith("more series are not shown here")


def test_a_target_that_is_down_is_no_answer_and_not_zero() -> None:
    with pytest.raises(NoAnswer, match="connection refused"):
        read_page(service(metrics=f"http://127.0.0.1:{free_port()}"), timeout_seconds=1, apart_seconds=0.1)


def test_a_frozen_target_costs_one_timeout() -> None:
    with silent_port() as port:
        started = time.monotonic()
        with pytest.raises(NoAnswer, match=r"accepts connections and does not answer within 0\.3 s"):
            read_page(service(metrics=f"http://127.0.0.1:{port}"), timeout_seconds=0.3, apart_seconds=0.5)
        assert time.monotonic() - started < 0.9


def _late(request: BaseHTTPRequestHandler) -> None:
    time.sleep(0.6)
    text("a 2\n")(request)


def test_both_scrapes_together_keep_to_the_timeout() -> None:
    started = time.monotonic()
    seen = scrape(text("a 1\n"), _late, timeout_seconds=0.3, apart_seconds=0.1)
    assert seen.value.apart_seconds == 0
    assert "the second scrape failed: accepts connections and does not answer" in seen.text
    assert time.monotonic() - started < 1.2


def test_when_the_timeout_leaves_no_time_for_a_second_scrape_there_are_no_rates() -> None:
    seen = scrape(text("a 1\n"), timeout_seconds=0.3, apart_seconds=60)
    assert seen.value.apart_seconds == 0
    assert "the second scrape failed: no time was left for it" in seen.text


def test_a_service_without_a_page_is_not_asked() -> None:
    with pytest.raises(NoAnswer, match="no metrics page is declared"):
        read_page(service(), timeout_seconds=1, apart_seconds=0.1)
