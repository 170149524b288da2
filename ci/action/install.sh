#!/usr/bin/env bash
# Puts a released keysift on PATH, after its checksum was found right; or takes the one that is there.
set -euo pipefail

fail() {
    echo "::error title=keysift::$1"
    exit 2
}

version=${KEYSIFT_VERSION:-}
if [[ $version == path ]]; then
    command -v keysift >/dev/null || fail "version: path asks for a keysift on PATH, and there is none"
    keysift --version
    exit 0
fi
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || fail "version is a number such as 0.1.0, or path"

suffix=.tar.gz
case "${RUNNER_OS:?}-${RUNNER_ARCH:?}" in
    # Linked statically: it runs in every container.
    Linux-X64) target=x86_64-unknown-linux-musl ;;
    Linux-ARM64) target=aarch64-unknown-linux-musl ;;
    macOS-X64) target=x86_64-apple-darwin ;;
    macOS-ARM64) target=aarch64-apple-darwin ;;
    Windows-X64) target=x86_64-pc-windows-msvc suffix=.zip ;;
    *) fail "there is no archive for $RUNNER_OS on $RUNNER_ARCH: install keysift before, and say version: path" ;;
esac

name=keysift-$version-$target
from=${KEYSIFT_DOWNLOADS:-https://github.com/${KEYSIFT_REPOSITORY:?}/releases/download}/v$version
to=${RUNNER_TEMP:?}/keysift-install
rm -rf "$to"
mkdir -p "$to"
cd "$to"
for file in "$name$suffix" SHA256SUMS; do
    curl --fail --silent --show-error --location --retry 3 --output "$file" "$from/$file" ||
        fail "$from/$file cannot be fetched"
done
# One line, of this archive: a list of others proves nothing.
awk -v name="$name$suffix" '$2 == name || $2 == "*" name' SHA256SUMS >expected
[[ $(wc -l <expected) -eq 1 ]] || fail "SHA256SUMS of $version does not name $name$suffix"
if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
"${sum[@]}" --check expected >/dev/null || fail "$name$suffix is not what SHA256SUMS says"
if [[ $suffix == .zip ]]; then unzip -q "$name$suffix"; else tar -xzf "$name$suffix"; fi
"$to/$name/keysift" --version
echo "$to/$name" >>"${GITHUB_PATH:?}"
