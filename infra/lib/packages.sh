# shellcheck shell=bash
# Finds what a script needs on the machine, and installs what is missing by its Debian package name.

# The Redis to use: redis-server or valkey-server, 7.0 or later (the counters' scripts need it).
redis_server() {
    local name
    for name in redis-server valkey-server; do
        if command -v "$name" >/dev/null && is_redis_7 "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# The folder with the newest Postgres' programs, 15 or later: Debian's, or the one on the PATH.
postgres_bin() {
    local folder version
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) "$(postgres_on_path)"; do
        if [[ -x $folder/postgres && -x $folder/initdb ]]; then
            version=$("$folder/postgres" --version | sed -nE 's/^[^0-9]*([0-9]+).*/\1/p')
            if ((15 <= ${version:-0})); then
                echo "$folder"
                return
            fi
        fi
    done
    return 1
}

postgres_on_path() { dirname "$(realpath "$(command -v postgres)" 2>/dev/null)" 2>/dev/null; }

# The one beside the server where there is a server; any will do for somebody else's.
psql_program() {
    local bin
    bin=$(postgres_bin) && [[ -x $bin/psql ]] && echo "$bin/psql" && return
    command -v psql || fail "psql is missing (Debian: apt-get install postgresql-client)"
}

redis_cli() { command -v redis-cli || command -v valkey-cli; }

is_redis_7() {
    local major
    major=$("$1" --version | sed -nE 's/.* v=([0-9]+)\..*/\1/p')
    ((7 <= ${major:-0}))
}

has() {
    case $1 in
        redis) redis_server >/dev/null && redis_cli >/dev/null ;;
        postgres) postgres_bin >/dev/null && (psql_program) >/dev/null 2>&1 ;;
        chromium) { command -v chromium || command -v google-chrome; } >/dev/null && command -v chromedriver >/dev/null ;;
        python) python3 -c 'import venv, ensurepip' 2>/dev/null ;;
        node) command -v node >/dev/null && command -v npm >/dev/null ;;
        cc) command -v cc >/dev/null && echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1 ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

packages_of() {
    case $1 in
        # Where apt knows neither, its lists are missing, and redis-server is what most systems have.
        redis) if ! is_package redis-server && is_package valkey-server; then echo valkey-server; else echo redis-server; fi ;;
        postgres) echo postgresql ;;
        psql) echo postgresql-client ;;
        chromium) echo chromium chromium-driver ;;
        python) echo python3 python3-venv ;;
        node) echo nodejs npm ;;
        cc) echo gcc libc6-dev ;;
        *) echo "$1" ;;
    esac
}

is_package() { apt-cache show "$1" >/dev/null 2>&1; }

# need postgres redis chromium curl python cc make: installs those that are missing. Says nothing when none is.
need() {
    local what missing=() packages=()
    command -v cargo >/dev/null || fail "cargo is missing: install Rust with rustup (the version is in rust-toolchain.toml), then run this again"
    for what in "$@"; do
        has "$what" || missing+=("$what")
    done
    ((${#missing[@]})) || return 0

    if [[ " ${missing[*]} " == *' redis '* ]]; then
        refuse_to_upgrade_redis
    fi
    for what in "${missing[@]}"; do
        read -ra packages <<<"${packages[*]-} $(packages_of "$what")"
    done
    install_packages "${packages[@]}"
    for what in "${missing[@]}"; do
        has "$what" || fail "installed ${packages[*]}, but $what still cannot be used here (Redis must be 7.0 or later, Postgres 15 or later)"
    done
}

# A Redis that is there belongs to somebody; an upgrade would restart it.
refuse_to_upgrade_redis() {
    if command -v redis-server >/dev/null && ! is_redis_7 redis-server; then
        fail "$(redis-server --version | cut -d' ' -f1-3) is too old and this does not upgrade it: install Redis 7.0 or later, or set REDIS_URL"
    fi
}

install_packages() {
    local root=() log
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends
        -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0)
    command -v apt-get >/dev/null || fail "missing packages, and there is no apt-get to install them with: $*"
    if ((EUID != 0)); then
        sudo -n true 2>/dev/null || fail "missing packages. Run this, then try again:
    sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
        root=(sudo -n)
    fi

    step "Installing packages: $*"
    log=$(mktemp)
    guard_services "${root[@]}"
    if [[ " $* " == *' postgresql '* ]]; then
        # The file that says whether the server's package makes a database comes with this one.
        apt_install postgresql-common
        say_no_main_cluster "${root[@]}"
    fi
    apt_install "$@"
    unguard_services "${root[@]}"
    rm -f "$log"
    if [[ " $* " =~ \ (redis|valkey)-server\  ]]; then
        keep_disabled "${BASH_REMATCH[1]}-server" "${root[@]}"
    fi
}

# Uses what install_packages has set up.
apt_install() {
    "${root[@]}" "${install[@]}" "$@" </dev/null >"$log" 2>&1 && return
    note "the package lists are missing or old: apt-get update"
    "${root[@]}" apt-get update -qq </dev/null >"$log" 2>&1 || warn "apt-get update reported errors; going on"
    if ! "${root[@]}" "${install[@]}" "$@" </dev/null >>"$log" 2>&1; then
        unguard_services "${root[@]}"
        tail -n 20 "$log" >&2
        fail "apt-get could not install: $*"
    fi
}

# A package of a server starts it as a system service. While we install, this policy says no for Redis and Postgres (and
# so neither starts, stops nor restarts one that is there) and leaves every other question to the policy that was there.
# It is undone afterwards, also after a run that was killed midway.
readonly policy=/usr/sbin/policy-rc.d
readonly cluster_policy=/etc/postgresql-common/createcluster.conf

guard_services() {
    unguard_services "$@"
    if [[ -e $policy || -L $policy ]]; then
        "$@" mv "$policy" "$policy.before-tollgate"
    fi
    "$@" tee "$policy" >/dev/null <<POLICY
#!/bin/sh
# tollgate: no new service of Redis or Postgres while its package is installed; removed afterwards.
case "\$*" in *redis*|*valkey*|*postgresql*) exit 101 ;; esac
[ -x $policy.before-tollgate ] && exec $policy.before-tollgate "\$@"
exit 0
POLICY
    "$@" chmod 755 "$policy"
    trap 'unguard_services '"${*@Q}"'; exit 130' INT TERM HUP
}

unguard_services() {
    trap - INT TERM HUP
    if grep -qs '^# tollgate:' "$policy"; then
        "$@" rm -f "$policy"
    fi
    if grep -qs '# tollgate$' "$cluster_policy"; then
        "$@" sed -i '/# tollgate$/d' "$cluster_policy"
    fi
    if [[ -e $policy.before-tollgate || -L $policy.before-tollgate ]]; then
        "$@" mv "$policy.before-tollgate" "$policy"
    fi
}

# Postgres' package would make a database of its own and have it started with the machine.
say_no_main_cluster() {
    "$@" tee -a "$cluster_policy" >/dev/null <<<'create_main_cluster = false # tollgate'
}

# The service came with the package just now, so nobody relies on it: it does not start with the machine either.
keep_disabled() {
    local service=$1
    shift
    if command -v systemctl >/dev/null; then
        "$@" systemctl disable --quiet "$service" >/dev/null 2>&1 || true
    elif command -v update-rc.d >/dev/null; then
        "$@" update-rc.d "$service" disable >/dev/null 2>&1 || true
    fi
    note "the system service $service was not started and is disabled; Tollgate runs its own"
}
