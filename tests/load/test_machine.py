"""The time zone of the machine."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdbctl.load.machine import machine_timezone

NOWHERE = Path("nowhere", "localtime")


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Europe/Berlin", "Europe/Berlin"),
        (":/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"),
        ("/usr/share/zoneinfo/posix/Europe/Berlin", "Europe/Berlin"),
        ("", "UTC"),
        ("UTC", "UTC"),
    ],
)
def test_the_variable_tz_names_the_zone(declared: str, name: str) -> None:
    assert machine_timezone({"TZ": declared}, localtime=NOWHERE) == name


def test_the_link_of_the_system_names_the_zone(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/America/New_York")
    assert machine_timezone({}, localtime=link) == "America/New_York"


@pytest.mark.parametrize("environ", [{}, {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}, {"TZ": "No/Where"}])
def test_without_a_name_the_offset_of_now_is_given(environ: dict[str, str]) -> None:
    now = datetime(2026, 2, 9, 8, tzinfo=UTC)
    zone = machine_timezone(environ, localtime=NOWHERE, now=now)
    assert re.fullmatch(r"[+-]\d\d:\d\d", zone)
    assert zone == f"{now.astimezone():%z}"[:3] + ":" + f"{now.astimezone():%z}"[3:]


def test_this_machine_has_a_zone() -> None:
    assert machine_timezone()
