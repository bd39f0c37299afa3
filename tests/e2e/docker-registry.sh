# shellcheck shell=bash
# shellcheck disable=SC2034 # who sources this reads address and log
# For other scripts to source: Debian's docker-registry on free ports of loopback, in a folder that goes away with them.

folder=$(mktemp -d)
started=()
# The address of the registry that was started last, and the file that it logs to: each request when access_log is true.
address=
log=
access_log=false

stop_registries() {
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    # Containers on the host's network leave this behind dockerd.
    umount "$folder"/dockerd/exec/netns/* 2>/dev/null || true
    rm -rf "$folder"
}
trap stop_registries EXIT

# install_missing PROGRAM:PACKAGE...
install_missing() {
    local packages=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}")
    done
    if ((${#packages[@]})); then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends --yes "${packages[@]}" >/dev/null
    fi
}

# start_registry NAME [MORE-CONFIGURATION]: sets `address`. The store is the folder NAME; a store that is there is used.
start_registry() {
    local name=$1 more=${2:-} quiet=true port config
    if [[ $access_log == true ]]; then quiet=false; fi
    log=$(mktemp "$folder/$name.XXXX.log")
    config=${log%.log}.yml
    # A port that is free now may be taken when the registry comes to it: then the next is tried.
    for _ in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            continue
        fi
        cat >"$config" <<YAML
version: 0.1
log:
  level: error
  accesslog:
    disabled: $quiet
storage:
  filesystem:
    rootdirectory: $folder/$name
  delete:
    enabled: true
http:
  addr: 127.0.0.1:$port
$more
YAML
        docker-registry serve "$config" >"$log" 2>&1 &
        local pid=$!
        started+=("$pid")
        for _ in $(seq 100); do
            if ! kill -0 "$pid" 2>/dev/null; then
                continue 2
            fi
            if curl --silent --output /dev/null "http://127.0.0.1:$port/v2/"; then
                address=127.0.0.1:$port
                return
            fi
            sleep 0.05
        done
        kill "$pid" 2>/dev/null || true
    done
    echo "docker-registry does not start:" >&2
    cat "$log" >&2
    return 1
}

# start_accounts: two registries, one with an account and one without, named by E2E_*.
start_accounts() {
    export E2E_LOCKED_REGISTRY E2E_OPEN_REGISTRY E2E_USER=ci E2E_PASSWORD=s3cret
    htpasswd -Bbn -C 5 "$E2E_USER" "$E2E_PASSWORD" >"$folder/htpasswd"
    start_registry locked "auth:
  htpasswd:
    realm: basic-realm
    path: $folder/htpasswd"
    E2E_LOCKED_REGISTRY=$address
    start_registry open
    E2E_OPEN_REGISTRY=$address
}
