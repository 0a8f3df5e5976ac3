#!/usr/bin/env bash
# measure.sh: how long a change of weights and the activation of a version take until every replica has applied them, as the
# API says (appliedIn), with 2 and 3 idle replicas and one redis-server on this machine. Builds first; takes a minute.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
changes=${CHANGES:-300} activations=${ACTIVATIONS:-20}
dotnet build src/IamGateway -c Release -v quiet >/dev/null

work=$(mktemp -d) pids=()
cleanup() {
  kill "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
key=key-of-the-measure
hash=$(printf %s "$key" | sha256sum | cut -d' ' -f1)
port() { echo $((20000 + RANDOM % 10000)); }
redis=$(port)
redis-server --port "$redis" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" >/dev/null &
pids+=($!)
until redis-cli -p "$redis" ping >/dev/null 2>&1; do sleep 0.1; done

settings=(
  --environment=Test --ConnectionStrings:Redis="127.0.0.1:$redis" --Logging:LogLevel:Default=Warning
  --IamGateway:Versions:Initial=1.0.0 --IamGateway:Sessions:0:Name=session --IamGateway:Sessions:0:Cookie=IAM_SESSION
  --IamGateway:Admin:ApiKeys:0:Name=measure --IamGateway:Admin:ApiKeys:0:Role=admin --IamGateway:Admin:ApiKeys:0:Sha256="$hash"
  --ReverseProxy:Routes:iam:ClusterId=iam '--ReverseProxy:Routes:iam:Match:Path={**rest}'
)
for ((v = 0; v <= activations; v++)); do
  settings+=("--ReverseProxy:Clusters:iam:Destinations:i$v:Address=http://127.0.0.1:$((40000 + v))")
  settings+=("--ReverseProxy:Clusters:iam:Destinations:i$v:Metadata:Version=1.$v.0")
done

# call METHOD PATH [BODY]: prints the answer.
call() {
  curl -sS -X "$1" -H "X-Api-Key: $key" -H 'Content-Type: application/json' ${3:+-d "$3"} "http://127.0.0.1:$admin/api/v1/$2"
}

applied() { grep -o '"appliedIn":[0-9.]*' | cut -d: -f2; }

# figures NAME FILE: count, median, p99 and maximum of the numbers in the file.
figures() {
  sort -n "$2" | awk -v name="$1" '
    { v[NR] = $1 }
    function at(q) { i = int(NR * q); if (i < NR * q) i++; return v[i < 1 ? 1 : i] }
    END { printf "| %s | %d | %.1f ms | %.1f ms | %.1f ms |\n", name, NR, at(0.5), at(0.99), v[NR] }'
}

echo "| what | count | median | p99 | longest |"
echo "|---|---:|---:|---:|---:|"
for replicas in 2 3; do
  first=${#pids[@]}
  for ((r = 0; r < replicas; r++)); do
    admin=$(port)
    dotnet src/IamGateway/bin/Release/net10.0/IamGateway.dll "${settings[@]}" --IamGateway:Store:KeyPrefix="measure$replicas" \
      --Kestrel:Endpoints:Proxy:Url=http://127.0.0.1:0 --Kestrel:Endpoints:Admin:Url="http://127.0.0.1:$admin" >"$work/log$r" 2>&1 &
    pids+=($!)
    until curl -sf "http://127.0.0.1:$admin/health/ready" >/dev/null; do sleep 0.1; done
  done

  : >"$work/activations"
  for ((v = 1; v <= activations; v++)); do
    call PUT weights "{\"weights\":{\"1.$((v - 1)).0\":90,\"1.$v.0\":10}}" | applied >>"$work/activations"
    [ "$v" -eq "$activations" ] || call POST "versions/1.$((v - 1)).0/retire" >/dev/null
  done
  : >"$work/changes"
  for ((c = 0; c < changes; c++)); do
    w=$((c % 100))
    call PUT weights "{\"weights\":{\"1.$((activations - 1)).0\":$((100 - w)),\"1.$activations.0\":$w}}" | applied >>"$work/changes"
  done
  figures "change of weights, $replicas replicas" "$work/changes"
  figures "activation, $replicas replicas" "$work/activations"
  kill "${pids[@]:first}"
  wait "${pids[@]:first}" 2>/dev/null || true
done
