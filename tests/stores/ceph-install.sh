#!/bin/bash
# Installs Ceph into a folder that is a small Debian of its own: ceph-install.sh FOLDER RELEASE MIRROR PACKAGES
set -euo pipefail
root=$1 release=$2 mirror=$3 packages=$4

# An older debootstrap does not know the release by name; all of them are made alike.
debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
  "$release" "$root" "$mirror" /usr/share/debootstrap/scripts/sid

# Some packages ask the system what it is like.
mountpoint --quiet "$root/proc" || mount -t proc proc "$root/proc"

# Nothing that is installed shall start, and nothing shall be kept that only people read.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
printf 'path-exclude=/usr/share/%s/*\n' doc man locale > "$root/etc/dpkg/dpkg.cfg.d/small"
echo force-unsafe-io >> "$root/etc/dpkg/dpkg.cfg.d/small"

# shellcheck disable=SC2086 # several packages
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install --yes --no-install-recommends $packages
chroot "$root" apt-get clean
umount "$root/proc"
rm -rf "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
