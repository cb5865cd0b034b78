"""How much a passing healthcheck proves, told from its command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from cdbctl.model.runtime import ProbeDepth

_ORDER = (
    ProbeDepth.NONE, ProbeDepth.PROCESS, ProbeDepth.PORT, ProbeDepth.HTTP, ProbeDepth.APPLICATION,
    ProbeDepth.DEPENDENCY,
)  # fmt: skip
_PROGRAMS = {
    **dict.fromkeys(("true", ":", "echo", "printf", "sleep", "exit", "return"), ProbeDepth.NONE),
    **dict.fromkeys(("nc", "ncat", "netcat", "telnet", "ss", "netstat", "lsof", "wait-for-it.sh"), ProbeDepth.PORT),
    **dict.fromkeys(("curl", "wget", "http", "https", "xh", "promtool"), ProbeDepth.HTTP),
    # The server says itself that it takes connections, or that it is still starting up: a mere open port does not.
    "pg_isready": ProbeDepth.APPLICATION,
    **dict.fromkeys(
        (
            *("redis-cli", "valkey-cli", "psql", "mysqladmin", "mysql", "mariadb-admin", "healthcheck.sh", "mongosh"),
            *("mongo", "rabbitmq-diagnostics", "rabbitmqctl", "grpc_health_probe", "cqlsh", "etcdctl"),
        ),
        ProbeDepth.APPLICATION,
    ),
}
"""What is not listed (an own script, ``kill -0``, ``pgrep``, ``test -f``) proves at least that a process can run."""
_WRAPPERS = {
    "exec",
    "timeout",
    "time",
    "nice",
    "env",
    "sudo",
    "gosu",
    "su-exec",
    "setpriv",
    "command",
    "if",
    "then",
    "!",
}
_SHELLS = {"sh", "bash", "ash", "dash", "busybox"}
_INTERPRETER = re.compile(r"(?:python|node|ruby|perl|php|deno|bun)[0-9.]*")
_IN_CODE = (
    (re.compile(r"psycopg|asyncpg|redis|pymongo|sqlalchemy|mysql"), ProbeDepth.DEPENDENCY),
    (re.compile(r"urllib|http|requests|fetch"), ProbeDepth.HTTP),
    (re.compile(r"socket|/dev/tcp|net\.connect"), ProbeDepth.PORT),
)
_ALTERNATIVE = re.compile(r"\|\|")
_AND_THEN = re.compile(r"&&|;|\n")
_SUCCESS = re.compile(r"\s*(?:true|:|exit\s+0|echo\b.*)\s*", re.DOTALL)
_FAILURE = re.compile(r"\s*(?:false|exit(?:\s+[1-9]\d*)?|kill\s+(?:-(?!0\b)\S+\s+)?1)\s*")


def probe_depth(test: Sequence[str]) -> ProbeDepth:
    """The depth of a healthcheck as the engine keeps it: ``("CMD", …)``, ``("CMD-SHELL", "…")``, ``("NONE",)``."""
    if not test or test[0] == "NONE":
        return ProbeDepth.NONE
    if test[0] == "CMD-SHELL":
        return _of_shell(" ".join(test[1:]))
    return _of_words(test[1:] if test[0] == "CMD" else test)


def _of_shell(line: str) -> ProbeDepth:
    """It passes when one alternative passes, so the shallowest counts; of what must all pass, the deepest."""
    depths: list[ProbeDepth] = []
    for alternative in _split(_ALTERNATIVE, line):
        if _FAILURE.fullmatch(alternative):
            continue
        if depths and _SUCCESS.fullmatch(alternative):
            return ProbeDepth.NONE
        depths.append(max(map(_of_pipe, _split(_AND_THEN, alternative)), key=_ORDER.index))
    return min(depths, key=_ORDER.index, default=ProbeDepth.NONE)


def _of_pipe(command: str) -> ProbeDepth:
    """Of ``redis-cli ping | grep PONG`` the first program looks, the others only read what it says."""
    if "/dev/tcp/" in command:
        return ProbeDepth.PORT
    first = _split(re.compile(r"\|"), command.strip().removeprefix("(").removesuffix(")"))[0]
    try:
        words = shlex.split(first)
    except ValueError:
        words = first.split()
    return _of_words(words)


def _of_words(words: Sequence[str]) -> ProbeDepth:
    rest = list(words)
    while rest and (_is_wrapper(rest[0]) or re.fullmatch(r"\w+=.*|-\S+|[0-9.]+[smh]?", rest[0], re.DOTALL)):
        rest.pop(0)
    if not rest:
        return ProbeDepth.NONE
    program = _name(rest[0])
    if program in _SHELLS and "-c" in rest[:-1]:
        return _of_shell(rest[rest.index("-c") + 1])
    if program == "busybox":
        return _of_words(rest[1:])
    if _INTERPRETER.fullmatch(program):
        code = " ".join(rest[1:])
        return next((depth for pattern, depth in _IN_CODE if pattern.search(code)), ProbeDepth.PROCESS)
    return _PROGRAMS.get(program, ProbeDepth.PROCESS)


def _is_wrapper(word: str) -> bool:
    return _name(word) in _WRAPPERS


def _name(word: str) -> str:
    return word.rpartition("/")[2].lower().removesuffix(".exe")


def _split(separator: re.Pattern[str], line: str) -> list[str]:
    """The parts between separators that stand outside of quotes; at least one part."""
    quoted = [(match.start(), match.end()) for match in re.finditer(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", line)]
    parts, begin = [], 0
    for match in separator.finditer(line):
        if not any(start <= match.start() < end for start, end in quoted):
            parts.append(line[begin : match.start()])
            begin = match.end()
    parts.append(line[begin:])
    return [part for part in parts if part.strip()] or [""]
