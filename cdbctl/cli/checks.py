"""``cdbctl check list`` and ``cdbctl check explain ID``: everything about what is expected of the stack."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cdbctl.cli.options import Root
from cdbctl.cli.output import say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cdbctl.model.check import Check, Waiver
    from cdbctl.settings import Definitions


class Format(StrEnum):
    """What goes to stdout instead of text."""

    JSON = "json"


FormatOption = Annotated[Format | None, typer.Option("--format", help="What goes to stdout instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    checks = typer.Typer(
        help="What is expected of the stack.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
    )
    checks.command("list")(list_checks)
    checks.command("explain")(explain_check)
    app.add_typer(checks, name="check")


def list_checks(root: Root = None, output_format: FormatOption = None) -> None:
    """List the checks: id, rule, severity, whether required, subjects."""
    checks = _definitions(root).checks
    if output_format is Format.JSON:
        say_json(_answer("check-list", checks=[_brief(check) for check in checks]))
    else:
        say(table(checks))


def explain_check(
    check_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a check, e.g. logs.known-signatures.")],
    root: Root = None,
    output_format: FormatOption = None,
) -> None:
    """Tell everything about one check, and how to look closer."""
    definitions = _definitions(root)
    explained = explain(_named(check_id, definitions.checks), definitions)
    if output_format is Format.JSON:
        say_json(_answer("check-explain", check=explained))
    else:
        say(page(explained))


def _definitions(root: Path | None) -> Definitions:
    from cdbctl.assess import RULES
    from cdbctl.settings import find_root, load_definitions

    return load_definitions(root if root is not None else find_root(Path.cwd()), rules=RULES)


def _named(check_id: str, checks: Sequence[Check]) -> Check:
    from cdbctl.errors import UsageError
    from cdbctl.load.wording import did_you_mean

    for check in checks:
        if check.id == check_id:
            return check
    raise UsageError(
        did_you_mean(check_id, [check.id for check in checks], what="check"),
        next_step="list the checks: cdbctl check list",
    )


def _answer(command: str, **content: Any) -> dict[str, Any]:
    return {"schema": f"cdbctl/{command}/1", "status": 0, "reason_code": "ok", **content}


def _brief(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "rule": check.rule,
        "severity": check.severity.value,
        "required": check.required,
        "subjects": list(check.subjects),
        "short": check.short,
        "file": check.file,
        "line": check.line,
    }


def table(checks: Sequence[Check]) -> str:
    """The checks as an aligned table; a long list of subjects is shortened and counted."""
    head = ("CHECK", "RULE", "SEVERITY", "REQUIRED", "SUBJECTS")
    rows = [
        (check.id, check.rule, check.severity.value, "yes" if check.required else "no", _few(check.subjects))
        for check in checks
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _few(subjects: Sequence[str], limit: int = 3) -> str:
    more = f" and {len(subjects) - limit} more" if len(subjects) > limit else ""
    return ", ".join(subjects[:limit]) + more


def explain(check: Check, definitions: Definitions) -> dict[str, Any]:
    """Everything about a check as plain data."""
    from cdbctl.assess import RULES
    from cdbctl.cli.look_closer import look_closer
    from cdbctl.model.codec import encode

    rule = RULES[check.rule]
    declared = rule.params.get("properties", {})
    return {
        **_brief(check),
        "law": rule.law,
        "good": rule.good,
        "bad": rule.bad,
        "params": {
            name: {
                "value": encode(check.params.get(name, about.get("default"))),
                "given": name in check.params,
                "description": about.get("description", ""),
            }
            for name, about in declared.items()
        },
        "motivation": check.motivation,
        "impact": check.impact,
        "policy": check.policy,
        "remedy": check.remedy,
        "waivers": [_waived(waiver) for waiver in definitions.waivers if waiver.check == check.id],
        "look_closer": look_closer(check, definitions.settings),
    }


def _waived(waiver: Waiver) -> dict[str, Any]:
    from datetime import UTC, datetime

    from cdbctl.assess.waivers import expired

    return {
        "owner": waiver.owner,
        "reason": waiver.reason,
        "until": waiver.until.isoformat(),
        "expired": expired(waiver, datetime.now(UTC)),
        "file": waiver.file,
        "line": waiver.line,
    }


def page(explained: dict[str, Any]) -> str:
    """Write an explained check for a person."""
    return "".join(_paragraph(title, text) for title, text in _paragraphs(explained) if text)


def _paragraphs(explained: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "check", explained["id"]
    yield "expectation", explained["short"]
    yield "severity", f"{explained['severity']}, {'required' if explained['required'] else 'optional'}"
    yield "subjects", ", ".join(explained["subjects"])
    yield "rule", f"{explained['rule']}: {explained['law']}"
    yield "content with", explained["good"]
    yield "reports", explained["bad"]
    for name, param in explained["params"].items():
        yield "parameter", f"{name}: {_value(param)}; {param['description']}"
        if _is_long(param["value"]):
            yield from (("", _json(item)) for item in param["value"])
    for title in ("motivation", "impact", "policy", "remedy"):
        yield title, explained[title]
    yield "declared in", f"{explained['file']}:{explained['line']}"
    for waiver in explained["waivers"]:
        state = "expired" if waiver["expired"] else "accepted"
        place = f"{waiver['file']}:{waiver['line']}"
        yield "waiver", f"{state}, until {waiver['until']} by {waiver['owner']}: {waiver['reason']} ({place})"
    if not explained["waivers"]:
        yield "waiver", "none"
    yield "look closer", explained["look_closer"]


def _value(param: dict[str, Any]) -> str:
    value = param["value"]
    if value is None:
        return "not set"
    source = "" if param["given"] else " (default)"
    return (f"{len(value)} entries" if _is_long(value) else _json(value)) + source


def _is_long(value: object) -> bool:
    """Whether a parameter is a list of mappings, which are easier to read one by one."""
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _paragraph(title: str, text: str, *, width: int = 100) -> str:
    from textwrap import fill

    if title == "look closer":  # a command is copied: it stays on one line
        return f"{title:<14}{text}\n"
    return fill(text, width, initial_indent=f"{title:<14}", subsequent_indent=" " * 14, break_on_hyphens=False) + "\n"
