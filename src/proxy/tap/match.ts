/** What an observer wants to see: an expression over a request, compiled once. Pure. */
import { MeshError } from "#lib/errors.ts";
import type { Labels } from "#lib/metrics/registry.ts";
import { containsIp, parseIp, type Cidr } from "#lib/net-addr.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { ipBytes } from "#rpc/address.ts";
import { HttpMethod_Registered, Scheme_Registered } from "#rpc/gen/http_types_pb.ts";
import type {
  ObserveRequest_Match,
  ObserveRequest_Match_Http,
  ObserveRequest_Match_Http_StringMatch,
  ObserveRequest_Match_Tcp,
} from "#rpc/gen/tap_pb.ts";

/** What expressions are about. */
export interface TappedRequest {
  readonly source: SocketAddr;
  readonly destination: SocketAddr;
  readonly destinationLabels: Labels;
  readonly routeLabels: Labels;
  readonly method: string;
  /** Lower case. */
  readonly scheme: string;
  readonly authority: string;
  /** Without the query. */
  readonly path: string;
}

export type TapMatch = (request: TappedRequest) => boolean;

/** An expression of a stranger: so deep and so large at most. */
const maxDepth = 16;
const maxTerms = 256;

/** Throws "invalid-argument" for what says nothing or too much. An absent expression is true of every request. */
export function compileMatch(message: ObserveRequest_Match | undefined): TapMatch {
  let terms = 0;
  const compile = ({ match }: ObserveRequest_Match, depth: number): TapMatch => {
    if (depth > maxDepth || ++terms > maxTerms)
      throw invalid(`it has more than ${maxTerms} terms, or ${maxDepth} of them in each other`);
    switch (match.case) {
      case "all": {
        const each = match.value.matches.map((one) => compile(one, depth + 1));
        return (request) => each.every((one) => one(request));
      }
      case "any": {
        const each = match.value.matches.map((one) => compile(one, depth + 1));
        return (request) => each.some((one) => one(request));
      }
      case "not": {
        const inner = compile(match.value, depth + 1);
        return (request) => !inner(request);
      }
      case "source": {
        const addr = addressMatch(match.value);
        return ({ source }) => addr(source);
      }
      case "destination": {
        const addr = addressMatch(match.value);
        return ({ destination }) => addr(destination);
      }
      case "destinationLabel": {
        const { key, value } = match.value;
        return ({ destinationLabels }) => destinationLabels[key] === value;
      }
      case "routeLabel": {
        const { key, value } = match.value;
        return ({ routeLabels }) => routeLabels[key] === value;
      }
      case "http":
        return httpMatch(match.value);
      case undefined:
        throw invalid("a term is empty");
    }
  };
  return message === undefined ? () => true : compile(message, 0);
}

function invalid(why: string): MeshError {
  return new MeshError("invalid-argument", `The match can't be used: ${why}`);
}

function addressMatch({ match }: ObserveRequest_Match_Tcp): (addr: SocketAddr) => boolean {
  switch (match.case) {
    case "ports": {
      const { min, max } = match.value;
      return ({ port }) => port >= min && port <= max;
    }
    case "netmask": {
      const bytes = ipBytes(match.value.ip);
      if (bytes === null || match.value.mask > bytes.length * 8) throw invalid("a network is none");
      const net: Cidr = { bytes, prefix: match.value.mask };
      return ({ ip }) => {
        const parsed = parseIp(ip);
        return parsed !== null && containsIp(net, parsed);
      };
    }
    case undefined:
      throw invalid("an address is missing");
  }
}

const methodNames = new Map<number, string>(
  Object.entries(HttpMethod_Registered).map(([name, number]) => [number, name.toUpperCase()]),
);
const schemeNames = new Map<number, string>(
  Object.entries(Scheme_Registered).map(([name, number]) => [number, name.toLowerCase()]),
);

function httpMatch({ match }: ObserveRequest_Match_Http): TapMatch {
  switch (match.case) {
    case "method": {
      const { type } = match.value;
      const wanted = type.case === "registered" ? methodNames.get(type.value) : type.value;
      return ({ method }) => method === wanted;
    }
    case "scheme": {
      const { type } = match.value;
      const wanted = type.case === "registered" ? schemeNames.get(type.value) : type.value;
      return ({ scheme }) => scheme === wanted;
    }
    case "authority": {
      const wanted = stringMatch(match.value);
      return ({ authority }) => wanted(authority);
    }
    case "path": {
      const wanted = stringMatch(match.value);
      return ({ path }) => wanted(path);
    }
    case undefined:
      throw invalid("it says nothing of HTTP");
  }
}

function stringMatch({ match }: ObserveRequest_Match_Http_StringMatch): (text: string) => boolean {
  switch (match.case) {
    case "exact":
      return (text) => text === match.value;
    case "prefix":
      return (text) => text.startsWith(match.value);
    case undefined:
      throw invalid("a text is missing");
  }
}
