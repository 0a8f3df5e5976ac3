#!/usr/bin/env bash
# chaos-totals.sh REPORT: the totals of a chaos run for each kind of store, as a Markdown table, and the faults by kind.
set -euo pipefail
awk -F'\t' '
  /^# PROBLEM/ { problems++; next }
  /^#/ { next }
  {
    k = $1; kinds[k] = 1; rounds[k]++
    for (i = 4; i <= 11; i++) { sum[k, i] += $i; sum["all", i] += $i }
    dropped[k] += $13; if ($14 > settled[k]) settled[k] = $14; if ($15 > work[k]) work[k] = $15
    n = split($17, list, "; ")
    for (i = 1; i <= n; i++) { count = list[i]; sub(/.* /, "", count); sub(/ [0-9]+$/, "", list[i]); faults[list[i]] += count }
    n = split($12, list, " ")
    for (i = 1; i <= n; i++) { split(list[i], pair, "="); refusals[pair[1]] += pair[2] }
  }
  function row(name, r, k) {
    printf "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d |\n", name, r, sum[k, 4], sum[k, 5], sum[k, 6], sum[k, 7],
      sum[k, 8], sum[k, 9], sum[k, 10], sum[k, 11]
  }
  END {
    print "| store | rounds | requests | sessions | migrations | faults | violations | failed | on a dead or paused replica | refused |"
    print "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for (k in kinds) { row(k, rounds[k], k); all += rounds[k] }
    row("all", all, "all")
    printf "\nrounds with a problem: %d\n", problems
    for (k in kinds) printf "%s: settled at most %.1f s after the last fault; longest work %.1f s; sessions given up %d\n", k, settled[k], work[k], dropped[k]
    for (f in faults) printf "%s: %d\n", f, faults[f]
    for (r in refusals) printf "refused with %s: %d\n", r, refusals[r]
  }' "$1"
