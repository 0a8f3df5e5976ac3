#!/usr/bin/env bash
# Builds the committed sources in a checkout and in a plain folder, and compares what came out.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git clone -q . "$folder/checkout"
mkdir -p "$folder/another/place"
git archive HEAD | tar -x -C "$folder/another/place"
for name in checkout another/place; do
  for project in IamGateway Iamgw; do
    CI=true dotnet build "$folder/$name/src/$project" -c Release -v quiet -nologo -nodeReuse:false
  done
done
cd "$folder"
cmp {checkout,another/place}/src/DemoIam/bin/Release/net10.0/DemoIam.dll
cmp {checkout,another/place}/src/IamGateway/bin/Release/net10.0/IamGateway.dll
cmp {checkout,another/place}/src/Iamgw/bin/Release/net10.0/iamgw.dll
echo "The same."
