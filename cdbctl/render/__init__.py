"""A report in words, for people and machines: pure functions that return text and never print."""
