#!/usr/bin/env bash
# endurance.sh MINUTES: users beside abuse of every kind and a restart of Redis for so many minutes, with requests at 80 % of
# what everything together can take (LOAD; needs h2load of the Debian package nghttp2-client, 0: without); then 1,000
# changes of weights (CHANGES) during 100 restarts of two replicas (RESTARTS). Prints what it saw. Ends with 0 if no request
# of a user failed, no session met an older version and memory stayed flat.
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
export IAMGATEWAY_ABUSE_SECONDS=$((${1:?how many minutes of abuse} * 60))
export IAMGATEWAY_ABUSE_LOAD=${LOAD:-80}
export IAMGATEWAY_WEIGHT_CHANGES=${CHANGES:-1000} IAMGATEWAY_RESTARTS=${RESTARTS:-100}
dotnet build tests/IamGateway.Tests -c Release -v quiet || exit 1
dotnet tests/IamGateway.Tests/bin/Release/net10.0/IamGateway.Tests.dll -namespace IamGateway.Tests.Endurance -diagnostics
