"""``checks/*.yaml``: what is expected of the stack."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cdbctl.errors import DefinitionError, Problem
from cdbctl.load.document import Document, DocumentPath, read_document
from cdbctl.load.json_schema import Schema
from cdbctl.load.schema import MAX_PROBLEMS, add_problems, conforms, count_problems, packaged_schema, part
from cdbctl.load.subjects import Subjects
from cdbctl.load.wording import did_you_mean
from cdbctl.model.check import Check, Severity
from cdbctl.model.stack import Service

NAMED_ELSEWHERE = ("prometheus.",)
"""Rules whose subjects got their names in other programs: a metric may be called like a service."""


def load_checks(
    folder: Path,
    *,
    services: Sequence[Service] | None,
    params: Mapping[str, Mapping[str, object]],
    about_services: Collection[str] = (),
    shown_folder: str | None = None,
    may_select_nothing: bool = False,
) -> tuple[Check, ...]:
    """Read every check of a folder; DefinitionError with every problem of every file at once.

    ``services`` is None while nobody can tell them. ``params`` gives for each rule the JSON Schema of its
    parameters, ``about_services`` names the rules whose subjects are services and nothing else. Files are named to
    people as in ``shown_folder``, by default the last part of ``folder``. ``may_select_nothing`` is for checks that
    were written for any stack.
    """
    name = shown_folder if shown_folder is not None else folder.name
    problems: list[Problem] = []
    loader = _Loader(Subjects(services, may_select_nothing=may_select_nothing), params, about_services, problems)
    for path in _files(folder, name, problems):
        document = read_document(path, file=f"{name}/{path.name}", problems=problems)
        if document is not None:
            loader.take(document)
    if problems:
        raise DefinitionError(problems)
    return tuple(loader.checks.values())


def _files(folder: Path, name: str, problems: list[Problem]) -> list[Path]:
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        problems.append(Problem(f"{name}/", 0, "", f"the folder of the checks {reason}"))
        return []
    # A file that somebody meant to be read must not be passed over in silence.
    problems += [
        Problem(f"{name}/{path.name}", 0, "", "is not read under this name: its ending has to be .yaml")
        for path in inside
        if path.suffix.lower() in (".yml", ".yaml", ".json") and path.suffix != ".yaml"
    ]
    files = [path for path in inside if path.suffix == ".yaml"]
    if not files:
        problems.append(Problem(f"{name}/", 0, "", "holds no check: without an expectation nothing can pass"))
    return files


class _Loader:
    """Collects the checks of all files, because ids are unique over all of them."""

    def __init__(
        self,
        subjects: Subjects,
        params: Mapping[str, Schema],
        about_services: Collection[str],
        problems: list[Problem],
    ) -> None:
        self.checks: dict[str, Check] = {}
        self._subjects = subjects
        self._params = params
        self._about_services = about_services
        self._problems = problems
        self._places: dict[str, str] = {}

    def take(self, document: Document) -> None:
        schema = packaged_schema("check")
        for path, data in self._declared(document, schema):
            if count_problems(document, self._problems) > MAX_PROBLEMS:
                break
            fits = conforms(document, part(schema, "check"), problems=self._problems, data=data, at=path)
            if isinstance(data, dict):
                self._hold_to_its_rule(document, path, data)
                add_problems(document, self._meaningless(document, path, data), problems=self._problems)
            if fits:
                self.checks.setdefault(data["id"], self._check(document, path, data))

    def _declared(self, document: Document, schema: Schema) -> Iterator[tuple[DocumentPath, Any]]:
        if not (isinstance(document.data, dict) and "checks" in document.data):
            yield (), document.data
            return
        around = {**part(schema, "list"), "$defs": {**schema["$defs"], "check": True}}
        conforms(document, around, problems=self._problems, data=document.data)
        if isinstance(document.data["checks"], list):
            for index, data in enumerate(document.data["checks"]):
                yield ("checks", index), data

    def _hold_to_its_rule(self, document: Document, path: DocumentPath, data: dict[str, Any]) -> None:
        rule, params = data.get("rule"), data.get("params", {})
        if isinstance(rule, str) and rule in self._params and isinstance(params, dict):
            schema = self._params[rule]
            conforms(document, schema, problems=self._problems, data=params, at=(*path, "params"))

    def _meaningless(self, document: Document, path: DocumentPath, data: dict[str, Any]) -> Iterator[Problem]:
        """What no schema can know: other files, the rules, the services."""
        id_, rule = data.get("id"), data.get("rule")
        if isinstance(id_, str):
            yield from self._already_taken(document, path, id_)
        if isinstance(rule, str) and rule not in self._params:
            yield document.problem((*path, "rule"), did_you_mean(rule, list(self._params), what="rule"))
        elif isinstance(rule, str):
            for place, name in _named_services(data.get("params"), (*path, "params")):
                yield from self._subjects.problems(document, place, name, sure=True)
        if "subject" in data and not (isinstance(rule, str) and rule.startswith(NAMED_ELSEWHERE)):
            yield from self._subjects.problems(
                document, (*path, "subject"), data["subject"], sure=rule in self._about_services
            )

    def _already_taken(self, document: Document, path: DocumentPath, id_: str) -> Iterator[Problem]:
        here = f"{document.file}:{document.line((*path, 'id'))}"
        first = self._places.setdefault(id_, here)
        if first != here:
            yield document.problem((*path, "id"), f"`{id_}` is already the id of the check at {first}")

    def _check(self, document: Document, path: DocumentPath, data: dict[str, Any]) -> Check:
        return Check(
            id=data["id"],
            rule=data["rule"],
            subjects=self._subjects.resolve(data["subject"]),
            # Lists become tuples as they do when a stored snapshot is read, so that both compare equal.
            params={
                name: tuple(value) if isinstance(value, list) else value
                for name, value in data.get("params", {}).items()
            },
            severity=Severity(data["severity"]),
            required=data.get("required", True),
            short=_text(data["short"]),
            motivation=_text(data["motivation"]),
            impact=_text(data["impact"]),
            policy=_text(data.get("policy", "")),
            remedy=_text(data["remedy"]),
            file=document.file,
            line=document.line((*path, "id")),
        )


def _named_services(params: Any, path: DocumentPath) -> Iterator[tuple[DocumentPath, str]]:
    """Find the services that parameters name under the key ``service``, also inside of lists and mappings."""
    if isinstance(params, dict | list):
        for step, value in params.items() if isinstance(params, dict) else enumerate(params):
            if step == "service" and isinstance(value, str):
                yield (*path, step), value
            yield from _named_services(value, (*path, step))


def _text(value: str) -> str:
    """Drop the line end that a folded YAML text carries."""
    return value.strip()
