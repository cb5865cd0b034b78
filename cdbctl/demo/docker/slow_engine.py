"""A socket in front of a Docker engine that keeps its answers back: ``python -m cdbctl.demo.docker.slow_engine``.

Takes the path of its own socket, the path of the engine's socket, and the seconds that each answer is late. Goes into
the background by itself, and listens when it does.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Sequence

BLOCK_BYTES = 64 * 1024


async def serve(listener: socket.socket, engine: str, seconds: float) -> None:
    """Pass everything on, and answers late, until the process is ended."""

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, questions = await asyncio.open_unix_connection(engine)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, questions, 0), _pass_on(answers, writer, seconds))

    server = await asyncio.start_unix_server(on_connection, sock=listener)
    async with server:
        await server.serve_forever()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, late_seconds: float) -> None:
    try:
        while data := await reader.read(BLOCK_BYTES):
            await asyncio.sleep(late_seconds)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # one side has gone; so does the other
    finally:
        writer.close()


def main(arguments: Sequence[str]) -> None:
    """Listen, then serve from the background."""
    own, engine, seconds = arguments
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(own)
        listener.listen()
        if os.fork() == 0:
            asyncio.run(serve(listener, engine, float(seconds)))


if __name__ == "__main__":
    main(sys.argv[1:])
