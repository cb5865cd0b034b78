"""A small real trading stack to look at, with one planted fault."""
