-- The server as a whole. Only functions that cost nothing, because its clock is compared with ours around this question.
SELECT
    clock_timestamp()                                   AS server_at,
    current_database()::text                            AS database,
    current_user::text                                  AS "user",
    current_setting('server_version')                   AS version,
    current_setting('TimeZone')                         AS timezone,
    pg_postmaster_start_time()                          AS started_at,
    current_setting('max_connections')::int             AS max_connections,
    pg_is_in_recovery()                                 AS in_recovery
