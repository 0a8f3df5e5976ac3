#!/usr/bin/env bash
# Builds the committed sources in two folders and compares what came out: the same sources give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for name in one another/place; do
  mkdir -p "$folder/$name"
  git archive HEAD | tar -x -C "$folder/$name"
  CI=true dotnet build "$folder/$name/src/IamGateway" -c Release -v quiet -nologo -nodeReuse:false
done
cd "$folder"
sha256sum {one,another/place}/src/{IamGateway/bin/Release/net10.0/IamGateway.dll,DemoIam/bin/Release/net10.0/DemoIam.dll}
for file in IamGateway/bin/Release/net10.0/IamGateway.dll DemoIam/bin/Release/net10.0/DemoIam.dll; do
  cmp "one/src/$file" "another/place/src/$file"
done
