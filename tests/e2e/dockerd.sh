# shellcheck shell=bash
# shellcheck disable=SC2154 # docker-registry.sh assigns folder
# For other scripts to source, after docker-registry.sh and newer-debian.sh: dockerd 28 with containerd's image store and the standalone buildx,
# both unpacked beside the system, on a socket of their own. It has no network of its own: builds and containers use the host's.

# start_dockerd: sets DOCKER_HOST, puts `docker` and `buildx` on PATH. It stops with the registries. What it builds stays under
# `target/dockerd`, so that the next script does not compile the same again; while another has that, it goes away.
start_dockerd() {
    local tree data="$folder/dockerd" kept store
    kept=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/target/dockerd
    mkdir -p "$kept"
    exec 9>"$kept.lock"
    if flock --nonblock 9; then store=$kept; else store=$data/data; fi
    install_missing runc:runc curl:curl
    # buildx of the stable suites is too old for what the action asks of it.
    tree=$(newer_debian sid docker.io containerd docker-cli docker-buildx)
    mkdir -p "$data/bin"
    ln -sf "$tree"/usr/bin/{containerd,containerd-shim-runc-v2,docker} "$tree/usr/sbin/dockerd" "$data/bin/"
    ln -sf "$tree/usr/libexec/docker/cli-plugins/docker-buildx" "$data/bin/buildx"
    cat >"$data/daemon.json" <<JSON
{
  "features": {"containerd-snapshotter": true},
  "iptables": false, "ip6tables": false, "bridge": "none", "userland-proxy": false,
  "data-root": "$store", "exec-root": "$data/exec", "pidfile": "$data/pid",
  "hosts": ["unix://$data/docker.sock"]
}
JSON
    export PATH=$data/bin:$PATH DOCKER_HOST=unix://$data/docker.sock
    dockerd --config-file "$data/daemon.json" >"$data/log" 2>&1 &
    await_dockerd $! "$data"
}

# await_dockerd PID FOLDER: until the daemon of that folder answers at its socket. It stops with the registries.
await_dockerd() {
    local pid=$1 data=$2
    started+=("$pid")
    for _ in $(seq 200); do
        if curl --silent --fail --output /dev/null --unix-socket "$data/docker.sock" http://dockerd/_ping; then return; fi
        if ! kill -0 "$pid" 2>/dev/null; then break; fi
        sleep 0.05
    done
    echo "dockerd does not start:" >&2
    cat "$data/log" >&2
    return 1
}

# start_classic_dockerd: dockerd 20.10 with the classic image store; sets E2E_CLASSIC_DOCKER_HOST.
start_classic_dockerd() {
    local tree data="$folder/classic"
    tree=$(newer_debian bookworm docker.io containerd)
    mkdir -p "$data"
    export E2E_CLASSIC_DOCKER_HOST=unix://$data/docker.sock
    PATH=$tree/usr/bin:$tree/usr/sbin:$PATH dockerd --iptables=false --ip6tables=false --bridge=none --userland-proxy=false \
        --data-root "$data/data" --exec-root "$data/exec" --pidfile "$data/pid" --host "$E2E_CLASSIC_DOCKER_HOST" >"$data/log" 2>&1 &
    await_dockerd $! "$data"
}
