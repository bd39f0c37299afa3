# shellcheck shell=bash
# For other scripts to source: programs of a newer Debian suite, unpacked beside the system and never installed over it.

# debian_mirror: prints where this machine's apt has Debian from.
debian_mirror() {
    # shellcheck disable=SC2016 # apt fills these in
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian //p' | sort -u | head -n 1
}

# newer_debian SUITE[:ARCHITECTURE] PACKAGE...: unpacks the packages (not what they depend on) under `target/debian/` and prints the
# folder. What was unpacked before stays as it is.
newer_debian() {
    local suite=${1%:*} architecture folder mirror package options
    architecture=$(dpkg --print-architecture)
    if [[ $1 == *:* ]]; then architecture=${1#*:}; fi
    folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/target/debian/$suite-$architecture
    shift
    mkdir -p "$folder"/{apt/lists/partial,apt/cache/archives/partial,packages,root}
    mirror=$(debian_mirror)
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\nSigned-By: %s\n' \
        "$mirror" "$suite" "$architecture" /usr/share/keyrings/debian-archive-keyring.gpg >"$folder/apt/newer.sources"
    options=(-qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$folder/apt/" -o "Dir::State::Lists=$folder/apt/lists/"
        -o "Dir::Cache=$folder/apt/cache/" -o APT::Sandbox::User=root -o "APT::Architecture=$architecture"
        -o "APT::Architectures=$architecture")
    for package in "$@"; do
        if [[ -e $folder/packages/$package ]]; then continue; fi
        if [[ -z $(ls "$folder"/apt/lists/*Packages* 2>/dev/null) ]]; then
            apt-get "${options[@]}" update
        fi
        (cd "$folder/apt" && apt-get "${options[@]}" download "$package" && dpkg -x "${package}"_*.deb "$folder/root")
        rm -f "$folder/apt/${package}"_*.deb
        touch "$folder/packages/$package"
    done
    printf '%s\n' "$folder/root"
}
