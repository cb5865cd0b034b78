"""Starts the demo as containers, and plants the faults that only containers have."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cdbctl.demo.docker.building import build_images, build_newer
from cdbctl.demo.docker.compose_file import compose_file
from cdbctl.demo.docker.containers import PROMETHEUS, PUBLISHED, containers_of, project_of
from cdbctl.demo.docker.creating import create, refuse_taken_names, start
from cdbctl.demo.docker.engine import Engine, remember
from cdbctl.demo.docker.images import Images, find_images
from cdbctl.demo.docker.settings_file import settings_file
from cdbctl.demo.docker.watching import EngineWatch
from cdbctl.demo.faults import Fault
from cdbctl.demo.places import Places, make_runtime, remember_runtime
from cdbctl.demo.ports import choose_ports
from cdbctl.demo.programs import PROGRAMS, SERVERS, SERVICES
from cdbctl.demo.progress import Progress
from cdbctl.demo.settled import Sign, View, page, wait_for, wait_for_servers, wait_until_settled
from cdbctl.demo.supervision import environment
from cdbctl.demo.workspace import describe
from cdbctl.errors import CdbctlError

FEED = "cdb_ws"
DRIFTING = "cdb_signal"
HEALTH_SECONDS = 40.0
LATE_SECONDS = 30.0
RESTARTING: Mapping[Fault, str] = {Fault.CRASH_LOOP: "cdb_regime", Fault.OOM: "cdb_allocation"}
"""They live too shortly to be healthy."""


def start_containers(engine: Engine, places: Places, fault: Fault, progress: Progress) -> Mapping[str, int]:
    """Make and start everything; return the published ports once the demo shows its fault."""
    names = (PROMETHEUS, *SERVERS, *SERVICES)
    refuse_taken_names(engine, places, names)
    make_runtime(places)
    remember_runtime(places)
    remember(places, engine)
    images = find_images(engine, places, progress)
    ports = choose_ports(PUBLISHED)
    containers = containers_of(places, images, fault, ports)
    texts = {
        "compose.yaml": compose_file(places, project_of(places), containers, images.python),
        "cdbctl.yaml": settings_file(places, _shown_host(engine, places, fault)),
    }
    describe(places, fault, texts)
    _open_secrets(places)
    progress(f"building the services on {images.origin}")
    build_images(engine, places, images.python)
    create(engine, places, containers)
    progress("starting PostgreSQL, Redis and Prometheus")
    start(engine, (PROMETHEUS, *SERVERS))
    with engine.client() as client:
        healthy = tuple(name for name in names if name != RESTARTING.get(fault))
        watch = EngineWatch(client, healthy)
        view = View(places, ports, watch)
        wait_for_servers(view)
        progress(f"starting {len(SERVICES)} services (fault: {fault})")
        # The feed last: whoever starts after it misses what it publishes, and a feed that stalls publishes little.
        start(engine, [name for name in SERVICES if name != FEED])
        start(engine, [FEED])
        wait_until_settled(view, fault)
        signs = (_scraped(), Sign("every container is healthy", PROMETHEUS, lambda _: watch.all_healthy()))
        wait_for(view, signs, HEALTH_SECONDS)
    _plant_late(engine, places, images, fault)
    return ports


def _plant_late(engine: Engine, places: Places, images: Images, fault: Fault) -> None:
    """What must not be there before everything runs."""
    if fault is Fault.PROMETHEUS_DOWN:
        with engine.client() as client:
            client.kill(PROMETHEUS)
            client.wait(PROMETHEUS)
    elif fault is Fault.IMAGE_DRIFT:
        build_newer(engine, places, images.python, DRIFTING)
    elif fault is Fault.DAEMON_SLOW:
        _slow_down(engine, places)


def _shown_host(engine: Engine, places: Places, fault: Fault) -> str:
    """The engine as ``cdbctl.yaml`` names it."""
    return f"unix://{places.socket}" if fault is Fault.DAEMON_SLOW else engine.host


def _slow_down(engine: Engine, places: Places) -> None:
    """Put a socket in front of the engine that keeps its answers back; ``demo down`` ends the process behind it."""
    parts = urlsplit(engine.host)
    if parts.scheme != "unix":
        raise CdbctlError(
            "the fault daemon-slow cannot be planted", why=f"it stands in front of a Unix socket, not of {engine.host}"
        )
    words = ("-m", "cdbctl.demo.docker.slow_engine", str(places.socket), parts.path, f"{LATE_SECONDS:g}")
    log = places.run / "slow-engine.log"
    with log.open("wb") as out:
        answer = subprocess.run(
            [sys.executable, *words],
            env={**environment(places), "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
            cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, start_new_session=True,
        )  # fmt: skip
    if answer.returncode != 0:
        raise CdbctlError("the socket in front of the engine did not open", next_step=f"see {log}")


def _open_secrets(places: Places) -> None:
    """PostgreSQL reads them under its own account inside its container; the folder around them stays private."""
    for path in places.secrets.iterdir():
        path.chmod(0o644)


def _scraped() -> Sign:
    def seen(view: View) -> bool:
        return page(view.ports[PROMETHEUS], "/api/v1/targets?state=active").count('"lastScrape":"2') >= len(PROGRAMS)

    return Sign("Prometheus has scraped every service", PROMETHEUS, seen)
