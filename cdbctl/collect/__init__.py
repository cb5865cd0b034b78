"""The world to readings. Read-only, a deadline on every call, never raises, never judges."""
