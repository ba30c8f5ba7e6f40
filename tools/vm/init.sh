#!/bin/busybox sh
# First program of a test machine, from its initramfs. It makes the root out of the host's files, and hands over to it.
#
# /host is the host's file system, read-only; /out the folder where settings come from and results go to. Whatever the machine
# writes goes to a disk that ends with it, through overlays. Settings are described in machine-settings.ts.

/bin/busybox --install -s /bin
export PATH=/bin

give_up() {
  echo "carrel: the test machine cannot start: $*" >/dev/console
  poweroff -f
}

mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t devtmpfs devtmpfs /dev || give_up 'no /proc, /sys or /dev'
while read -r module; do
  insmod "/modules/$module.ko" || give_up "module $module cannot be loaded"
done </modules/order

mount -t virtiofs host /host -o ro || give_up 'no share of the host'
mount -t virtiofs out /out || give_up 'no share for results'
. /out/settings

mount -t ext4 /dev/vda /scratch || give_up 'no disk'
scratch_overlay() { # LOWER TARGET NAME
  mkdir -p "/scratch/$3/upper" "/scratch/$3/work" "$2"
  mount -t overlay "$3" "$2" -o "lowerdir=$1,upperdir=/scratch/$3/upper,workdir=/scratch/$3/work" || give_up "no overlay of $1"
}
scratch_overlay "/host$BASE" /new root
mount -t proc proc /new/proc && mount -t sysfs sysfs /new/sys && mount -t devtmpfs devtmpfs /new/dev || give_up 'no /proc in the root'
chmod a+rw /new/dev/vdb # the disk whose limits are measured, by users too
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts devpts /new/dev/pts -o mode=620,gid=5,ptmxmode=666
ln -sf pts/ptmx /new/dev/ptmx
for link in fd: stdin:/0 stdout:/1 stderr:/2; do # which udev makes elsewhere
  ln -s "/proc/self/fd${link#*:}" "/new/dev/${link%:*}"
done
mount -t tmpfs tmpfs /new/dev/shm -o mode=1777
mount -t tmpfs tmpfs /new/run -o mode=755
mkdir -p /scratch/tmp && chmod 1777 /scratch/tmp && mount --bind /scratch/tmp /new/tmp
# What tsx has compiled already; a copy would take longer than it saves.
[ ! -d /host/tmp/tsx-0 ] || scratch_overlay /host/tmp/tsx-0 /new/tmp/tsx-0 tsx

# The repository and node, wherever the host has them, where the tests look for them; everybody may read them.
scratch_overlay "/host$REPOSITORY" "/new$REPOSITORY" repository
mkdir -p "/new$REPOSITORY/build/vm" /new/carrel-vm
mount --bind /out /new/carrel-vm && mount --bind /out/bundle "/new$REPOSITORY/build/vm" || give_up 'no results in the root'
folder=$REPOSITORY
while [ -n "$folder" ]; do
  chmod a+rx "/new$folder"
  folder=${folder%/*}
done
touch /new/usr/local/bin/node && mount --bind "/host$NODE" /new/usr/local/bin/node || give_up 'no node'

# One ordinary user, the same on every host.
for file in passwd group; do
  grep -v -E '^[^:]*:[^:]*:1000:' "/host$BASE/etc/$file" >"/new/etc/$file"
done
echo 'carrel:x:1000:1000::/home/carrel:/bin/bash' >>/new/etc/passwd
echo 'carrel:x:1000:' >>/new/etc/group
echo 'carrel:*:19000:0:99999:7:::' >>/new/etc/shadow # pam_unix(8) looks for the age of its password
echo 'carrel:100000:65536' >/new/etc/subuid
echo 'carrel:100000:65536' >/new/etc/subgid
mkdir -p /new/home/carrel && chown 1000:1000 /new/home/carrel

[ ! -d /out/files ] || cp -a /out/files/. /new/
hostname carrel-vm
ip link set lo up || ifconfig lo 127.0.0.1 up
echo 128M >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null && swapon /dev/zram0 || give_up 'no swap'

groups=/new/sys/fs/cgroup
old_groups() {
  mount -t tmpfs tmpfs $groups -o mode=755
  mkdir $groups/systemd && mount -t cgroup -o none,name=systemd cgroup $groups/systemd
  # As systemd lays them out: two pairs share a hierarchy.
  for set in $(awk '$4 == 1 && !/^#/ { print $1 }' /proc/cgroups); do
    case $set in
    cpu | cpuacct) set=cpu,cpuacct ;;
    net_cls | net_prio) set=net_cls,net_prio ;;
    esac
    [ ! -d "$groups/$set" ] || continue
    mkdir "$groups/$set"
    mount -t cgroup -o "$set" cgroup "$groups/$set" || give_up "no v1 hierarchy $set"
    case $set in
    *,*) for each in $(echo "$set" | tr , ' '); do ln -s "$set" "$groups/$each"; done ;;
    esac
  done
}
case $CGROUPS in
v2) mount -t cgroup2 cgroup2 $groups -o nsdelegate,memory_recursiveprot || give_up 'no cgroup v2' ;;
v1) old_groups ;;
hybrid) old_groups && mkdir $groups/unified && mount -t cgroup2 cgroup2 $groups/unified -o nsdelegate ;;
systemd) ;; # mounts them itself
esac
umount /proc /sys
cd /
# shellcheck disable=SC2086 # a list of words
exec switch_root /new $START
give_up "$START is not there"
