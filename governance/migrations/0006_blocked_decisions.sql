-- Abgelehnte Signale mit ihrem Grund; geschrieben in derselben Transaktion wie die Prüfspur.

CREATE TABLE blocked_decisions (
    id BIGSERIAL PRIMARY KEY,
    correlation_id VARCHAR(80) NOT NULL,
    ts_ms BIGINT NOT NULL,
    symbol VARCHAR(20),
    reason_code VARCHAR(20) NOT NULL CHECK (reason_code IN ('RC_001', 'RC_002', 'RC_003')),
    payload JSONB
);
CREATE INDEX idx_blocked_decisions_ts ON blocked_decisions (ts_ms DESC);

GRANT INSERT, SELECT ON blocked_decisions TO cdb_risk;
GRANT USAGE ON SEQUENCE blocked_decisions_id_seq TO cdb_risk;

INSERT INTO schema_version (version, description) VALUES ('0006', 'blocked decisions');
