"""JSON Schemas of what people write and of what cdbctl prints, as packaged files."""
