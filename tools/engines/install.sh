#!/bin/bash
# Installs the packages of the list beside this file that are missing here, and starts none of their services. Root only.
set -euo pipefail
cd "$(dirname "$0")"

missing=()
while IFS=: read -r package file; do
  case $package in '' | '#'*) continue ;; esac
  [ -e "$file" ] || missing+=("$package")
done <packages
[ "${#missing[@]}" -gt 0 ] || exit 0

# What invoke-rc.d(8) asks before it starts a service; 101: it must not be.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || echo 'apt-get update had errors; going on with the lists that are there' >&2
apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
