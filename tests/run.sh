#!/usr/bin/env bash
# Installs what the tests need, builds, checks the formatting and runs every test. Ends with "N passed, M failed".
# A test that cannot run counts as failed. What has failed is told again at the end.
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 CI="${CI:-}"
passed=0 failed=0
failures=$(mktemp)
trap 'rm -f "$failures"' EXIT

# check NAME COMMAND...: one check, counted by its exit code; what it printed is shown when it fails.
check() {
  local name=$1 log started=$SECONDS
  shift
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1)); echo "ok      $name ($((SECONDS - started)) s)"
  else
    failed=$((failed + 1))
    { echo "FAILED  $name"; tail -n 80 "$log"; } | tee -a "$failures"
  fi
  rm -f "$log"
}

finish() {
  cat "$failures"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit $?
}

# program and the Debian package that brings it
needed='redis-server:redis-server redis-sentinel:redis-sentinel prometheus:prometheus promtool:prometheus spin:spin gcc:gcc
node:nodejs npm:npm kubectl:kubernetes-client systemd-analyze:systemd chromium:chromium'
missing=$(for pair in $needed; do command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"; done | sort -u)
if [ -n "$missing" ]; then
  echo "installing" $missing
  sudo=; [ "$(id -u)" -eq 0 ] || sudo=sudo
  $sudo apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

check "build" dotnet build IamGateway.sln -c Release
[ "$failed" -eq 0 ] || finish
# The style rules are part of the build.
check "formatting" dotnet format whitespace . --folder --verify-no-changes --exclude "**/obj/**"
check "alert rules are valid" promtool check rules config/prometheus/alerts.yml
check "alert rules fire as they should" promtool test rules config/prometheus/alerts.test.yml

check "a real OpenID Connect provider is installed" npm ci --prefix tests/oidc --ignore-scripts --no-audit --no-fund
check "a driver for a browser is installed" npm ci --prefix tests/console --ignore-scripts --no-audit --no-fund
check "parts of the console that need no browser" node --test tests/console/unit/*.test.mjs

# Beside the tests, which leave a processor idle half of the time, and behind them in everything.
models=$(mktemp)
nice -n 19 bash tests/model/run.sh >"$models" &
log=$(mktemp)
dotnet tests/IamGateway.Tests/bin/Release/net10.0/IamGateway.Tests.dll "$@" 2>&1 | tee "$log" | grep -vE '^\S*  (Discover|Starting|Finished)'
sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -A 12 -E '\[(FAIL|SKIP)\]|Cleanup Failure|FATAL ERROR' >>"$failures"
# A skipped or erring test has not passed.
summary=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -oE 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+, Not Run: [0-9]+' | tail -n 1)
if [ -z "$summary" ]; then
  failed=$((failed + 1)); echo "FAILED  the tests did not come to their end"
else
  read -r total errors bad skipped notrun <<<"$(tr -dc '0-9 ' <<<"$summary")"
  passed=$((passed + total - bad - skipped - notrun)); failed=$((failed + errors + bad + skipped))
fi

wait
echo "models of the protocol"
sed '$d' "$models"
read -r good _ bad _ < <(tail -n 1 "$models")
[[ $good =~ ^[0-9]+$ ]] && passed=$((passed + good)) failed=$((failed + bad)) || failed=$((failed + 1))
awk '/ expected / && $4 != $6' "$models" >>"$failures"
rm -f "$log" "$models"

finish
