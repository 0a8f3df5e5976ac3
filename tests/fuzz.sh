#!/usr/bin/env bash
# Gives the parsers of what clients and instances send at least so many generated inputs (10 million unless said
# otherwise), and prints how many there were and the seed that repeats them: tests/fuzz.sh [CASES] [SEED]
set -euo pipefail
cd "$(dirname "$0")/.."
cases=${1:-10000000} parsers=8
export IAMGATEWAY_FUZZ_CASES=$(((cases + parsers - 1) / parsers)) IAMGATEWAY_FUZZ_SEED=${2:-$RANDOM$RANDOM}
tests=tests/IamGateway.Tests/bin/Release/net10.0/IamGateway.Tests.dll
[ -f "$tests" ] || dotnet build IamGateway.sln -c Release -v quiet
log=$(mktemp)
trap 'rm -f "$log"' EXIT
result=0
dotnet "$tests" -class IamGateway.Tests.Sessions.FuzzTests -showLiveOutput >"$log" 2>&1 || result=$?
[ "$result" -eq 0 ] || cat "$log"
grep -oE 'fuzzed [0-9]+ cases' "$log" | awk -v seed="$IAMGATEWAY_FUZZ_SEED" \
  '{ n += $2 } END { print n + 0 " cases of " NR " parsers, seed " seed }'
exit "$result"
