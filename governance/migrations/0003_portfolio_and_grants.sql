-- Verlauf des Portfolios; dazu Leserechte für die Regelprüfung des Risk-Managers.

CREATE TABLE portfolio_snapshots (
    id BIGSERIAL PRIMARY KEY,
    positions INTEGER NOT NULL CHECK (positions >= 0),
    exposure NUMERIC(20, 8) NOT NULL,
    taken_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX idx_portfolio_snapshots_taken_at ON portfolio_snapshots (taken_at DESC);

GRANT SELECT, INSERT ON portfolio_snapshots TO cdb_db_writer;
GRANT USAGE ON SEQUENCE portfolio_snapshots_id_seq TO cdb_db_writer;
GRANT SELECT ON positions, portfolio_snapshots TO cdb_risk;
