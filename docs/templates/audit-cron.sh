#!/bin/sh
# Audits a project for cron: prints a report where something was found, keeps three in REPORTS, and adds to the history.
# usage: audit-cron.sh PROJECT REPORTS [OPTION]...
# PROJECT and REPORTS are absolute, and REPORTS lies outside of PROJECT. Options are those of `leyden audit`.
set -u
umask 077
project=$1
reports=$2
shift 2

mkdir -p -- "$reports" && cd -- "$project" || exit 2
exec 9>"$reports/lock"
if ! flock -n 9; then
    echo "The audit before this one is still at work."
    exit 2
fi

# What these two find is told by the last one, which compares with the history before it adds to it.
leyden audit --format html --output "$reports/audit.html" "$@"
leyden audit --format sarif --output "$reports/audit.sarif" "$@"
leyden audit --save "$@" >"$reports/audit.txt" 2>"$reports/errors.txt"
code=$?
if [ "$code" -ne 0 ]; then
    cat -- "$reports/audit.txt" "$reports/errors.txt"
fi
exit "$code"
