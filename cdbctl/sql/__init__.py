"""PostgreSQL: its grammar, catalog queries, and servers that live only for a while."""
