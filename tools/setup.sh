#!/usr/bin/env bash
# Fetches what tests and the sandbox run into .cache, each part pinned by hash.
# The Makefile calls it, once per changed pin: tools/setup.sh go|venv|npm|contracts|tools
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

# need COMMAND WORDS: one line for what the machine lacks.
need() {
    command -v "$1" >/dev/null || die "$1 not found: install $2"
}

# quietly COMMAND...: shows the output of a command only when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "$1 did not succeed, see above"
    fi
    rm -f "$log"
}

# fresh DIRECTORY PIN...: whether the directory was made from these very pins;
# a checkout changes times, not contents.
fresh() {
    local directory=$1 pins
    shift
    pins=$(git hash-object "$@")
    if [[ $(cat "$directory/.stamp" 2>/dev/null) == "$pins" ]]; then
        touch "$directory/.stamp"
        return 0
    fi
    return 1
}

# stamp DIRECTORY PIN...: records what the directory was made from.
stamp() {
    local directory=$1
    shift
    git hash-object "$@" >"$directory/.stamp"
}

setup_go() {
    need go 'Go 1.26 or newer'
    need git 'git 2.31 or newer'
    need ssh-keygen 'OpenSSH 8.2 or newer'
}

# The AWS emulator. A virtual environment of our own: the launcher leans on
# moto's internals, so another version would lie.
setup_venv() {
    need python3 'Python 3.9 or newer'
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' || die "python3 is $(python3 -V | cut -d' ' -f2), need 3.9 or newer"
    python3 -c 'import ensurepip, venv' 2>/dev/null || die "python3 cannot make virtual environments: install its venv package (python3-venv)"
    fresh .cache/venv tools/moto/requirements.txt && return
    echo 'setup: AWS emulator (.cache/venv)'
    rm -rf .cache/venv
    mkdir -p .cache
    quietly python3 -m venv .cache/venv
    quietly .cache/venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r tools/moto/requirements.txt
    stamp .cache/venv tools/moto/requirements.txt
}

# The second chain implementation, and the compiler of contract doubles. Install
# scripts stay off: the package of the platform carries the binary. Made beside
# and moved, so that a running test never sees half of it.
setup_npm() {
    need node 'Node 20 or newer'
    need npm 'Node 20 or newer with npm'
    fresh .cache/npm tools/npm/package-lock.json && return
    echo 'setup: second chain implementation, Solidity compiler (.cache/npm)'
    rm -rf .cache/npm.new
    mkdir -p .cache/npm.new
    cp tools/npm/package.json tools/npm/package-lock.json tools/npm/.npmrc .cache/npm.new/
    quietly npm --prefix .cache/npm.new ci --ignore-scripts
    stamp .cache/npm.new tools/npm/package-lock.json
    rm -rf .cache/npm
    mv .cache/npm.new .cache/npm
}

# unpacked DIRECTORY PACKAGE DIGEST FILE...: fetches a package, checks it, and
# unpacks only the files named, for one of them is 460 MB when it is whole.
unpacked() {
    local directory=$1 package=$2 digest=$3 tarball
    shift 3
    rm -rf "$directory"
    mkdir -p "$directory"
    quietly npm --prefix "$directory" pack --pack-destination "$directory" "$package"
    tarball=$(echo "$directory"/*.tgz)
    echo "$digest  $tarball" | sha256sum --check --quiet || die "$package is not the package that is pinned"
    tar -xzf "$tarball" -C "$directory" "${@/#/package/}" || die "$package does not hold the files that are pinned"
    rm "$tarball"
}

# constant FILE MARKER: the hex digits of the first quoted constant behind the
# marker, in TypeScript, JSON or Solidity.
constant() {
    tr -d '\n' <"$1" | grep -oE "$2[^\"]*\"(0x)?[0-9a-f]+\"" | sed -En '1s/.*"(0x)?([0-9a-f]+)"$/\2/p' | tr -d '\n'
}

# Contract code for local chains: one file of hex digits for each contract. The
# packages are large and only constants of them are needed; they are thrown away.
setup_contracts() {
    need node 'Node 20 or newer'
    need npm 'Node 20 or newer with npm'
    fresh .cache/contracts tools/npm/contracts.txt && return
    echo 'setup: contract code (.cache/contracts)'
    local word package digest marker name file code work
    work=$(mktemp -d)
    rm -rf .cache/contracts.new
    while read -r word package digest marker; do
        [[ $word == package ]] || continue
        mapfile -t files < <(pinned "$package" | cut -d' ' -f2)
        unpacked "$work/package" "$package" "$digest" "${files[@]}"
        while read -r name file code; do
            mkdir -p "$(dirname ".cache/contracts.new/$name")"
            constant "$work/package/package/$file" "$marker" >".cache/contracts.new/$name.hex" || die "$name is not in $file of $package"
            echo "$code  .cache/contracts.new/$name.hex" | sha256sum --check --quiet || die "$name of $package is not the code that is pinned"
        done < <(pinned "$package")
    done <tools/npm/contracts.txt
    rm -rf "$work" .cache/contracts
    stamp .cache/contracts.new tools/npm/contracts.txt
    mv .cache/contracts.new .cache/contracts
}

# pinned PACKAGE: the lines of its contracts: name, file, digest of the code.
pinned() {
    awk -v package="$1" '$1 == "package" { ours = $2 == package; next } /^#/ || !NF { next } ours' tools/npm/contracts.txt
}

setup_tools() {
    setup_go
    fresh .cache/bin tools/go.mod tools/go.sum && return
    echo 'setup: linters (.cache/bin)'
    mkdir -p .cache/bin
    quietly go -C tools build -o ../.cache/bin/ honnef.co/go/tools/cmd/staticcheck github.com/rhysd/actionlint/cmd/actionlint
    stamp .cache/bin tools/go.mod tools/go.sum
}

# Optional: what runs arm64 programs on another machine, for the digests of plans.
# Distributions have one version each, so it is apt's own signature that is
# checked and not a hash of ours. Nothing is installed, nobody needs to be root.
setup_qemu() {
    [[ $(uname -m) == aarch64 || -x .cache/qemu/qemu-aarch64-static ]] && return
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
        echo 'setup: no apt-get here: install qemu-user-static, or do without'
        return
    fi
    local work
    work=$(mktemp -d)
    mkdir -p .cache/qemu
    (cd "$work" && quietly apt-get download qemu-user-static)
    quietly dpkg -x "$work"/qemu-user-static_*.deb "$work/package"
    mv "$work/package/usr/bin/qemu-aarch64-static" .cache/qemu/
    rm -rf "$work"
}

case "${1-}" in
go | venv | npm | contracts | tools | qemu) "setup_$1" ;;
*) die 'usage: tools/setup.sh go|venv|npm|contracts|tools|qemu' ;;
esac
