#!/usr/bin/env bash
# Checks every run of runs.txt (model, name, expected result, switches) with Spin, two at a time, and ends with
# "N passed, M failed". Arguments choose runs by name. Needs spin and gcc, and up to 4 GB a run, or 2 GB and twice the
# time where less than 12 GB are free.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
collapse=-DCOLLAPSE
[ "$(awk '/^MemAvailable/ { print int($2 / 1000000) }' /proc/meminfo)" -lt 12 ] || collapse=

check() {
  local model=$1 name=$2 expected=$3 got states
  shift 3
  mkdir "$work/$name" && cd "$work/$name" || return 1
  if ! spin "$@" -a "$here/$model.pml" >compile.out 2>&1 \
    || ! gcc -O1 -DSAFETY $collapse -DMEMLIM=5000 -DVECTORSZ=2048 -o pan pan.c >>compile.out 2>&1; then
    cat compile.out
    got='not compiled' states=0
  else
    timeout 900 ./pan -m300000 -n >pan.out 2>&1
    states=$(grep -m1 -oE '[0-9.e+]+ states, stored' pan.out)
    case $(grep -oE 'errors: [0-9]+|max search depth too small|out of memory|reached -DMEMLIM' pan.out | tr '\n' ' ') in
      'errors: 0 ') got=ok ;;
      'errors: 1 ') got=ce; grep -q 'assertion violated' pan.out || got='another error' ;;
      *) got='not finished' ;;
    esac
  fi
  rm -f pan pan.?
  [ "$got" = "$expected" ] && echo passed >result
  printf '%-7s %-22s expected %-3s got %-13s %s\n' "$model" "$name" "$expected" "$got" "$states"
}

runs=0
while read -r model name expected flags; do
  [[ -z $model || $model == \#* ]] && continue
  [ $# -gt 0 ] && [[ " $* " != *" $name "* ]] && continue
  runs=$((runs + 1))
  while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
  # shellcheck disable=SC2086  # flags are words
  check "$model" "$name" "$expected" $flags &
done <"$here/runs.txt"
wait
passed=$(find "$work" -name result | wc -l)
echo "$passed passed, $((runs - passed)) failed"
[ "$runs" -gt 0 ] && [ "$passed" -eq "$runs" ]
