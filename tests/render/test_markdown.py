"""The report of the day: what a person reads at breakfast, whatever the sources say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from cdbctl.model.finding import Lifecycle, Status
from cdbctl.model.logs import Level, LogFacts, LogGroup, LogLine
from cdbctl.model.metrics import MetricsPage, Series
from cdbctl.model.report import Coverage, NotChecked, Report
from cdbctl.model.snapshot import NotConfigured
from cdbctl.render.json import report_json
from cdbctl.render.junit import junit
from cdbctl.render.markdown import markdown
from cdbctl.render.rows import stored_text
from cdbctl.render.terminal import summary
from cdbctl.render.text import make_visible
from tests.render.reports import (
    EFFECT,
    FINDINGS,
    NOW,
    SNAPSHOT,
    TICK,
    check,
    fail_report,
    log,
    observed,
    pass_report,
    silent_report,
)
from tests.render.test_md import PARSER

GOLDEN = Path(__file__).parents[1] / "golden"
HARMLESS = " and/or"
HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07 ``` ````` | x | y |\n"
    "# Verdict: ✅ [PASS]\n"
    "\n"
    "<script>alert(1)</script> [red]x[/red] ](javascript:alert(1)) ![p](https://evil.example/p.png)\n"
    "~~~\n```\n\u202eevil\u200b @everyone &lt;b&gt; $x$ \ud83d \\| -->\r\n"
    "| a | b |\n|---|---|\n1. one\n- two\n\t> three\x00"
)


def test_the_report_of_a_failing_day() -> None:
    assert markdown(fail_report()) == (GOLDEN / "fail_report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("statuses", "says"),
    [
        ((), "could not run again"),
        ((Status.UNKNOWN,), "could not run again"),
        ((Status.FAIL,), "ran again and found something else"),
        ((Status.FAIL, Status.UNKNOWN), "ran again, and a part of it has no answer"),
    ],
)
def test_an_earlier_finding_that_is_open_says_what_its_check_says_now(statuses: tuple[Status, ...], says: str) -> None:
    report = fail_report()
    now = tuple(
        replace(report.findings[0], check="redis.eviction", subject="redis", status=status, key=str(status))
        for status in statuses
    )
    text = markdown(replace(report, findings=(*report.findings, *now)))
    assert f": the check redis.eviction (redis) {says}\n" in text


def test_the_report_of_a_good_day() -> None:
    assert markdown(pass_report()) == (GOLDEN / "pass_report.md").read_text(encoding="utf-8")


def test_the_first_screen_says_how_it_stands_what_is_worst_and_what_to_do() -> None:
    screen = "\n".join(markdown(fail_report()).splitlines()[:35])
    for expected in ("🔴 [FAIL]", "**P0** cdb_risk cannot find the relation risk_events", "**Next step:**"):
        assert expected in screen
    assert "```sh\ncdbctl migrate plan --root .demo\n```" in screen


def test_coverage_stands_under_the_verdict() -> None:
    lines = [line for line in markdown(fail_report()).splitlines() if line]
    verdict = next(number for number, line in enumerate(lines) if line.startswith("**Verdict:**"))
    assert lines[verdict + 1].startswith("**Coverage:** 12 of 14 checks ran")


def test_a_source_that_did_not_answer_is_not_known_and_never_zero_or_fine() -> None:
    text = markdown(silent_report())
    assert "Not known: supervisord did not answer (connection refused). To do: start supervisord." in text
    assert "| cdb_ws | — | — | no answer | — | — | — | — | E001, E040 |" in text
    assert "| cdb_ws | — | — | — | — | — | no answer: connection refused | E050 |" in text
    assert "TARGET_DOWN | — | — | E060 |" in text
    assert "- Git: not known, dubious ownership" in text
    assert "no line of level WARNING" not in text
    assert "Nothing changed" not in text


def test_a_quiet_log_is_only_quiet_as_far_as_it_was_read_and_shows_that_its_service_works() -> None:
    text = markdown(pass_report())
    assert "What was read of these holds no line of level WARNING or worse." in text
    assert f"- cdb_ws (E010, 1 s old): `{TICK}`" in text
    assert "an earlier line" not in text


def test_a_service_without_a_line_is_called_silent() -> None:
    nothing = log({}, first_at=None, last_at=None)
    newest = replace(nothing, newest_at=NOW - timedelta(hours=3))
    assert "- cdb_risk: **silent**, no line in the window; its newest line is of 2026-02-09 05:26:03 UTC (E012)" in (
        with_log(newest)
    )
    never = replace(nothing, newest_at=None)
    assert "- cdb_risk: **silent**, no line in the window; its log holds no dated line (E012)" in with_log(never)


def test_a_long_or_dateless_newest_line_is_cut_and_says_so() -> None:
    facts = replace(log({"INFO": 1}), tail=(LogLine(1, None, "x" * 300),))
    assert f"- cdb_risk (E012, cut): `{'x' * 200}`\n" in with_log(facts)


def test_warnings_that_no_finding_is_about_are_told_in_brief() -> None:
    noise = [replace(group(number), level=Level.WARNING) for number in range(5)]
    text = with_log(log({"WARNING": 5}, *noise))
    assert text.count("- **WARNING** once, 08:20:03 (E012): `2026-02-09 08:20:00 [ERROR] x") == 2
    assert "3 more kinds of message: see E012." in text


def test_a_warning_that_a_finding_quotes_is_told_in_full() -> None:
    facts = log({"WARNING": 1}, replace(group(1, text=FINDINGS[0].quotes[0].text), level=Level.WARNING))
    assert "**WARNING** once, 08:20:03 (E012):\n\n```text\n2026-02-09 08:00:48,062 [ERROR]" in with_log(facts)


def with_log(facts: LogFacts) -> str:
    logs = {"cdb_risk": observed(12, "log of cdb_risk", facts)}
    return markdown(replace(fail_report(), snapshot=replace(SNAPSHOT, logs=logs)))


def group(number: int, count: int = 1, text: str = "2026-02-09 08:20:00 [ERROR] x") -> LogGroup:
    sample = LogLine(number, NOW, f"{text} {number}")
    return LogGroup(Level.ERROR, f"x {number}", count, NOW - timedelta(minutes=6), NOW, (sample,), None)


def test_a_rate_is_over_the_time_that_the_log_covers() -> None:
    young = log({"ERROR": 60}, group(1, 60), reaches_back=False, first_at=NOW - timedelta(minutes=10))
    assert "**ERROR** × 60, 6/min, 08:20:03 to 08:26:03 (E012):" in with_log(young)
    assert "| cdb_risk | 60 | 60 | 0 | 08:16:03 | 08:26:02 | complete, begins inside the window," in with_log(young)


def test_a_cut_log_is_never_called_complete() -> None:
    cut = log({"INFO": 3}, complete=False, note="stopped after 256 MiB", long_lines=1, undecodable_lines=2)
    assert "NOT complete, stopped after 256 MiB, 1 line cut, 2 lines not UTF-8, 276 B" in with_log(cut)


def test_a_long_traceback_is_cut_and_says_so() -> None:
    long = group(1, text="\n".join(f"line {number}" for number in range(100)))
    text = with_log(log({"ERROR": 1}, long))
    assert "**ERROR** once, 08:20:03 (E012), cut:\n\n```text\nline 0\n" in text
    assert "line 11\n```" in text


def test_of_many_kinds_of_message_the_worst_are_quoted_and_the_rest_is_counted() -> None:
    many = replace(log({"ERROR": 250}, *map(group, range(200))), groups_left_out=50)
    assert with_log(many).count("**ERROR** once") == 4
    assert "246 more kinds of message: see E012." in with_log(many)


def test_a_reason_that_many_checks_share_stands_there_once() -> None:
    missing = tuple(
        NotChecked(check, subject, f"no answer from db{asked}: refused", required=required)
        for check, subject, asked, required in (
            ("database.reachable", "PostgreSQL", "", True),
            ("database.rows", "orders", " (database.rows of orders)", True),
            ("database.rows", "trades", " (database.rows of trades)", False),
        )
    )
    text = markdown(replace(fail_report(), coverage=Coverage(14, 11, missing)))
    assert "- 3 checks, 2 of them required: no answer from db: refused\n- not declared: open issues, CI\n" in text
    subjects = "database.reachable: PostgreSQL; database.rows: orders, trades (not required)"
    assert f"| no answer from db: refused | 3 checks, 2 of them required | {subjects} |" in text


def test_effects_without_an_answer_are_counted_and_not_repeated() -> None:
    silent = replace(EFFECT, status=Status.UNKNOWN, actual="no answer from db: refused")
    gap = NotChecked(silent.check, silent.subject, silent.actual, required=True)
    report = replace(fail_report(), findings=(FINDINGS[0], silent), coverage=Coverage(14, 13, (gap,)))
    text = markdown(report)
    assert "Because of it 1 check could not be decided: see “Not checked”." in text
    assert "- **NEW** ❔ [UNKNOWN] 1 check without an answer: see “Not checked”" in text
    assert f"| {silent.title} |" not in text


def test_only_an_unknown_answer_can_be_one_that_the_verdict_does_not_wait_for() -> None:
    words = "Not required: the verdict does not wait for it"
    for status, shown in ((Status.FAIL, False), (Status.UNKNOWN, True)):
        finding = replace(FINDINGS[1], status=status, required=False)
        assert (words in markdown(replace(fail_report(), findings=(finding,)))) is shown


def test_the_matrix_names_four_proofs_and_counts_the_rest() -> None:
    row = replace(fail_report().matrix[0], evidence=tuple(f"E{number:03}" for number in range(2, 28, 2)))
    text = markdown(replace(fail_report(), matrix=(row,)))
    assert "| runs, publishes ticks (E002, E004, E006, E008 +9) |" in text


def test_a_pending_migration_stands_with_the_migrations() -> None:
    pending = replace(FINDINGS[1], rule="migrations.pending", status=Status.WARN, title="0004 is pending")
    text = markdown(replace(fail_report(), findings=(pending,)))
    assert "- Migrations: 1 file in `governance/migrations` (E035)\n  - ⚠️ [WARN] 0004 is pending (E022)\n" in text


def test_a_time_that_is_exported_as_a_number_is_shown_as_a_time() -> None:
    series = Series("market_data_last_timestamp_seconds", (), NOW.timestamp(), None)
    checks = (check("metrics.stamp", "metric.present", "cdb_ws", metric=series.name),)
    for value, shown in ((series.value, "1770625563 (2026-02-09 08:26:03 UTC)"), (1e300, None), (math.nan, None)):
        page = MetricsPage("cdb_ws", (replace(series, value=value),), 1.0)
        metrics = {"cdb_ws": observed(20, "http://127.0.0.1:18001/metrics", page)}
        text = markdown(replace(fail_report(), snapshot=replace(SNAPSHOT, checks=checks, metrics=metrics)))
        row = next(line for line in text.splitlines() if line.startswith(f"| {series.name}"))
        assert (f"| {shown} |" in row) if shown else (" UTC)" not in row)


def test_the_own_ledger_of_a_stack_is_counted_and_its_last_row_readable() -> None:
    rows = ("0001 | core | 2026-02-08T10:26:03.919103+00:00", "0006 | blocked | 2026-02-09T08:00:00.1+00:00")
    facts = replace(SNAPSHOT.database.value, schema_versions=rows)  # type: ignore[union-attr]  # it answered
    database = observed(30, "postgresql://db", facts)
    text = markdown(replace(fail_report(), snapshot=replace(SNAPSHOT, database=database)))
    assert "- The stack's own schema_version: 2 rows, the last: 0006, blocked, 2026-02-09 08:00:00 UTC\n" in text


def test_what_follows_from_a_finding_is_listed_with_it_and_not_on_its_own() -> None:
    text = markdown(fail_report())
    assert f"### 🔴 [FAIL] P1: {EFFECT.title}" not in text
    assert f"| {EFFECT.title} | 🔴 [FAIL] P1 |" in text


def test_what_only_may_follow_from_a_finding_is_told_apart() -> None:
    guess = replace(EFFECT, key="guess", title="no event at fills", details={"cause": "possible: it cannot write"})
    proof = replace(EFFECT, details={"cause": "proven: the same errors, counted"})
    text = markdown(replace(fail_report(), findings=(FINDINGS[0], proof, guess)))
    assert f"   - Follows from it: {EFFECT.title}\n   - May follow from it: no event at fills\n" in text
    assert text.index("| Follows from it |") < text.index(f"| {EFFECT.title} |") < text.index("| May follow from it |")
    assert text.index("| May follow from it |") < text.index("| no event at fills |")
    assert "ollows from it" not in markdown(replace(fail_report(), findings=(FINDINGS[0], guess)))


def test_causes_that_point_in_a_circle_are_still_shown() -> None:
    first = replace(FINDINGS[0], caused_by=EFFECT.fingerprint)
    text = markdown(replace(fail_report(), findings=(first, EFFECT)))
    assert f"P0: {first.title}" in text
    assert f"| {EFFECT.title} |" in text


def test_a_first_run_says_that_nothing_is_called_new() -> None:
    assert "There is no earlier run to compare with" in markdown(pass_report())


def test_not_checked_is_always_there() -> None:
    nothing = replace(pass_report(), snapshot=replace(pass_report().snapshot, not_configured=()))
    assert "## Not checked\n\nEverything that is declared was looked at.\n" in markdown(nothing)
    absent = replace(SNAPSHOT, not_configured=(NotConfigured("Redis", "cdbctl.yaml has no section 'redis'"),))
    text = markdown(replace(pass_report(), snapshot=replace(absent, redis=None, database=None)))
    assert "- Redis: cdbctl.yaml has no section 'redis'" in text
    assert "Not configured: no Redis is declared, so nothing is known about it." in text


def test_accepted_findings_are_listed_and_not_counted() -> None:
    text = markdown(fail_report())
    assert "1 accepted" in text
    assert "2026-03-01 by jannek: restarted by hand" in text
    assert "P2: cdb_ws was restarted" not in text


def test_a_relapse_is_called_one() -> None:
    again = replace(FINDINGS[0], lifecycle=Lifecycle.REGRESSED)
    assert "- **REGRESSED** 🔴 [FAIL]" in markdown(replace(fail_report(), findings=(again,)))


def test_notes_about_the_run_stand_at_the_top() -> None:
    noted = replace(SNAPSHOT, notes=("The report was not stored: read-only file system",))
    first = markdown(replace(fail_report(), snapshot=noted)).partition("## Executive summary")[0]
    assert "> **Note:** The report was not stored: read-only file system" in first


@pytest.mark.parametrize("report", [fail_report(), pass_report(), silent_report()])
def test_the_same_report_gives_the_same_text(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    before = markdown(report)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LANG", "C")
    assert markdown(report) == before


@pytest.mark.parametrize("report", [fail_report(), pass_report(), silent_report()])
def test_every_quote_occurs_verbatim_in_its_evidence_file(report: Report) -> None:
    files = {item.id: stored_text(item) for item in report.snapshot.evidence()}
    for finding in report.findings:
        for quote in finding.quotes:
            assert make_visible(quote.text) in files[quote.evidence]


class TestHostileTextInEveryField:
    """Compared with a report that has a harmless word in the same places, the structure is the same."""

    @pytest.mark.parametrize("make", [fail_report, pass_report, silent_report])
    def test_markdown_keeps_its_structure(self, make: Any) -> None:
        hostile, harmless = (PARSER.parse(markdown(planted(make(), words))) for words in (HOSTILE, HARMLESS))
        shape = [(token.type, token.tag, token.level) for token in hostile]
        assert shape == [(token.type, token.tag, token.level) for token in harmless]
        kinds = {child.type for token in hostile for child in token.children or ()}
        assert kinds <= {"text", "text_special", "code_inline", "softbreak", "strong_open", "strong_close"}

    @pytest.mark.parametrize("make", [fail_report, pass_report, silent_report])
    def test_no_character_acts_in_any_form(self, make: Any) -> None:
        report = planted(make(), HOSTILE)
        for text in (
            markdown(report),
            report_json(report),
            junit(report),
            summary(report, color=False, width=100, unicode=True),
        ):
            assert make_visible(text) == text
            text.encode()

    def test_the_quoted_words_can_still_be_read(self) -> None:
        text = markdown(planted(fail_report(), HOSTILE))
        assert r"\x1b[2J\x1b]0;owned\x07 ``` ````` | x | y |" in text
        assert "<U+202E>evil<U+200B> @everyone" in text


def planted(report: Report, words: str) -> Report:
    """The report with these words behind every text of every field."""
    changed: Report = _planted(report, words)
    # Fingerprints follow from the texts, so what points to them is set again.
    findings = [replace(new, caused_by=None) for new in changed.findings]
    names = {old.fingerprint: new.fingerprint for old, new in zip(report.findings, findings, strict=True)}
    findings = [
        replace(new, caused_by=names.get(old.caused_by or ""))
        for old, new in zip(report.findings, findings, strict=True)
    ]
    return replace(changed, findings=tuple(findings), top=tuple(names[item] for item in report.top))


def _planted(value: Any, words: str, *, keys: bool = True) -> Any:
    if isinstance(value, StrEnum):
        return value
    if isinstance(value, str):
        return value + words
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(
            **{
                item.name: _planted(getattr(value, item.name), words, keys=item.name not in ("params", "levels"))
                for item in fields(value)
            }
        )
    if isinstance(value, Mapping):
        return {key + words if keys else key: _planted(item, words) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_planted(item, words) for item in value)
    return value
