# Debian packages. Sourced by ./run and ./check.
packages_build="gcc libc6-dev meson ninja-build pkg-config python3 libjansson-dev libssl-dev libsodium-dev libsqlite3-dev
  libpq-dev libcurl4-openssl-dev libinih-dev libzxcvbn-dev libunistring-dev libidn2-dev libmaxminddb-dev libseccomp-dev libzip-dev
  john-data"
packages_check="clang clang-tidy clang-format llvm libclang-rt-14-dev libcmocka-dev libfido2-dev postgresql postgresql-client nginx-light chromium
  firefox-esr prometheus sqlite3 curl git procps iproute2 python3-pytest python3-pytest-xdist python3-requests python3-aiosmtpd python3-yaml
  python3-jsonschema python3-cryptography python3-swift python3-websockets binutils mandoc restic rclone strace dpkg-dev golang-1.19-go
  golang-github-cenkalti-backoff-dev golang-github-pkg-errors-dev golang-github-restic-chunker-dev
  golang-github-elithrar-simple-scrypt-dev golang-github-juju-ratelimit-dev golang-github-google-go-cmp-dev
  golang-github-minio-sha256-simd-dev golang-github-hashicorp-golang-lru-dev golang-github-klauspost-compress-dev
  golang-github-klauspost-cpuid-dev golang-github-cespare-xxhash-dev golang-github-pkg-xattr-dev golang-golang-x-net-dev
  golang-golang-x-sys-dev golang-golang-x-crypto-dev golang-golang-x-sync-dev golang-golang-x-text-dev"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        echo "tocsin: packages are missing and this is neither root nor sudo; install them or use --no-install:" >&2
        echo "  $*" >&2
        return 1
    fi
}

# Installs those of the named packages that are not installed yet.
packages_install() {
    local missing=() p
    for p in "$@"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "Installing ${#missing[@]} Debian packages …"
    as_root apt-get update -qq || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
