-- Minutenkerzen: cdb_candles schreibt je Sekunde ein Stück → ON CONFLICT (symbol, bucket).

CREATE TABLE candles_1m (
    symbol VARCHAR(20) NOT NULL,
    bucket TIMESTAMPTZ NOT NULL,
    open NUMERIC(18, 8) NOT NULL,
    high NUMERIC(18, 8) NOT NULL,
    low NUMERIC(18, 8) NOT NULL,
    close NUMERIC(18, 8) NOT NULL,
    ticks INTEGER NOT NULL CHECK (ticks > 0),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (symbol, bucket),
    CHECK (low <= open AND low <= close AND high >= open AND high >= close)
);
CREATE INDEX idx_candles_1m_updated_at ON candles_1m (updated_at DESC);

GRANT SELECT, INSERT, UPDATE ON candles_1m TO cdb_candles;

INSERT INTO schema_version (version, description) VALUES ('0002', 'candles of one minute');
