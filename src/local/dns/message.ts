/** One DNS query → its response (RFC 1035). */
import { AUTHORITATIVE_ANSWER, decode, encode, TRUNCATED_RESPONSE, type Answer, type Packet } from "dns-packet";
import type { Zone, ZoneAnswer, ZoneRecord } from "./zone.ts";

/** Seconds; CoreDNS's default for cluster names. */
const ttl = 5;
/** Without EDNS a response over UDP has at most so many bytes. */
const udpLimit = 512;
const codes = { NOERROR: 0, FORMERR: 1, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

function toAnswer(record: ZoneRecord): Answer {
  return { ...record, ttl } as Answer;
}

/** ExternalName targets inside the cluster are followed, at most so often. */
const aliasLimit = 5;

function follow(zone: Zone, name: string, type: string): ZoneAnswer {
  const first = zone.answer(name, type);
  if (first.kind !== "records" || type === "CNAME") return first;
  const answers = [...first.answers];
  for (let hops = 0; hops < aliasLimit; hops++) {
    const last = answers.at(-1);
    if (last === undefined || last.type !== "CNAME") break;
    const next = zone.answer(last.data, type);
    if (next.kind !== "records") break;
    answers.push(...next.answers);
  }
  return { ...first, answers };
}

function soa(domain: string): Answer {
  const data = {
    mname: `ns.dns.${domain}`,
    rname: `hostmaster.${domain}`,
    serial: 1,
    refresh: 7200,
    retry: 1800,
    expire: 86400,
    // Resolvers in the pods remember for so long that a name does not exist; most names here are about to.
    minimum: 1,
  };
  return { type: "SOA", name: domain, ttl: 1, data };
}

/** Null when the datagram isn't a query that can be answered at all. `limit`: bytes, null for TCP. */
export function respond(query: Buffer, zone: Zone, domain: string, transport: "udp" | "tcp"): Buffer | null {
  if (query.length < 12 || (query.readUInt16BE(2) & 0x8000) !== 0) return null;
  let packet: Packet;
  try {
    packet = decode(query);
  } catch {
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8000 | codes.FORMERR, 2);
    return header;
  }
  const [question] = packet.questions ?? [];
  const reply = (code: number, parts: Partial<Packet> = {}): Packet => ({
    type: "response",
    id: packet.id ?? 0,
    flags: AUTHORITATIVE_ANSWER | ((packet.flags ?? 0) & 0x0100) | code,
    questions: packet.questions ?? [],
    ...parts,
  });
  if (question === undefined) return encode(reply(codes.FORMERR));
  const answer = follow(zone, question.name, question.type);
  let response: Packet;
  if (answer.kind === "records") {
    response = reply(codes.NOERROR, {
      answers: answer.answers.map(toAnswer),
      additionals: answer.additionals.map(toAnswer),
    });
  } else if (answer.kind === "refused") {
    // There is no name server beyond this one. "No such name" makes resolvers go on at once; "refused" makes them retry.
    response = reply(codes.NXDOMAIN);
  } else {
    response = reply(answer.kind === "no-name" ? codes.NXDOMAIN : codes.NOERROR, { authorities: [soa(domain)] });
  }
  const edns = packet.additionals?.find((record) => record.type === "OPT");
  const bytes = encode(response);
  if (transport === "tcp") return bytes;
  const limit = Math.max(udpLimit, edns?.type === "OPT" ? edns.udpPayloadSize : 0);
  if (bytes.length <= limit) return bytes;
  return encode({ ...reply(codes.NOERROR), flags: (response.flags ?? 0) | TRUNCATED_RESPONSE });
}
