"""Every value of the model survives the way to JSON and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.model.codec import CodecError, decode, encode
from cdbctl.model.logs import Signature
from cdbctl.model.metrics import MetricsPage, Series
from cdbctl.model.reading import Evidence, Observed, Reading, Unavailable
from cdbctl.model.repository import RepositoryFacts
from cdbctl.model.runtime import HealthFacts, Restart, RuntimeFacts, ServiceFacts, ServiceState

TIMES = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=1)), timezone(-timedelta(minutes=210))]))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)

st.register_type_strategy(datetime, TIMES)
st.register_type_strategy(float, NUMBERS)
MODEL_VALUES = st.one_of(
    [st.from_type(kind) for kind in (Signature, MetricsPage, RepositoryFacts, RuntimeFacts, HealthFacts)]
)


@given(MODEL_VALUES)
def test_load_after_dump_is_the_same_value(value: object) -> None:
    assert decode(type(value), json.loads(json.dumps(encode(value)))) == value


@given(TIMES)
def test_a_time_is_written_in_utc_with_a_z(at: datetime) -> None:
    text = encode(at)
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == at


AT = datetime(2026, 2, 9, 8, 0, tzinfo=UTC)
EVIDENCE = Evidence("E001", "log of cdb_risk", AT, "text")

SERVICE = ServiceFacts(
    name="cdb_risk", state=ServiceState.RUNNING, pid=1, identity="x", started_at=AT, exit_status=None, restarts=0,
    recent_restarts=(), restarts_counted_since=None, cpu_percent=0.1, memory_bytes=1,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Holder:
    """A field as the snapshot has them."""

    reading: Reading[MetricsPage]


@pytest.mark.parametrize(
    "reading",
    [
        Observed("page", AT, 1.5, MetricsPage("cdb_risk", (Series("up", (("a", "b"),), 1.0, None),), 1.0), EVIDENCE),
        Unavailable("page", AT, 1.5, "connection refused", "start it", EVIDENCE),
    ],
)
def test_an_answer_and_a_failure_stay_what_they_are(reading: Reading[MetricsPage]) -> None:
    holder = Holder(reading)
    assert decode(Holder, json.loads(json.dumps(encode(holder)))) == holder


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ([], "Restart: expected an object"),
        ({"at": "2026-02-09T08:00:00Z"}, "Restart.exit_status"),
        ({"at": "yesterday", "exit_status": "1"}, "Restart.at: expected a time"),
        ({"at": "2026-02-09T08:00:00Z", "exit_status": 1}, "Restart.exit_status: expected str"),
    ],
)
def test_foreign_data_is_refused_with_the_place(data: object, place: str) -> None:
    with pytest.raises(CodecError, match=place):
        decode(Restart, data)


@pytest.mark.parametrize("field", ["restarts", "cpu_percent"])
def test_a_number_that_cannot_be_divided_is_refused(field: str) -> None:
    with pytest.raises(CodecError, match=field):
        decode(ServiceFacts, encode(SERVICE) | {field: 10**400})


def test_an_unknown_key_is_ignored_so_that_newer_files_can_be_read() -> None:
    data = encode(Restart(AT, "exit status 1")) | {"later": "addition"}
    assert decode(Restart, data) == Restart(AT, "exit status 1")


def test_true_is_not_a_number() -> None:
    for field in ("pid", "cpu_percent"):
        with pytest.raises(CodecError, match=field):
            decode(ServiceFacts, encode(SERVICE) | {field: True})


def test_a_field_that_an_older_version_did_not_know_takes_its_default() -> None:
    data = encode(Restart(AT, "exit status 1", out_of_memory=True))
    del data["out_of_memory"]
    assert decode(Restart, data) == Restart(AT, "exit status 1", out_of_memory=False)
    del data["exit_status"]
    with pytest.raises(CodecError, match="exit_status"):
        decode(Restart, data)
