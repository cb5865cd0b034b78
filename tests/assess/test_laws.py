"""Laws that hold for every stack, however it is hurt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, reduce
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cdbctl.assess import assess, judge
from cdbctl.assess.ordering import order, weight
from cdbctl.assess.waivers import is_accepted
from cdbctl.model.finding import Finding, Status, Verdict
from cdbctl.model.logs import LogFacts
from cdbctl.model.reading import Observed
from cdbctl.model.snapshot import Snapshot
from tests.assess import snapshots
from tests.assess.cases import waiver
from tests.assess.snapshots import NOW, healthy, unavailable

HURTS: tuple[Callable[[Snapshot], Snapshot], ...] = (
    snapshots.with_missing_table,
    snapshots.with_crash_loop,
    snapshots.with_stalled_feed,
    snapshots.with_lying_exporter,
    snapshots.with_healthy_but_erroring,
    lambda snapshot: snapshots.with_dead_pages(snapshot, "cdb_ws"),
    lambda snapshot: snapshots.with_database(snapshot, connections=99),
)
SINGLE = ("runtime", "database", "redis", "repository", "host", "migrations")
MAPPINGS = ("health", "logs", "metrics", "answers")


@cache
def well() -> Snapshot:
    return healthy()


@cache
def sources() -> tuple[tuple[str, str], ...]:
    """Every reading: its field, and its name inside that field."""
    inside = ((field, name) for field in MAPPINGS for name in getattr(well(), field))
    return (*((field, "") for field in SINGLE), *inside)


def silence(snapshot: Snapshot, *gone: tuple[str, str]) -> Snapshot:
    for field, name in gone:
        value: Any = getattr(snapshot, field)
        silent = unavailable(value[name] if name else value, "no answer")
        change: dict[str, Any] = {field: {**value, name: silent} if name else silent}
        snapshot = replace(snapshot, **change)
    return snapshot


def lost() -> st.SearchStrategy[list[tuple[str, str]]]:
    return st.lists(st.sampled_from(sources()), max_size=12, unique=True)


def hurt() -> st.SearchStrategy[Snapshot]:
    """A stack with any faults at once, of which any readings are missing, and anything may be waived."""
    faults = st.lists(st.sampled_from(HURTS), max_size=3)
    waived = st.lists(st.sampled_from(sorted({check.id for check in well().checks})), max_size=3)

    def build(chosen: list[Callable[[Snapshot], Snapshot]], gone: list[tuple[str, str]], ids: list[str]) -> Snapshot:
        snapshot = reduce(lambda value, change: change(value), chosen, well())
        waivers = tuple(waiver(until=NOW.date(), check=id) for id in ids)
        return replace(silence(snapshot, *gone), waivers=waivers)

    return st.builds(build, faults, lost(), waived)


def counting(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if not is_accepted(finding)]


@settings(max_examples=60, deadline=None)
@given(hurt())
def test_the_verdict_is_the_worst_status(snapshot: Snapshot) -> None:
    findings = assess(snapshot)
    worst = min((weight(finding) for finding in counting(findings)), default=4)
    expected = {0: Verdict.FAIL, 1: Verdict.UNKNOWN, 2: Verdict.WARN}.get(worst, Verdict.PASS)
    assert judge(snapshot, findings).verdict is expected


@settings(max_examples=60, deadline=None)
@given(hurt())
def test_an_effect_never_outranks_its_cause(snapshot: Snapshot) -> None:
    judged = judge(snapshot, assess(snapshot))
    place = {finding.fingerprint: index for index, finding in enumerate(judged.findings)}
    by_fingerprint = {finding.fingerprint: finding for finding in judged.findings}
    for finding in judged.findings:
        if finding.caused_by is not None:
            cause = by_fingerprint[finding.caused_by]
            assert place[cause.fingerprint] < place[finding.fingerprint]
            assert cause.severity <= finding.severity
            assert weight(cause) <= weight(finding)
            assert cause.caused_by is None, "a chain points to its root"
            assert not is_accepted(cause)
    assert list(judged.findings) == sorted(judged.findings, key=order)


@settings(max_examples=60, deadline=None)
@given(hurt())
def test_every_finding_has_evidence_and_its_quotes_are_verbatim(snapshot: Snapshot) -> None:
    texts = {evidence.id: evidence.text for evidence in snapshot.evidence()}
    for finding in assess(snapshot):
        assert finding.evidence
        assert set(finding.evidence) <= texts.keys()
        assert all(quote.text in texts[quote.evidence] for quote in finding.quotes)


@settings(max_examples=60, deadline=None)
@given(hurt())
def test_the_same_snapshot_gives_the_same_report(snapshot: Snapshot) -> None:
    assert judge(snapshot, assess(snapshot)) == judge(snapshot, assess(snapshot))


@settings(max_examples=60, deadline=None)
@given(hurt())
def test_fingerprints_are_unique_and_top_findings_are_roots(snapshot: Snapshot) -> None:
    judged = judge(snapshot, assess(snapshot))
    by_fingerprint = {finding.fingerprint: finding for finding in judged.findings}
    assert len(by_fingerprint) == len(judged.findings)
    assert len(judged.top) <= 3
    assert all(by_fingerprint[name].caused_by is None for name in judged.top)
    assert bool(judged.top) or not counting(judged.findings)


@settings(max_examples=60, deadline=None)
@given(lost())
def test_what_could_not_be_read_is_never_a_pass(gone: list[tuple[str, str]]) -> None:
    snapshot = silence(well(), *gone)
    judged = judge(snapshot, assess(snapshot))
    unknown = [finding for finding in judged.findings if finding.status is Status.UNKNOWN]
    silent = {reading.evidence.id for reading in snapshot.readings() if not isinstance(reading, Observed)}
    assert bool(unknown) == bool(gone)
    assert silent <= {id for finding in unknown for id in finding.evidence}
    if any(finding.required for finding in unknown):
        assert judged.verdict in (Verdict.UNKNOWN, Verdict.FAIL)
    assert judged.coverage.ran == judged.coverage.declared - len(judged.coverage.not_checked)


@settings(max_examples=40, deadline=None)
@given(st.integers(), st.sampled_from(HURTS))
def test_shuffled_log_groups_give_the_same_fingerprints(seed: int, change: Callable[[Snapshot], Snapshot]) -> None:
    snapshot = change(well())
    for text, kind in (("[ERROR] a", "redis_oom"), ("[ERROR] b", "redis_oom"), ("[ERROR] c", "http_429")):
        facts = snapshots.group(text, signature=snapshots.signature(kind), count=4)
        old = snapshot.logs["cdb_signal"]
        assert isinstance(old, Observed)
        snapshot = snapshots.with_log(snapshot, "cdb_signal", snapshots.log(*old.value.groups, facts))

    def shuffled(value: LogFacts) -> LogFacts:
        groups = list(value.groups)
        Random(seed).shuffle(groups)
        return replace(value, groups=tuple(groups))

    other = replace(
        snapshot,
        logs={
            name: snapshots.edit(reading, shuffled, reading.evidence.text) for name, reading in snapshot.logs.items()
        },
    )
    assert assess(other) == assess(snapshot)
