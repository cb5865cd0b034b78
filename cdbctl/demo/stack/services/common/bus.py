"""Redis: what the services tell each other."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from typing import Any

import redis
from redis.client import PubSub

from services.common.credentials import password
from services.common.link import Link
from services.common.stop import Stop

Message = dict[str, Any]
"""Flat: text and numbers only."""

STREAM_LENGTH = 10_000
POLL_SECONDS = 0.25
RETRY_SECONDS = 0.5
LISTENERS_SECONDS = 2.0


class Bus:
    """Channels for those who listen now, streams for those who look later."""

    def __init__(self, log: logging.Logger, stop: Stop) -> None:
        self._log = log
        self._stop = stop
        self._link = Link("Redis", log)
        self._client = redis.Redis.from_url(
            os.environ["REDIS_URL"],
            password=password("REDIS_PASSWORD"),
            client_name=log.name,
            decode_responses=True,
            socket_connect_timeout=2,
            socket_timeout=2,
            retry=None,
        )

    def send(self, message: Message, *, channel: str | None = None, stream: str | None = None) -> bool:
        """Publish a message and append it to a stream; False when Redis did not take it."""
        pipeline = self._client.pipeline(transaction=True)
        if stream:
            pipeline.xadd(stream, dict[Any, Any](message), maxlen=STREAM_LENGTH, approximate=True)
        if channel:
            pipeline.publish(channel, json.dumps(message, ensure_ascii=False))
        try:
            pipeline.execute()
        except redis.RedisError as error:
            self._link.failed(error)
            return False
        self._link.works()
        return True

    def listen(self, *channels: str) -> Iterator[tuple[str, Message]]:
        """Yield (channel, message) until the service is to stop; comes back after every loss of Redis."""
        while not self._stop.requested:
            try:
                with PubSub(self._client.connection_pool, ignore_subscribe_messages=True) as subscription:
                    subscription.subscribe(*channels)
                    self._link.works()
                    while not self._stop.requested:
                        received = subscription.get_message(timeout=POLL_SECONDS)
                        message = self._understood(received["data"]) if received else None
                        if received and message is not None:
                            yield received["channel"], message
            except redis.RedisError as error:
                self._link.failed(error)
                self._stop.wait(RETRY_SECONDS)

    def follow(self, stream: str) -> Iterator[Message]:
        """Yield what is appended to a stream from now on, until the service is to stop."""
        newest: str | None = None
        while not self._stop.requested:
            try:
                newest = newest or self._newest_id(stream)
                answer: Any = self._client.xread({stream: newest}, block=int(POLL_SECONDS * 1000), count=100)
            except redis.RedisError as error:
                self._link.failed(error)
                self._stop.wait(RETRY_SECONDS)
                continue
            self._link.works()
            for _stream, entries in answer or ():
                for entry_id, fields in entries:
                    newest = entry_id
                    yield fields

    def wait_for_listeners(self, channel: str, count: int) -> None:
        """Give the subscribers of a channel some time to start: nobody hears what was published before."""
        deadline = time.monotonic() + LISTENERS_SECONDS
        while not self._stop.requested and time.monotonic() < deadline:
            try:
                counts: Any = self._client.pubsub_numsub(channel)
            except redis.RedisError as error:
                self._link.failed(error)
                deadline = time.monotonic() + LISTENERS_SECONDS
            else:
                if dict(counts).get(channel, 0) >= count:
                    return
            self._stop.wait(0.1)

    def probe(self) -> str:
        """``ok``, or what Redis or its client says instead."""
        try:
            self._client.ping()
        except redis.RedisError as error:
            return str(error)
        return "ok"

    def _newest_id(self, stream: str) -> str:
        newest: Any = self._client.xrevrange(stream, count=1)
        return newest[0][0] if newest else "0-0"

    def _understood(self, data: str) -> Message | None:
        try:
            message = json.loads(data)
        except ValueError as error:
            self._log.warning("Nachricht verworfen: %s", error)
            return None
        return message if isinstance(message, dict) else None
