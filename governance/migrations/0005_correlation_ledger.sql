-- Welche Zeile ein Schritt der Pipeline wurde: correlation_id → signals, orders, trades.

CREATE TABLE correlation_ledger (
    correlation_id VARCHAR(80) NOT NULL,
    stage VARCHAR(10) NOT NULL CHECK (stage IN ('signal', 'order', 'trade')),
    row_id INTEGER NOT NULL,
    ts_ms BIGINT NOT NULL,
    PRIMARY KEY (correlation_id, stage)
);
CREATE INDEX idx_correlation_ledger_ts_ms ON correlation_ledger (ts_ms DESC);

GRANT SELECT, INSERT ON correlation_ledger TO cdb_db_writer;

INSERT INTO schema_version (version, description) VALUES ('0005', 'correlation ledger');
