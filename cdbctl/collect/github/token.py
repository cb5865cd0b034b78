"""The token that GitHub is asked with: found, never stored, never sent where it does not belong."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cdbctl.collect.attempt import NoAnswer
from cdbctl.settings import GithubSource, Secret, SecretMissing

GH_SECONDS = 2.0
REMEDY = "put a token with read access into GH_TOKEN, or name one in cdbctl.yaml (github.token), or run `gh auth login`"
_TOKEN = re.compile(r"[!-~]{1,4096}")


def find_token(source: GithubSource, root: Path, environment: Mapping[str, str]) -> str:
    """The declared token, else that of the environment, else that of the program gh; raises NoAnswer.

    As with gh itself, GH_TOKEN and GITHUB_TOKEN are for github.com only; another server has its own variables. So
    an address in cdbctl.yaml cannot draw the token of github.com to another machine.
    """
    host = _host(source.api)
    if source.token is not None:
        return usable(_read(source.token, root), "the token that cdbctl.yaml names")
    names = ("GH_TOKEN", "GITHUB_TOKEN") if _is_github(host) else ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
    for name in names:
        if value := environment.get(name, "").strip():
            return usable(value, name)
    if value := _from_gh(host, environment):
        return usable(value, "what `gh auth token` says")
    where = ", ".join((*names, "`gh auth token`"))
    raise NoAnswer(f"there is no token for {host}: cdbctl.yaml names none, {where} give none", remedy=_remedy(host))


def usable(value: str, where: str) -> str:
    """The same token, if it can be one: it becomes part of a header; raises NoAnswer."""
    if not _TOKEN.fullmatch(value):
        raise NoAnswer(f"{where} is not a token: it holds characters that no token has", remedy=REMEDY)
    return value


def _read(declared: Secret, root: Path) -> str:
    try:
        return declared.read(root).strip()
    except SecretMissing as missing:
        raise NoAnswer(missing.reason, remedy=missing.remedy) from missing


def _host(api: str) -> str:
    """The host that gh knows the server by."""
    try:
        host = (urlsplit(api).hostname or "").lower()
    except ValueError:
        host = ""
    return host.removeprefix("api.") if host == "api.github.com" or host.endswith(".ghe.com") else host


def _is_github(host: str) -> bool:
    return host == "github.com" or host.endswith(".ghe.com")


def _remedy(host: str) -> str:
    return REMEDY if _is_github(host) else REMEDY.replace("GH_TOKEN", "GH_ENTERPRISE_TOKEN")


def _from_gh(host: str, environment: Mapping[str, str]) -> str:
    """What gh has stored for a host; empty when gh is not there, has nothing, or takes too long."""
    program = shutil.which("gh", path=environment.get("PATH", ""))
    if program is None or not Path(program).is_absolute() or not host:
        return ""
    quiet = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1"}
    try:
        ended = subprocess.run(
            [program, "auth", "token", "--hostname", host],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=GH_SECONDS, check=False,
            env={**environment, **quiet},
        )  # fmt: skip
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.decode("utf-8", "replace").strip() if ended.returncode == 0 else ""
