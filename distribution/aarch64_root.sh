#!/bin/sh
# Builds a 64-bit ARM userland of Debian 12 in FOLDER: Python 3.11 with venv and its headers, for qemu's user emulation.
#   sh distribution/aarch64_root.sh FOLDER
#   proot -q qemu-aarch64-static -r FOLDER -b /proc -b /dev -b /sys -w / /usr/bin/python3
# Needs a network, root, and Debian's debootstrap, proot and qemu-user-static. Packages are unpacked but not configured:
# that takes no emulation, and Python needs none of it.
set -eu
folder=$1
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
rm -rf "$folder.new"
mkdir -p "$folder.new"
debootstrap --arch=arm64 --foreign --variant=minbase --include=python3-venv,libpython3-dev,libstdc++6 bookworm \
  "$folder.new" "${mirror:-https://deb.debian.org/debian}" >"$folder.log" 2>&1 || {
  tail -n 5 "$folder.log" >&2
  exit 1
}
for package in "$folder.new"/var/cache/apt/archives/*.deb; do dpkg -x "$package" "$folder.new"; done
rm -rf "$folder.new/var/cache/apt/archives" "$folder"
mv "$folder.new" "$folder"
