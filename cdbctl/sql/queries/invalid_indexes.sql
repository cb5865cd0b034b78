-- What a failed CREATE INDEX CONCURRENTLY leaves behind: it costs every write and serves no query.
SELECT n.nspname || '.' || c.relname                    AS name
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT (i.indisvalid AND i.indisready)
  AND n.nspname !~ '^pg_(toast|temp_)'
ORDER BY 1
