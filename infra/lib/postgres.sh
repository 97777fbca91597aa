# shellcheck shell=bash
# The private Postgres of `make up`: where its data is, whose it is, and how to ask it something.

# Postgres refuses to run as root, so root lends it another user: the package's, or nobody.
postgres_user() { if id -u postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi; }

# An array: what stands before a command of Postgres. That user may not be able to stay in the folder we are in.
as_postgres_user=()
if ((EUID == 0)); then
    as_postgres_user=(env --chdir / setpriv --reuid "$(id -u "$(postgres_user)")" --regid "$(id -g "$(postgres_user)")"
        --clear-groups --)
fi

postgres_folder() { realpath "$state/postgres"; }

# .local/postgres, closed to everybody but the user that Postgres runs as. Where that user cannot enter the folder of
# this clone, it is a link to a folder in /var/tmp.
make_postgres_folder() {
    if ((EUID == 0)); then
        # Others may pass through, not look around: each secret in it is readable by its owner only.
        chmod 711 "$state"
        if [[ ! -e $state/postgres ]] && ! "${as_postgres_user[@]}" test -x "$state"; then
            ln -sfn "$(make_folder_in_var_tmp)" "$state/postgres"
            note "the user $(postgres_user) cannot enter $root: the database is in $(postgres_folder)"
        fi
    fi
    mkdir -p -m 700 "$state/postgres"
    if ((EUID == 0)); then
        chown "$(postgres_user):" "$(postgres_folder)"
    fi
}

make_folder_in_var_tmp() {
    local folder
    folder=/var/tmp/tollgate-$(sha256sum <<<"$root" | head -c 16)
    # Anybody may have made a folder of that name there.
    if [[ -L $folder || -e $folder && ! $(stat -c %U "$folder") =~ ^(root|$(postgres_user))$ ]]; then
        fail "$folder is not ours: remove it"
    fi
    mkdir -p -m 700 "$folder"
    echo "$folder"
}

# Makes the database's files, once. They get their name when they are whole.
init_postgres() {
    local bin=$1 folder kept
    folder=$(postgres_folder)
    if [[ -s $folder/data/PG_VERSION ]]; then
        kept=$(<"$folder/data/PG_VERSION")
        [[ $("$bin/postgres" --version) =~ \ $kept[.\ ] ]] ||
            fail "the data in .local/postgres is of Postgres $kept: install postgresql-$kept, or \`make clean-local\` deletes all data"
        return
    fi
    note "making an empty database"
    rm -rf "$folder/data.new"
    secret postgres_password random_hex >/dev/null
    (umask 077 && cat "$state/postgres_password" >"$folder/password")
    if ((EUID == 0)); then
        chown "$(postgres_user):" "$folder/password"
    fi
    if ! "${as_postgres_user[@]}" "$bin/initdb" --pgdata "$folder/data.new" --username postgres \
        --pwfile "$folder/password" --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8 --no-sync \
        >"$state/log/initdb.log" 2>&1 </dev/null; then
        show_log initdb
        fail "the database could not be made"
    fi
    rm -f "$folder/password"
    mv "$folder/data.new" "$folder/data"
}

start_postgres() {
    local bin
    bin=$(postgres_bin)
    make_postgres_folder
    init_postgres "$bin"
    # A socket's path may be too long for this folder, so there is none.
    start postgres "${as_postgres_user[@]}" "$bin/postgres" -D "$(postgres_folder)/data" \
        -c listen_addresses=127.0.0.1 -c "port=$(kept_port postgres)" -c unix_socket_directories= \
        -c shared_buffers=32MB
    wait_until postgres 30 psql_at "$(postgres_url postgres)" -c 'select 1' || did_not_start postgres
    if [[ $(psql_at "$(postgres_url postgres)" -c "select 1 from pg_database where datname = 'tollgate'") != 1 ]]; then
        psql_at "$(postgres_url postgres)" -c 'create database tollgate'
    fi
}

# postgres_url DATABASE: for the owner of the private Postgres.
postgres_url() { echo "postgres://postgres:$(<"$state/postgres_password")@127.0.0.1:$(kept_port postgres)/$1"; }

# psql_at URL ARGUMENTS...: bare values, one row a line. The password goes by the environment, which only we can read.
psql_at() {
    local url=$1 PGPASSWORD=${PGPASSWORD-}
    shift
    if [[ $url =~ ^([a-z]+://[^:/@]*):([^/@]*)@(.*)$ ]]; then
        url=${BASH_REMATCH[1]}@${BASH_REMATCH[3]}
        printf -v PGPASSWORD '%b' "${BASH_REMATCH[2]//%/\\x}"
    fi
    PGPASSWORD=$PGPASSWORD PGCONNECT_TIMEOUT=5 "$(psql_program)" -XAtq -v ON_ERROR_STOP=1 -d "$url" "$@" </dev/null
}
