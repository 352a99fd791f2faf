#!/usr/bin/env bash
# Builds restic's own suite for REST servers from Debian's source package of restic. Usage: restic_suite.sh FOLDER
# The test program is FOLDER/rest.test; it is built once. Whatever is missing ends this with a reason and status 1.
set -euo pipefail
folder=$1
[ ! -x "$folder/rest.test" ] || exit 0
fail() { echo "restic's suite can't be built: $*" >&2; exit 1; }
go=$(ls -d /usr/lib/go-1.*/bin/go 2>/dev/null | sort -V | tail -1)
[ -n "$go" ] || fail "no golang-1.19-go"
command -v dpkg-source >/dev/null || fail "no dpkg-dev"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d "$folder/work.XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
chmod 755 "$work"

# Its own list of sources, so that the machine's stays as it is.
. /etc/os-release
mkdir -p "$work"/{lists/partial,cache/archives/partial,source,go/src/github.com/restic}
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $VERSION_CODENAME main" >"$work/sources.list"
apt=(apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$work/lists"
    -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root)
"${apt[@]}" update || fail "the list of source packages can't be read"
(cd "$work/source" && "${apt[@]}" --download-only source restic) || fail "the source package of restic can't be fetched"
dpkg-source --no-check -x "$work"/source/restic_*.dsc "$work/go/src/github.com/restic/restic" >/dev/null || fail "the source package can't be unpacked"
cd "$work/go/src/github.com/restic/restic"
GO111MODULE=off GOFLAGS= GOPATH="$work/go:/usr/share/gocode" GOCACHE="$work/gocache" GOTOOLCHAIN=local \
    "$go" test -c -o "$folder/rest.test" ./internal/backend/rest || fail "go test -c"
[ -x "$folder/rest.test" ] || fail "no test program came of it"
