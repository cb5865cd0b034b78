"""What is stored holds no secret, and everything else as it was."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.redact import Redactor, known_secrets, without_words_of
from cdbctl.collect.secret_patterns import TOKEN
from cdbctl.model.logs import LogLine
from cdbctl.model.metrics import Series

KEY = b"a key for the tests"

# Each form is put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "password=hunter2": "hunter2",
    "password=1234": "1234",
    "password: hunter2!": "hunter2!",
    "Passwort: geheim-7": "geheim-7",
    '{"password": "correct horse battery"}': "correct horse battery",
    "{'password': 'correct horse battery'}": "correct horse battery",
    r"{\"password\": \"hunter2\", \"user\": \"cdb\"}": "hunter2",
    'password = "with \\" a quote"': 'with \\" a quote',
    "POSTGRES_PASSWORD=s3cr3t-value": "s3cr3t-value",
    "POSTGRES_PASSWORD_RISK=s3cr3t-value": "s3cr3t-value",
    "DB_PASS=abcdef": "abcdef",
    "host=db password=hunter2 user=cdb": "hunter2",
    "API_TOKEN=abcdef": "abcdef",
    "api_key: 9f86d081884c7d65": "9f86d081884c7d65",
    "X-MBX-APIKEY: vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A": (
        "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
    ),
    "SECRET_KEY='django-insecure'": "django-insecure",
    "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "GET /api/v3/order?symbol=BTCUSDT&signature=c8db56825ae71d6d79447849e617115f HTTP": (
        "c8db56825ae71d6d79447849e617115f"
    ),
    "Authorization: Bearer abc.def": "abc.def",
    "authorization: Basic dXNlcjpwYXNz": "dXNlcjpwYXNz",
    '"Authorization": "plain-value"': "plain-value",
    "sent Bearer 9f86d081884c7d65 to the exchange": "9f86d081884c7d65",
    "postgresql://cdb:hunter2@127.0.0.1:5432/cdb": "hunter2",
    "redis://:p4ss@redis:6379/0": "p4ss",
    "postgresql://cdb:p@ss@db/cdb": "p@ss",
    "id AKIA" + "IOSFODNN7EXAMPLE": "AKIA" + "IOSFODNN7EXAMPLE",
    "using ghp_" + "a1B2" * 9: "ghp_" + "a1B2" * 9,
    "using github_pat_" + "a1B2_" * 8: "github_pat_" + "a1B2_" * 8,
    "slack xoxb-" + "123456789012-abcdefABCDEF": "xoxb-" + "123456789012-abcdefABCDEF",
    "https://api.telegram.org/bot123456789:" + "AAE" + "x1_-" * 8 + "/sendMessage": "123456789:AAE" + "x1_-" * 8,
    "stripe sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc": "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc",
    "jwt eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N": (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
    ),
    "psql --password hunter2 -h db": "hunter2",
    "CREATE ROLE cdb LOGIN PASSWORD 'hunter2'": "hunter2",
    "CONFIG SET requirepass hunter2": "hunter2",
}

ORDINARY = [
    "Decision contract BLOCK: RC_002",
    'risk_manager: ❌ Failed to persist risk_event: relation "risk_events" does not exist',
    'FATAL:  password authentication failed for user "cdb"',
    "Passwort-Authentifizierung für Benutzer »cdb« fehlgeschlagen",
    "token bucket empty",
    "invalid token: expired",
    "max_tokens=4096 tokens=15 token_type=limit",
    "secret: missing",
    "basic authentication failed, bearer token required",
    "Basic authentication",
    "commit b3a4fc0d6c1e9a7f20b1c3d4e5f60718293a4b5c",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "order 3f2b8c1e-1111-4222-8333-444455556666 filled",
    "DETAIL:  Key (signal_id)=(5) already exists.",
    'duplicate key value violates unique constraint "positions_symbol_key"',
    "primary key: id, foreign key: signal_id",
    "http://127.0.0.1:18003/health answered 200",
    "postgresql://cdb_reader@127.0.0.1:5432/cdb",
    "https://example.org/a:b/c@d?x=1",
    "2026-02-09 08:00:48,062 [WARNING] risk_manager: BTCUSDT @ $70467.52 (+0.01%)",
    "stream.orders_blocked XADD 1739088048062-0 decision BLOCK reason_code RC_002",
    "password=*** token=<hidden> secret=${PGPASSWORD} pwd=%s",
    "password: env:CDB_PASSWORD, file:run/secrets/reader_password",
    "PASSWORD_FILE=/run/secrets/reader_password",
    "TOKEN_TTL=3600",
    "pwd=/app/services/risk",
    "tests pass: 12",
    "risk-manager-with-a-very-long-name-in-the-stack",
    "ssh-ed25519 fingerprint SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDHaEPqhJfoDz8cLEw",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS.items(), ids=range(len(SECRETS)))
def test_what_looks_like_a_secret_is_replaced(text: str, secret: str) -> None:
    assert secret in text
    redacted = Redactor({}, key=KEY).text(text)
    assert secret not in redacted
    before, _, after = text.partition(secret)
    assert redacted.startswith(before)
    assert redacted.endswith(after)
    assert TOKEN.fullmatch(redacted[len(before) : len(redacted) - len(after)])


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_log_text_is_left_alone(text: str) -> None:
    redactor = Redactor({"PGPASSWORD": "Tr0ub4dor&3"}, key=KEY)
    assert redactor.text(text) == text
    assert redactor.redactions == ()


@pytest.mark.parametrize("newline", ["\n", "\\n", "\r\n"])
def test_private_keys_are_replaced_over_many_lines(newline: str) -> None:
    body = newline.join(["MIIEpAIBAAKCAQEA7bq", "9cV1q+/x0OaT==", ""])
    text = f"key:{newline}-----BEGIN RSA PRIVATE KEY-----{newline}{body}-----END RSA PRIVATE KEY-----{newline}next line"
    redacted = Redactor({}, key=KEY).text(text)
    assert "MIIE" not in redacted
    assert "9cV1q" not in redacted
    assert redacted.endswith("next line")


def test_a_private_key_that_was_cut_takes_nothing_of_the_next_lines_with_it() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq\n9cV1\n   line 12:\nordinary text\n"
    redacted = Redactor({}, key=KEY).text(text)
    assert "9cV1" not in redacted
    assert redacted.endswith("\n   line 12:\nordinary text\n")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_private_key_whose_beginning_was_not_read_is_replaced(newline: str) -> None:
    lines = ["09:00 ordinary text", "MIIEpAIBAAKCAQEA7bq", "9cV1q+/x0OaT==", "-----END RSA PRIVATE KEY-----", "next"]
    redacted = Redactor({}, key=KEY).text(newline.join(lines)).split(newline)
    assert (redacted[0], *redacted[2:]) == (lines[0], *lines[3:])
    assert TOKEN.fullmatch(redacted[1])


class TestKnownSecrets:
    SECRET = 'p@ss w/ö"rd&1'

    @pytest.mark.parametrize(
        "written",
        [
            SECRET,
            quote(SECRET, safe=""),
            quote(SECRET),
            base64.b64encode(SECRET.encode()).decode(),
            base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
            json.dumps(SECRET)[1:-1],
        ],
    )
    def test_are_replaced_in_every_way_of_writing_them(self, written: str) -> None:
        redactor = Redactor({"DB": self.SECRET}, key=KEY)
        redacted = redactor.text(f"before{written}after")
        assert written not in redacted
        assert redacted.startswith("before[REDACTED:DB:")
        assert redacted.endswith("]after")

    def test_get_the_same_token_everywhere_and_another_one_in_another_run(self) -> None:
        redactor = Redactor({"DB": "hunter2hunter2"})
        first, second = redactor.text("a hunter2hunter2").split()[1], redactor.text("password=hunter2hunter2")
        assert second == f"password={first}"
        assert [(item.token, item.count) for item in redactor.redactions] == [(first, 2)]
        assert Redactor({"DB": "hunter2hunter2"}).text("hunter2hunter2") != first

    def test_that_contain_one_another_are_replaced_longest_first(self) -> None:
        redactor = Redactor({"short": "abcdef", "long": "abcdef-ghijkl"}, key=KEY)
        assert redactor.text("abcdef-ghijkl").startswith("[REDACTED:long:")

    def test_too_short_ones_are_replaced_only_where_their_name_stands(self) -> None:
        redactor = Redactor({"PGPASSWORD": "cdb"}, key=KEY)
        assert redactor.text("cdb_risk of cdb") == "cdb_risk of cdb"
        assert "=cdb" not in redactor.text("PGPASSWORD=cdb")

    def test_that_are_ordinary_words_do_not_cut_names_apart(self) -> None:
        redactor = Redactor({"PGPASSWORD": "postgres"}, key=KEY)
        assert redactor.text("cdb_postgres_exporter") == "cdb_postgres_exporter"
        assert "postgres" not in redactor.text("with postgres as password").removeprefix("with ").split()

    @pytest.mark.parametrize("name", ["contradictions.postgres-up", "postgres-exporter", "x.postgres", "ci/postgres_1"])
    def test_that_are_ordinary_words_leave_names_whole(self, name: str) -> None:
        assert Redactor({"PGPASSWORD": "postgres"}, key=KEY).text(f"{name}: ok") == f"{name}: ok"

    def test_that_are_ordinary_words_of_the_definitions_are_left_alone(self) -> None:
        known = {"A": "signals", "B": "cdb_risk", "C": "risk", "D": "Tr0ub4dor", "E": "hunter"}
        definitions = "Service(name='cdb_risk'), stage 'signals', Tr0ub4dor, hunter-gatherer"
        assert set(without_words_of(known, definitions)) == {"C", "D", "E"}

    def test_that_are_long_and_random_are_known_by_their_beginning_where_a_text_was_cut(self) -> None:
        redactor = Redactor({"DB": "Kx9-44512-Zeta-81-Omega", "word": "correct-horse-battery"}, key=KEY)
        token = redactor.text("Kx9-44512-Zeta-81-Omega")
        assert redactor.text('{"a": "Kx9-44512-Zeta-8…') == f'{{"a": "{token}…'
        assert redactor.text("Kx9-44512-Ze") == token
        assert redactor.text("correct-horse") == "correct-horse"

    def test_that_begin_like_an_address_are_not_known_by_their_beginning(self) -> None:
        redactor = Redactor({"AUTH": "http://127.0.0.1:8200/v1/auth"}, key=KEY)
        assert redactor.text("http://127.0.0.1:8080/health") == "http://127.0.0.1:8080/health"

    def test_that_are_concealed_have_no_token_and_are_not_counted(self) -> None:
        redactor = Redactor({"DB": "hunter2hunter2"}, key=KEY)
        concealed = redactor.conceal("a hunter2hunter2, password=Zq-20931-bird, AKIA" + "IOSFODNN7EXAMPLE")
        assert concealed == "a <secret>, password=<secret>, <secret>"
        assert redactor.text(concealed) == concealed
        assert redactor.redactions == ()

    def test_inside_of_something_that_only_looks_like_a_token_are_replaced(self) -> None:
        redactor = Redactor({"DB": "hunter2hunter2"}, key=KEY)
        assert "hunter2hunter2" not in redactor.text("[REDACTED:hunter2hunter2:abcdef]")

    def test_each_line_of_a_long_one_is_a_secret(self) -> None:
        redactor = Redactor({"key": "first line of a key\nsecond line of a key\n"}, key=KEY)
        assert "second line" not in redactor.text("2026-02-09 second line of a key")

    def test_are_found_in_an_environment_by_name_and_inside_of_urls(self) -> None:
        environment = {
            "POSTGRES_PASSWORD": "one-secret\n",
            "PGPASSWORD": "another",
            "API_KEY": "key-value",
            "GH_TOKEN": "token-value",
            "DATABASE_URL": "postgresql://cdb:url%40secret@db/cdb",
            "REDIS_URL": "redis://redis:6379/0",
            "POSTGRES_PASSWORD_FILE": "/run/secrets/x",
            "TOKENIZERS_PARALLELISM": "false",
            "PWD": "/app",
            "PATH": "/usr/bin",
            "SSH_AUTH_SOCK": "/tmp/agent",
            "EMPTY_PASSWORD": "",
        }
        assert known_secrets(environment) == {
            "POSTGRES_PASSWORD": "one-secret",
            "PGPASSWORD": "another",
            "API_KEY": "key-value",
            "GH_TOKEN": "token-value",
            "DATABASE_URL": "url@secret",
        }


class Colour(StrEnum):
    RED = "hunter2hunter2"


@dataclass(frozen=True, slots=True)
class Everything:
    lines: tuple[LogLine, ...]
    labels: dict[str, object]
    colour: Colour
    at: datetime
    count: int
    nothing: None = None
    names: frozenset[str] = field(default_factory=frozenset)


class TestValuesOfTheModel:
    AT = datetime(2026, 2, 9, 8, tzinfo=UTC)

    def test_are_searched_to_the_bottom_and_keep_their_types(self) -> None:
        secret = "hunter2hunter2"
        value = Everything(
            lines=(LogLine(1, self.AT, f"with {secret}"), LogLine(2, None, "without")),
            labels={secret: [secret, 5], "password": "pw", "password_file": "file:x", "other": {"a": secret}},
            colour=Colour.RED,
            at=self.AT,
            count=3,
            names=frozenset({secret}),
        )
        redacted = Redactor({"DB": secret}, key=KEY).value(value)
        assert isinstance(redacted, Everything)
        assert redacted.colour is Colour.RED
        assert (redacted.at, redacted.count, redacted.lines[1]) == (self.AT, 3, value.lines[1])
        stored = repr((redacted.lines, redacted.labels, redacted.names))
        assert secret not in stored
        assert "'pw'" not in stored
        assert redacted.labels["password_file"] == "file:x"

    def test_of_metrics_have_labels_whose_names_say_that_they_are_secret(self) -> None:
        series = Series("orders_total", (("api_key", "quiet"), ("symbol", "BTCUSDT")), 5.0, 4.0)
        redacted = Redactor({}, key=KEY).value(series)
        assert TOKEN.fullmatch(redacted.labels[0][1])
        assert redacted.labels[1] == series.labels[1]

    def test_without_secrets_are_the_same_object(self) -> None:
        value = Everything((LogLine(1, self.AT, "fine"),), {"a": 1}, Colour.RED, self.AT, 1)
        assert Redactor({"DB": "something"}, key=KEY).value(value) == value

    def test_are_not_changed_by_a_second_time(self) -> None:
        redactor = Redactor({"DB": "hunter2hunter2"}, key=KEY)
        once = redactor.value({"password": "pw", "text": " ".join(SECRETS) + "hunter2hunter2"})
        assert redactor.value(once) == once


@given(
    st.lists(
        st.one_of(
            st.sampled_from([*SECRETS, *ORDINARY, "hunter2hunter2", "password=", "://a:", "@", "[REDACTED:", '"']),
            st.text(max_size=8),
        ),
        max_size=8,
    )
)
def test_redacting_twice_is_redacting_once(parts: list[str]) -> None:
    redactor = Redactor({"DB": "hunter2hunter2"}, key=KEY)
    once = redactor.text("".join(parts))
    assert redactor.text(once) == once
    assert "hunter2hunter2" not in once


HOSTILE = {
    "one word": "a" * 1_000_000,
    "keys": "password=" * 111_000,
    "open quotes": 'password="' * 100_000,
    "escapes": 'password="' + "\\" * 1_000_000,
    "urls": "://" * 333_000,
    "url users": "://" + "a:" * 500_000,
    "url ats": "://a:" + "@" * 1_000_000,
    "jwt": "eyJ" * 333_000,
    "jwt pieces": "-eyJ" * 250_000,
    "jwt dots": "eyJaaaaaaaa." * 83_000,
    "keys of pem": "-----BEGIN PRIVATE KEY-----" * 37_000,
    "pem that never ends": "-----BEGIN PRIVATE KEY-----" + "A" * 1_000_000,
    "pem ends": ("A" * 50 + "\n") * 10_000 + "-----END PRIVATE KEY-----" * 20_000,
    "pem headers": "-----BEGIN PRIVATE KEY-----" + "\nProc-Type: " * 83_000,
    "digits": "1" * 1_000_000 + ":" + "a" * 34,
    "telegram": "12345678:" * 111_000,
    "spaces": "password" + " " * 1_000_000,
    "options": "--" + "a-" * 500_000,
    "bearers": "Bearer " * 142_000,
    "authorizations": "authorization:" * 71_000,
    "sk": "sk-" * 333_000,
    "names": "SECRET_" * 142_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_costs_time_in_proportion_to_its_length(text: str) -> None:
    def seconds(of: str) -> float:
        started = time.process_time()
        Redactor({"DB": "hunter2hunter2"}, key=KEY).text(of)
        return time.process_time() - started

    # Quadratic work on a megabyte would take minutes, not seconds.
    assert seconds(text) < 10


class TestLearning:
    def test_a_secret_that_is_learned_later_is_replaced_from_then_on(self) -> None:
        redactor = Redactor({})
        assert redactor.text("it says kX9-private") == "it says kX9-private"
        redactor.learn({"POSTGRES_PASSWORD": "kX9-private"})
        assert "kX9-private" not in redactor.text("it says kX9-private")
        assert "kX9-private" not in redactor.conceal("it says kX9-private")

    def test_two_secrets_of_one_name_are_both_known(self) -> None:
        redactor = Redactor({"PASSWORD": "kX9-private"})
        redactor.learn({"PASSWORD": "qW7-hidden"})
        assert redactor.text("kX9-private qW7-hidden").count("[REDACTED:PASSWORD:") == 2

    def test_learning_it_twice_changes_nothing(self) -> None:
        redactor = Redactor({"first": "kX9-private"})
        token = redactor.text("kX9-private")
        redactor.learn({"second": "kX9-private"})
        assert redactor.text("kX9-private") == token
