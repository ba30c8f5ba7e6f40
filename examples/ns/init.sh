#!/bin/sh
# INIT of `carrel ns`: runs as PID 1 and uid 0 of the new namespaces. With the network of pre.sh it gives eth0 its address and the
# default route; then it becomes a shell (DEBUG=1, or there is no init), or /sbin/init or /bin/init. What stands behind `--` on the
# command line is executed instead.
set -e

# Both need CAP_SYS_ADMIN (--cap SYS_ADMIN --seccomp unconfined). The kernel gives no user namespace a devtmpfs, and a sysfs only one
# that can see a whole one: there /sys stays empty.
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys 2>/dev/null || true
if [ -z "$CLONE_NEWUSER" ] && [ ! -c /dev/null ]; then
    mount -t devtmpfs -o nosuid,noexec devtmpfs /dev 2>/dev/null || true
fi

if [ -n "$CLONE_NEWNET" ]; then
    ip link set lo up
    if ip link show eth0 >/dev/null 2>&1; then
        ip addr add 10.99.88.2/24 dev eth0
        ip link set eth0 up
        ip route add default via 10.99.88.1
    fi
fi

[ $# -gt 0 ] && exec "$@"
if [ -z "$DEBUG" ]; then
    for init in /sbin/init /bin/init; do
        [ -x $init ] && exec $init
    done
fi
exec /bin/sh
