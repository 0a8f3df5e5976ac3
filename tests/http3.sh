#!/usr/bin/env bash
# http3.sh [FOLDER]: what clients of HTTP/3 meet, against a real QUIC. It needs libmsquic (2.2 or newer), which no package of
# Debian brings: installed from elsewhere, or libmsquic.so.2 in FOLDER.
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build tests/IamGateway.Tests -c Release -v quiet || exit 1
LD_LIBRARY_PATH=${1:+$(realpath "$1")}:${LD_LIBRARY_PATH:-} dotnet tests/IamGateway.Tests/bin/Release/net10.0/IamGateway.Tests.dll \
  -class IamGateway.Tests.Edge.Http3Tests -class IamGateway.Tests.Edge.Desync.DowngradeTests -explicit only
