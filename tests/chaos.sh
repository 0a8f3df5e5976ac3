#!/usr/bin/env bash
# chaos.sh MINUTES: two rollouts after another under users and faults, again and again, for so many minutes on each kind of
# store (CHAOS_STORES=standalone,sentinel,cluster leaves some out; IAMGATEWAY_CHAOS_SEED=N begins with that seed).
# Prints the totals. Ends with 0 if G1 and G2 held and nothing failed or was refused that should not.
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
minutes=${1:?how many minutes on each kind of store}
dotnet build tests/IamGateway.Tests -c Release -v quiet || exit 1

report=$(mktemp)
export IAMGATEWAY_CHAOS_SECONDS=$((minutes * 60)) IAMGATEWAY_CHAOS_REPORT=$report
[ -z "${CHAOS_STORES:-}" ] || export IAMGATEWAY_CHAOS_STORE=$CHAOS_STORES
dotnet tests/IamGateway.Tests/bin/Release/net10.0/IamGateway.Tests.dll -class IamGateway.Tests.Chaos.ChaosTests
result=$?
echo
tests/chaos-totals.sh "$report"
exit $result
