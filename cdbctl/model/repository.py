"""Facts about the git repository of the supervised stack."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """``git status --porcelain=v2`` and the newest commit. Reports are left out of the counts."""

    branch: str | None
    """None when HEAD is detached."""
    commit: str
    """Full object id of HEAD."""
    subject: str
    committed_at: datetime
    staged: int
    changed: int
    """Tracked files with changes in the working tree or in the index."""
    unmerged: int
    untracked: int
    sample: tuple[str, ...]
    """Up to 20 changed or untracked paths, relative to the top of the repository, which all counts are of.
    Control characters are shown as escapes, also in the subject."""
    upstream: str | None
    ahead: int | None
    behind: int | None
    operation: str | None
    """``merge``, ``rebase``, ``cherry-pick``, ``revert`` or ``bisect`` in progress, else None."""
