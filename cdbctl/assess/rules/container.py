"""Rules about containers: the image that they run, and the log that they keep."""

from __future__ import annotations

from collections.abc import Iterator

from cdbctl.assess.case import Case
from cdbctl.assess.params import schema
from cdbctl.assess.promised import full_reference, is_id, notes, rests
from cdbctl.assess.rule import Rule
from cdbctl.assess.rules.made import Made, each_container, no_container
from cdbctl.assess.rules.ports import PORTS, judge_ports
from cdbctl.model.check import Check
from cdbctl.model.compose import ComposeService
from cdbctl.model.finding import Finding, Status
from cdbctl.model.runtime import ImageFacts
from cdbctl.model.snapshot import Snapshot

SHORT_ID = 19
"""Characters of ``sha256:…`` that people compare."""


def judge_image_drift(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A container runs the image that its compose file names, and the newest of that name on this machine."""
    return each_container(check, snapshot, _image)


def _image(case: Case, made: Made) -> Finding:
    container, declared, runtime = made.container, made.declared, made.runtime
    case = case.expects("the container runs what its image name means now, and what the compose file names")
    if container is None:
        reason = rests(case.subject, case.snapshot, exit_status=None)
        return case.ok(reason, runtime) if reason else no_container(case, runtime)
    image, wanted = container.image, declared.image if declared else None
    details: dict[str, object] = {"reference": image.reference, "image": image.id, "means_now": image.reference_id}
    runs = f"it runs {image.reference} ({_short(image.id)})"
    if gaps := notes(declared, "image"):
        title = f"{case.subject}: what image its compose file means is not known"
        return case.unknown(title, f"{runs}; {'; '.join(gaps)}", runtime, details=details)
    if declared and wanted and _differs(wanted, image):
        details["declared"] = wanted
        return case.finding(
            Status.WARN,
            f"{case.subject} runs another image than its compose file names",
            f"{runs}; {declared.file}:{declared.line} names {wanted}",
            runtime,
            key="reference",
            details=details,
        )
    if image.reference_id is not None and image.reference_id != image.id:
        return case.finding(
            Status.WARN,
            f"{case.subject} runs an image that was replaced since",
            f"{runs}; {image.reference} now means {_short(image.reference_id)}: rebuilt or pulled, and not recreated",
            runtime,
            key="replaced",
            details=details,
        )
    if image.reference_id is None and not is_id(image.reference):
        runs += "; that name means no image on this machine any more, so nothing newer of it is here"
    return case.ok(runs, runtime, details=details)


def _differs(wanted: str, image: ImageFacts) -> bool:
    """Whether a compose file names another image; a digest is compared with the content, not with a name."""
    if is_id(image.reference) and "@" not in wanted:
        return False
    full = full_reference(wanted)
    if full == full_reference(image.reference):
        return False
    return "@" not in full or full not in map(full_reference, image.digests)


def _short(id: str) -> str:
    return id[:SHORT_ID]


def judge_log_bound(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The log of a container is kept, and cannot fill the disk."""
    return each_container(check, snapshot, _log)


def _log(case: Case, made: Made) -> Finding:
    container, declared, runtime = made.container, made.declared, made.runtime
    case = case.expects("a log driver that keeps the log, within a limit")
    if container is not None:
        driver, bounded = container.log_driver, container.log_is_bounded
        place = "its container"
    elif declared is not None and _declared_log(declared) != ("", False):
        driver, bounded = _declared_log(declared)
        place = f"{declared.file}:{declared.line}; it has no container"
    else:
        # Where nothing is written either, the engine chooses the driver when it makes the container.
        return no_container(case, runtime)
    details = {"driver": driver, "bounded": bounded}
    if driver == "none":
        title = f"{case.subject} keeps no log"
        return case.finding(Status.WARN, title, f"log driver none ({place})", runtime, key="none", details=details)
    if bounded is None:
        return case.ok(
            f"log driver {driver} ({place}): it keeps the log elsewhere, its limits were not looked at", runtime
        )
    if bounded:
        return case.ok(f"log driver {driver} with a size limit ({place})", runtime, details=details)
    return case.finding(
        Status.WARN,
        f"the log of {case.subject} {'grows' if container else 'would grow'} without a limit",
        f"log driver {driver or 'of the engine (json-file unless its configuration says otherwise)'} "
        f"without max-size ({place})",
        runtime,
        key="unbounded",
        details=details,
    )


def _declared_log(declared: ComposeService) -> tuple[str, bool | None]:
    driver = declared.log_driver or ""
    if driver in ("", "json-file"):
        return driver, any(name == "max-size" and value not in ("", "-1") for name, value in declared.log_options)
    return driver, True if driver == "local" else None


RULES = (
    Rule(
        "container.image-drift",
        judge_image_drift,
        schema(),
        subjects="services that run in containers",
        about_services=True,
        good="cdb_risk runs the image that cdb/risk:latest means now.",
        bad="cdb/risk:latest was rebuilt at noon and cdb_risk still runs the image of last week.",
    ),
    Rule(
        "container.log-bound",
        judge_log_bound,
        schema(),
        subjects="services that run in containers",
        about_services=True,
        good="The log driver of cdb_ws is json-file with max-size 10m.",
        bad="The log driver of cdb_ws is json-file and nothing limits its size.",
    ),
    Rule(
        "container.ports",
        judge_ports,
        PORTS,
        subjects="services that run in containers",
        about_services=True,
        good="Port 6379 of cdb_redis is published on 127.0.0.1.",
        bad="Port 6379 of cdb_redis is published on 0.0.0.0.",
    ),
)
