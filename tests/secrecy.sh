#!/usr/bin/env bash
# secrecy.sh [ARGUMENTS]: builds and runs every test while all that gateways print, log, trace, answer and store is
# kept, and searches it at the end for every handle, key, token and password that was used. A finding is an error of the
# run. Ends with "N passed, M failed". Arguments go to the test program, for example -namespace IamGateway.Tests.Admin.
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 IAMGATEWAY_SEARCH_OUTPUTS=1
dotnet build IamGateway.sln -c Release -v quiet || exit 1
for folder in tests/oidc tests/console; do
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund >/dev/null || exit 1
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
dotnet tests/IamGateway.Tests/bin/Release/net10.0/IamGateway.Tests.dll -diagnostics "$@" 2>&1 | tee "$log"
result=$?
read -r total errors bad skipped notrun \
  < <(grep -oE 'Total: [0-9]+, Errors: .*Not Run: [0-9]+' "$log" | tr -dc '0-9 \n') \
  && echo "$((total - bad - skipped - notrun)) passed, $((errors + bad + skipped)) failed"
exit $result
