# Runs inside a container, as: sh -c SCRIPT cdbctl PORT SECONDS
# Carries one connection between its own stdin and stdout and a port of the container. The first line of its output
# says what carries it; what follows belongs to the connection. It ends when one of the two sides hangs up.
#
# It never leaves a child behind: the container's first process would inherit it, and a PostgreSQL in that place takes
# the end of a child that it does not know for a crash, and restarts.
port=$1 seconds=$2

say() { echo "cdbctl-tunnel $1"; }
has() { command -v "$1" >/dev/null 2>&1; }

# Asked of the kernel, because nc does not tell a closed port from a server that hangs up.
listens() {
    [ -r /proc/net/tcp ] || return 0
    hex=$(printf ':%04X' "$port")
    for table in /proc/net/tcp /proc/net/tcp6; do
        [ -r "$table" ] || continue
        while read -r _ here _ state _; do
            case "$here $state" in *"$hex 0A") return 0 ;; esac
        done <"$table"
    done
    return 1
}

# Versions of nc differ in whether they go when stdin ends; with these words they do.
goes_with_stdin() {
    case "$(nc -h 2>&1)" in
    *-N*shutdown* | *-N*Shutdown*) echo -N ;;
    *"-q secs"*) echo "-q 1" ;;
    esac
}

if ! listens; then
    say closed
elif has bash && has cat && has sleep && bash -c '(( BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 403 ))'; then
    exec bash -c '
        exec 4<&0
        if ! { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null; then echo "cdbctl-tunnel closed"; exit 1; fi
        trap : TERM
        echo "cdbctl-tunnel bash"
        cat <&4 >&3 &
        cat <&3 &
        sleep "$2" &
        wait -n
        kill %1 %2 %3 2>/dev/null
        wait' cdbctl "$port" "$seconds"
elif has socat; then
    say socat
    exec socat -T "$seconds" - "TCP:127.0.0.1:$port"
elif has nc; then
    option=$(goes_with_stdin)
    say nc
    exec nc $option 127.0.0.1 "$port"
elif has python3; then
    say use-python3
else
    say nothing
fi
