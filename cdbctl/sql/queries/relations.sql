-- Every relation outside the system's own schemas, with its columns in order.
SELECT
    n.nspname::text                                     AS schema,
    c.relname::text                                     AS name,
    CASE c.relkind
        WHEN 'r' THEN 'table'
        WHEN 'p' THEN 'table'
        WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view'
        WHEN 'S' THEN 'sequence'
        WHEN 'i' THEN 'index'
        WHEN 'I' THEN 'index'
        WHEN 'f' THEN 'foreign table'
    END                                                 AS kind,
    CASE WHEN c.relkind IN ('S', 'i', 'I') THEN '{}'::text[] ELSE ARRAY(
        SELECT a.attname::text
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    ) END                                               AS columns
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'i', 'I', 'f')
  AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_(catalog$|toast|temp_)'
ORDER BY n.nspname, c.relname
