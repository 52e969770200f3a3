#!/usr/bin/env bash
# The tour on staging, against emulators: asks nothing, needs no account, and
# fails when anything is not as it says.
set -euo pipefail
cd "$(dirname "$0")/.."

env=staging
folder=.sandbox/demo
world=

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

cleanup() {
    if [[ -n $world ]] && kill -TERM "$world" 2>/dev/null; then wait "$world" || true; fi
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

PATH=$PWD/bin:$PATH
rm -rf "$folder"
mkdir -p "$folder"

say "A world to play with: staging's AWS account in an emulator, its eight networks as real chains.
One relayer runs already, on Optimism Sepolia, with gas for two days and a half."
printf '\n$ sandbox up %s --open --with relayer-signer-optimismsepolia=0.06 &\n' "$env"
sandbox up "$env" --open --with relayer-signer-optimismsepolia=0.06 >"$folder/ready" 2>"$folder/progress" &
world=$!
until grep -qx ready "$folder/ready"; do
    kill -0 "$world" 2>/dev/null || { world=''; cat "$folder/progress" >&2; fail 'the sandbox did not come up'; }
    sleep 0.1
done
cat "$folder/progress"
# shellcheck source=/dev/null
source ".sandbox/$env/env.sh"

say "1. What git declares and the world lacks: keys, who may use them, buckets, and money."
run 0 reconcile plan "$env" --out "$folder/first.plan.json"
shows 'create'

say "2. Exactly that plan is applied."
run 0 reconcile apply "$folder/first.plan.json"

say "3. The second plan is empty (exit code 0)."
run 0 reconcile plan "$env" --exit-code
shows 'nothing to do'

say "   Each agent signs with its own keys, and nobody else does."
run 0 reconcile access "$env"
shows 'relayer: 8 keys'

say "4. Four things happen behind our back: somebody retags a key, takes the relayer's policy off, agents burn gas,
somebody disables a key."
run 0 sandbox detach "$env" staging-relayer
run 0 sandbox retag "$env" validator-0-attestation-fuji role=relayer
run 0 sandbox burn "$env" optimismsepolia relayer-signer-optimismsepolia 0.02
run 0 sandbox disable-key "$env" relayer-signer-sepolia

say "5. The plan mends the first three, and says of the last what it is."
run 0 reconcile access "$env" --principal staging-relayer
shows 'cannot sign'
run 2 reconcile plan "$env" --exit-code
shows 'staging-relayer'
shows 'validator-0-attestation-fuji'
shows 'relayer-signer-sepolia'

say "6. The first three are applied. A disabled key may be a brake or a thief: it needs a person."
run 0 reconcile plan "$env" --only "kms-key/**/validator-0-attestation-fuji" --only "iam-role/**" --only "funding/**" --out "$folder/second.plan.json"
run 0 reconcile apply "$folder/second.plan.json"

say "7. verify tells the truth: one thing still differs (exit code 2)."
run 2 reconcile verify "$env"
shows 'relayer-signer-sepolia'

say "Down. Nothing is left running."
printf '\n$ sandbox down %s\n' "$env"
sandbox down "$env"
wait "$world" || fail 'the sandbox did not end well'
world=
