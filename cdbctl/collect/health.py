"""Asks the health page of one service."""

from __future__ import annotations

import json
import re

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.web import Page, get
from cdbctl.model.runtime import Health, HealthFacts, ProbeDepth
from cdbctl.model.stack import Service

_LIMIT_BYTES = 64 * 1024
_DETAIL_CHARACTERS = 200

_GOOD = frozenset({"ok", "healthy", "up", "pass", "passing", "passed", "alive", "running", "ready", "green", "true"})
_BEGINNING = frozenset({"starting", "initializing", "initialising", "booting", "warming up", "pending"})
_BAD = frozenset(
    {"down", "unhealthy", "fail", "failed", "failing", "error", "critical", "dead", "degraded", "unavailable", "false"}
)
"""What a body of one word says; other words, such as a greeting, say nothing."""
_DEPENDENCY_WORDS = frozenset(
    {"dependencies", "dependency", "checks", "components", "details", "services", "connections", "upstream"}
    | {"redis", "postgres", "postgresql", "database", "db", "mysql", "mongo", "mongodb"}
    | {"kafka", "rabbitmq", "broker", "queue", "cache"}
)


def read_health(service: Service, *, timeout_seconds: float) -> Seen[HealthFacts]:
    """Ask the declared health page once; raises NoAnswer when nothing can be learned from it."""
    if service.health_url is None:
        raise NoAnswer("no health page is declared", remedy=f"declare health.url of {service.name} in cdbctl.yaml")
    page = get(
        service.health_url,
        accept="application/json, text/plain;q=0.9, */*;q=0.5",
        timeout_seconds=timeout_seconds,
        limit_bytes=_LIMIT_BYTES,
    )
    said = _said(page)
    health = _health(page, said)
    depth = _depth(service.health_depth, said)
    how = "declared" if service.health_depth else "judged by the body"
    facts = HealthFacts(health=health, depth=depth, detail=_detail(page))
    return Seen(facts, _text(page, f"health: {health}\ndepth: {depth} ({how})\n"))


def _health(page: Page, said: object) -> Health:
    if page.status >= 500:
        return Health.STARTING if _own_status(said) in _BEGINNING else Health.UNHEALTHY
    if not 200 <= page.status < 300:
        raise NoAnswer(
            f"answers {page.status} {page.reason}".rstrip() + ", which says nothing about health",
            remedy="correct the address of the health page in cdbctl.yaml",
        )
    word = _own_status(said)
    if word is None or word in _GOOD:
        return Health.HEALTHY
    return Health.STARTING if word in _BEGINNING else Health.UNHEALTHY


def _own_status(said: object) -> str | None:
    """What a body says of itself, in lower case; None when it says nothing."""
    if isinstance(said, bool | str):
        word = str(said).strip().strip(".\"'!").lower()
        return word if word in _BAD | _BEGINNING else None
    if not isinstance(said, dict):
        return None
    by_name = {name.lower(): value for name, value in said.items()}
    for name in ("status", "health", "healthy", "state"):
        value = by_name.get(name)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            return "ok" if 200 <= value < 300 else str(value)
        if isinstance(value, str):
            return value.strip().lower()
    is_bad = any(by_name.get(name) is False for name in ("ok", "success", "alive"))
    is_bad = is_bad or any(_is_bad(value) for name, value in said.items() if _words(name) & _DEPENDENCY_WORDS)
    return "error" if is_bad or by_name.get("error") or by_name.get("errors") else None


def _is_bad(value: object) -> bool:
    """What Grafana says of its database: ``failing``, without a word about itself."""
    return value is False or (isinstance(value, str) and value.strip().lower() in _BAD)


def _depth(declared: str | None, said: object) -> ProbeDepth:
    """How much a passing answer proves: what is declared, else what the body talks about."""
    if declared in list(ProbeDepth):
        return ProbeDepth(declared)
    if not isinstance(said, dict) or not said:
        return ProbeDepth.HTTP
    names_dependency = any(
        _words(name) & _DEPENDENCY_WORDS for name, value in said.items() if value not in ({}, [], None)
    )
    return ProbeDepth.DEPENDENCY if names_dependency else ProbeDepth.APPLICATION


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()))


def _said(page: Page) -> object:
    """The body as JSON; as text when it is none, and None when it is too long to be an answer."""
    if page.cut:
        return None
    try:
        return json.loads(page.body)
    except (ValueError, RecursionError):
        return page.text


def _detail(page: Page) -> str:
    line = " ".join(page.text.split())
    if len(line) > _DETAIL_CHARACTERS:
        beginning = line[: _DETAIL_CHARACTERS - 1]
        # Cut between words: half of a secret would not be known as one.
        line = beginning[: max(map(beginning.rfind, " ,;")) + 1 or None] + "…"
    return f"{page.status} {line or page.reason}".rstrip()


def _text(page: Page, conclusion: str) -> str:
    size = f"first {len(page.body)} bytes, there is more" if page.cut else f"{len(page.body)} bytes"
    return (
        f"GET {page.url}\n"
        f"answer: {page.status} {page.reason}\n"
        f"took_ms: {page.took_ms}\n"
        f"content type: {page.content_type or 'not given'}\n"
        f"{conclusion}"
        f"body ({size}{', ended early' if page.ended_early else ''}):\n"
        f"{page.text}\n"
    )
