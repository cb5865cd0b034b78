"""``governance/waivers.yaml``: what is knowingly accepted for a time."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cdbctl.errors import DefinitionError
from cdbctl.load.waivers import load_waivers
from cdbctl.model.check import Waiver

GOOD = """\
waivers:
  - fingerprint: "3f9a0c12be77"
    owner: Jannek
    reason: the exporter is replaced next week
    until: 2026-03-01
  - {check: logs.known-signatures, owner: Jannek, reason: " a test ", until: "2026-02-10"}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "governance" / "waivers.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(DefinitionError) as error:
        load_waivers(path)
    return [str(problem) for problem in error.value.problems]


def test_a_waiver_names_a_finding_or_a_check(tmp_path: Path) -> None:
    file = "governance/waivers.yaml"
    assert load_waivers(write(tmp_path, GOOD)) == (
        Waiver("3f9a0c12be77", None, "Jannek", "the exporter is replaced next week", date(2026, 3, 1), file, 2),
        Waiver(None, "logs.known-signatures", "Jannek", "a test", date(2026, 2, 10), file, 6),
    )


def test_without_a_file_nothing_is_waived(tmp_path: Path) -> None:
    assert load_waivers(tmp_path / "governance" / "waivers.yaml") == ()
    assert load_waivers(write(tmp_path, "waivers: []\n")) == ()


def test_everything_is_mandatory_and_told_at_once(tmp_path: Path) -> None:
    text = """\
waivers:
  - {fingerprint: 3f9a0c12be77}
  - {fingerprint: 123456789012, owner: x, reason: y, until: 2026-02-30}
  - {fingerprint: 3f9a0c12be77, check: a.b, owner: " ", reason: y, until: tomorrow}
  - {check: a.b, owner: x, reason: y, until: 2026-03-01, untill: 2027-03-01}
  - words
"""
    assert problems(write(tmp_path, text)) == [
        "governance/waivers.yaml:2: waivers[0].owner: is missing",
        "governance/waivers.yaml:2: waivers[0].reason: is missing",
        "governance/waivers.yaml:2: waivers[0].until: is missing",
        "governance/waivers.yaml:3: waivers[1].fingerprint: 123456789012 is a number, not text: put it in quotes",
        'governance/waivers.yaml:3: waivers[1].until: "2026-02-30" is not a day of the calendar',
        "governance/waivers.yaml:4: waivers[2]: needs exactly one of fingerprint and check",
        "governance/waivers.yaml:4: waivers[2].owner: must not be empty",
        'governance/waivers.yaml:4: waivers[2].until: "tomorrow" is not of the right form: write it like 2026-03-31',
        "governance/waivers.yaml:5: waivers[3].untill: unknown key `untill`: did you mean `until`?",
        'governance/waivers.yaml:6: waivers[4]: "words" is text, not a mapping',
    ]


@pytest.mark.parametrize("text", ["", "[]", "waivers:\n", "waiver: []\n", "waivers: [\n"])
def test_a_file_of_another_shape_waives_nothing_silently(tmp_path: Path, text: str) -> None:
    assert problems(write(tmp_path, text)) != []


def test_a_folder_in_its_place_is_a_problem(tmp_path: Path) -> None:
    assert problems(tmp_path) == [f"{tmp_path.parent.name}/{tmp_path.name}: is not a file"]


def test_a_waiver_for_a_check_that_nobody_declared_is_an_error_and_not_useless_in_silence(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_waivers(path, checks=["logs.known-signatures", "host.disk"])
    with pytest.raises(DefinitionError) as error:
        load_waivers(path, checks=["logs.known-signature", "host.disk"])
    (problem,) = map(str, error.value.problems)
    assert problem.startswith("governance/waivers.yaml:6: waivers[1].check: unknown check `logs.known-signatures`")
    assert problem.endswith("did you mean `logs.known-signature`?")
