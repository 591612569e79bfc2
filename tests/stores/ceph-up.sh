#!/bin/bash
# Runs a Ceph object gateway with the user test/test until it is killed: ceph-up.sh FOLDER DATA PORT
# FOLDER is what ceph-install.sh made. Ports: PORT, and the monitor's PORT+1 and PORT+2. It is started in
# namespaces of its own (`unshare --mount --pid --fork`): its mounts and its daemons end with it.
set -euo pipefail

if [ "$1" != inside ]; then
  root=$1 data=$2 port=$3
  cp "$0" "$data/ceph-up.sh"
  mount --bind "$data" "$root/srv"
  mount --rbind /dev "$root/dev"
  mount -t proc proc "$root/proc"
  # FOLDER itself stays as it was installed: several may run on it at once.
  exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin bash /srv/ceph-up.sh inside "$port"
fi

port=$2
cd /srv
mkdir -p mon osd run log
fsid=$(uuidgen)
mon="[v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]"
# One copy of everything, in memory: what is tested is the gateway. It is told once more what a cluster of
# one node would be warned of or wait for.
cat > ceph.conf <<C
[global]
fsid = $fsid
mon_initial_members = a
mon_host = $mon
public_network = 127.0.0.0/8
keyring = /srv/keyring
auth_allow_insecure_global_id_reclaim = true
mon_data = /srv/mon
osd_data = /srv/osd
run_dir = /srv/run
admin_socket = /srv/run/\$name.asok
pid_file = /srv/run/\$name.pid
log_file = /srv/log/\$name.log
setuser_match_path =
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_class_dir = $(dirname "$(find /usr/lib -name libcls_rgw.so | head -1)")
rgw_dns_name = localhost
rgw_frontends = beast endpoint=127.0.0.1:$port
rgw_thread_pool_size = 64
C
export CEPH_CONF=/srv/ceph.conf

key() { ceph-authtool "$@" > /dev/null; }
all=(--cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *')
key -C keyring -n mon. --gen-key --cap mon 'allow *'
for name in client.admin client.rgw osd.0; do key keyring -n $name --gen-key "${all[@]}"; done
monmaptool --create --addv a "$mon" --fsid "$fsid" monmap > /dev/null
ceph-mon -i a --mkfs --monmap monmap --keyring keyring
ceph-mon -i a
osd=$(uuidgen)
ceph osd create "$osd" > /dev/null
ceph-osd -i 0 --mkfs --osd-uuid "$osd"
ceph osd crush add osd.0 1 root=default host=local
ceph-osd -i 0
# This waits for the store, and makes the gateway's pools: when the gateway answers, all is there.
radosgw-admin user create --uid=test --display-name=test --access-key=test --secret-key=test > /dev/null
exec radosgw -f -n client.rgw
