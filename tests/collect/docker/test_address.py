"""The engine is found where the docker CLI would find it."""

from __future__ import annotations

import json
import os
import socket
from hashlib import sha256
from pathlib import Path

import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.address import Address, context_names, find_address, read_address
from tests.collect.docker.worlds import docker_source, engine_at, short_folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".docker").mkdir()
    return tmp_path


def add_context(home: Path, name: str, endpoint: object, *, tls: bool = False) -> None:
    digest = sha256(name.encode()).hexdigest()
    folder = home / ".docker" / "contexts" / "meta" / digest
    folder.mkdir(parents=True)
    meta = {"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    if tls:
        add_tls(home / ".docker" / "contexts" / "tls" / digest / "docker")


def add_tls(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    for name in names or ("ca", "cert", "key"):
        (folder / f"{name}.pem").write_text("", encoding="utf-8")


def found(
    home: Path, *, host: str | None = None, context: str | None = None, tls: str | None = None, **environment: str
) -> Address:
    return find_address(
        docker_source(host, context, tls), root=home / "root", environment={"HOME": str(home), **environment}
    )


def test_the_settings_beat_everything_else(home: Path) -> None:
    add_context(home, "far", {"Host": "tcp://far:1"})
    address = found(home, host="unix:///mine.sock", context="far", DOCKER_HOST="unix:///its.sock")
    assert (address.shown, address.named_by) == ("unix:///mine.sock", "runtime.docker.host in cdbctl.yaml")


def test_a_context_of_the_settings_beats_the_environment(home: Path) -> None:
    add_context(home, "far", {"Host": "tcp://far:2375"})
    address = found(home, context="far", DOCKER_HOST="unix:///its.sock")
    assert (address.shown, address.named_by, address.tls) == ("tcp://far:2375", "the context far", None)


def test_the_environment_beats_its_context_and_that_beats_the_current_one(home: Path) -> None:
    for name in ("one", "two"):
        add_context(home, name, {"Host": f"unix:///{name}.sock"})
    (home / ".docker" / "config.json").write_text('{"currentContext": "two"}', encoding="utf-8")
    assert found(home, DOCKER_HOST="unix:///its.sock", DOCKER_CONTEXT="one").path == "/its.sock"
    assert found(home, DOCKER_CONTEXT="one").path == "/one.sock"
    assert found(home).path == "/two.sock"


def test_docker_config_names_another_folder_than_home(home: Path, tmp_path: Path) -> None:
    add_context(home, "one", {"Host": "unix:///one.sock"})
    (home / ".docker" / "config.json").write_text('{"currentContext": "one"}', encoding="utf-8")
    address = find_address(docker_source(), root=tmp_path, environment={"DOCKER_CONFIG": str(home / ".docker")})
    assert address.path == "/one.sock"


def test_an_unknown_context_names_the_ones_that_exist(home: Path) -> None:
    add_context(home, "one", {"Host": "unix:///one.sock"})
    with pytest.raises(NoAnswer, match=r"the context tow, which does not exist .* contexts here: default, one$") as no:
        found(home, context="tow")
    assert "docker context create" in no.value.remedy


@pytest.mark.parametrize("text", ["", "[", "[]", "null", "[" * 100_000, '{"currentContext": 5}'])
def test_a_damaged_file_of_the_docker_cli_is_as_good_as_none(home: Path, text: str) -> None:
    (home / ".docker" / "config.json").write_text(text, encoding="utf-8")
    assert found(home).named_by == "the usual socket"
    assert context_names({"HOME": str(home)}) == ("default",)


@pytest.mark.parametrize("endpoint", [None, {}, {"Host": ""}, {"Host": 5}, {"Host": "nonsense"}, "x"])
def test_a_context_without_an_engine_says_so(home: Path, endpoint: object) -> None:
    add_context(home, "odd", endpoint)
    with pytest.raises(NoAnswer, match="the context odd"):
        found(home, context="odd")


def test_the_context_default_means_the_environment_as_for_the_docker_cli(home: Path) -> None:
    add_context(home, "one", {"Host": "unix:///one.sock"})
    (home / ".docker" / "config.json").write_text('{"currentContext": "one"}', encoding="utf-8")
    assert found(home, context="default", DOCKER_HOST="unix:///its.sock").path == "/its.sock"
    assert found(home, context="default").named_by == "the usual socket"


def test_without_the_usual_socket_a_rootless_engine_and_podman_are_looked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdbctl.collect.docker.address._SOCKET", str(home / "none.sock"))
    with short_folder() as own:
        assert found(home, XDG_RUNTIME_DIR=str(own)).path == str(home / "none.sock")
        (own / "podman").mkdir()
        (own / "podman" / "podman.sock").touch()
        assert found(home, XDG_RUNTIME_DIR=str(own)).path == str(own / "podman" / "podman.sock")
        (own / "docker.sock").touch()
        assert found(home, XDG_RUNTIME_DIR=str(own)).path == str(own / "docker.sock")


def test_tls_comes_from_the_settings_the_environment_or_the_context(home: Path) -> None:
    add_tls(home / "root" / "certs")
    add_tls(home / "theirs")
    add_context(home, "safe", {"Host": "tcp://far:2376", "SkipTLSVerify": True}, tls=True)
    own = found(home, host="tcp://far:2376", tls="certs")
    assert own.tls is not None
    assert (own.tls.ca, own.tls.verify) == (home / "root" / "certs" / "ca.pem", True)
    theirs = found(home, DOCKER_HOST="tcp://far:2376", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(home / "theirs"))
    assert theirs.tls is not None
    assert theirs.tls.key == home / "theirs" / "key.pem"
    safe = found(home, context="safe")
    assert safe.tls is not None
    assert not safe.tls.verify
    assert found(home, DOCKER_HOST="tcp://far:2375").tls is None


def test_half_of_the_tls_files_is_a_reason_and_no_silent_plain_connection(home: Path) -> None:
    add_tls(home / "root" / "half", "ca", "cert")
    add_tls(home / "root" / "empty", "other")
    with pytest.raises(NoAnswer, match=r"half holds only one of cert\.pem and key\.pem"):
        found(home, host="tcp://far:2376", tls="half")
    with pytest.raises(NoAnswer, match=r"empty holds neither ca\.pem nor cert\.pem"):
        found(home, host="tcp://far:2376", tls="empty")


@pytest.mark.parametrize(
    ("url", "shown", "local", "published_host"),
    [
        ("unix:///run/x.sock", "unix:///run/x.sock", True, "127.0.0.1"),
        ("npipe:////./pipe/docker_engine", "npipe:////./pipe/docker_engine", True, "127.0.0.1"),
        ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375", False, "127.0.0.1"),
        ("tcp://example.org", "tcp://example.org:2375", False, "example.org"),
        ("https://example.org", "tcp://example.org:2376", False, "example.org"),
        ("tcp://[2001:db8::1]:2375", "tcp://[2001:db8::1]:2375", False, "2001:db8::1"),
        ("ssh://me@example.org:2222", "ssh://example.org:2222", False, "example.org"),
    ],
)
def test_an_address_tells_where_it_leads(url: str, shown: str, local: bool, published_host: str) -> None:
    address = read_address(url, "DOCKER_HOST")
    assert (address.shown, address.local, address.published_host) == (shown, local, published_host)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "docker",
        "unix://",
        "tcp://",
        "tcp://h:99999",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://-l@h",
        "ftp://h",
        "tcp://[::1",
    ],
)
def test_what_is_no_address_names_who_wrote_it(url: str) -> None:
    with pytest.raises(NoAnswer, match="DOCKER_HOST") as no:
        read_address(url, "DOCKER_HOST")
    assert "unix:///PATH" in no.value.remedy


def test_making_an_engine_touches_nothing_and_a_wrong_address_is_told_at_the_first_question() -> None:
    engine = engine_at("nonsense")
    assert engine.source == "docker engine"
    with pytest.raises(NoAnswer, match=r"runtime\.docker\.host in cdbctl\.yaml is not the address of an engine"):
        _ = engine.local


@pytest.mark.skipif(os.name == "nt", reason="there such a socket cannot be made")
def test_a_relative_socket_lies_below_the_root(tmp_path: Path) -> None:
    with short_folder() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        assert find_address(docker_source("unix://s"), root=folder, environment={}).path == str(folder / "s")
