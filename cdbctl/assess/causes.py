"""One cause, one voice: findings that follow from another one point to it and stay below it.

The links are explicit and few (``links.py``); `explain` walks them from the strongest to the weakest and always
points to the root.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cdbctl.assess.links import LINKS
from cdbctl.assess.ordering import order, weight
from cdbctl.assess.waivers import is_accepted
from cdbctl.assess.world import World
from cdbctl.model.finding import Finding, Status
from cdbctl.model.snapshot import Snapshot


def explain(findings: Sequence[Finding], snapshot: Snapshot) -> tuple[Finding, ...]:
    """Give every finding that follows from another one its cause, and at most the severity of it."""
    world = World(snapshot)
    voices = [item for item in findings if item.status is not Status.OK and not is_accepted(item)]
    voices.sort(key=lambda item: (world.rank(item), order(item)))
    roots: dict[str, tuple[Finding, str]] = {}
    for index, effect in enumerate(voices):
        found = _cause(effect, voices[:index], world)
        if found:
            roots[effect.fingerprint] = _to_the_root(*found, roots)
    return tuple(_point(item, roots) for item in findings)


def _cause(effect: Finding, earlier: Sequence[Finding], world: World) -> tuple[Finding, str] | None:
    """The strongest finding that explains this one. Only what ranks before it can, so there are no circles."""
    for cause in earlier:
        if cause.fingerprint == effect.fingerprint or weight(cause) > weight(effect):
            continue
        for words, link in LINKS:
            if link(cause, effect, world):
                return cause, words
    return None


def _to_the_root(cause: Finding, words: str, roots: Mapping[str, tuple[Finding, str]]) -> tuple[Finding, str]:
    """The root of a chain; a chain is only proven when each of its links is."""
    root, before = roots.get(cause.fingerprint, (cause, words))
    weak = before.startswith("possible")
    return root, words.replace("proven", "possible", 1) if weak else words


def _point(finding: Finding, roots: dict[str, tuple[Finding, str]]) -> Finding:
    if finding.fingerprint not in roots or finding.status is Status.OK or is_accepted(finding):
        return finding
    root, words = roots[finding.fingerprint]
    severity = max(finding.severity, root.severity, key=lambda item: item.value)
    details = {**finding.details, "cause": words}
    return replace(finding, caused_by=root.fingerprint, severity=severity, details=details)
