# shellcheck shell=bash
# What `make up` starts: the files of the demo, its processes, and what it prints when they run.

url_of() { echo "http://127.0.0.1:$(kept_port "$1")"; }

# A string of TOML or of redis.conf.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

write_private() {
    local file=$1
    (umask 077 && cat >"$file.new")
    mv "$file.new" "$file"
}

write_redis_config() {
    write_private "$state/redis.conf" <<CONF
# Written by \`make up\` at each start.
bind 127.0.0.1
port $(kept_port redis)
requirepass $(secret redis_password random_hex)
dir $(quoted "$state/redis")
daemonize no
# Money is counted here: nothing may be evicted, and a restart must remember.
maxmemory 512mb
maxmemory-policy noeviction
appendonly yes
appendfsync everysec
aof-load-truncated yes
lazyfree-lazy-expire yes
save ""
CONF
}

write_gateway_config() {
    secret provider_key simulator_key >/dev/null
    secret api_key mint_api_key >/dev/null
    write_private "$state/tollgate.toml" <<CONF
# Written by \`make up\` at each start. A running gateway takes a changed file; copy it to keep your changes.

[server]
listen = "127.0.0.1:$(kept_port gateway)"
admin_listen = "127.0.0.1:$(kept_port admin)"
shutdown_grace = "10s"

[counters]
backend = "redis"
url = { env = "REDIS_URL" }

[usage]
sink = "redis"

# Two providers, played by the simulator.
[providers.alpha]
kind = "openai_compatible"
base_url = "$(url_of simulator)/alpha/v1"
keys = [{ file = $(quoted "$state/provider_key") }]
allow_private_network = true

[providers.beta]
kind = "openai_compatible"
base_url = "$(url_of simulator)/beta/v1"
keys = [{ file = $(quoted "$state/provider_key") }]
allow_private_network = true

[models."alpha/sim-large"]
price = { input = "0.50", output = "1.50" }
context_window = 128000
max_output = 16384

[models."beta/sim-large"]
price = { input = "0.50", output = "1.50" }
context_window = 128000
max_output = 16384

[models."alpha/sim-embed"]
price = { input = "0.02" }
context_window = 8192

[routes.demo]
strategy = "fallback"
targets = [{ use = "alpha/sim-large", first_byte = "2s" }, { use = "beta/sim-large" }]

[tenants.demo.api_keys.demo]
secret = { file = $(quoted "$state/api_key") }
team = "demo"
limits = { requests_per_minute = 600, tokens_per_minute = 200000, concurrent = 50 }

[[tenants.demo.budgets]]
name = "demo daily"
limit = "5.00"
window = "day"
$(real_providers)
CONF
}

simulator_key() { echo "sk-simulator-$(random_hex)"; }

# The real providers whose keys are in the environment, as far as this version can call them.
real_providers() {
    [[ -n ${OPENAI_API_KEY-} ]] || return 0
    echo
    echo '[providers.openai]'
    echo 'kind = "openai"'
    echo 'keys = [{ env = "OPENAI_API_KEY" }]'
    if [[ -n ${OPENAI_BASE_URL-} ]]; then
        echo "base_url = $(quoted "$OPENAI_BASE_URL")"
        if [[ $OPENAI_BASE_URL =~ ^https?://(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|\[::1\]) ]]; then
            echo 'allow_private_network = true'
        fi
    fi
}

say_which_providers_wait() {
    local name
    if [[ -n ${OPENAI_API_KEY-} ]]; then
        note "OPENAI_API_KEY is set: the provider openai is there too, for example as openai/gpt-4o-mini"
    fi
    for name in ANTHROPIC_API_KEY GEMINI_API_KEY GOOGLE_API_KEY; do
        if [[ -n ${!name-} ]]; then
            note "$name is set, but this kind of provider is not available yet"
        fi
    done
}

# Which Redis the gateway uses: the caller's, or ours.
redis_url() { echo "${REDIS_URL:-redis://default:$(<"$state/redis_password")@127.0.0.1:$(kept_port redis)}"; }

redis_answers() {
    REDISCLI_AUTH=$(<"$state/redis_password") "$(redis_cli)" -h 127.0.0.1 -p "$(kept_port redis)" ping | grep -q PONG
}

http_ok() { curl -sf --noproxy '*' --max-time 2 -o /dev/null "$1"; }

start_demo() {
    if [[ -z ${REDIS_URL-} ]]; then
        start redis "$(redis_server)" "$state/redis.conf"
        wait_until redis 20 redis_answers || did_not_start redis
    fi
    start simulator "$binaries/provider-simulator" \
        --listen "127.0.0.1:$(kept_port simulator)" --key "$(<"$state/provider_key")"
    wait_until simulator 20 http_ok "$(url_of simulator)/simulator/health" || did_not_start simulator
    REDIS_URL=$(redis_url) start gateway "$binaries/tollgate-gateway" --config "$state/tollgate.toml"
    wait_until gateway 30 http_ok "$(url_of admin)/readyz" || did_not_start gateway
}

did_not_start() {
    show_log "$1"
    fail "the $1 did not start"
}

# All that was started lives, and the gateway would take a request.
is_up() {
    pid_of gateway >/dev/null && pid_of simulator >/dev/null &&
        { [[ ! -e $state/run/redis.pid ]] || pid_of redis >/dev/null; } &&
        http_ok "$(url_of admin)/readyz"
}

print_demo() {
    local gateway key json stream python openai_version
    openai_version=$(infra/python-client --version)
    gateway=$(url_of gateway)/v1
    key=$(<"$state/api_key")
    json='{"model":"demo","messages":[{"role":"user","content":"Hello!"}]}'
    stream='{"model":"demo","stream":true,"messages":[{"role":"user","content":"Hello!"}]}'
    python="import openai; print(openai.OpenAI(base_url=\"$gateway\", api_key=\"$key\").chat.completions.create("
    python+='model="demo", messages=[{"role": "user", "content": "Hello!"}]).choices[0].message.content)'

    headline "Tollgate is up."
    entry Gateway "$gateway"
    entry Admin "$(url_of admin)    /healthz /readyz /metrics"
    entry 'API key' "$key"
    entry Config .local/tollgate.toml
    entry Logs '.local/log/*.log'

    # Commands stand alone on their lines, so that a whole line can be copied.
    headline "Ask something (then as a stream, then in Python):"
    command_line "$(curl_line -s "$json")"
    command_line "$(curl_line -sN "$stream")"
    if [[ ! -e $state/python/openai-$openai_version ]]; then
        command_line "python3 -m venv .local/python && .local/python/bin/pip install openai==$openai_version"
    fi
    command_line ".local/python/bin/python -c '$python'"

    headline "Look inside:"
    command_line "infra/usage  # the usage events, one JSON object per line"
    command_line "curl -s $(url_of simulator)/simulator/bill  # what the simulated providers charged"
    echo
}

curl_line() {
    echo "curl $1 $gateway/chat/completions -H 'Authorization: Bearer $key' -H 'Content-Type: application/json' -d '$2'"
}

headline() {
    if [[ -t 1 && -z ${NO_COLOR-} ]]; then
        printf '\n\e[1m%s\e[0m\n' "$1"
    else
        printf '\n%s\n' "$1"
    fi
}

entry() { printf '  %-8s  %s\n' "$1" "$2"; }

command_line() { printf '  %s\n' "$1"; }
