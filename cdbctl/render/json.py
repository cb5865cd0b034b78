"""The report for machines, as ``schemas/report.schema.json`` says; readers ignore unknown keys."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from cdbctl.model.ci import IssueFacts
from cdbctl.model.codec import encode
from cdbctl.model.finding import Finding
from cdbctl.model.logs import LogFacts
from cdbctl.model.metrics import MetricState
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.run_folder import REPORT_SCHEMA
from cdbctl.model.runtime import HealthFacts
from cdbctl.model.snapshot import EarlierFinding, EarlierService, Snapshot
from cdbctl.render.metric_rows import MetricRow, asked_of_prometheus, metric_rows
from cdbctl.render.rows import clock_offsets, closed, digest
from cdbctl.render.service_rows import ServiceRow, service_rows
from cdbctl.render.status import exit_status, reason_code
from cdbctl.render.text import make_visible

Document: TypeAlias = dict[str, Any]


def report_json(report: Report) -> str:
    """The report as JSON text: UTF-8, two spaces, keys always in the same order."""
    return json.dumps(_harmless(document(report)), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def document(report: Report) -> Document:
    """The report as JSON data."""
    snapshot = report.snapshot
    return {
        "schema": REPORT_SCHEMA,
        "status": int(exit_status(report)),
        "reason_code": reason_code(report),
        "tool_version": snapshot.tool_version,
        "taken_at": encode(snapshot.taken_at),
        "finished_at": encode(snapshot.finished_at),
        "timezone": snapshot.timezone,
        "stack": snapshot.stack,
        "root": snapshot.root,
        "agent": snapshot.agent,
        "window": encode(snapshot.window),
        "verdict": report.verdict.value,
        "next_step": encode(report.next_step),
        "top_findings": list(report.top),
        "coverage": encode(report.coverage),
        "findings": [_finding(item) for item in report.findings],
        "passed": [_finding(item) for item in report.passed],
        "resolved": [_earlier(item) for item in report.resolved],
        "unverified": [_earlier(item) for item in report.unverified],
        "closed": [_earlier(item) for item in closed(report)],
        "previous": _previous(snapshot),
        "matrix": encode(report.matrix),
        "runtime": _runtime(snapshot),
        "services": [_service(row) for row in service_rows(report)],
        "metrics": [*(_metric(row) for row in metric_rows(snapshot)), *_asked_metrics(snapshot)],
        "database": _facts(snapshot.database, leave_out=("relations",)),
        "redis": _facts(snapshot.redis),
        "prometheus": _facts(snapshot.prometheus, leave_out=("metrics",)),
        "repository": _facts(snapshot.repository),
        "migrations": _facts(snapshot.migrations),
        "ci": _facts(snapshot.ci),
        **_issues(snapshot.issues),
        "host": _facts(snapshot.host),
        "clocks": encode(clock_offsets(snapshot)),
        "soak": encode(report.soak),
        "not_configured": encode(snapshot.not_configured),
        "redactions": encode(snapshot.redactions),
        "notes": list(snapshot.notes),
        "evidence": [
            {
                "id": item.id,
                "source": item.source,
                "file": item.file,
                "sha256": digest(item),
                "taken_at": encode(item.at),
            }
            for item in snapshot.evidence()
        ],
    }


def _finding(finding: Finding) -> Document:
    return {
        "check": finding.check,
        "rule": finding.rule,
        "fingerprint": finding.fingerprint,
        "status": finding.status.value,
        "severity": finding.severity.value,
        "required": finding.required,
        "lifecycle": encode(finding.lifecycle),
        "first_seen": encode(finding.first_seen),
        "caused_by": finding.caused_by,
        "subject": finding.subject,
        "key": finding.key,
        "title": finding.title,
        "impact": finding.impact,
        "policy": finding.policy,
        "expected": finding.expected,
        "actual": finding.actual,
        "details": encode(finding.details),
        "evidence": list(finding.evidence),
        "quotes": encode(finding.quotes),
        "fix": encode(finding.fix),
        "accepted_until": finding.accepted_until,
    }


def _earlier(finding: EarlierFinding) -> Document:
    return {
        "check": finding.check,
        "fingerprint": finding.fingerprint,
        "subject": finding.subject,
        "title": finding.title,
        "status": finding.status,
        "first_seen": encode(finding.first_seen),
        "lifecycle": finding.lifecycle,
    }


def _previous(snapshot: Snapshot) -> Document | None:
    if not isinstance(snapshot.previous, Observed):
        return None
    run = snapshot.previous.value
    return {"taken_at": encode(run.taken_at), "path": run.path, "verdict": run.verdict}


def _runtime(snapshot: Snapshot) -> Document | None:
    if not isinstance(snapshot.runtime, Observed):
        return None
    return {"kind": snapshot.runtime.value.kind, "started_at": encode(snapshot.runtime.value.started_at)}


def _service(row: ServiceRow) -> Document:
    facts = row.facts
    return {
        "name": row.name,
        "title": row.declared.title if row.declared else None,
        "group": encode(row.declared.group) if row.declared else None,
        "declared": row.declared is not None,
        "required": row.declared is not None and row.declared.required,
        "status": encode(row.status),
        "state": encode(facts.state) if facts else None,
        **_health(row),
        "restarts": facts.restarts if facts else None,
        "restarts_counted_since": encode(facts.restarts_counted_since) if facts else None,
        "started_at": encode(facts.started_at) if facts and row.runs else None,
        "exit_status": facts.exit_status if facts else None,
        "cpu_percent": facts.cpu_percent if facts and row.runs else None,
        "memory_bytes": facts.memory_bytes if facts and row.runs else None,
        "log": _log(row.log),
        "identity": encode(EarlierService.of(facts)) if facts else None,
        "container": encode(facts.container) if facts else None,
    }


def _health(row: ServiceRow) -> Document:
    """The worst answer; ``health`` is null where a declared page did not answer, ``none`` where nothing probes."""
    answer = {
        "page": _probe(row.page),
        "runtime": _probe(row.facts.health if row.facts else None),
    }
    match row.worst_probe:
        case None:
            return {"health": "none", "probe": "none", "health_detail": None, "probes": answer}
        case Unavailable(reason=reason):
            return {"health": None, "probe": None, "health_detail": reason, "probes": answer}
        case HealthFacts() as facts:
            words = {"health": facts.health.value, "probe": facts.depth.value, "health_detail": facts.detail}
            return {**words, "probes": answer}


def _probe(answer: HealthFacts | Unavailable | None) -> Document | None:
    """null where nothing of the kind is declared."""
    match answer:
        case None:
            return None
        case Unavailable(reason=reason):
            return {"health": None, "depth": None, "detail": reason, "failing_streak": None}
        case HealthFacts():
            found: Document = encode(answer)
            return found


def _log(reading: Reading[LogFacts] | None) -> Document | None:
    if not isinstance(reading, Observed):
        return None
    facts = reading.value
    return {
        "lines": facts.window.lines,
        "errors": facts.errors,
        "warnings": facts.warnings,
        "truncated": not facts.window.complete,
        "first_at": encode(facts.window.first_at),
        "last_at": encode(facts.window.last_at),
        "bytes": facts.window.bytes,
        "reaches_back": facts.window.reaches_back,
        "note": facts.window.note,
        "newest_at": encode(facts.newest_at),
        "evidence": reading.evidence.id,
    }


def _metric(row: MetricRow) -> Document:
    return {
        "name": row.name,
        "service": row.service,
        "state": row.state.value,
        "value": row.value,
        "increase": row.increase,
        "apart_seconds": row.apart_seconds,
        "evidence": row.evidence,
    }


def _asked_metrics(snapshot: Snapshot) -> list[Document]:
    """What Prometheus says of the metrics that it was asked for; nothing is known of them when it is down."""
    reading = snapshot.prometheus
    if reading is None:
        return []
    answers = {item.name: item for item in reading.value.metrics} if isinstance(reading, Observed) else {}
    window_seconds = (snapshot.window.until - snapshot.window.since).total_seconds()
    return [
        {
            "name": name,
            "service": None,
            "state": (answer.state if answer else MetricState.PROM_DOWN).value,
            "value": answer.value if answer else None,
            "increase": answer.increase if answer else None,
            "apart_seconds": window_seconds,
            "evidence": reading.evidence.id,
            "last_seen_at": encode(answer.last_seen_at) if answer else None,
            "nearest": answer.nearest if answer else "",
            "note": answer.note if answer else "",
        }
        for name, answer in ((name, answers.get(name)) for name in asked_of_prometheus(snapshot))
    ]


def _issues(reading: Reading[IssueFacts] | None) -> Document:
    """null where they were not read: an empty list would say that there are none."""
    if not isinstance(reading, Observed):
        return {"issues": [] if reading is None else None, "issues_incomplete": []}
    facts = reading.value
    read = facts.issues or not facts.incomplete
    return {"issues": encode(facts.issues) if read else None, "issues_incomplete": list(facts.incomplete)}


def _facts(reading: Reading[Any] | None, leave_out: tuple[str, ...] = ()) -> Document | None:
    """What a source said, with its evidence; null when it is not declared or did not answer."""
    if not isinstance(reading, Observed):
        return None
    facts = encode(reading.value)
    return {key: item for key, item in facts.items() if key not in leave_out} | {"evidence": reading.evidence.id}


def _harmless(data: Any) -> Any:
    """Text made visible, and null for numbers that JSON has no word for."""
    if isinstance(data, str):
        return make_visible(data)
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {make_visible(str(key)): _harmless(item) for key, item in data.items()}
    if isinstance(data, list | tuple):
        return [_harmless(item) for item in data]
    return data if data is None or isinstance(data, int) else make_visible(str(data))
