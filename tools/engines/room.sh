#!/bin/bash
# A place for container engines of its own: processes, mounts, network, cgroups and host name that end with it, and folders of the
# host that engines write to, each replaced by one below DIR. Root only.
#
#   room.sh make DIR NAME [hide-unified]   becomes the room's parent process; DIR/ready exists when it is ready
#   room.sh enter PID NAME COMMAND...      runs a command in the room whose first process has this PID
#
# NAME is the cgroup of the room, below the root of each hierarchy. hide-unified leaves out the v2 tree of a hybrid host.
set -eu

# Only those that the host has: a bind mount needs a place.
FOLDERS='run var/lib var/tmp etc/containers etc/docker etc/containerd dev/shm'
FILES='etc/passwd etc/group etc/subuid etc/subgid etc/hosts etc/resolv.conf'

is_v2() { [ -e /sys/fs/cgroup/cgroup.controllers ]; }

# The groups of a hierarchy that this process must be in: below the leaf in v2, where a group with controllers holds no process.
groups() {
  if is_v2; then echo "/sys/fs/cgroup/$1${2:-}"; return; fi
  for hierarchy in /sys/fs/cgroup/*/; do
    [ -L "${hierarchy%/}" ] || [ ! -e "$hierarchy/cgroup.procs" ] || echo "$hierarchy$1"
  done
}

enter() {
  pid=$1 name=$2
  shift 2
  for group in $(groups "$name" /engine); do echo $$ >"$group/cgroup.procs"; done
  exec nsenter --target "$pid" --mount --net --pid --cgroup --ipc --uts --wd="${ROOM_CWD:-/}" -- "$@"
}

make() {
  dir=$1 name=$2 hidden=${3:-}
  for group in $(groups "$name"); do
    mkdir "$group"
    # A new group of cpuset v1 is empty, and nobody can enter it.
    if [ -e "$group/cpuset.cpu_exclusive" ]; then
      for file in cpuset.cpus cpuset.mems; do cat "${group%/*}/$file" >"$group/$file"; done
    fi
    echo $$ >"$group/cgroup.procs"
  done
  # Whoever dies first, the room ends: its parent with this process's parent, its first process with its parent.
  exec setpriv --pdeathsig KILL -- unshare --mount --net --pid --fork --kill-child --cgroup --ipc --uts -- \
    "$0" inside "$dir" "$name" "$hidden"
}

inside() {
  dir=$1 hidden=$3
  mount --make-rprivate /
  mount -t proc proc /proc
  hierarchies=$(cd /sys/fs/cgroup && ls)
  v2=false
  if is_v2; then v2=true; fi
  links=$(find /sys/fs/cgroup -maxdepth 1 -type l -printf '%f=%l\n')
  umount -R /sys
  mount -t sysfs sysfs /sys
  if "$v2"; then cgroup_v2; else cgroup_v1; fi
  for at in $FOLDERS; do
    mkdir -p "$dir/$at"
    [ ! -d "/$at" ] || mount --bind "$dir/$at" "/$at"
  done
  # Ours before the host's own, so that configurations name the path that they would name elsewhere.
  mount -t overlay -o "ro,lowerdir=$dir/usr/local/bin:/usr/local/bin" overlay /usr/local/bin
  for at in $FILES; do
    # What the host lacks, nobody looks for.
    [ ! -f "/$at" ] || [ ! -f "$dir/$at" ] || mount --bind "$dir/$at" "/$at"
  done
  open_device net/tun 10 200
  open_device fuse 10 229
  # As systemd leaves it; rootless podman asks for it.
  mount --make-rshared /
  ip link set lo up
  hostname engines
  touch "$dir/ready"
  exec tini-static -- sleep infinity
}

# udev gives these to everybody; a machine without it may not.
open_device() {
  [ -e "/dev/$1" ] || return 0
  mknod --mode=666 "$dir/${1##*/}" c "$2" "$3"
  mount --bind "$dir/${1##*/}" "/dev/$1"
}

cgroup_v1() {
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
  for each in $hierarchies; do
    at=/sys/fs/cgroup/$each
    case "$links" in *"$each="*) continue ;; esac
    case $each in
      unified)
        [ "$hidden" != hide-unified ] || continue
        mkdir "$at" && mount -t cgroup2 cgroup2 "$at"
        ;;
      systemd) mkdir "$at" && mount -t cgroup -o none,name=systemd cgroup "$at" ;;
      *) mkdir "$at" && mount -t cgroup -o "$each" cgroup "$at" ;;
    esac
  done
  for link in $links; do ln -s "${link#*=}" "/sys/fs/cgroup/${link%%=*}"; done
}

cgroup_v2() {
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir /sys/fs/cgroup/engine
  # The parent is in the group too: no process may stay where controllers are given away.
  for process in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$process" >/sys/fs/cgroup/engine/cgroup.procs || true; done
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true
  done
}

"$@"
