-- How much of each sequence is used up. A bigint sequence that feeds an integer column ends where the column ends.
-- used_fraction is NULL where the sequence may not be read.
WITH feeds AS (
    -- columns that own a sequence (SERIAL, IDENTITY)
    SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS attnum
    FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    UNION
    -- columns whose default asks a sequence
    SELECT d.refobjid, f.adrelid, f.adnum
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.deptype = 'n'
),
ends AS (
    SELECT s.seqrelid, n.nspname || '.' || c.relname AS name,
           CASE WHEN s.seqincrement > 0 THEN s.seqmax ELSE s.seqmin END AS last_possible
    FROM pg_catalog.pg_sequence s
    JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT s.seqcycle AND c.relpersistence <> 't'
    UNION ALL
    SELECT s.seqrelid, n.nspname || '.' || c.relname || '.' || a.attname,
           CASE a.atttypid WHEN 'int2'::regtype THEN 32767 ELSE 2147483647 END
               * CASE WHEN s.seqincrement > 0 THEN 1 ELSE -1 END
    FROM pg_catalog.pg_sequence s
    JOIN feeds ON feeds.sequence = s.seqrelid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = feeds.relation AND a.attnum = feeds.attnum
    JOIN pg_catalog.pg_class c ON c.oid = feeds.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't'
      AND (a.atttypid = 'int4'::regtype AND s.seqmax > 2147483647
           OR a.atttypid = 'int2'::regtype AND s.seqmax > 32767)
)
SELECT
    ends.name,
    CASE WHEN has_sequence_privilege(ends.seqrelid, 'USAGE, SELECT') THEN
        CASE WHEN ends.last_possible = 0 THEN 1.0
             ELSE greatest(0, coalesce(pg_sequence_last_value(ends.seqrelid), 0)::float8 / ends.last_possible)
        END
    END::float8                                         AS used_fraction
FROM ends
ORDER BY used_fraction DESC NULLS FIRST, ends.name
