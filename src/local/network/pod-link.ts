/**
 * A pod's network: a namespace with one routed /32 address, joined to the node by a pair of virtual devices.
 * Routing instead of a bridge keeps traffic from pod to Service to pod on the path where addresses are translated,
 * whatever the host's bridge settings are.
 */
import { run } from "../run.ts";
import { gatewayIp, nodeIp, serviceNetwork } from "./addresses.ts";

export interface PodLink {
  /** Path of the network namespace. */
  readonly path: string;
  readonly ip: string;
  remove(): Promise<void>;
}

/** Prepares the sandbox's own network, which is the node. */
export async function prepareNode(): Promise<void> {
  const lines = [
    "link set lo up",
    `addr add ${nodeIp}/32 dev lo`,
    // The node itself needs some route to a Service before the address is translated on the way out.
    `route add ${serviceNetwork} dev lo`,
  ];
  await run(["ip", "-batch", "-"], `${lines.join("\n")}\n`);
  await Bun.write("/proc/sys/net/ipv4/ip_forward", "1\n");
}

/** `name`: at most 15 characters, unique among pods; it names the namespace and the node's device. */
export async function createPodLink(name: string, ip: string): Promise<PodLink> {
  await run(["ip", "netns", "add", name]);
  const link: PodLink = {
    path: `/run/netns/${name}`,
    ip,
    remove: async () => {
      // Taking the namespace away takes both devices and the route with it.
      await run(["ip", "netns", "del", name]);
    },
  };
  try {
    const node = [
      `link add eth0 netns ${name} type veth peer name ${name}`,
      `addr add ${gatewayIp}/32 dev ${name}`,
      `link set ${name} up`,
      // The source: without it the node would talk to pods from the gateway's address.
      `route add ${ip}/32 dev ${name} src ${nodeIp}`,
    ];
    const pod = [
      "link set lo up",
      `addr add ${ip}/32 dev eth0`,
      "link set eth0 up",
      `route add ${gatewayIp} dev eth0 scope link`,
      `route add default via ${gatewayIp} src ${ip}`,
    ];
    await run(["ip", "-batch", "-"], `${node.join("\n")}\n`);
    await run(["ip", "-n", name, "-batch", "-"], `${pod.join("\n")}\n`);
  } catch (thrown) {
    await link.remove();
    throw thrown;
  }
  return link;
}
