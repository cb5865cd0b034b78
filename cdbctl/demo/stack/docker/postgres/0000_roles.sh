#!/bin/sh
# The roles of the services. Passwords come from the mounted secrets, and appear on no command line.
set -eu

make_role() {
  ROLE="$1" PASSWORD="$(cat "/run/secrets/$2")" psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=postgres <<'END'
\getenv role ROLE
\getenv password PASSWORD
CREATE ROLE :"role" LOGIN PASSWORD :'password';
END
}

make_role cdb_candles candles_password
make_role cdb_risk risk_password
make_role cdb_db_writer db_writer_password
make_role cdb_reader reader_password
psql --no-psqlrc --quiet --dbname=postgres --command="GRANT pg_monitor, pg_read_all_data TO cdb_reader"
