# shellcheck shell=bash
# Loopback ports: chosen once, kept in $state/ports, so that the addresses stay the same from run to run.

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

kept_port() { sed -n "s/^$1=//p" "$state/ports" 2>/dev/null | tail -n 1; }

keep_port() {
    {
        grep -v "^$1=" "$state/ports" 2>/dev/null || true
        echo "$1=$2"
    } >"$state/ports.new"
    mv "$state/ports.new" "$state/ports"
}

# choose_port NAME FIRST: the kept port, or else the first free one from FIRST on that is not kept for another name.
# To be called when nothing of ours is running: whoever listens is somebody else.
choose_port() {
    local name=$1 kept port
    kept=$(kept_port "$name")
    port=${kept:-$2}
    while is_taken "$port" || grep -v "^$name=" "$state/ports" 2>/dev/null | grep -q "=$port\$"; do
        port=$((port + 1))
    done
    if [[ -n $kept && $port != "$kept" ]]; then
        warn "port $kept of the $name is taken by another program; now it is $port"
    elif [[ -z $kept && $port != "$2" ]]; then
        note "port $2 is taken by another program; the $name gets $port"
    fi
    keep_port "$name" "$port"
}
