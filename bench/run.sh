#!/usr/bin/env bash
# run.sh: the bench. Installs its tools, builds Release, and compares the gateway with bare YARP, HAProxy and nginx.
#   run.sh [--quick] [--only REGEX] [--load 100B,16KB,token] [--connections N] [--rounds N] ...
#   run.sh micro [BenchmarkDotNet's options]    single steps of a request
#   run.sh sessions [--count N]                 a million live sessions beside ten thousand
#   run.sh weights                              how long a change of weights takes
# README.md beside this file says how to read what comes out.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

# program or file, and the Debian package that brings it
needed='wrk:wrk h2load:nghttp2-client /usr/sbin/haproxy:haproxy /usr/sbin/nginx:nginx redis-server:redis-server
/usr/lib/nginx/modules/ngx_http_lua_module.so:libnginx-mod-http-lua /usr/share/lua/5.1/nginx/redis.lua:lua-nginx-redis'
missing=$(for pair in $needed; do
  what=${pair%%:*}
  { [ -e "$what" ] || command -v "$what" >/dev/null; } || echo "${pair##*:}"
done | sort -u)
if [ -n "$missing" ]; then
  echo "installing" $missing
  sudo=; [ "$(id -u)" -eq 0 ] || sudo=sudo
  $sudo apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

[ "${1:-}" != weights ] || exec bash tests/measure.sh
dotnet build bench/IamGateway.Bench -c Release -v quiet >/dev/null
exec dotnet bench/IamGateway.Bench/bin/Release/net10.0/IamGateway.Bench.dll "$@"
