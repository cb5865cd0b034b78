"""What GitHub says when it does not answer: in words, with what a person can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.visible import visible

MAX_HEADER = 300


class Refused(NoAnswer):
    """One question was refused; others may still be answered."""

    def __init__(self, reason: str, *, remedy: str, status: int, message: str) -> None:
        super().__init__(reason, remedy=remedy)
        self.status = status
        self.message = message
        """What GitHub says itself; may be empty."""


class Stop(NoAnswer):
    """No further question makes sense in this run."""


def failure(status: int, headers: Mapping[str, str], message: str, now: datetime) -> NoAnswer:
    """The refusal that a status other than 200 and 304 means."""
    message = message.rstrip(".")
    said = f": {message}" if message else ""
    if limited := rate_limit(status, headers, message, now):
        return limited
    if status == 401:
        return Stop(
            f"GitHub does not accept the token (401{said})",
            remedy="make a new token with read access and put it where the old one is read; `gh auth status` shows it",
        )
    reason, remedy = f"GitHub answers {status}{said}", ""
    if status == 403:
        remedy = f"give the token read access to this{_wanted(headers)}"
        if "required" in headers.get("x-github-sso", ""):
            remedy = "authorise the token for the single sign-on of the organisation, in the settings of the token"
    elif status == 404:
        reason += "; it does not exist, or the token may not see it"
        remedy = "look at the name in cdbctl.yaml, and whether the token has read access to this repository"
    elif status >= 500:
        remedy = "look at githubstatus.com and run the check-up again later"
    return Refused(reason, remedy=remedy, status=status, message=message)


def rate_limit(status: int, headers: Mapping[str, str], message: str, now: datetime) -> Stop | None:
    """Whether an answer means that too much was asked; then nothing more is asked in this run."""
    used_up = headers.get("x-ratelimit-remaining") == "0"
    says_so = "rate limit" in message.lower()
    if status not in (403, 429) or not (status == 429 or used_up or says_so or "retry-after" in headers):
        return None
    secondary = "secondary" in message.lower() or ("retry-after" in headers and not used_up)
    kind = "secondary rate limit (too many requests at once)" if secondary else "rate limit"
    return used_up_until(kind, _until(headers, now, secondary), status)


def used_up_until(kind: str, until: datetime | None, status: int | None = None) -> Stop:
    """The words for a limit that is reached."""
    when = f"{until:%Y-%m-%d %H:%M:%S} UTC" if until else "a time that GitHub did not name"
    code = f" ({status})" if status else ""
    return Stop(f"the {kind} of GitHub is used up until {when}{code}", remedy=f"run the check-up again after {when}")


def reset_at(headers: Mapping[str, str]) -> datetime | None:
    """When the hourly limit starts anew."""
    try:
        return datetime.fromtimestamp(int(headers.get("x-ratelimit-reset", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def http_date(text: str) -> datetime | None:
    """The time of a ``Date`` header, in UTC."""
    try:
        at = parsedate_to_datetime(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _until(headers: Mapping[str, str], now: datetime, secondary: bool) -> datetime | None:
    after = headers.get("retry-after", "")
    try:
        if after:
            return http_date(after) or now + timedelta(seconds=int(after))
    except (ValueError, OverflowError):
        return None
    # Without a word about it, GitHub asks for at least one minute.
    return now + timedelta(minutes=1) if secondary else reset_at(headers)


def _wanted(headers: Mapping[str, str]) -> str:
    for name in ("x-accepted-github-permissions", "x-accepted-oauth-scopes"):
        if value := headers.get(name, "").strip():
            return f"; GitHub wants: {visible(value[:MAX_HEADER])}"
    return ""
