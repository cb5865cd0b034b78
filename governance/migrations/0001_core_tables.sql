-- Kerntabellen der Pipeline: Signal → Order → Trade → Position.
-- Statuswörter und Seiten stehen klein geschrieben in der Datenbank.

CREATE TABLE schema_version (
    version VARCHAR(20) PRIMARY KEY,
    description TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE signals (
    id SERIAL PRIMARY KEY,
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(4) NOT NULL CHECK (side IN ('buy', 'sell')),
    price NUMERIC(18, 8) NOT NULL CHECK (price > 0),
    pct_change NUMERIC(12, 6),
    timestamp_ms BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX idx_signals_created_at ON signals (created_at DESC);

CREATE TABLE orders (
    id SERIAL PRIMARY KEY,
    signal_id INTEGER REFERENCES signals (id),  -- leer, wenn das Signal nicht mitgeschrieben wurde
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(4) NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity NUMERIC(18, 8) NOT NULL CHECK (quantity > 0),
    price NUMERIC(18, 8) NOT NULL,
    status VARCHAR(10) NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'filled', 'rejected', 'cancelled')),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    filled_at TIMESTAMPTZ
);
CREATE INDEX idx_orders_created_at ON orders (created_at DESC);
CREATE INDEX idx_orders_signal_id ON orders (signal_id);

CREATE TABLE trades (
    id SERIAL PRIMARY KEY,
    order_id INTEGER REFERENCES orders (id),
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(4) NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity NUMERIC(18, 8) NOT NULL CHECK (quantity > 0),
    price NUMERIC(18, 8) NOT NULL CHECK (price > 0),
    fee NUMERIC(18, 8) NOT NULL DEFAULT 0,
    executed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX idx_trades_executed_at ON trades (executed_at DESC);

-- Eine Zeile je Symbol; negativ heißt verkauft, ohne zu halten.
CREATE TABLE positions (
    id SERIAL PRIMARY KEY,
    symbol VARCHAR(20) NOT NULL UNIQUE,
    quantity NUMERIC(18, 8) NOT NULL,
    last_price NUMERIC(18, 8) NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT ON signals, trades TO cdb_db_writer;
GRANT SELECT, INSERT, UPDATE ON orders, positions TO cdb_db_writer;
GRANT USAGE ON SEQUENCE signals_id_seq, orders_id_seq, trades_id_seq, positions_id_seq TO cdb_db_writer;

INSERT INTO schema_version (version, description) VALUES ('0001', 'core tables');
