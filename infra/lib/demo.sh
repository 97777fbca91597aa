# shellcheck shell=bash
# What `make up` starts: the files of the demo, its processes, and what it prints when they run.

# Who is signed in by the link, and owns the tenant demo.
operator=operator@localhost

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

# What is the node's own; the rest comes from the control plane.
write_node_config() {
    write_private "$state/node.toml" <<CONF
# Written by \`make up\` at each start.

[server]
listen = "127.0.0.1:$(kept_port gateway)"
admin_listen = "127.0.0.1:$(kept_port admin)"
shutdown_grace = "10s"

[control]
snapshot = $(quoted "$state/world")
CONF
}

write_demo_config() {
    secret provider_key simulator_key >/dev/null
    secret api_key mint_api_key >/dev/null
    write_private "$state/tollgate.toml" <<CONF
# The configuration of the tenant demo. Written by \`make up\` at each start, and applied when it differs from the last
# time; copy it to keep your changes, and apply your copy with \`infra/control apply -f FILE\`.

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

# Which Redis is used: the caller's, or ours.
redis_url() { echo "${REDIS_URL:-redis://default:$(<"$state/redis_password")@127.0.0.1:$(kept_port redis)}"; }

# Nobody gave us a database.
postgres_is_ours() { [[ -z ${DATABASE_URL-}${DATABASE_OWNER_URL-} ]]; }

# Where the control plane's things are, kept for `infra/control` and `infra/usage`. The owner of the database is left
# out where only the application's role was given: then the migration is the caller's.
write_control_settings() {
    local owner=${DATABASE_OWNER_URL-} app=${DATABASE_URL-} system=${DATABASE_SYSTEM_URL-}
    if postgres_is_ours; then
        owner=$(postgres_url tollgate)
    fi
    # The migration makes both roles, with these passwords.
    app=${app:-$(as_role tg_app "$(secret app_password random_hex)" "$owner")}
    system=${system:-$(as_role tg_system "$(system_password)" "$app")}
    write_private "$state/control.env" <<CONF
# Written by \`make up\` at each start.
${owner:+DATABASE_OWNER_URL=${owner@Q}}
DATABASE_URL=${app@Q}
DATABASE_SYSTEM_URL=${system@Q}
REDIS_URL=$(quoted_word "$(redis_url)")
TOLLGATE_KEK_FILE=$(quoted_word "${TOLLGATE_KEK_FILE:-$state/kek}")
TOLLGATE_URL=$(url_of control-plane)
TOLLGATE_PUBLIC_URL=$(url_of control-plane)
TOLLGATE_GATEWAY_URL=$(url_of gateway)
# The simulated providers are on this machine.
TOLLGATE_ALLOW_PRIVATE_NETWORKS=true
CONF
}

quoted_word() { printf '%s' "${1@Q}"; }

# as_role NAME PASSWORD URL: the same database for somebody else; without a password, with the one in the URL.
as_role() {
    [[ $3 =~ ^([a-z]+://)([^/@]*@)?(.*)$ ]] || fail "this is no URL of a database: its scheme is missing"
    echo "${BASH_REMATCH[1]}$1:$2@${BASH_REMATCH[3]}"
}

# What the control plane assumes too: the jobs' role has the application's password where that was given.
system_password() {
    if [[ ${DATABASE_URL-} =~ ^[a-z]+://[^:/@]*:([^/@]*)@ ]]; then
        echo "${BASH_REMATCH[1]}"
    else
        secret system_password random_hex
    fi
}

redis_answers() {
    REDISCLI_AUTH=$(<"$state/redis_password") "$(redis_cli)" -h 127.0.0.1 -p "$(kept_port redis)" ping | grep -q PONG
}

http_ok() { curl -sf --noproxy '*' --max-time 2 -o /dev/null "$1"; }

start_demo() {
    if postgres_is_ours; then
        start_postgres
    fi
    write_control_settings
    if [[ -z ${REDIS_URL-} ]]; then
        start redis "$(redis_server)" "$state/redis.conf"
        wait_until redis 20 redis_answers || did_not_start redis
    fi
    start simulator "$binaries/provider-simulator" \
        --listen "127.0.0.1:$(kept_port simulator)" --key "$(<"$state/provider_key")"
    wait_until simulator 20 http_ok "$(url_of simulator)/simulator/health" || did_not_start simulator

    prepare_database
    start control-plane infra/control serve --listen "127.0.0.1:$(kept_port control-plane)"
    wait_until control-plane 30 http_ok "$(url_of control-plane)/readyz" || did_not_start control-plane
    set_up_demo

    REDIS_URL=$(redis_url) start gateway "$binaries/tollgate-gateway" --control "$(url_of control-plane)" \
        --node-token-file "$state/node_token" --config "$state/node.toml"
    wait_until gateway 30 http_ok "$(url_of admin)/readyz" || did_not_start gateway
}

did_not_start() {
    show_log "$1"
    fail "the $1 did not start. What came before it is kept: mend this and run \`make up\` again, or \`make clean-local\` to start from nothing"
}

prepare_database() {
    : >"$state/log/commands.log"
    if [[ ! -s ${TOLLGATE_KEK_FILE:-$state/kek} ]]; then
        control kek new "${TOLLGATE_KEK_FILE:-$state/kek}" >/dev/null
    fi
    if grep -q '^DATABASE_OWNER_URL=' "$state/control.env"; then
        control migrate >>"$state/log/commands.log"
    else
        note "DATABASE_URL is set without DATABASE_OWNER_URL: its schema is taken as it is, nothing is migrated"
    fi
}

# The tenant demo, what it needs to be managed, and a node. What is there stays as it is.
set_up_demo() {
    forget_another_database
    control tenant add demo --owner "$operator" --if-missing >/dev/null
    secret management_token control token new --tenant demo --name 'make up' --role admin >/dev/null
    apply_demo_config
    secret node_token new_node >/dev/null
}

# Tokens are of one database, which may be another one today: a new one, or the caller's.
forget_another_database() {
    local url database
    url=$(source "$state/control.env" && echo "$DATABASE_URL")
    database=$(psql_at "$url" -c \
        "select system_identifier || '/' || oid from pg_control_system(), pg_database where datname = current_database()")
    if [[ $database != "$(cat "$state/database" 2>/dev/null)" ]]; then
        rm -rf "$state"/{management_token,node_token,applied,world}
        echo "$database" >"$state/database"
    fi
}

# Only what is new: an unchanged file must not undo what somebody has changed in the console.
apply_demo_config() {
    local digest
    digest=$(cat "$state/tollgate.toml" - <<<"${OPENAI_API_KEY-}" | sha256sum)
    if [[ $digest != "$(cat "$state/applied" 2>/dev/null)" ]]; then
        control apply -f "$state/tollgate.toml" >>"$state/log/commands.log"
        echo "$digest" >"$state/applied"
    fi
}

# A node's token is shown once: where this folder has lost it, the node gets another name.
new_node() {
    local token
    token=$(control node add local --if-missing) || return
    [[ $token == tgn_* ]] || token=$(control node add "local-$(random_hex | head -c 6)")
    echo "$token"
}

# control COMMAND...: the control plane's command line. What it complains about is in log/commands.log.
control() {
    if ! infra/control "$@" 2>>"$state/log/commands.log"; then
        show_log commands
        fail "\`infra/control $*\` failed. What came before it is kept: mend this and run \`make up\` again, or \`make clean-local\` to start from nothing"
    fi
}

# All that was started lives, and the gateway would take a request.
is_up() {
    local name
    pid_of gateway >/dev/null || return 1
    for name in "${all_names[@]}"; do
        # Postgres and Redis may be the caller's.
        [[ ! -e $state/run/$name.pid ]] || pid_of "$name" >/dev/null || return 1
    done
    http_ok "$(url_of admin)/readyz" && http_ok "$(url_of control-plane)/readyz"
}

print_demo() {
    local gateway key json stream python openai_version sign_in
    openai_version=$(infra/python-client --version)
    gateway=$(url_of gateway)/v1
    key=$(<"$state/api_key")
    json='{"model":"demo","messages":[{"role":"user","content":"Hello!"}]}'
    stream='{"model":"demo","stream":true,"messages":[{"role":"user","content":"Hello!"}]}'
    python="import openai; print(openai.OpenAI(base_url=\"$gateway\", api_key=\"$key\").chat.completions.create("
    python+='model="demo", messages=[{"role": "user", "content": "Hello!"}]).choices[0].message.content)'

    sign_in=$(control operator link --email "$operator")
    headline "Tollgate is up."
    entry Console "$sign_in    (signs in once, within 15 minutes; \`make up\` prints a new one)"
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
    command_line "infra/control ledger verify  # the control plane's command line; see infra/control --help"
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
