# shellcheck shell=bash
# Processes that we started: who they are, whether they live, how they end.
#
# A process is known by its number, its start time and the machine's boot, so that a number which the system has given
# to somebody else since is never signalled.

start_time() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The name in brackets may contain spaces; the start time is the 20th field after it.
    read -ra stat <<<"${stat##*) }"
    # A zombie has ended already.
    [[ ${stat[0]} != Z ]] && echo "${stat[19]}"
}

remember() { echo "$2 $(start_time "$2") $(</proc/sys/kernel/random/boot_id)" >"$state/run/$1.pid"; }

forget() { rm -f "$state/run/$1.pid"; }

# The number of a process of ours that lives; fails if it does not.
pid_of() {
    local pid started boot
    read -r pid started boot <"$state/run/$1.pid" || return 1
    [[ $boot == "$(</proc/sys/kernel/random/boot_id)" && $(start_time "$pid") == "$started" ]] && echo "$pid"
} 2>/dev/null

# start NAME COMMAND...: in a session of its own, so that Ctrl-C reaches only this script, which stops things in order.
# A shell without job control starts such processes deaf to SIGINT; env gives them their ears back.
start() {
    local name=$1
    shift
    setsid env --default-signal=INT,QUIT,PIPE "$@" </dev/null >"$state/log/$name.log" 2>&1 9>&- &
    remember "$name" $!
}

# stop NAME SIGNAL SECONDS: asks, waits, and kills in the end; once $hurry is set, after a second.
stop() {
    local name=$1 signal=$2 ticks=$(($3 * 10)) pid
    pid=$(pid_of "$name") || {
        forget "$name"
        return 0
    }
    kill -s "$signal" "$pid" 2>/dev/null || true
    while ((ticks-- > 0)) && pid_of "$name" >/dev/null; do
        sleep 0.1 || true
        if [[ -n ${hurry-} ]] && ((10 < ticks)); then
            ticks=10
        fi
    done
    if pid_of "$name" >/dev/null; then
        warn "$name did not end in time and is killed"
        kill -s KILL "$pid" 2>/dev/null || true
        # Reaped here, or the shell would announce the end of its job.
        wait "$pid" 2>/dev/null || true
    fi
    forget "$name"
}

# In the order of starting; `up` itself is not among them.
all_names=(postgres redis simulator control-plane gateway)

# The gateway first: it settles what is under way, for which it needs the others. SIGINT is Postgres' fast shutdown: it
# does not wait for those who are connected.
stop_all() {
    stop gateway INT 15
    stop control-plane TERM 10
    stop simulator TERM 5
    stop redis TERM 10
    stop postgres INT 20
}

# wait_until NAME SECONDS COMMAND...: until the command succeeds; fails when NAME dies or time is up.
wait_until() {
    local name=$1 ticks=$(($2 * 10))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! pid_of "$name" >/dev/null || ((ticks-- <= 0)); then
            return 1
        fi
        sleep 0.1 || true
    done
}

show_log() {
    warn "the last lines of .local/log/$1.log:"
    tail -n 20 "$state/log/$1.log" | sed 's/^/    /' >&2
}
