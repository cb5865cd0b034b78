"""Scrapes the metrics page of one service twice, so that a counter has a rate."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.exposition import Labels, NotMetricsError, read_exposition
from cdbctl.collect.web import Page, get, shown
from cdbctl.collect.wire import Deadline
from cdbctl.model.metrics import MetricsPage, Series
from cdbctl.model.stack import Service

_LIMIT_BYTES = 8 * 1024 * 1024
_MOST_SERIES = 20_000
_MOST_BUCKETS = 500
_TEXT_CHARACTERS = 180_000
_ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4,*/*;q=0.1"

Key = tuple[str, Labels]


@dataclass(frozen=True, slots=True)
class Scrape:
    """One answer of a metrics page."""

    at_seconds: float
    """Monotonic, in the middle of the question."""
    values: dict[Key, float]
    notes: tuple[str, ...]
    """What was left out, and why."""
    not_finite: tuple[str, ...]
    """Names of the metrics that have a series without a finite value."""


def read_page(service: Service, *, timeout_seconds: float, apart_seconds: float) -> Seen[MetricsPage]:
    """Scrape twice, ``apart_seconds`` apart, both within ``timeout_seconds``; raises NoAnswer.

    When only the first scrape succeeds there are values and no rates: ``apart_seconds`` of the page is 0.
    """
    if service.metrics_url is None:
        remedy = f"declare metrics of {service.name} in cdbctl.yaml"
        raise NoAnswer("no metrics page is declared", remedy=remedy)
    deadline = Deadline(timeout_seconds)
    started = time.monotonic()
    first = _scrape(service.metrics_url, deadline.left())
    try:
        time.sleep(min(max(0.0, started + apart_seconds - time.monotonic()), deadline.left()))
        second = _scrape(service.metrics_url, deadline.left())
    except (NoAnswer, TimeoutError) as failure:
        why = failure.reason if isinstance(failure, NoAnswer) else "no time was left for it"
        page = MetricsPage(service.name, _series(first.values, {}), 0.0, first.not_finite)
        return Seen(page, _text(service.metrics_url, page, (f"the second scrape failed: {why}", *first.notes)))
    apart = round(second.at_seconds - first.at_seconds, 3)
    page = MetricsPage(service.name, _series(second.values, first.values), apart, second.not_finite)
    return Seen(page, _text(service.metrics_url, page, second.notes))


def _scrape(url: str, timeout_seconds: float) -> Scrape:
    started = time.monotonic()
    page = get(url, accept=_ACCEPT, timeout_seconds=timeout_seconds, limit_bytes=_LIMIT_BYTES)
    at_seconds = (started + time.monotonic()) / 2
    return read_values(_checked(page), at_seconds=at_seconds)


def _checked(page: Page) -> str:
    remedy = "correct the address of the metrics page in cdbctl.yaml"
    if page.status != 200:
        raise NoAnswer(f"answers {page.status} {page.reason}".rstrip() + " instead of metrics", remedy=remedy)
    if page.cut:
        raise NoAnswer(f"the page is larger than {_LIMIT_BYTES // 1024**2} MiB", remedy="let it export less")
    if page.ended_early:
        raise NoAnswer("the page ended before its announced end")
    if "html" in page.content_type.lower() or page.body.lstrip()[:1] == b"<":
        raise NoAnswer("answers with a web page instead of metrics", remedy=remedy)
    try:
        return page.body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NoAnswer(f"answers with something that is not text (byte {error.start})", remedy=remedy) from error


def read_values(text: str, *, at_seconds: float) -> Scrape:
    """The finite values of a page by name and labels, and what was left out; raises NoAnswer."""
    values: dict[Key, float] = {}
    left_out: dict[Key, None] = {}
    buckets: list[Key] = []
    try:
        for sample in read_exposition(text):
            key = (sample.name, sample.labels)
            value: float | None = sample.value if math.isfinite(sample.value) else None
            if (key in values or key in left_out) and values.get(key) != value:
                raise NoAnswer(f"exports {_written(key)} twice, with different values")
            if value is None:
                left_out[key] = None
                continue
            values[key] = value
            if len(values) > _MOST_SERIES:
                raise NoAnswer(f"exports more than {_MOST_SERIES} series", remedy="let it export less")
            if sample.name.endswith("_bucket") and any(name == "le" for name, _ in sample.labels):
                buckets.append(key)
    except NotMetricsError as error:
        raise NoAnswer(f"does not answer with metrics: {error}") from error
    notes = [f"left out, because not a finite number: {_written(key)}" for key in list(left_out)[:20]]
    if len(left_out) > 20:
        notes.append(f"left out, because not a finite number: {len(left_out) - 20} more")
    if len(buckets) > _MOST_BUCKETS:
        for key in buckets:
            values.pop(key, None)
        notes.append(f"left out: {len(buckets)} histogram buckets; their _count and _sum are kept")
    return Scrape(at_seconds, values, tuple(notes), tuple(dict.fromkeys(name for name, _ in left_out)))


def _series(values: dict[Key, float], earlier: dict[Key, float]) -> tuple[Series, ...]:
    return tuple(Series(key[0], key[1], value, earlier.get(key)) for key, value in values.items())


def _written(key: Key) -> str:
    name, labels = key
    if not labels:
        return name
    inside = ",".join(f"{label}={_quoted(value)}" for label, value in labels)
    return f"{name}{{{inside}}}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _text(url: str, page: MetricsPage, notes: Iterable[str]) -> str:
    """Every series as ``name{labels} value (was earlier)``."""
    how = f"scraped twice, {page.apart_seconds:g} s apart" if page.apart_seconds else "scraped once"
    lines = [f"GET {shown(url)}", f"{how}: {len(page.series)} series", *notes, ""]
    size = sum(map(len, lines))
    for number, series in enumerate(page.series):
        was = "" if not page.apart_seconds else f" (was {_number(series.earlier)})"
        line = f"{_written((series.name, series.labels))} {_number(series.value)}{was}"
        size += len(line) + 1
        if size > _TEXT_CHARACTERS:
            lines.append(f"… {len(page.series) - number} more series are not shown here")
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    if value is None:
        return "not there"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
