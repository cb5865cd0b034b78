-- Prüfspur des Risk-Managers (INV-030): jede Entscheidung → eine Zeile, sonst keine Order.
-- Die Spalten sind die des INSERT in services/risk/service.py; contract_version trägt
-- „decision_contract_v1“ (20 Zeichen).

CREATE TABLE risk_events (
    id SERIAL PRIMARY KEY,
    timestamp_ms BIGINT NOT NULL,
    symbol VARCHAR(20) NOT NULL,
    decision VARCHAR(10) NOT NULL CHECK (decision IN ('BLOCK', 'ALLOW')),
    reason_code VARCHAR(20),
    contract_version VARCHAR(50),
    payload JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX idx_risk_events_timestamp_ms ON risk_events (timestamp_ms DESC);
CREATE INDEX idx_risk_events_symbol ON risk_events (symbol);

-- Nur anfügen: eine Prüfspur wird weder geändert noch gelöscht.
GRANT INSERT, SELECT ON risk_events TO cdb_risk;
GRANT USAGE ON SEQUENCE risk_events_id_seq TO cdb_risk;

INSERT INTO schema_version (version, description) VALUES ('0004', 'audit trail of the risk manager');

DO $$
BEGIN
    IF NOT has_table_privilege('cdb_risk', 'risk_events', 'INSERT') THEN
        RAISE EXCEPTION 'cdb_risk darf nicht in risk_events schreiben';
    END IF;
END
$$;
