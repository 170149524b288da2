#!/usr/bin/env bash
# Puts a built binary into the archive of a release: `packaging/archive.sh TARGET BINARY OUTPUT-FOLDER [SUFFIX]`.
# SUFFIX tells variants apart: `-offline` has no network code.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$1 binary=$2 output=$3 suffix=${4:-}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
name=keysift-$version-$target$suffix
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/$name" "$output"
output=$(cd "$output" && pwd)
case $binary in *.exe) cp "$binary" "$folder/$name/keysift.exe" ;; *) cp "$binary" "$folder/$name/keysift" ;; esac
cp README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE THIRD-PARTY.md "$folder/$name/"
cd "$folder"
case $target in
    *windows*) 7z a -bso0 -tzip "$output/$name.zip" "$name" && echo "$output/$name.zip" ;;
    # The same binary gives the same archive.
    *linux*) tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - "$name" | gzip -n >"$output/$name.tar.gz" ;;
    *) tar -czf "$output/$name.tar.gz" "$name" ;;
esac
