-- Sessions and counters. Whoever may not see the sessions of others gets NULL instead of a zero that means nothing.
WITH rights AS (
    SELECT coalesce(bool_or(pg_has_role(oid, 'USAGE')), false) AS sees_all
    FROM pg_catalog.pg_roles
    WHERE rolname = 'pg_read_all_stats'
),
sessions AS (
    SELECT *
    FROM pg_catalog.pg_stat_activity
    WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
),
horizon AS (
    SELECT backend_xmin AS xmin FROM pg_catalog.pg_stat_activity
    UNION ALL SELECT xmin FROM pg_catalog.pg_replication_slots
    UNION ALL SELECT catalog_xmin FROM pg_catalog.pg_replication_slots
    UNION ALL SELECT transaction FROM pg_catalog.pg_prepared_xacts
)
SELECT
    (SELECT count(*) FROM sessions)::int                AS connections,
    CASE WHEN rights.sees_all THEN
        (SELECT count(*) FROM sessions WHERE state LIKE 'idle in transaction%')
    END::int                                            AS idle_in_transaction,
    CASE WHEN rights.sees_all THEN
        (SELECT extract(epoch FROM max(clock_timestamp() - xact_start))
         FROM sessions WHERE pid <> pg_backend_pid())
    END::float8                                         AS longest_transaction_seconds,
    (SELECT coalesce(max(age(xmin)), 0) FROM horizon)   AS oldest_xmin_age,
    counted.deadlocks,
    counted.xact_rollback                               AS rollbacks,
    counted.xact_commit                                 AS commits,
    counted.stats_reset                                 AS counted_since,
    (SELECT max(age(datfrozenxid)) / 2147483648.0 FROM pg_catalog.pg_database)::float8
                                                        AS wraparound_fraction
FROM rights
CROSS JOIN (SELECT * FROM pg_catalog.pg_stat_database WHERE datname = current_database()) AS counted
