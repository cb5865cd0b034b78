"""The report that a person reads at breakfast."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cdbctl.model.report import Report
from cdbctl.render.md import paragraphs
from cdbctl.render.sections import ci, findings, logs, prometheus, record, repository, runtime, soak, sources, summary

SECTIONS: Sequence[Callable[[Report], list[str]]] = (
    summary.title,
    summary.executive_summary,
    soak.soak,
    runtime.services,
    logs.logs,
    sources.metrics,
    prometheus.prometheus,
    sources.postgresql,
    sources.redis,
    sources.host,
    repository.repository,
    ci.ci,
    ci.issues,
    findings.matrix,
    findings.fix_plan,
    record.changes,
    findings.accepted_findings,
    record.redactions,
    record.passed,
    record.not_checked,
    record.evidence,
)
"""Worst news first, proof last."""


def markdown(report: Report) -> str:
    """The whole report, made from nothing but the judged snapshot."""
    return "\n".join(paragraphs(*(section(report) for section in SECTIONS))) + "\n"
