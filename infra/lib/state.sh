# shellcheck shell=bash
# Where a local Tollgate keeps its things. Sourced by the scripts that start, stop or look at it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
state=$root/.local
cd "$root" || exit 1
binaries=$(realpath -m "${CARGO_TARGET_DIR:-target}")/local

make_state() {
    mkdir -p -m 700 "$state"
    # Root lets Postgres' user pass through it; nobody else gets anything.
    chmod go-rw "$state"
    mkdir -p -m 700 "$state"/{run,log,redis}
    touch "$state/ports"
}

# secret NAME COMMAND...: what the command prints the first time, kept in a file that only its owner may read.
secret() {
    local name=$1
    shift
    if [[ ! -s $state/$name ]]; then
        (umask 077 && "$@" >"$state/$name.new" && mv "$state/$name.new" "$state/$name")
    fi
    cat "$state/$name"
}

random_hex() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# An API key in its published form: `tgk_`, 43 random base62 characters, and 6 that are the CRC-32 of what precedes.
mint_api_key() {
    local digits=0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz
    local key=tgk_ byte crc=$((0xFFFFFFFF)) check='' i _
    while ((${#key} < 47)); do
        for byte in $(od -An -N64 -tu1 /dev/urandom); do
            # 248 is four times 62: above it, some characters would be likelier than others.
            ((byte < 248 && ${#key} < 47)) && key+=${digits:byte % 62:1}
        done
    done
    for ((i = 0; i < ${#key}; i++)); do
        printf -v byte '%d' "'${key:i:1}"
        crc=$((crc ^ byte))
        for _ in 1 2 3 4 5 6 7 8; do
            crc=$((crc & 1 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1))
        done
    done
    crc=$((crc ^ 0xFFFFFFFF))
    for ((i = 0; i < 6; i++)); do
        check=${digits:crc % 62:1}$check
        crc=$((crc / 62))
    done
    printf '%s' "$key$check"
}
