#!/bin/sh
# First process of the node: its file systems and network, then every component, restarted when it ends. node.ts starts it in
# namespaces of its own (pid, mount, network, names, ipc); when it dies the kernel ends all else, pods included.
set -eu
: "${KUBE:?}" "${RUN:?}" "${NODE:?}" "${NODE_IP:?}" "${NODE_CIDR_BITS:?}" "${SERVICE_CIDR:?}"
pki=$RUN/pki etc=$RUN/etc log=$RUN/log state=$RUN/state

# --- file systems: what the node writes stays in memory; nothing of it reaches the machine
mount --make-rprivate /
mount --make-rshared / # kubelet shares mounts with pods, inside the node only
for folder in /run /var/lib/cni /var/lib/kubelet /var/log "$state"; do
  mkdir -p "$folder"
  mount -t tmpfs tmpfs "$folder"
done
mkdir -p /run/netns /var/log/pods "$state/etcd" "$state/containerd"
for folder in etc opt; do # node-wide settings and CNI programs go where every node has them
  mkdir -p "$state/over/$folder" "$state/work/$folder" "/$folder"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$state/over/$folder,workdir=$state/work/$folder" "/$folder"
done
rm -rf /etc/cni /opt/cni
mkdir -p /etc/cni/net.d /opt/cni/bin
ln -s /usr/lib/cni/* /opt/cni/bin/
rm -f /etc/resolv.conf
put() { # file folder: on a busy machine a copy into the overlay was seen to be gone a moment later, without an error
  until [ -s "$2/${1##*/}" ]; do cp "$1" "$2/"; done
}
put "$etc/resolv.conf" /etc
# kubelet insists on setting these for the whole machine: let it write to copies
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  mkdir -p "$state/sys/${setting%/*}"
  cat "/proc/sys/$setting" >"$state/sys/$setting"
  mount --bind "$state/sys/$setting" "/proc/sys/$setting"
done

# --- network: one link to the machine, no way out
hostname "$NODE"
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done # node.ts moves it in
ip address add "$NODE_IP/$NODE_CIDR_BITS" dev eth0
ip link set eth0 up
ip route add "$SERVICE_CIDR" dev eth0  # the node's own calls need a route before kube-proxy rewrites their destination
ip route add unreachable default       # a stray call fails at once and never leaves
sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 net.ipv4.conf.all.rp_filter=0

# --- components
component() { # name program argument…: keeps it running but while hold/NAME exists; its pid is in hold/../pids
  name=$1
  shift
  (
    while :; do
      while [ -e "$RUN/hold/$name" ]; do sleep 0.05; done
      "$@" >>"$log/$name.log" 2>&1 </dev/null &
      echo $! >"$RUN/pids/$name"
      wait $! || true
      echo "--- $name ended, starting again" >>"$log/$name.log"
      sleep 0.1
    done
  ) &
}
mkdir -p "$RUN/hold" "$RUN/pids" "$log"
for file in "$etc"/cni/*; do put "$file" /etc/cni/net.d; done
put "$etc/resolv.conf" /etc
component etcd "$KUBE" etcd --data-dir="$state/etcd" --unsafe-no-fsync --log-level=warn \
  --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 --listen-peer-urls=http://127.0.0.1:2380
[ "$RUNNER" = local ] || component containerd containerd -c "$etc/containerd.toml"
component apiserver "$KUBE" kube-apiserver --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 --advertise-address="$NODE_IP" \
  --service-cluster-ip-range="$SERVICE_CIDR" --client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" \
  --tls-private-key-file="$pki/apiserver.key" --kubelet-client-certificate="$pki/apiserver-kubelet.crt" \
  --kubelet-client-key="$pki/apiserver-kubelet.key" --kubelet-certificate-authority="$pki/ca.crt" \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file="$pki/tokens.pub" \
  --service-account-signing-key-file="$pki/tokens.key" --requestheader-client-ca-file="$pki/front-proxy-ca.crt" \
  --requestheader-allowed-names=front-proxy-client --requestheader-username-headers=X-Remote-User \
  --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- \
  --proxy-client-cert-file="$pki/front-proxy.crt" --proxy-client-key-file="$pki/front-proxy.key" --authorization-mode=Node,RBAC \
  --enable-admission-plugins=NodeRestriction --kubelet-preferred-address-types=InternalIP --allow-privileged=true --profiling=false ${APISERVER_FLAGS:-}
until curl -sf --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" https://127.0.0.1:6443/readyz >/dev/null; do sleep 0.05; done
component controller-manager "$KUBE" kube-controller-manager --kubeconfig="$pki/controller-manager.conf" --leader-elect=false \
  --use-service-account-credentials --kube-api-qps=300 --kube-api-burst=600 --service-account-private-key-file="$pki/tokens.key" \
  --root-ca-file="$pki/ca.crt" --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" --profiling=false
component scheduler "$KUBE" kube-scheduler --kubeconfig="$pki/scheduler.conf" --leader-elect=false --kube-api-qps=300 \
  --kube-api-burst=600 --profiling=false
if [ "$RUNNER" = local ]; then # no kubelet, no containers: our own node runs pods as processes
  component node "$LINKERD" local node --kubeconfig "$pki/admin.conf" --folder "$state/node" --client-ca-file "$pki/ca.crt" \
    --tls-cert-file "$pki/local-node.crt" --tls-private-key-file "$pki/local-node.key"
  while :; do wait || true; done
fi
: "${COREDNS:?}"
component proxy "$KUBE" kube-proxy --config="$etc/kube-proxy.yaml"
component kubelet "$KUBE" kubelet --config="$etc/kubelet.yaml" --kubeconfig="$pki/kubelet.conf" --hostname-override="$NODE" --node-ip="$NODE_IP"
component coredns "$COREDNS" -conf "$etc/Corefile"
while :; do wait || true; done
