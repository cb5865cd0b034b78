"""Looks at a container engine (Docker, or Podman with its socket) over its HTTP API, read-only."""
