"""How GitHub is asked: few questions, one after the other, and every way in which it can fail ends in words."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.github import client, transport
from cdbctl.model.ci import Part
from tests.collect.github.hub import (
    HEAD,
    MAIN_PATH,
    REPOSITORY,
    TOKEN,
    Hub,
    Reply,
    branch,
    check_run,
    facts,
    hub,
    missing,
    read,
    refusal,
    repository,
    workflow,
)
from tests.collect.servers import free_port, silent_port


def drip(request: BaseHTTPRequestHandler) -> None:
    """A byte of the body every 50 ms: no timeout of a single read ever passes."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.05)


def drip_headers(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(200):
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.05)


def hang_up(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[1, 2")


def stay_silent(_: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


class TestTheQuestions:
    def test_a_good_day_takes_seven_questions_and_one_for_each_label(self, here: Hub, tmp_path: Path) -> None:
        read(here, tmp_path, labels=("prio:must", "P0"))
        assert len(here.asked) == 9

    def test_they_are_asked_one_after_the_other_and_say_who_asks(self, here: Hub, tmp_path: Path) -> None:
        read(here, tmp_path, labels=("a", "b"))
        assert here.at_once == 1
        for headers in here.headers:
            assert headers["authorization"] == f"Bearer {TOKEN}"
            assert headers["accept"] == "application/vnd.github+json"
            assert headers["x-github-api-version"] == "2022-11-28"
            assert headers["user-agent"].startswith("cdbctl/")

    def test_without_a_token_nothing_is_asked(self, here: Hub, tmp_path: Path) -> None:
        failure = refusal(here, tmp_path, token=None)
        assert "no token" in failure.reason
        assert "GH_TOKEN" in failure.remedy
        assert here.asked == []

    def test_a_token_that_would_change_the_header_is_refused(self, here: Hub, tmp_path: Path) -> None:
        failure = refusal(here, tmp_path, token="a\r\nX-Evil: 1")
        assert "is not a token" in failure.reason
        assert "X-Evil" not in failure.reason
        assert here.asked == []

    @pytest.mark.parametrize("api", ["http://github.example.com", "ftp://127.0.0.1", "http://127.0.0.1:port", "x"])
    def test_the_token_never_travels_in_the_clear(self, here: Hub, tmp_path: Path, api: str) -> None:
        assert "address of the API" in refusal(here, tmp_path, api=api).reason

    def test_the_declared_branch_is_looked_at_whatever_its_name_holds(self, here: Hub, tmp_path: Path) -> None:
        here.routes[f"{MAIN_PATH}/branches/release%2F1%20%3F%23"] = Reply(branch())
        found = facts(here, tmp_path, branch="release/1 ?#")
        assert (found.branch, found.head) == ("release/1 ?#", HEAD)
        assert any("branch=release%2F1+%3F%23" in asked for asked in here.asked)

    def test_compressed_answers_are_read(self, here: Hub, tmp_path: Path) -> None:
        here.compress = True
        assert facts(here, tmp_path).not_read == ()


class TestPages:
    def test_every_page_is_read(self, here: Hub, tmp_path: Path) -> None:
        runs = [check_run(f"check {number}", id=number + 1, suite=number + 1) for number in range(250)]
        here.paged(f"/commits/{HEAD}/check-runs", "check_runs", runs)
        assert len(facts(here, tmp_path).check_runs) == 250
        assert sum("check-runs" in asked for asked in here.asked) == 3

    def test_a_page_that_fails_costs_only_itself(self, here: Hub, tmp_path: Path) -> None:
        url = f"{here.address}{MAIN_PATH}/second"
        data = {"total_count": 2, "check_runs": [check_run("build")]}
        here.set(f"/commits/{HEAD}/check-runs", data, headers={"Link": f'<{url}>; rel="next"'})
        here.set("/second", {"message": "Server Error"}, status=502)
        found = facts(here, tmp_path)
        assert [item.name for item in found.check_runs] == ["build"]
        assert missing(found) == {Part.CHECK_RUNS: "not all of them: GitHub answers 502: Server Error"}

    def test_pages_without_end_are_cut_and_said_to_be(self, here: Hub, tmp_path: Path) -> None:
        url = f"{here.address}{MAIN_PATH}/commits/{HEAD}/check-runs"
        data = {"total_count": 2, "check_runs": [check_run("build")]}
        here.set(f"/commits/{HEAD}/check-runs", data, headers={"Link": f'<{url}>; rel="next"'})
        assert missing(facts(here, tmp_path)) == {Part.CHECK_RUNS: "not all of them: there are more than 1000 of them"}

    def test_the_next_page_is_never_asked_of_another_server(self, here: Hub, tmp_path: Path) -> None:
        with hub() as other:
            link = {"Link": f'<{other.address}/steal>; rel="next"'}
            here.set(f"/commits/{HEAD}/check-runs", {"check_runs": [check_run("build")]}, headers=link)
            gaps = missing(facts(here, tmp_path))
            assert other.asked == []
        assert "another address, which was not followed" in gaps[Part.CHECK_RUNS]


class TestRedirects:
    def test_a_renamed_repository_is_followed_and_named(self, here: Hub, tmp_path: Path) -> None:
        moved = {"message": "Moved Permanently"}
        here.routes["/repos/jannek/old"] = Reply(moved, 301, {"Location": f"{here.address}/repositories/1296269"})
        here.routes["/repositories/1296269"] = Reply(repository())
        seen = read(here, tmp_path, repository="jannek/old")
        assert seen.value[0].repository == REPOSITORY
        assert f"cdbctl.yaml says jannek/old; on GitHub it is called {REPOSITORY}" in seen.text

    def test_another_server_is_not_followed(self, here: Hub, tmp_path: Path) -> None:
        with hub() as other:
            here.set("", status=301, headers={"Location": f"{other.address}{MAIN_PATH}"})
            assert "points to another address" in refusal(here, tmp_path).reason
            assert other.asked == []

    def test_a_circle_ends(self, here: Hub, tmp_path: Path) -> None:
        here.set("", status=302, headers={"Location": MAIN_PATH})
        assert "redirects more than 3 times" in refusal(here, tmp_path).reason

    def test_a_redirect_to_nowhere_is_none(self, here: Hub, tmp_path: Path) -> None:
        here.set("", status=301)
        assert "not followed" in refusal(here, tmp_path).reason


class TestTheCache:
    def test_what_has_not_changed_costs_nothing(self, here: Hub, tmp_path: Path) -> None:
        first = read(here, tmp_path)
        left = here.rate_left
        second = read(here, tmp_path)
        assert second.value[0].requests == second.value[0].not_modified == 7
        assert here.rate_left == left
        assert second.value[0].check_runs == first.value[0].check_runs

    def test_what_has_changed_is_seen(self, here: Hub, tmp_path: Path) -> None:
        facts(here, tmp_path)
        here.paged(f"/commits/{HEAD}/check-runs", "check_runs", [check_run("build", "failure")])
        assert [item.conclusion for item in facts(here, tmp_path).check_runs] == ["failure"]

    def test_the_pages_behind_a_stored_page_are_found(self, here: Hub, tmp_path: Path) -> None:
        runs = [check_run(f"check {number}", id=number + 1, suite=number + 1) for number in range(150)]
        here.paged(f"/commits/{HEAD}/check-runs", "check_runs", runs)
        assert len(facts(here, tmp_path).check_runs) == len(facts(here, tmp_path).check_runs) == 150

    def test_another_token_uses_nothing_of_it(self, here: Hub, tmp_path: Path) -> None:
        facts(here, tmp_path)
        assert facts(here, tmp_path, token="ghp_other").not_modified == 0
        assert "if-none-match" not in here.headers[-1]

    def test_it_never_holds_the_token_even_if_the_server_repeats_it(self, here: Hub, tmp_path: Path) -> None:
        here.paged("/actions/workflows", "workflows", [workflow(1, f"say {TOKEN}")])
        seen = read(here, tmp_path)
        assert "say [the token]" in seen.text
        assert TOKEN not in seen.text + repr(seen.value)
        assert all(TOKEN.encode() not in file.read_bytes() for file in tmp_path.iterdir())

    def test_a_304_that_nobody_asked_for_is_an_error(self, here: Hub, tmp_path: Path) -> None:
        here.set("", status=304)
        assert "304" in refusal(here, tmp_path).reason

    def test_a_folder_that_cannot_be_written_costs_nothing_but_the_cache(self, here: Hub, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        seen = read(here, tmp_path / "file")
        assert seen.value[0].not_read == ()
        assert "was not written" in seen.text


RESET = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1770628200"}
WHEN = "2026-02-09 09:10:00 UTC"


class TestLimits:
    def test_a_used_up_limit_ends_the_run_at_once_and_says_until_when(self, here: Hub, tmp_path: Path) -> None:
        here.set("", {"message": "API rate limit exceeded for user ID 1."}, status=403, headers=RESET)
        failure = refusal(here, tmp_path)
        assert failure.reason == f"the rate limit of GitHub is used up until {WHEN} (403)"
        assert failure.remedy == f"run the check-up again after {WHEN}"
        assert len(here.asked) == 1

    def test_what_was_read_before_it_is_kept(self, here: Hub, tmp_path: Path) -> None:
        here.set("/actions/runs", {"message": "API rate limit exceeded"}, status=429, headers=RESET)
        found = facts(here, tmp_path, labels=("a",))
        assert len(found.check_runs) == 2
        assert set(missing(found)) == {Part.RUNS, Part.REQUIRED, Part.WORKFLOWS}
        assert here.paths()[-1] == "/actions/runs"

    def test_the_last_question_of_the_limit_is_still_answered(self, here: Hub, tmp_path: Path) -> None:
        here.set("", repository(), headers=RESET)
        found = facts(here, tmp_path)
        assert found.rate_limit_left == 0
        assert len(here.asked) == 1
        assert missing(found)[Part.BRANCH] == f"the rate limit of GitHub is used up until {WHEN}"

    @pytest.mark.parametrize(
        ("status", "headers", "message"),
        [
            (403, {"retry-after": "60"}, "You have exceeded a secondary rate limit."),
            (429, {"retry-after": "60"}, ""),
            (403, {}, "You have exceeded a secondary rate limit. Please wait a few minutes."),
        ],
    )
    def test_a_secondary_limit_ends_it_too(
        self, here: Hub, tmp_path: Path, status: int, headers: dict[str, str], message: str
    ) -> None:
        here.set("/branches/main", {"message": message}, status=status, headers=headers)
        found = facts(here, tmp_path)
        reason = missing(found)[Part.BRANCH]
        assert reason.startswith("the secondary rate limit (too many requests at once) of GitHub is used up until 20")
        assert len(here.asked) == 2

    @pytest.mark.parametrize("reset", ["", "soon", "9" * 30, "-1e9"])
    def test_a_limit_without_a_readable_end_is_still_one(self, here: Hub, tmp_path: Path, reset: str) -> None:
        headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
        here.set("", {"message": "no"}, status=403, headers=headers)
        assert "until a time that GitHub did not name" in refusal(here, tmp_path).reason

    def test_a_run_asks_a_bounded_number_of_questions(
        self, here: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "MAX_REQUESTS", 3)
        found = facts(here, tmp_path)
        assert (len(here.asked), found.requests) == (3, 3)
        assert missing(found)[Part.RUNS] == "it was not asked: 3 questions are enough for one run"


class TestRefusals:
    def test_a_bad_token(self, here: Hub, tmp_path: Path) -> None:
        here.set("", {"message": "Bad credentials", "status": "401"}, status=401)
        failure = refusal(here, tmp_path)
        assert failure.reason == "GitHub does not accept the token (401: Bad credentials)"
        assert "make a new token" in failure.remedy

    def test_an_unknown_repository_may_as_well_be_a_hidden_one(self, here: Hub, tmp_path: Path) -> None:
        failure = refusal(here, tmp_path, repository="jannek/none")
        assert failure.reason == "GitHub answers 404: Not Found; it does not exist, or the token may not see it"
        assert "read access" in failure.remedy

    def test_a_token_without_the_scope_is_told_what_is_missing(self, here: Hub, tmp_path: Path) -> None:
        message = "Resource not accessible by personal access token"
        here.set(
            f"/commits/{HEAD}/check-runs",
            {"message": message},
            status=403,
            headers={"x-accepted-github-permissions": "checks=read"},
        )
        (unread,) = facts(here, tmp_path).unread(Part.CHECK_RUNS)
        assert unread.reason == f"GitHub answers 403: {message}"
        assert unread.remedy == "give the token read access to this; GitHub wants: checks=read"

    def test_single_sign_on_is_named(self, here: Hub, tmp_path: Path) -> None:
        headers = {"x-github-sso": "required; url=https://github.com/orgs/x/sso"}
        here.set("", {"message": "Resource protected by organization SAML enforcement"}, status=403, headers=headers)
        assert "single sign-on" in refusal(here, tmp_path).remedy

    @pytest.mark.parametrize("status", [400, 410, 418, 451, 500, 502, 503])
    def test_every_other_status_is_named(self, here: Hub, tmp_path: Path, status: int) -> None:
        here.set("", {"message": "no\x1b[2J way\u202e"}, status=status)
        assert refusal(here, tmp_path).reason == f"GitHub answers {status}: no\\x1b[2J way\\u202e"

    def test_an_error_page_that_is_no_json(self, here: Hub, tmp_path: Path) -> None:
        here.set("", status=502, body=b"<html>Unicorn!</html>")
        assert refusal(here, tmp_path).reason == "GitHub answers 502"

    @pytest.mark.parametrize(
        ("path", "part"),
        [
            ("/branches/main", Part.BRANCH),
            (f"/commits/{HEAD}/check-runs", Part.CHECK_RUNS),
            (f"/commits/{HEAD}/status", Part.STATUSES),
            ("/rules/branches/main", Part.REQUIRED),
            ("/actions/workflows", Part.WORKFLOWS),
            ("/actions/runs", Part.RUNS),
        ],
    )
    @pytest.mark.parametrize(
        "reply",
        [
            Reply({"message": "Server Error"}, 500),
            Reply(body=b'{"total_count": 1, "check_runs": ['),
            Reply(body=b"\xff\xfe"),
            Reply(body=b"[" * 100_000),
            Reply(body=b"1" * 5_000),
            Reply(None),
            Reply("text"),
            Reply({"message": "a shape of its own"}),
            Reply(headers={"Content-Encoding": "br"}),
            Reply(headers={"Content-Encoding": "gzip"}, body=b"no gzip"),
            Reply(raw=hang_up),
        ],
        ids=["500", "cut", "bytes", "deep", "digits", "null", "text", "shape", "br", "gzip", "hang up"],
    )
    def test_one_part_fails_alone(self, here: Hub, tmp_path: Path, path: str, part: Part, reply: Reply) -> None:
        here.routes[MAIN_PATH + path] = reply
        found = facts(here, tmp_path)
        assert set(missing(found)) == {part}
        assert found.repository == REPOSITORY

    def test_an_answer_beyond_the_limit_is_not_read(
        self, here: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport, "LARGEST_ANSWER_BYTES", 2**20)
        here.set("/actions/workflows", {"workflows": [{"name": "x" * 2**21}]})
        assert missing(facts(here, tmp_path)) == {Part.WORKFLOWS: "GitHub answers with more than 1 MiB"}

    def test_a_small_answer_does_not_become_a_huge_one(
        self, here: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport, "LARGEST_ANSWER_BYTES", 2**20)
        here.compress = True
        here.set("/actions/workflows", {"workflows": [{"name": "x" * 2**26}]})
        assert missing(facts(here, tmp_path)) == {Part.WORKFLOWS: "GitHub answers with more than 1 MiB"}


class TestTheDeadline:
    @pytest.mark.parametrize("raw", [drip, drip_headers, stay_silent])
    def test_the_first_answer_never_comes(
        self, here: Hub, tmp_path: Path, raw: Callable[[BaseHTTPRequestHandler], None]
    ) -> None:
        here.set("", raw=raw)
        started = time.monotonic()
        failure = refusal(here, tmp_path, seconds=0.6)
        assert time.monotonic() - started < 1.5
        assert failure.reason == "GitHub did not answer within 0.6 s"
        assert "deadlines.github" in failure.remedy

    def test_without_a_network_the_report_does_not_wait_for_all_of_it(
        self, here: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport, "FIRST_SECONDS", 0.3)
        here.set("", raw=stay_silent)
        started = time.monotonic()
        failure = refusal(here, tmp_path, seconds=5)
        assert time.monotonic() - started < 1.5
        assert failure.reason == "GitHub did not answer within 0.3 s"
        assert "network" in failure.remedy

    @pytest.mark.parametrize("raw", [drip, drip_headers, stay_silent])
    def test_what_was_read_in_time_is_kept_and_nothing_more_is_asked(
        self, here: Hub, tmp_path: Path, raw: Callable[[BaseHTTPRequestHandler], None]
    ) -> None:
        here.set("/actions/runs", raw=raw)
        started = time.monotonic()
        found = facts(here, tmp_path, seconds=1.0, labels=("a",))
        assert time.monotonic() - started < 2.0
        assert len(found.check_runs) == 2
        assert missing(found)[Part.RUNS] == missing(found)[Part.WORKFLOWS] == "GitHub did not answer within 1 s"
        assert here.paths()[-1] == "/actions/runs"
        assert (tmp_path / "github.json").exists()

    def test_a_server_that_accepts_and_says_nothing(self, here: Hub, tmp_path: Path) -> None:
        with silent_port() as port:
            failure = refusal(here, tmp_path, api=f"http://127.0.0.1:{port}", seconds=0.4)
        assert failure.reason == "GitHub did not answer within 0.4 s"

    def test_nobody_listens(self, here: Hub, tmp_path: Path) -> None:
        failure = refusal(here, tmp_path, api=f"http://127.0.0.1:{free_port()}")
        assert failure.reason.startswith("GitHub cannot be reached: ")
        assert "network" in failure.remedy

    def test_no_time_at_all(self, here: Hub, tmp_path: Path) -> None:
        assert "did not answer within" in refusal(here, tmp_path, seconds=1e-9).reason
        assert here.asked == []


class TestTheSurroundings:
    def test_the_proxy_of_the_environment_is_used(
        self, here: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with hub() as proxy:
            proxy.routes = {f"{here.address}{path}": route for path, route in here.routes.items()}
            monkeypatch.setenv("HTTP_PROXY", proxy.address)
            refusal(here, tmp_path)
            assert here.asked == []
            assert proxy.asked == [f"{here.address}{MAIN_PATH}"]

    def test_a_proxy_that_is_none_is_named(self, here: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "nonsense://127.0.0.1:1")
        failure = refusal(here, tmp_path)
        assert "environment names cannot be used" in failure.reason
        assert "HTTPS_PROXY" in failure.remedy

    def test_a_certificate_that_nobody_vouches_for_ends_it(self, here: Hub, tmp_path: Path) -> None:
        failure = refusal(here, tmp_path, api=here.address.replace("http:", "https:"))
        assert failure.reason.startswith("GitHub cannot be reached: ")
        assert "SSL" in failure.reason


class TestTheClock:
    def test_the_date_header_is_an_independent_clock(self, here: Hub, tmp_path: Path) -> None:
        here.date = lambda: formatdate(time.time() + 3600, usegmt=True)
        found = facts(here, tmp_path)
        assert found.server_at is not None
        offset = (found.server_at - found.host_at).total_seconds()
        assert abs(offset - 3600) <= found.clock_doubt_seconds + 0.1
        assert 0.5 <= found.clock_doubt_seconds < 1.5

    @pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Feb 2026 08:00:00 GMT", "Mon, 09 Feb 99999 8:0:0 GMT"])
    def test_a_date_that_is_none_is_not_a_clock(self, here: Hub, tmp_path: Path, date: str) -> None:
        here.date = lambda: date
        assert facts(here, tmp_path).server_at is None

    def test_an_answer_out_of_a_cache_between_tells_an_old_time(self, here: Hub, tmp_path: Path) -> None:
        old = formatdate((datetime.now(UTC) - timedelta(days=1)).timestamp(), usegmt=True)
        here.set("", repository(), headers={"Age": "86400", "Date": old})
        found = facts(here, tmp_path)
        assert found.server_at is not None
        assert abs((found.server_at - found.host_at).total_seconds()) < 2


NAMES = st.sampled_from(
    [
        "sha",
        "commit",
        "protected",
        "id",
        "name",
        "path",
        "state",
        "status",
        "conclusion",
        "app",
        "workflow_id",
        "labels",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([HEAD, "main", "completed"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
KEYS = {"check-runs": "check_runs", "status": "statuses", "workflows": "workflows", "runs": "workflow_runs"}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.lists(ANYTHING, min_size=8, max_size=8))
def test_whatever_the_answers_hold_the_reading_is_made_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: list[Any]
) -> None:
    with hub() as here:
        for path, anything in zip(list(here.routes)[1:], data, strict=False):
            key = KEYS.get(path.rpartition("/")[2])
            here.routes[path] = Reply({key: [anything]} if key else anything)
        seen = read(here, tmp_path_factory.mktemp("cache"), labels=("a",))
    assert seen.text.isprintable() or seen.text.replace("\n", "").isprintable()


def test_titles_cannot_add_lines_to_the_evidence(here: Hub, tmp_path: Path) -> None:
    evil = 'x"\ncheck "build" by github-actions: completed success\u202e\x1b[2J'
    here.paged("/actions/workflows", "workflows", [workflow(1, evil)])
    text = read(here, tmp_path).text
    assert text.count('\ncheck "build"') == 1
    assert "\\ncheck" in text
    assert "\x1b" not in text


def test_a_short_conversation_keeps_its_connection(here: Hub, tmp_path: Path) -> None:
    opened = 0
    original = socket.socket.connect

    def counted(self: socket.socket, address: Any) -> None:
        nonlocal opened
        opened += 1
        original(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", counted)
        read(here, tmp_path)
    assert opened == 1


def test_a_defect_of_our_own_in_the_thread_is_told(here: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(transport, "_bounded", broken)
    failure = refusal(here, tmp_path)
    assert isinstance(failure, NoAnswer)
    assert failure.reason == "cdbctl could not ask GitHub: KeyError: 'oops'"
