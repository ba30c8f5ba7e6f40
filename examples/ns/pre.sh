#!/bin/sh
# PRE of `carrel ns --network`: runs on the host, as root, with the PID of the container's first process as its argument. Makes the veth
# pair veth0 (here, 10.99.88.1/24) and eth0 (there; init.sh gives it 10.99.88.2/24). The pair goes with the container.
#
#   NAT=1          the container reaches what this host reaches: IPv4 forwarding, and an nftables table of its own (package nftables)
#   CARREL=PATH    carrel itself, where it is not on PATH
#   pre.sh --undo  takes back what NAT=1 has done; to be run when the last container has ended
set -e
PATH=$PATH:/usr/local/sbin:/usr/local/bin

forward=/proc/sys/net/ipv4/ip_forward
was=/run/carrel-ns-ip_forward

undo() {
    nft delete table ip carrel_ns 2>/dev/null || true
    if [ -e $was ]; then
        cat $was >$forward
        rm $was
    fi
}

# Without nft nothing is changed: forwarding comes last.
nat() {
    nft delete table ip carrel_ns 2>/dev/null || true
    nft -f - <<RULES
table ip carrel_ns {
    chain postrouting {
        type nat hook postrouting priority srcnat;
        ip saddr 10.99.88.0/24 oifname != "veth0" masquerade
    }
}
RULES
    [ -e $was ] || cat $forward >$was
    echo 1 >$forward
}

if [ "$1" = --undo ]; then
    undo
    exit
fi
[ -n "$CLONE_NEWNET" ] || exit 0
connect() {
    ${CARREL:-carrel} net veth "$1" --host veth0=10.99.88.1/24 --guest eth0
}
# The kernel takes the pair of the container before away a moment after it has ended.
connect "$1" 2>/dev/null || { sleep 1; connect "$1"; }
[ -z "$NAT" ] || nat
