"""Anchors, aliases and merge keys: everyday in compose files, and no way to do harm."""

from __future__ import annotations

import time

from tests.load.compose.project import Project


def test_an_alias_is_the_value_of_its_anchor(project: Project) -> None:
    service = project.service(
        """\
        x-log: &log {driver: json-file, options: {max-size: 10m}}
        x-name: &name redis:7
        services:
          a: {image: *name, logging: *log}
        """
    )
    assert (service.image, service.log_options) == ("redis:7", (("max-size", "10m"),))


def test_a_merge_key_gives_what_is_not_written_here(project: Project) -> None:
    service = project.service(
        """\
        x-base: &base {restart: always, image: base}
        services:
          a:
            <<: *base
            image: own
        """
    )
    assert (service.image, service.restart) == ("own", "always")


def test_of_several_merged_mappings_the_first_counts(project: Project) -> None:
    service = project.service(
        """\
        x-one: &one {image: one}
        x-two: &two {image: two, restart: always}
        services:
          a: {<<: [*one, *two]}
        """
    )
    assert (service.image, service.restart) == ("one", "always")


def test_a_merge_key_may_stand_behind_the_own_keys_and_in_merged_mappings(project: Project) -> None:
    service = project.service(
        """\
        x-one: &one {restart: always}
        x-two: &two {<<: *one, image: two}
        services:
          a:
            image: own
            <<: *two
        """
    )
    assert (service.image, service.restart) == ("own", "always")


def test_a_quoted_merge_key_is_a_key_like_any_other(project: Project) -> None:
    assert project.service('services: {a: {image: x, "<<": {image: y}}}').image == "x"


def test_old_words_for_booleans_are_text_and_sexagesimal_numbers_too(project: Project) -> None:
    service = project.service("services: {a: {image: x, restart: no, ports: [22:22]}}")
    assert service.restart == "no"
    assert [(port.host_port, port.container_port) for port in service.ports] == [("22", "22")]


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem(project: Project) -> None:
    project.write("compose.yaml", b"\xef\xbb\xbfservices:\r\n  a:\r\n    image: x\r\n")
    assert project.load()["a"].image == "x"


def test_duplicate_keys_are_said_with_both_lines(project: Project) -> None:
    text = "services:\n  a:\n    image: x\n    image: y\n  a: {image: z}\n"
    assert project.wrong(text) == [
        "compose.yaml:4: services.a.image: duplicate key: it is already on line 3",
        "compose.yaml:5: services.a: duplicate key: it is already on line 2",
    ]


def test_two_merge_keys_in_one_mapping_are_said(project: Project) -> None:
    text = "x: &x {image: x}\nservices:\n  a:\n    <<: *x\n    <<: *x\n"
    assert project.wrong(text) == ["compose.yaml:5: services.a.<<: duplicate key: write `<<: [*one, *other]`"]


def test_a_merge_key_takes_mappings_only(project: Project) -> None:
    assert project.wrong("services:\n  a:\n    image: x\n    <<: [1]\n") == [
        "compose.yaml:4: services.a.<<: a merge key (<<) takes a mapping or a list of mappings"
    ]


def test_an_alias_without_an_anchor_is_said(project: Project) -> None:
    assert project.wrong("services:\n  a: *nobody\n") == ["compose.yaml:2: services.a: the alias *nobody has no anchor"]


def test_an_alias_inside_of_its_own_anchor_is_said(project: Project) -> None:
    assert project.wrong("services: &all\n  a: {image: x, x-all: *all}\n") == [
        "compose.yaml:2: services.a.x-all: the alias *all holds itself"
    ]


def test_tags_that_compose_does_not_know_are_said(project: Project) -> None:
    (problem,) = project.wrong("services:\n  a: {image: !!python/name:os.system x}\n")
    assert problem.startswith("compose.yaml:2: services.a.image: the tag !!python/name:os.system is not known")


def test_a_bomb_of_aliases_is_refused_quickly(project: Project) -> None:
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]" for i in range(1, 30)]
    started = time.monotonic()
    problems = project.wrong("\n".join([*lines, "services: {a: {image: x, ports: *x29}}"]))
    assert time.monotonic() - started < 2
    assert len(problems) == 1
    assert problems[0].endswith("holds more than 100000 values, those of aliases included")


def test_a_bomb_of_merge_keys_is_refused_quickly(project: Project) -> None:
    keys = ", ".join(f"k{i}: 1" for i in range(5_000))
    services = "\n".join(f"  s{i}: {{<<: *all, image: x}}" for i in range(5_000))
    started = time.monotonic()
    problems = project.wrong(f"x-all: &all {{{keys}}}\nservices:\n{services}\n")
    assert time.monotonic() - started < 5
    assert problems[0].endswith("holds more than 100000 values, those of aliases included")


def test_nesting_is_bounded_aliases_counted(project: Project) -> None:
    assert project.wrong("a: " + "[" * 20_000)[0].endswith("is nested deeper than 40 levels")
    lines = ["x0: &x0 [a]"] + [f"x{i}: &x{i} [*x{i - 1}]" for i in range(1, 60)]
    assert project.wrong("\n".join([*lines, "services: {a: {image: x}}"]))[0].endswith("deeper than 40 levels")


def test_what_is_no_yaml_is_said_with_its_line(project: Project) -> None:
    (problem,) = project.wrong("services:\n  a: {image: x\n")
    assert problem.startswith("compose.yaml:3: is not valid YAML: ")


def test_what_is_no_text_is_said(project: Project) -> None:
    assert project.wrong(b"services:\n  a: {image: \xff}\n") == ["compose.yaml:2: is not UTF-8 text: save it as UTF-8"]
    assert project.wrong(b"services: {}\x00\n") == ["compose.yaml:1: holds the hidden character U+0000: remove it"]


def test_a_huge_file_is_not_read(project: Project) -> None:
    assert project.wrong(b"#" * (1024 * 1024 + 1)) == ["compose.yaml: is larger than 1024 KiB"]
