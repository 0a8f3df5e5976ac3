#!/usr/bin/env bash
# secrecy.sh [ARGUMENTS]: tests/run.sh while all that gateways print, log, trace, answer and store is kept; at its end
# that is searched for every handle, key, token and password that was used. A finding is an error of the run. Arguments
# go to the test program, for example -namespace IamGateway.Tests.Admin.
IAMGATEWAY_SEARCH_OUTPUTS=1 exec bash "$(dirname "$0")/run.sh" -diagnostics "$@"
