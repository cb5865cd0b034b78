"""The demo stack as containers: the same services, beside real PostgreSQL, Redis and Prometheus servers."""
