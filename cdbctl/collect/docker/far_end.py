"""Runs inside a container without a useful shell, as ``python3 -c SOURCE PORT SECONDS``, on any Python 3.

Carries one connection between its own stdin and stdout and a port of the container, like ``far_end.sh``.
"""

import os
import signal
import socket
import sys
import threading

BLOCK_BYTES = 65536


def send_all_of_stdin(there: socket.socket) -> None:
    """Pass on what comes from outside; when nothing more comes, everything ends."""
    try:
        data = os.read(0, BLOCK_BYTES)
        while data:
            there.sendall(data)
            data = os.read(0, BLOCK_BYTES)
    finally:
        os._exit(0)


def carry(port: int) -> None:
    """Connect, say so, and pass on what the server sends until it hangs up."""
    try:
        there = socket.create_connection(("127.0.0.1", port))
    except OSError:
        os.write(1, b"cdbctl-tunnel closed\n")
        return
    os.write(1, b"cdbctl-tunnel python3\n")
    threading.Thread(target=send_all_of_stdin, args=(there,), daemon=True).start()
    data = there.recv(BLOCK_BYTES)
    while data:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        data = there.recv(BLOCK_BYTES)
    os._exit(0)


if __name__ == "__main__":
    signal.alarm(int(sys.argv[2]))
    carry(int(sys.argv[1]))
