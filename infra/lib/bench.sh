# shellcheck shell=bash
#
# What measurements of the release gateway beside nginx have in common. The gateway and nginx have core 0, the upstream
# and the load core 1. Whoever sources this has set root.
# shellcheck disable=SC2034

release=${CARGO_TARGET_DIR:-$root/target}/release
simulator=http://127.0.0.1:9101
gateway_url=http://127.0.0.1:9180/v1/chat/completions
nginx_url=http://127.0.0.1:9181
key=tgk_benchmark_key_0000
pids=()

clean_up() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}

# prepare TOOLS: builds what is needed; TOOLS is the folder of the load generator.
prepare() {
    loadgen=$1/target/release/loadgen
    work=$(mktemp -d)
    trap clean_up EXIT
    cargo build --locked --release -p gateway -p tollgate-tests --bins --manifest-path "$root/Cargo.toml"
    [[ -x $loadgen ]] || env -u CARGO_TARGET_DIR cargo build --release --manifest-path "$1/Cargo.toml"
}

# config: the beginning of the gateway's document; the caller adds providers, routes and tenants to the file.
config() {
    cat <<TOML
allow_inline_secrets = true
[server]
listen = "127.0.0.1:9180"
admin_listen = "127.0.0.1:9190"
workers = 1
shutdown_grace = "1s"
[telemetry]
log = "warn"
[tenants.bench.api_keys.bench]
secret = "$key"
limits = { requests_per_minute = 100000000 }
TOML
}

# provider NAME KIND PATH [LINE]: one that the simulator plays.
provider() {
    printf '[providers.%s]\nkind = "%s"\nbase_url = "%s/%s"\nkeys = ["sk-bench"]\nallow_private_network = true\nprice = "free"\n%s\n' \
        "$1" "$2" "$simulator" "$3" "${4-}"
}

# start: the simulator, the gateway with $work/tollgate.toml, and nginx before the same simulator. Sets gateway and nginx.
start() {
    cat >"$work/nginx.conf" <<NGINX
worker_processes 1;
daemon off;
error_log stderr;
pid $work/nginx.pid;
events {}
http {
    access_log off;
    upstream simulator { server 127.0.0.1:9101; keepalive 256; }
    server {
        listen 127.0.0.1:9181;
        location / {
            proxy_pass http://simulator;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }
    }
}
NGINX
    taskset -c 1 "$release/provider-simulator" --listen 127.0.0.1:9101 >"$work/simulator.log" 2>&1 &
    pids+=($!)
    taskset -c 0 "$release/tollgate-gateway" --config "$work/tollgate.toml" >"$work/gateway.log" 2>&1 &
    gateway=$!
    pids+=("$gateway")
    taskset -c 0 nginx -c "$work/nginx.conf" -p "$work" >"$work/nginx.log" 2>&1 &
    nginx=$!
    pids+=("$nginx")
    for _ in $(seq 100); do
        curl -sf http://127.0.0.1:9190/readyz >/dev/null && curl -sf "$simulator/simulator/health" >/dev/null && return
        sleep 0.05
    done
    cat "$work/gateway.log" >&2
    return 1
}

# load URL KEY MODEL PID OPTIONS...: what the load generator measured, as JSON.
load() {
    local target=(--url "$1" --key "$2" --model "$3" --pid "$4")
    taskset -c 1 "$loadgen" run "${target[@]}" "${@:5}"
}
