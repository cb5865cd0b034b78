"""Health pages, asked over real connections."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.health import read_health
from cdbctl.model.runtime import Health, HealthFacts, ProbeDepth
from tests.collect.servers import Answer, free_port, page, service, silent_port, web_server


def ask(url: str, *, depth: str | None = None, timeout_seconds: float = 1.5) -> HealthFacts:
    return read_health(service(health=url, depth=depth), timeout_seconds=timeout_seconds).value


def refusal(url: str, *, timeout_seconds: float = 1.5) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        ask(url, timeout_seconds=timeout_seconds)
    return caught.value


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"status": "ok"}', Health.HEALTHY),
        ('{"status": "UP"}', Health.HEALTHY),
        ('{"healthy": true}', Health.HEALTHY),
        ('{"version": "1.2"}', Health.HEALTHY),
        ('{"status": "degraded"}', Health.UNHEALTHY),
        ('{"status": "unhealthy"}', Health.UNHEALTHY),
        ('{"healthy": false}', Health.UNHEALTHY),
        ('{"status": "starting"}', Health.STARTING),
        ('{"ok": false}', Health.UNHEALTHY),
        ('{"ok": 1}', Health.HEALTHY),
        ('{"error": "database unreachable"}', Health.UNHEALTHY),
        ('{"error": null}', Health.HEALTHY),
        ('{"redis": "down"}', Health.UNHEALTHY),
        ('{"redis_connected": false}', Health.UNHEALTHY),
        ('{"redis": "down", "status": "ok"}', Health.HEALTHY),
        ("OK", Health.HEALTHY),
        ("DOWN", Health.UNHEALTHY),
        ('"down"', Health.UNHEALTHY),
        ("Unhealthy.\n", Health.UNHEALTHY),
        ("false", Health.UNHEALTHY),
        ("Hello down there", Health.HEALTHY),
        ("", Health.HEALTHY),
        ('{"status": ', Health.HEALTHY),
        ("[" * 20_000, Health.HEALTHY),
    ],
)
def test_an_answer_of_200_is_healthy_unless_its_body_says_otherwise(body: str, expected: Health) -> None:
    with web_server(page(body)) as url:
        assert ask(url).health is expected


GRAFANA = '{{\n  "commit": "e0ba4b4c",\n  "database": "{}",\n  "version": "10.2.3"\n}}'


@pytest.mark.parametrize(
    ("answer", "expected", "depth"),
    [
        (page(GRAFANA.format("ok")), Health.HEALTHY, ProbeDepth.DEPENDENCY),
        (page(GRAFANA.format("failing"), status=503), Health.UNHEALTHY, ProbeDepth.DEPENDENCY),
        (page(GRAFANA.format("failing")), Health.UNHEALTHY, ProbeDepth.DEPENDENCY),
        (page("OK", kind="text/plain; charset=utf-8"), Health.HEALTHY, ProbeDepth.HTTP),
        (page("Prometheus Server is Healthy.\n", kind="text/plain; charset=utf-8"), Health.HEALTHY, ProbeDepth.HTTP),
        (page("Service Unavailable", status=503, kind="text/plain"), Health.UNHEALTHY, ProbeDepth.HTTP),
    ],
    ids=[
        "Grafana",
        "Grafana without its database",
        "the same behind a proxy",
        "Alertmanager",
        "Prometheus",
        "starting",
    ],
)
def test_what_the_observers_answer_is_read_as_they_mean_it(answer: Answer, expected: Health, depth: ProbeDepth) -> None:
    with web_server(answer) as url:
        facts = ask(url)
    assert (facts.health, facts.depth) == (expected, depth)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_answer_of_5xx_is_unhealthy(status: int) -> None:
    with web_server(page('{"status": "ok"}', status=status)) as url:
        facts = ask(url)
    assert facts.health is Health.UNHEALTHY
    assert facts.detail == f'{status} {{"status": "ok"}}'


@pytest.mark.parametrize("status", [401, 403, 404, 405, 429])
def test_an_answer_of_4xx_says_nothing_about_health(status: int) -> None:
    with web_server(page("no", status=status)) as url:
        assert f"answers {status}" in refusal(url).reason


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"status": "ok", "redis": "up"}', ProbeDepth.DEPENDENCY),
        ('{"status": "ok", "postgres_connected": true}', ProbeDepth.DEPENDENCY),
        ('{"status": "ok", "redisConnected": true}', ProbeDepth.DEPENDENCY),
        ('{"status": "ok", "checks": {"disk": "ok"}}', ProbeDepth.DEPENDENCY),
        ('{"status": "ok", "checks": {}}', ProbeDepth.APPLICATION),
        ('{"status": "ok", "uptime": 12}', ProbeDepth.APPLICATION),
        ("{}", ProbeDepth.HTTP),
        ("[1]", ProbeDepth.HTTP),
        ("OK", ProbeDepth.HTTP),
    ],
)
def test_the_depth_is_judged_by_what_the_body_talks_about(body: str, expected: ProbeDepth) -> None:
    with web_server(page(body)) as url:
        assert ask(url).depth is expected


def test_a_declared_depth_wins_and_the_evidence_says_so() -> None:
    with web_server(page("OK")) as url:
        seen = read_health(service(health=f"{url}/health", depth="application"), timeout_seconds=1.5)
    assert seen.value.depth is ProbeDepth.APPLICATION
    assert "depth: application (declared)" in seen.text
    assert f"GET {url}/health\nanswer: 200 OK\n" in seen.text


def test_nothing_listens_there() -> None:
    assert refusal(f"http://127.0.0.1:{free_port()}").reason == "connection refused"


def test_a_page_that_accepts_and_never_answers_costs_its_timeout() -> None:
    with silent_port() as port:
        started = time.monotonic()
        reason = refusal(f"http://127.0.0.1:{port}", timeout_seconds=0.3).reason
    assert reason == "accepts connections and does not answer within 0.3 s"
    assert time.monotonic() - started < 1.0


def _dripping_header(request: BaseHTTPRequestHandler) -> None:
    for letter in b"HTTP/1.0 200 OK\r\nX-Slow: " + b"x" * 1000:
        request.wfile.write(bytes([letter]))
        request.wfile.flush()
        time.sleep(0.05)


def _dripping_body(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.05)


def _dripping_chunks(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1000):
        request.wfile.write(b"1\r\nx\r\n")
        request.wfile.flush()
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_dripping_header, "accepts connections and does not answer within 0.4 s"),
        (_dripping_body, "begins an answer and does not end it within 0.4 s"),
        (_dripping_chunks, "begins an answer and does not end it within 0.4 s"),
    ],
)
def test_a_page_that_drips_is_given_up_at_the_same_moment(answer: Answer, words: str) -> None:
    with web_server(answer) as url:
        started = time.monotonic()
        assert refusal(url, timeout_seconds=0.4).reason == words
        assert time.monotonic() - started < 1.0


def test_a_huge_body_is_read_only_as_far_as_it_is_needed() -> None:
    with web_server(page(b"x" * 5_000_000)) as url:
        seen = read_health(service(health=url), timeout_seconds=1.5)
    assert seen.value.health is Health.HEALTHY
    assert len(seen.text) < 70_000
    assert "first 65536 bytes, there is more" in seen.text
    assert len(seen.value.detail) < 250


def _endless_header(request: BaseHTTPRequestHandler) -> None:
    for number in range(100_000):
        request.wfile.write(f"X-{number}: {'x' * 1000}\r\n".encode())


def _binary(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(bytes(range(256)) * 10)


@pytest.mark.parametrize("answer", [_endless_header, _binary])
def test_something_else_than_http_is_no_answer(answer: Answer) -> None:
    with web_server(answer) as url:
        assert refusal(url).reason.startswith("does not speak HTTP")


def test_bytes_that_are_not_text_are_made_visible() -> None:
    with web_server(page(b"\xff\xfe ok", kind="text/plain")) as url:
        assert ask(url).detail == "200 \\xff\\xfe ok"


def _redirect(to: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", to)
        request.end_headers()

    return answer


def test_a_redirect_on_the_same_host_is_followed() -> None:
    with web_server(_redirect("/healthz"), page('{"status": "ok"}')) as url:
        assert ask(url).health is Health.HEALTHY


def test_a_redirect_to_another_place_is_not_followed() -> None:
    with web_server(page('{"status": "ok"}')) as elsewhere, web_server(_redirect(elsewhere)) as url:
        assert "points to another address, which was not followed" in refusal(url).reason


def test_a_circle_of_redirects_ends() -> None:
    with web_server(_redirect("/again")) as url:
        assert refusal(url).reason == "redirects more than 3 times"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http://", "http://[", "http://127.0.0.1:99999/", "nonsense"])
def test_an_address_that_cannot_be_meant_is_no_answer(url: str) -> None:
    assert refusal(url).remedy == "correct it in cdbctl.yaml"


def test_a_password_in_the_address_does_not_reach_the_evidence() -> None:
    with web_server(page("OK")) as url:
        with_secret = url.replace("http://", "http://me:hunter2@") + "/health?token=hunter3"
        text = read_health(service(health=with_secret), timeout_seconds=1.5).text
    assert "hunter" not in text
    assert f"GET {url}/health?…" in text


def test_a_service_without_a_page_is_not_asked() -> None:
    with pytest.raises(NoAnswer, match="no health page is declared"):
        read_health(service(), timeout_seconds=1)


@pytest.fixture(scope="module")
def changing_page() -> Iterator[tuple[str, list[bytes]]]:
    body = [b""]
    with web_server(lambda request: page(body[0])(request)) as url:
        yield url, body


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["status", "health", "db"]) | st.text(), inner),
    max_leaves=8,
)


@given(said=json_values)
def test_whatever_a_page_says_there_is_an_answer(changing_page: tuple[str, list[bytes]], said: object) -> None:
    url, body = changing_page
    body[0] = json.dumps(said).encode()
    assert ask(url).health in (Health.HEALTHY, Health.UNHEALTHY, Health.STARTING)
