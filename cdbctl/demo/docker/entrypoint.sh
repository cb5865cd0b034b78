#!/bin/sh
# Starts PostgreSQL from Debian's packages the way its official image does: the first start makes the cluster and runs
# what is mounted in initdb.d. Any other command is started as it is.
set -eu

[ "${1:-}" = postgres ] || exec "$@"
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"

as_postgres() {
  setpriv --reuid=postgres --regid=postgres --init-groups "$@"
}

first_start() {
  password=$(mktemp)
  tr -d '\r\n' < "$POSTGRES_PASSWORD_FILE" > "$password"
  chown postgres "$password"
  # shellcheck disable=SC2086 # several options in one variable
  as_postgres initdb --no-sync --auth=scram-sha-256 --auth-local=trust --pwfile="$password" ${POSTGRES_INITDB_ARGS:-}
  rm "$password"
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  # Nobody may connect over the network before everything is there.
  as_postgres pg_ctl start --wait --options="-c listen_addresses='' -c fsync=off"
  export PGUSER=postgres PGHOST=/var/run/postgresql
  [ "${POSTGRES_DB:-postgres}" = postgres ] || createdb "$POSTGRES_DB"
  export PGDATABASE="${POSTGRES_DB:-postgres}"
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sh) sh "$file" ;;
      *.sql) psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file="$file" ;;
    esac
  done
  as_postgres pg_ctl stop --wait --mode=fast
}

install -d -o postgres -g postgres -m 0700 "$PGDATA"
install -d -o postgres -g postgres -m 2775 /var/run/postgresql
[ -s "$PGDATA/PG_VERSION" ] || first_start
exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"
