"""The sections of the Markdown report, in its order: each takes the report and returns lines."""
