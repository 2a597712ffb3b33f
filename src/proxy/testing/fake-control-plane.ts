/**
 * A control plane whose answers a test writes: destination, policy and identity over real sockets, with the messages of
 * the real one. It can be stopped and started again on the same port.
 */
import { create } from "#rpc/protobuf/create.ts";
import type { MessageInitShape } from "#rpc/protobuf/types.ts";
import { timestampFromMs } from "#rpc/protobuf/well-known.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { formatSocketAddr } from "#lib/net-addr.ts";
import { listen } from "#lib/net/listen.ts";
import type { Listener, Socket, SocketAddr } from "#lib/net/socket.ts";
import { createTlsContext, upgradeServer } from "#lib/net/tls.ts";
import { certificatePem, parseCertificate, type Certificate } from "#lib/x509/certificate.ts";
import { parseCsr } from "#lib/x509/csr.ts";
import { createLeaf, createRoot, signCertificate, validFor, type Authority } from "#lib/x509/sign.ts";
import { tcpAddress, socketAddr } from "#rpc/address.ts";
import {
  Destination,
  DestinationProfileSchema,
  UpdateSchema,
  type DestinationProfile,
  type Update,
  type WeightedAddrSchema,
} from "#rpc/gen/destination_pb.ts";
import { CertifyResponseSchema, Identity } from "#rpc/gen/identity_pb.ts";
import { InboundServerPolicies, ServerSchema, type Server } from "#rpc/gen/inbound_pb.ts";
import { OutboundPolicies, OutboundPolicySchema, type OutboundPolicy } from "#rpc/gen/outbound_pb.ts";
import { AnchorsSchema, TrustAnchors, type Anchors } from "#rpc/gen/trust_anchors_pb.ts";
import { createRpcServer, type RpcServer } from "#rpc/server.ts";
import { implement } from "#rpc/service.ts";

/** An endpoint as a test names it. */
export interface FakeEndpoint extends SocketAddr {
  /** Meshed when given. */
  readonly identity?: string;
  /** Where its proxy takes connections with a transport header. */
  readonly transportPort?: number;
  /** It is a gateway: what to ask it for, "name:port". */
  readonly authority?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The MeshTLSRequirement about it. */
  readonly tlsRequiredBy?: string;
}

type Writer<M> = { write(message: M): void };

export class FakeControlPlane {
  /** By "ip:port". Unknown addresses get an empty profile. */
  private readonly profiles = new Map<string, DestinationProfile>();
  private readonly endpoints = new Map<string, FakeEndpoint[]>();
  private readonly policies = new Map<number, Server>();
  private readonly outbound = new Map<string, OutboundPolicy>();
  private readonly watchers = new Map<string, Set<Writer<never>>>();
  private readonly root: Authority;
  /** Signs leaves; the certificates between it and an anchor. */
  private issuer: { readonly authority: Authority; readonly intermediates: readonly Certificate[] };
  private bundle: string;
  private readonly log: Log;
  private server: RpcServer | null = null;
  private listener: Listener | null = null;
  private port = 0;
  /** Life of the certificates that are issued, ms. */
  certificateLife = 3_600_000;
  /** Whether it tells trust anchors; Linkerd's own does not. Counts from the next start on. */
  servesAnchors = true;
  /** Serves by TLS under this name, with a certificate of the issuer of the moment, instead of in plaintext. */
  tlsName: string | null = null;
  /** Calls so far, by method and key, e.g. "profile 10.0.0.1:80". */
  readonly calls: string[] = [];

  /** `root` signs identities: one's own, so that several control planes can serve one mesh. */
  constructor(log: Log, root: Authority = createRoot("root.test", validFor(Date.now(), 86_400_000, 60_000))) {
    this.log = log;
    this.root = root;
    this.issuer = { authority: root, intermediates: [] };
    this.bundle = this.anchorsPem;
  }

  get anchorsPem(): string {
    return certificatePem(this.root.certificate);
  }

  get authority(): Authority {
    return this.root;
  }

  /** From now on certificates are signed by this intermediate authority. */
  setIssuer(authority: Authority): void {
    this.issuer = { authority, intermediates: [authority.certificate] };
  }

  /** What proxies are told to trust. */
  setAnchors(...authorities: readonly Authority[]): void {
    this.bundle = authorities.map(({ certificate }) => certificatePem(certificate)).join("");
    this.tell("anchors", create(AnchorsSchema, { bundlePem: this.bundle }));
  }

  get addr(): SocketAddr {
    return { ip: "127.0.0.1", port: this.port };
  }

  /** `port` 0: a free one, and the same one again after a stop. */
  start(port = 0): void {
    if (port > 0) this.port = port;
    const server = createRpcServer({ services: this.services(), log: this.log });
    this.server = server;
    const accept = (socket: Socket): void => {
      if (this.tlsName === null) server.accept(socket);
      else this.secure(socket, this.tlsName, (secure) => server.accept(secure));
    };
    this.listener = listen({ ip: "127.0.0.1", port: this.port }, accept);
    this.port = this.listener.addr.port;
  }

  private secure(socket: Socket, name: string, onSecure: (socket: Socket) => void): void {
    const { authority, intermediates } = this.issuer;
    const leaf = createLeaf(authority, [name], validFor(Date.now(), this.certificateLife, 20_000));
    const context = createTlsContext({
      certPem: [leaf.certificate, ...intermediates].map(certificatePem).join(""),
      keyPem: leaf.key.privateKeyPem,
      caPem: this.bundle,
      requestPeer: false,
    });
    const onFail = (error: MeshError): void => this.log.info("TLS failed", { reason: error.message });
    upgradeServer(socket, { context, alpn: ["h2"], initial: Buffer.alloc(0), timeout: 5000 }, { onSecure, onFail });
  }

  /** As if it had been killed: every connection breaks and new ones are refused. */
  stop(): void {
    this.listener?.close();
    this.server?.close();
    this.listener = null;
    this.server = null;
    this.watchers.clear();
  }

  /** A Service: its address, its name with the port, and its endpoints. */
  setService(
    clusterIp: SocketAddr,
    name: string,
    endpoints: readonly FakeEndpoint[],
    more: { opaque?: boolean } = {},
  ): void {
    this.setProfile(
      clusterIp,
      create(DestinationProfileSchema, { fullyQualifiedName: name, opaqueProtocol: more.opaque ?? false }),
    );
    this.setEndpoints(`${name}:${clusterIp.port}`, endpoints);
  }

  setProfile(addr: SocketAddr, profile: DestinationProfile): void {
    const key = formatSocketAddr(addr);
    this.profiles.set(key, profile);
    this.tell(`profile ${key}`, profile);
  }

  setEndpoints(path: string, endpoints: readonly FakeEndpoint[]): void {
    const before = this.endpoints.get(path) ?? [];
    this.endpoints.set(path, [...endpoints]);
    const kept = new Set(endpoints.map(formatSocketAddr));
    const gone = before.filter((endpoint) => !kept.has(formatSocketAddr(endpoint)));
    if (gone.length > 0) {
      const addrs = gone.map((endpoint) => tcpAddress(endpoint)).filter((addr) => addr !== null);
      this.tell(`get ${path}`, create(UpdateSchema, { update: { case: "remove", value: { addrs } } }));
    }
    if (endpoints.length > 0) this.tell(`get ${path}`, addUpdate(endpoints));
  }

  setPolicy(port: number, policy: MessageInitShape<typeof ServerSchema>): void {
    const server = create(ServerSchema, policy);
    this.policies.set(port, server);
    this.tell(`policy ${port}`, server);
  }

  setOutboundPolicy(addr: SocketAddr, policy: MessageInitShape<typeof OutboundPolicySchema>): void {
    const key = formatSocketAddr(addr);
    const message = create(OutboundPolicySchema, policy);
    this.outbound.set(key, message);
    this.tell(`outbound ${key}`, message);
  }

  private tell(key: string, message: unknown): void {
    for (const watcher of this.watchers.get(key) ?? []) watcher.write(message as never);
  }

  /** Sends what is known and whatever comes later. */
  private follow<M>(
    key: string,
    now: M | undefined,
    writer: Writer<M>,
    call: { onCancel(run: () => void): void },
  ): void {
    this.calls.push(key);
    const watchers = this.watchers.get(key) ?? new Set();
    this.watchers.set(key, watchers);
    watchers.add(writer as Writer<never>);
    call.onCancel(() => watchers.delete(writer as Writer<never>));
    if (now !== undefined) writer.write(now);
  }

  private services() {
    const notFound = (what: string): MeshError => new MeshError("not-found", `There is no ${what}`);
    return [
      implement(Destination, {
        get: (request, context, writer) => {
          const endpoints = this.endpoints.get(request.path);
          const now = create(UpdateSchema, {
            update: { case: "noEndpoints", value: { exists: endpoints !== undefined } },
          });
          const first = endpoints === undefined || endpoints.length === 0 ? now : addUpdate(endpoints);
          this.follow(`get ${request.path}`, first, writerOf<Update>(writer), context);
        },
        getProfile: (request, context, writer) => {
          const profile = this.profiles.get(request.path) ?? create(DestinationProfileSchema);
          this.follow(`profile ${request.path}`, profile, writerOf<DestinationProfile>(writer), context);
        },
      }),
      implement(InboundServerPolicies, {
        getPort: ({ port }) => this.policies.get(port) ?? rejected(notFound(`policy for port ${port}`)),
        watchPort: ({ port }, context, writer) => {
          const policy = this.policies.get(port);
          if (policy === undefined) throw notFound(`policy for port ${port}`);
          this.follow(`policy ${port}`, policy, writerOf<Server>(writer), context);
        },
      }),
      implement(OutboundPolicies, {
        get: () => rejected(notFound("outbound policy")),
        watch: ({ target }, context, writer) => {
          const addr = target.case === "addr" ? socketAddr(target.value) : null;
          const key = addr === null ? "" : formatSocketAddr(addr);
          const policy = this.outbound.get(key);
          if (policy === undefined) throw notFound(`outbound policy for "${key}"`);
          this.follow(`outbound ${key}`, policy, writerOf<OutboundPolicy>(writer), context);
        },
      }),
      implement(Identity, {
        certify: ({ identity, certificateSigningRequest }) => {
          this.calls.push(`certify ${identity}`);
          const csr = parseCsr(certificateSigningRequest);
          const validity = validFor(Date.now(), this.certificateLife, 20_000);
          const leaf = signCertificate({
            issuer: this.issuer.authority,
            subject: identity,
            dnsNames: [identity],
            publicKeyDer: csr.publicKeyDer,
            ...validity,
          });
          return create(CertifyResponseSchema, {
            leafCertificate: leaf.der,
            intermediateCertificates: this.issuer.intermediates.map(({ der }) => der),
            validUntil: timestampFromMs(parseCertificate(leaf.der).notAfter),
          });
        },
      }),
      ...(this.servesAnchors ? [this.anchorsService()] : []),
    ];
  }

  private anchorsService() {
    return implement(TrustAnchors, {
      watch: (_request, context, writer) => {
        const now = create(AnchorsSchema, { bundlePem: this.bundle });
        this.follow("anchors", now, writerOf<Anchors>(writer), context);
      },
    });
  }
}

function addUpdate(endpoints: readonly FakeEndpoint[]): Update {
  return create(UpdateSchema, { update: { case: "add", value: { addrs: endpoints.map(weightedAddr) } } });
}

function weightedAddr(endpoint: FakeEndpoint): MessageInitShape<typeof WeightedAddrSchema> {
  const { identity, transportPort, authority, tlsRequiredBy } = endpoint;
  const addr = tcpAddress(endpoint);
  if (addr === null) throw new MeshError("invalid-argument", `"${endpoint.ip}" is no address`);
  return {
    addr,
    weight: 10_000,
    metricLabels: { ...endpoint.labels },
    ...(tlsRequiredBy === undefined ? {} : { tlsRequiredBy }),
    ...(authority === undefined ? {} : { authorityOverride: { authorityOverride: authority } }),
    ...(identity === undefined
      ? {}
      : { tlsIdentity: { strategy: { case: "dnsLikeIdentity", value: { name: identity } } } }),
    ...(transportPort === undefined
      ? {}
      : { protocolHint: { protocol: { case: "h2", value: {} }, opaqueTransport: { inboundPort: transportPort } } }),
  };
}

/** The writer of one stream as something that takes whole messages. */
function writerOf<M>(writer: { send(message: never): boolean }): Writer<M> {
  return { write: (message) => void writer.send(message as never) };
}

function rejected(error: MeshError): never {
  throw error;
}
