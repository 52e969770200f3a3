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

# The second chain implementation. Install scripts stay off: the package of the
# platform carries the binary.
setup_npm() {
    need node 'Node 20 or newer'
    need npm 'Node 20 or newer with npm'
    fresh .cache/npm tools/npm/package-lock.json && return
    echo 'setup: second chain implementation (.cache/npm)'
    rm -rf .cache/npm
    mkdir -p .cache/npm
    cp tools/npm/package.json tools/npm/package-lock.json tools/npm/.npmrc .cache/npm/
    quietly npm --prefix .cache/npm ci --ignore-scripts
    stamp .cache/npm tools/npm/package-lock.json
}

# Contract code for local chains. The package is large and only one constant of
# it is needed: it is unpacked to a pipe and thrown away.
setup_contracts() {
    need node 'Node 20 or newer'
    need npm 'Node 20 or newer with npm'
    fresh .cache/contracts tools/npm/contracts.txt && return
    echo 'setup: contract code (.cache/contracts)'
    local package digest file constant code work
    read -r package digest file constant code < <(grep -v '^#' tools/npm/contracts.txt)
    work=$(mktemp -d)
    quietly npm --prefix "$work" pack --pack-destination "$work" "$package"
    local tarball
    tarball=$(echo "$work"/*.tgz)
    echo "$digest  $tarball" | sha256sum --check --quiet || die "$package is not the package that is pinned"
    rm -rf .cache/contracts
    mkdir -p .cache/contracts
    tar -xzOf "$tarball" "package/$file" | grep -A1 "constant $constant =" | sed -n 's/.*hex"\([0-9a-f]*\)".*/\1/p' | tr -d '\n' >.cache/contracts/multicall3.hex
    rm -rf "$work"
    echo "$code  .cache/contracts/multicall3.hex" | sha256sum --check --quiet || die "$constant of $package is not the code that is pinned"
    stamp .cache/contracts tools/npm/contracts.txt
}

setup_tools() {
    setup_go
    fresh .cache/bin tools/go.mod tools/go.sum && return
    echo 'setup: linter (.cache/bin)'
    mkdir -p .cache/bin
    quietly go -C tools build -o ../.cache/bin/ honnef.co/go/tools/cmd/staticcheck
    stamp .cache/bin tools/go.mod tools/go.sum
}

case "${1-}" in
go | venv | npm | contracts | tools) "setup_$1" ;;
*) die 'usage: tools/setup.sh go|venv|npm|contracts|tools' ;;
esac
