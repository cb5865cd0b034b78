"""Containers and compose files: what runs is what was written, bounded, closed, and complete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.assess import assess
from cdbctl.assess.promised import full_reference
from cdbctl.model.check import Check
from cdbctl.model.compose import ComposeNote
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed
from cdbctl.model.runtime import ImageFacts, PublishedPort, ServiceState
from cdbctl.model.snapshot import Snapshot
from tests.assess.containers import FILE, NEW, OLD, container, declared, in_containers, mount, port
from tests.assess.snapshots import (
    group,
    health,
    healthy,
    log,
    make_check,
    observed,
    unavailable,
    with_service,
)

DRIFT = make_check("container.image-drift", "cdb_redis")
LOG = make_check("container.log-bound", "cdb_redis")
PORTS = make_check("container.ports", "cdb_redis")
INITDB = make_check("compose.initdb", "initdb.d")
EACH = (DRIFT, LOG, PORTS)


def only(snapshot: Snapshot) -> Finding:
    (finding,) = assess(snapshot)
    return finding


def image(reference: str = "redis:7", *, means: str | None = OLD, digests: tuple[str, ...] = ()) -> ImageFacts:
    return ImageFacts(reference=reference, id=OLD, reference_id=means, digests=digests)


def missing(check: Check, **compose: Any) -> Snapshot:
    """The stack without the container, but with its compose file."""
    state = {"state": ServiceState.MISSING, "container": None, "exit_status": None}
    return with_service(in_containers(check, compose=(declared(**compose),)), "cdb_redis", **state)


class TestWhatCannotBeKnown:
    @pytest.mark.parametrize("check", EACH)
    def test_a_silent_engine_is_unknown(self, check: Check) -> None:
        snapshot = in_containers(check)
        assert isinstance(snapshot.runtime, Observed)
        silent = replace(snapshot, runtime=unavailable(snapshot.runtime, "no answer within 2 s"))
        found = only(silent)
        assert (found.status, found.details["needs"]) == (Status.UNKNOWN, "runtime")

    @pytest.mark.parametrize("check", EACH)
    def test_a_runtime_without_containers_is_unknown(self, check: Check) -> None:
        found = only(healthy((check,)))
        assert (found.status, found.details["needs"]) == (Status.UNKNOWN, "container runtime")

    @pytest.mark.parametrize("check", EACH)
    def test_a_service_without_container_and_compose_file_is_unknown(self, check: Check) -> None:
        snapshot = with_service(in_containers(check, compose=()), "cdb_redis", container=None)
        found = only(snapshot)
        assert (found.status, found.title) == (Status.UNKNOWN, "cdb_redis has no container")


class TestImageDrift:
    def test_the_same_image_is_fine(self) -> None:
        assert only(in_containers(DRIFT)).status is Status.OK

    def test_a_rebuilt_image_is_drift(self) -> None:
        found = only(in_containers(DRIFT, facts=container(image=image(means=NEW))))
        assert (found.status, found.key) == (Status.WARN, "replaced")
        assert "redis:7 now means sha256:111111111111" in found.actual

    def test_a_name_that_means_nothing_any_more_is_said_and_not_judged(self) -> None:
        found = only(in_containers(DRIFT, facts=container(image=image(means=None))))
        assert found.status is Status.OK
        assert "means no image on this machine any more" in found.actual

    def test_another_name_in_the_compose_file_is_drift(self) -> None:
        found = only(in_containers(DRIFT, compose=(declared(image="redis:8"),)))
        assert (found.status, found.key) == (Status.WARN, "reference")
        assert found.actual.endswith(f"{FILE}:4 names redis:8")

    @pytest.mark.parametrize("name", ["docker.io/redis:7", "docker.io/library/redis:7", "index.docker.io/redis:7"])
    def test_another_way_to_write_the_same_name_is_not(self, name: str) -> None:
        assert only(in_containers(DRIFT, compose=(declared(image=name),))).status is Status.OK

    def test_a_digest_is_compared_with_the_content(self) -> None:
        digest = f"redis@sha256:{'a' * 64}"
        pinned = (declared(image=f"redis:7@sha256:{'a' * 64}"),)
        assert only(in_containers(DRIFT, compose=pinned)).status is Status.OK
        other = container(image=image(digests=(f"redis@sha256:{'b' * 64}",)))
        assert only(in_containers(DRIFT, facts=other, compose=pinned)).key == "reference"
        running = container(image=image(digest, digests=(digest,)))
        assert only(in_containers(DRIFT, facts=running, compose=pinned)).status is Status.OK

    def test_a_built_image_without_a_name_is_compared_with_what_its_name_means_only(self) -> None:
        facts = container(image=image("cdb-redis"))
        assert only(in_containers(DRIFT, facts=facts, compose=(declared(image=None, built=True),))).status is Status.OK

    def test_a_container_made_from_an_id_has_no_name_to_compare(self) -> None:
        facts = container(image=image(OLD, means=OLD))
        assert only(in_containers(DRIFT, facts=facts)).status is Status.OK

    def test_a_variable_that_is_not_set_makes_it_unknown(self) -> None:
        note = ComposeNote("image", f"TAG is not set, so compose reads nothing there ({FILE}:5)")
        found = only(in_containers(DRIFT, compose=(declared(image="redis:", notes=(note,)),)))
        assert found.status is Status.UNKNOWN
        assert "TAG is not set" in found.actual

    def test_a_service_that_need_not_run_needs_no_container(self) -> None:
        assert only(missing(DRIFT, replicas=0)).status is Status.OK
        assert only(missing(DRIFT)).status is Status.UNKNOWN


class TestFullReference:
    @pytest.mark.parametrize(
        ("written", "full"),
        [
            ("redis", "docker.io/library/redis:latest"),
            ("redis:7", "docker.io/library/redis:7"),
            ("docker.io/redis", "docker.io/library/redis:latest"),
            ("grafana/grafana", "docker.io/grafana/grafana:latest"),
            ("localhost/x", "localhost/x:latest"),
            ("localhost:5000/x:1", "localhost:5000/x:1"),
            ("reg.io/a/b", "reg.io/a/b:latest"),
            ("redis:7@sha256:abc", "docker.io/library/redis@sha256:abc"),
            ("reg.io:5000/a@sha256:abc", "reg.io:5000/a@sha256:abc"),
        ],
    )
    def test_every_image_has_one_full_name(self, written: str, full: str) -> None:
        assert full_reference(written) == full

    @given(st.from_regex(r"([a-z]{1,5}\.io/)?([a-z]{1,5}/)?[a-z]{1,5}(:[a-z0-9]{1,5})?(@sha256:[0-9a-f]{4})?\Z"))
    def test_the_full_name_of_a_full_name_is_itself(self, written: str) -> None:
        assert full_reference(full_reference(written)) == full_reference(written)


class TestLogBound:
    def test_a_limit_is_fine(self) -> None:
        assert only(in_containers(LOG)).status is Status.OK

    def test_a_file_without_a_limit_is_not(self) -> None:
        found = only(in_containers(LOG, facts=container(log_is_bounded=False)))
        assert (found.status, found.key) == (Status.WARN, "unbounded")
        assert found.actual == "log driver json-file without max-size (its container)"

    def test_no_log_at_all_is_not(self) -> None:
        found = only(in_containers(LOG, facts=container(log_driver="none", log_is_bounded=None)))
        assert (found.status, found.key) == (Status.WARN, "none")

    def test_a_log_that_is_kept_elsewhere_is_fine_and_said(self) -> None:
        found = only(in_containers(LOG, facts=container(log_driver="journald", log_is_bounded=None)))
        assert found.status is Status.OK
        assert "keeps the log elsewhere, its limits were not looked at" in found.actual

    def test_what_runs_counts_more_than_what_is_written(self) -> None:
        unbounded = (declared(log_driver=None, log_options=()),)
        assert only(in_containers(LOG, compose=unbounded)).status is Status.OK

    @pytest.mark.parametrize(
        ("driver", "options", "status"),
        [
            (None, (("max-size", "10m"),), Status.OK),
            ("json-file", (), Status.WARN),
            ("json-file", (("max-size", "-1"),), Status.WARN),
            ("json-file", (("max-size", "10m"),), Status.OK),
            ("local", (), Status.OK),
            ("syslog", (), Status.OK),
            ("none", (), Status.WARN),
        ],
    )
    def test_without_a_container_the_compose_file_is_judged(
        self, driver: str | None, options: tuple[tuple[str, str], ...], status: Status
    ) -> None:
        found = only(missing(LOG, log_driver=driver, log_options=options))
        assert found.status is status
        assert f"{FILE}:4; it has no container" in found.actual

    def test_without_a_container_and_a_driver_in_its_compose_file_nothing_is_known(self) -> None:
        found = only(missing(LOG, log_driver=None, log_options=()))
        assert (found.status, found.title) == (Status.UNKNOWN, "cdb_redis has no container")
        assert only(missing(LOG, log_options=())).title == "the log of cdb_redis would grow without a limit"


class TestPorts:
    def test_ports_that_were_not_understood_are_unknown_where_no_container_shows_them(self) -> None:
        note = ComposeNote("ports", f"PORT is not set, so compose reads nothing there ({FILE}:9)")
        found = only(missing(PORTS, ports=(), notes=(note,)))
        assert found.status is Status.UNKNOWN
        assert "PORT is not set" in found.actual
        assert only(in_containers(PORTS, compose=(declared(ports=(), notes=(note,)),))).status is Status.OK

    def test_without_a_container_it_is_said_where_nothing_is_published(self) -> None:
        assert only(missing(PORTS, ports=())).actual == f"{FILE}:4 publishes no port; it has no container"
        beyond = f"{FILE}:4 publishes no port beyond this machine; it has no container"
        assert only(missing(PORTS)).actual == beyond

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
    def test_an_address_of_this_machine_alone_is_fine(self, address: str) -> None:
        facts = container(ports=(PublishedPort(6379, "tcp", address, 6379),))
        assert only(in_containers(PORTS, facts=facts, compose=())).status is Status.OK

    @pytest.mark.parametrize("address", ["0.0.0.0", "::", "", "192.168.1.7", "10.0.0.1", "nonsense"])  # noqa: S104 - judged
    def test_every_other_address_is_not(self, address: str) -> None:
        facts = container(ports=(PublishedPort(6379, "tcp", address, 6379),))
        found = only(in_containers(PORTS, facts=facts, compose=()))
        assert (found.status, found.details["ports"]) == (Status.WARN, ["6379/tcp"])

    def test_the_compose_file_counts_before_its_container_does(self) -> None:
        found = only(in_containers(PORTS, compose=(declared(ports=(port(""),)),)))
        assert found.status is Status.WARN
        assert found.actual == f"6379/tcp on every address:6379 ({FILE}:9)"

    def test_one_port_is_told_once(self) -> None:
        both = (PublishedPort(6379, "tcp", "0.0.0.0", 6379), PublishedPort(6379, "tcp", "::", 6379))  # noqa: S104 - judged
        found = only(in_containers(PORTS, facts=container(ports=both), compose=(declared(ports=(port(""),)),)))
        assert found.title == "cdb_redis publishes 6379/tcp beyond this machine"
        assert found.details["ports"] == ["6379/tcp"]

    @pytest.mark.parametrize("name", ["cdb_redis:6379", "redis:6379", "cdb_redis:6379/tcp"])
    def test_a_port_can_be_allowed_by_name(self, name: str) -> None:
        check = replace(PORTS, params={"allow": (name,)})
        found = only(in_containers(check, compose=(declared(ports=(port(""),)),)))
        assert (found.status, found.actual) == (Status.OK, "1 port published beyond this machine, allowed by name")

    def test_what_is_allowed_for_another_port_is_not_allowed_for_this_one(self) -> None:
        check = replace(PORTS, params={"allow": ("cdb_redis:6380", "cdb_ws:6379", "cdb_redis:6379/udp")})
        assert only(in_containers(check, compose=(declared(ports=(port(""),)),))).status is Status.WARN

    def test_of_a_range_every_port_has_to_be_allowed(self) -> None:
        compose = (declared(ports=(port("", "80-81", "80-81"),)),)
        some = replace(PORTS, params={"allow": ("cdb_redis:80",)})
        every = replace(PORTS, params={"allow": ("cdb_redis:80", "cdb_redis:81")})
        assert only(in_containers(some, compose=compose)).status is Status.WARN
        assert only(in_containers(every, compose=compose)).status is Status.OK

    def test_the_network_of_the_host_is_every_port(self) -> None:
        for snapshot in (
            in_containers(PORTS, facts=container(network_mode="host", ports=())),
            in_containers(PORTS, compose=(declared(network_mode="host"),)),
        ):
            assert (only(snapshot).status, only(snapshot).key) == (Status.WARN, "host")
        allowed = replace(PORTS, params={"allow": ("cdb_redis:host",)})
        assert only(in_containers(allowed, facts=container(network_mode="host"))).status is Status.OK


class TestInitdb:
    FOLDER, DIR = "governance/migrations", "/docker-entrypoint-initdb.d"

    def judged(self, *mounts: tuple[str, str]) -> Finding:
        service = declared(mounts=tuple(mount(*each) for each in mounts))
        return only(in_containers(INITDB, compose=(service,)))

    def test_a_mounted_folder_covers_all_of_its_files(self) -> None:
        found = self.judged((self.FOLDER, self.DIR))
        assert found.status is Status.OK
        assert f"all mounted ({FILE}:12)" in found.actual

    def test_a_mounted_file_covers_itself(self) -> None:
        found = self.judged((f"{self.FOLDER}/0001_signals_orders.sql", f"{self.DIR}/01.sql"))
        assert (found.status, found.key) == (Status.WARN, "missing")
        assert "mounted: 0001_signals_orders.sql" in found.actual
        assert "only while the volume is empty" in found.actual
        assert "0001_signals_orders.sql" not in found.details["missing"]  # type: ignore[operator]  # a list of names

    @pytest.mark.parametrize(
        ("source", "target"),
        [
            ("governance", DIR),
            (FOLDER, f"{DIR}/sub"),
            (f"{FOLDER}/0001_signals_orders.sql", f"{DIR}/sub/01.sql"),
            (f"{FOLDER}/0001_signals_orders.sql", f"{DIR}/readme.txt"),
        ],
    )
    def test_what_the_image_passes_over_covers_nothing(self, source: str, target: str) -> None:
        found = self.judged((source, target))
        assert (found.status, found.details["mounted"]) == (Status.WARN, [])

    def test_no_mount_at_all_is_said_once(self) -> None:
        found = self.judged((self.FOLDER, "/elsewhere"))
        assert (found.status, found.key) == (Status.WARN, "nothing")
        assert found.title == f"no compose file mounts anything into {self.DIR}"

    def test_one_file_that_is_not_mounted_is_told_of_in_the_singular(self) -> None:
        snapshot = in_containers(INITDB)
        assert isinstance(snapshot.migrations, Observed)
        files = snapshot.migrations.value.files
        found = self.judged(*((file.path, f"{self.DIR}/{file.name}") for file in files[1:]))
        assert found.title == f"1 of {len(files)} migration files is not mounted into {self.DIR}"

    def test_an_empty_folder_of_migrations_proves_nothing(self) -> None:
        snapshot = in_containers(INITDB)
        assert isinstance(snapshot.migrations, Observed)
        folder = replace(snapshot.migrations.value, files=())
        empty = replace(snapshot, migrations=replace(snapshot.migrations, value=folder))
        assert (only(empty).status, only(empty).title) == (Status.UNKNOWN, "there is no migration file to mount")

    def test_what_is_not_declared_or_not_read_is_unknown(self) -> None:
        snapshot = in_containers(INITDB)
        assert isinstance(snapshot.migrations, Observed)
        for gap in (
            replace(snapshot, compose=()),
            replace(snapshot, migrations=None),
            replace(snapshot, migrations=unavailable(snapshot.migrations, "the folder does not exist")),
        ):
            assert only(gap).status is Status.UNKNOWN


class TestServicesThatNeedNotRun:
    CHECK = make_check("service.state", "cdb_redis")

    def test_a_service_without_replicas_is_not_expected(self) -> None:
        found = only(missing(self.CHECK, replicas=0))
        assert (found.status, found.actual) == (Status.OK, f"missing: {FILE}:4 asks for no container of it")
        assert only(missing(self.CHECK)).status is Status.FAIL

    @pytest.mark.parametrize(
        ("exit_status", "status"), [("exit status 0", Status.OK), ("exit status 1", Status.FAIL), (None, Status.FAIL)]
    )
    def test_a_job_may_end_if_it_ended_well(self, exit_status: str | None, status: Status) -> None:
        snapshot = in_containers(self.CHECK, compose=(declared(completes=True),))
        ended = with_service(snapshot, "cdb_redis", state=ServiceState.EXITED, exit_status=exit_status)
        assert only(ended).status is status

    def test_any_other_service_may_not(self) -> None:
        snapshot = in_containers(self.CHECK)
        ended = with_service(snapshot, "cdb_redis", state=ServiceState.EXITED, exit_status="exit status 0")
        assert only(ended).status is Status.FAIL


def test_what_nobody_declared_does_not_follow_from_a_source_that_was_silent() -> None:
    """What is absent shows the definitions as its evidence; where that is silent, it is no cause and no effect."""
    checks = (PORTS, make_check("repository.state", "repository"))
    snapshot = healthy(checks)
    assert isinstance(snapshot.repository, Observed)
    silent = replace(snapshot, repository=unavailable(snapshot.repository, "it is not inside a git repository"))
    assert [finding.caused_by for finding in assess(silent)] == [None, None]


def test_a_healthy_container_that_errs_is_told_where_no_page_says_healthy() -> None:
    check = make_check("service.healthy-but-erroring", "cdb_redis")
    quiet = in_containers(check)
    logs = {"cdb_redis": observed("E290", "docker logs cdb_redis", log(group("[ERROR] redis: broken", count=2400)))}
    well = health(detail="exit status 0")
    found = only(with_service(replace(quiet, logs=logs), "cdb_redis", health=well))
    assert (found.status, found.key) == (Status.FAIL, "errors")
    assert found.actual.startswith("probe of the runtime: healthy; log: 2400")
    assert only(replace(quiet, logs=logs)).status is Status.UNKNOWN


def test_a_strange_container_is_named_with_its_project() -> None:
    check = make_check("service.unknown", "runtime")
    snapshot = in_containers(check)
    known = tuple(service for service in snapshot.services if service.name != "cdb_redis")
    found = only(replace(snapshot, services=known))
    assert found.actual == (
        "the runtime shows the container cdb_redis of project cdb as running; "
        "neither a compose file nor cdbctl.yaml names it"
    )
