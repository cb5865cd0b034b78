"""The summary on the terminal: one look, and nothing in it is interpreted."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from cdbctl.model.finding import Quote
from cdbctl.model.report import Coverage, NextStep, NotChecked, Report
from cdbctl.render.terminal import summary
from tests.render.reports import FINDINGS, RISK_ERROR, fail_report, pass_report, silent_report
from tests.render.test_text import ANY_TEXT

COLOR = re.compile(r"\x1b\[[0-9;]*m")


def plain(report: Report, width: int = 100) -> str:
    return summary(report, color=False, width=width, unicode=True)


def test_a_failing_day_reads_like_this() -> None:
    assert plain(fail_report()) == (
        """\
verdict   🔴 [FAIL] cdb: 1 P0, 1 P1, 1 that follow, 1 accepted
taken     2026-02-09 08:26:03 UTC (09:26:03 +01:00), window 1 h
coverage  12 of 14 checks ran; not checked: 2 (1 required)
          1 check, required: NEVER_SEEN: no such metric
          1 check, not required: CONFIG is not permitted
P0        🔴 [FAIL] cdb_risk cannot find the relation risk_events
          812 lines say undefined_table (42P01) of risk_events, 13.5/min (E012, E030, E035)
          > 2026-02-09 08:00:48,062 [ERROR] risk_manager: ❌ Failed to persist risk_event: relation
          "risk_events" does not exist
          follows from it: every decision of the window is BLOCK RC_002
P1        ❔ [UNKNOWN] orders_executed_total is not exported
          NEVER_SEEN: the page of cdb_execution has no such metric (E022)
services  6/6 running; health: 4 healthy, 1 no answer, 1 no probe
changes   2 NEW, 1 ONGOING, 1 RESOLVED, 1 UNVERIFIED since the run of 24 h ago
next      Plan the pending migration 0004_risk_events.sql.
          cdbctl migrate plan --root .demo
"""
    )


def test_a_good_first_day_reads_like_this() -> None:
    assert plain(pass_report()) == (
        """\
verdict   ✅ [PASS] cdb: no findings
taken     2026-02-09 08:26:03 UTC (09:26:03 +01:00), window 1 h
coverage  8 of 8 checks ran
services  6/6 running; health: 5 healthy, 1 no probe
next      Nothing to do: look again tomorrow.
          cdbctl daily-check --root .demo
"""
    )


def test_one_reason_for_many_checks_is_told_once() -> None:
    words = "no answer from postgresql://db: refused"
    missing = tuple(
        NotChecked("pipeline.continuity", name, f"no answer from postgresql://db ({source}): refused", required=True)
        for name, source in (("orders", "pipeline.continuity of orders"), ("trades", "pipeline.continuity of trades"))
    )
    text = plain(replace(fail_report(), coverage=Coverage(14, 12, missing)))
    assert f"not checked: 2 (2 required)\n          {words}\n" in text


def test_a_quote_that_repeats_the_finding_gives_way_to_one_that_says_more() -> None:
    effect = replace(FINDINGS[1], caused_by=FINDINGS[0].fingerprint, quotes=(Quote("E029", "ZeroDivisionError"),))
    cause = replace(FINDINGS[0], actual="27 restarts: exit status 1", quotes=(Quote("E012", "exit status 1"),))
    text = plain(replace(fail_report(), findings=(cause, effect), top=(cause.fingerprint,)))
    assert "          > ZeroDivisionError (E029)\n" in text
    assert "> exit status 1" not in text


def test_what_only_may_follow_is_not_told_as_a_fact() -> None:
    guess = replace(FINDINGS[1], caused_by=FINDINGS[0].fingerprint, details={"cause": "possible: it cannot write"})
    text = plain(replace(fail_report(), findings=(FINDINGS[0], guess), top=(FINDINGS[0].fingerprint,)))
    assert f"          may follow from it: {guess.title}\n" in text
    assert " follows from it" not in text


def test_a_silent_runtime_is_not_zero_services() -> None:
    assert "services  not known: connection refused\n" in plain(silent_report())


@pytest.mark.parametrize("width", [1, 40, 60, 80, 100, 200, 1000])
@pytest.mark.parametrize("report", [fail_report(), pass_report(), silent_report()])
def test_every_line_fits_and_a_normal_day_fits_a_small_terminal(report: Report, width: int) -> None:
    for unicode in (True, False):
        lines = summary(report, color=False, width=width, unicode=unicode).splitlines()
        assert all(cell_len(line) <= max(40, width) for line in lines if "cdbctl " not in line)
        assert all(line == line.rstrip() for line in lines)
        assert len(lines) <= 25 or width < 60


def test_a_command_is_never_wrapped() -> None:
    command = "cdbctl migrate plan " + "--root " + "/a/very/long/folder" * 20
    report = replace(fail_report(), next_step=NextStep("Plan it.", command))
    assert f"          {command}\n" in plain(report, 60)


def test_an_old_console_gets_ascii() -> None:
    text = summary(fail_report(), color=False, width=80, unicode=False)
    assert text.isascii()
    assert "[FAIL] cdb" in text
    assert "\\u274c Failed to\n" in text


def test_colours_are_added_and_nothing_else() -> None:
    colored = summary(fail_report(), color=True, width=100, unicode=True)
    assert "\x1b[1;31m🔴 [FAIL]" in colored
    assert COLOR.sub("", colored) == plain(fail_report())


def test_only_what_weighs_is_bold() -> None:
    line = next(
        line for line in summary(fail_report(), color=True, width=100, unicode=True).splitlines() if "812" in line
    )
    assert COLOR.sub("", line).strip() == line.replace("\x1b[1m          \x1b[0m", "").strip()


def test_words_in_brackets_are_words() -> None:
    finding = replace(FINDINGS[0], title="[red]bold[/red] [redis] :smile: [link=https://x]")
    report = replace(fail_report(), findings=(finding,), top=(finding.fingerprint,))
    assert "[red]bold[/red] [redis] :smile: [link=https://x]" in plain(report)


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = summary(fail_report(), color=True, width=90, unicode=True)
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "20", "FORCE_COLOR": "1", "LINES": "3"}.items():
        monkeypatch.setenv(name, value)
    assert summary(fail_report(), color=True, width=90, unicode=True) == before


@settings(deadline=None)
@given(ANY_TEXT, st.booleans(), st.booleans())
def test_any_text_shows_no_escape_sequences_but_our_colours(text: str, color: bool, unicode: bool) -> None:
    finding = replace(FINDINGS[0], subject=text, title=text, actual=text, quotes=(Quote("E012", text),))
    snapshot = replace(fail_report().snapshot, stack=text, notes=(text,))
    report = replace(
        fail_report(),
        snapshot=snapshot,
        findings=(finding,),
        top=(finding.fingerprint,),
        next_step=NextStep(text, text),
    )
    shown = summary(report, color=color, width=80, unicode=unicode)
    rest = COLOR.sub("", shown) if color else shown
    assert not [char for char in rest if (char < " " and char != "\n") or "\x7f" <= char <= "\x9f"]
    assert RISK_ERROR not in rest
    assert unicode or rest.isascii()
