#!/usr/bin/env bash
# The tour on staging, against emulators: asks nothing, needs no account, and
# fails when anything is not as it says.
set -euo pipefail
cd "$(dirname "$0")/.."

env=staging
folder=.sandbox/demo
world=
validators=()

if [[ -t 1 && -z ${NO_COLOR-} ]]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi

say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

fail() {
    printf '\ndemo: %s\n' "$*" >&2
    exit 1
}

# run EXIT COMMAND...: shows a command, runs it, and demands its exit code.
run() {
    local want=$1 have=0
    shift
    printf '\n$ %s\n' "$*"
    "$@" 2>&1 | tee "$folder/output" || have=${PIPESTATUS[0]}
    [[ $have == "$want" ]] || fail "exit code $have, expected $want"
}

# shows TEXT: demands that the last command printed it.
shows() { grep -qF -- "$1" "$folder/output" || fail "expected to see: $1"; }

# await FILE PID: waits until a program says that it is ready.
await() {
    until grep -qx ready "$1.ready"; do
        kill -0 "$2" 2>/dev/null || { cat "$1.progress" >&2; fail "$1 did not come up"; }
        sleep 0.1
    done
}

cleanup() {
    if ((${#validators[@]})); then kill -TERM "${validators[@]}" 2>/dev/null || true; fi
    if [[ -n $world ]] && kill -TERM "$world" 2>/dev/null; then wait "$world" || true; fi
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

PATH=$PWD/bin:$PATH
rm -rf "$folder"
mkdir -p "$folder"

say "A world to play with: staging's AWS account in an emulator, its eight networks as real chains with Hyperlane's
own contracts. Messages pass by the word of one throw-away validator for each network. One relayer runs already, on
Optimism Sepolia, with gas for two days and a half."
printf '\n$ sandbox up %s --contracts --open --with relayer-signer-optimismsepolia=0.06 &\n' "$env"
sandbox up "$env" --contracts --open --with relayer-signer-optimismsepolia=0.06 >"$folder/world.ready" 2>"$folder/world.progress" &
world=$!
await "$folder/world" "$world"
cat "$folder/world.progress"
# shellcheck source=/dev/null
source ".sandbox/$env/env.sh"

say "1. What git declares and the world lacks: keys, who may use them, buckets, and money."
run 0 reconcile plan "$env" --out "$folder/first.plan.json"
shows 'create'

say "2. Exactly that plan is applied."
run 0 reconcile apply "$folder/first.plan.json"

say "   Each agent signs with its own keys, and nobody else does."
run 0 reconcile access "$env"
shows 'relayer: 8 keys'

say "3. Two of three validators are to attest to what leaves each network. None of them runs yet, so the bridge is not
handed to them: live 0 of 3, need 2 (exit code 3; here for Fuji alone)."
run 3 reconcile plan "$env" --only "validator-set/*/fuji" --exit-code
shows 'live 0 of 3, need 2'

say "4. The validators start: they announce themselves on each network, and sign. Then 56 pairs of networks are repointed
from one validator to two of three, in one apply."
for instance in 0 1 2; do
    printf '\n$ sandbox validator start %s validator-%s &' "$env" "$instance"
    sandbox validator start "$env" "validator-$instance" >"$folder/validator-$instance.ready" 2>"$folder/validator-$instance.progress" &
    validators+=($!)
done
printf '\n'
for instance in 0 1 2; do await "$folder/validator-$instance" "${validators[$instance]}"; done
run 0 reconcile plan "$env" --out "$folder/sets.plan.json"
shows 'repoint 56'
run 0 reconcile apply "$folder/sets.plan.json"
shows 'done 56'

say "5. A message: the destination's own contracts take it, by two signatures. The next plan is empty (exit code 0)."
run 0 sandbox dispatch "$env" fuji sepolia
message=$(cat "$folder/output")
for _ in {1..100}; do
    sandbox verify "$env" fuji "$message" >/dev/null 2>&1 && break
    sleep 0.1
done
run 0 sandbox verify "$env" fuji "$message"
shows 'by 2 signatures'
run 0 reconcile plan "$env" --exit-code
shows 'in sync'

say "6. Four things happen behind our back: somebody retags a key, takes the relayer's policy off, agents burn gas,
somebody disables a key."
run 0 sandbox detach "$env" staging-relayer
run 0 sandbox retag "$env" validator-0-attestation-fuji role=relayer
run 0 sandbox burn "$env" optimismsepolia relayer-signer-optimismsepolia 0.02
run 0 sandbox disable-key "$env" relayer-signer-sepolia

say "7. The plan mends the first three, and says of the last what it is."
run 0 reconcile access "$env" --principal staging-relayer
shows 'cannot sign'
run 2 reconcile plan "$env" --exit-code
shows 'staging-relayer'
shows 'validator-0-attestation-fuji'
shows 'relayer-signer-sepolia'

say "8. The first three are applied. A disabled key may be a brake or a thief: it needs a person."
run 0 reconcile plan "$env" --only "kms-key/**/validator-0-attestation-fuji" --only "iam-role/**" --only "funding/**" --out "$folder/second.plan.json"
run 0 reconcile apply "$folder/second.plan.json"

say "9. verify tells the truth: one thing still differs (exit code 2)."
run 2 reconcile verify "$env"
shows 'relayer-signer-sepolia'

say "Down. Nothing is left running."
for instance in 0 1 2; do
    run 0 sandbox validator stop "$env" "validator-$instance"
    wait "${validators[$instance]}" || fail "validator-$instance did not end well"
done
validators=()
printf '\n$ sandbox down %s\n' "$env"
sandbox down "$env"
wait "$world" || fail 'the sandbox did not end well'
world=
