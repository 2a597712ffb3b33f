/** The one place where errors of the operating system, the runtime and its TLS become {@link MeshError}. */
import { MeshError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";

const byName: Readonly<Record<string, readonly [code: ErrorCode, reason: string]>> = {
  ECONNREFUSED: ["connection-refused", "connection refused"],
  ECONNRESET: ["connection-reset", "connection reset by peer"],
  ECONNABORTED: ["connection-reset", "connection aborted"],
  EPIPE: ["connection-reset", "the peer closed the connection while it was written to"],
  ENOTCONN: ["connection-reset", "not connected any more"],
  EHOSTUNREACH: ["unreachable", "no route to host"],
  ENETUNREACH: ["unreachable", "network is unreachable"],
  EHOSTDOWN: ["unreachable", "host is down"],
  ENETDOWN: ["unreachable", "network is down"],
  ETIMEDOUT: ["timeout", "the peer did not answer in time"],
  EADDRINUSE: ["address-in-use", "address already in use"],
  EADDRNOTAVAIL: ["environment", "the address is not available on this machine"],
  EACCES: ["environment", "permission denied"],
  EPERM: ["environment", "operation not permitted"],
  EAFNOSUPPORT: ["environment", "address family not supported"],
  EMFILE: ["too-many-open-files", "too many open files"],
  ENFILE: ["too-many-open-files", "too many open files in the system"],
  ENOBUFS: ["resource-exhausted", "no buffer space"],
  ENOMEM: ["resource-exhausted", "out of memory"],
  ENOTFOUND: ["dns", "name not found"],
  EAI_AGAIN: ["dns", "temporary failure in name resolution"],
  EINVAL: ["invalid-argument", "invalid argument"],
  EBADF: ["internal", "bad file descriptor"],
  EPROTO: ["tls-handshake", "TLS protocol error"],
  ERR_TLS_CERT_ALTNAME_INVALID: ["tls-identity", "the peer's certificate is for another name"],
  CERT_HAS_EXPIRED: ["tls-handshake", "the peer's certificate has expired"],
  CERT_NOT_YET_VALID: ["tls-handshake", "the peer's certificate is not valid yet"],
  INVALID_PURPOSE: ["tls-handshake", "the peer's certificate is not for this purpose"],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["tls-handshake", "the peer's certificate is signed by an unknown authority"],
  UNABLE_TO_GET_ISSUER_CERT: ["tls-handshake", "the peer's certificate is signed by an unknown authority"],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["tls-handshake", "the peer's certificate is signed by an unknown authority"],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["tls-handshake", "the peer's certificate is self-signed"],
  SELF_SIGNED_CERT_IN_CHAIN: ["tls-handshake", "the peer's certificate chain ends in an unknown authority"],
};

/** Errno values of Linux (errno(3)) that calls on sockets and files can give. Not node:util's: that takes 0.6 MB of every process. */
const errnoNames: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  4: "EINTR",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  16: "EBUSY",
  17: "EEXIST",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  27: "EFBIG",
  28: "ENOSPC",
  30: "EROFS",
  32: "EPIPE",
  88: "ENOTSOCK",
  90: "EMSGSIZE",
  92: "ENOPROTOOPT",
  93: "EPROTONOSUPPORT",
  95: "EOPNOTSUPP",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  100: "ENETDOWN",
  101: "ENETUNREACH",
  102: "ENETRESET",
  103: "ECONNABORTED",
  104: "ECONNRESET",
  105: "ENOBUFS",
  106: "EISCONN",
  107: "ENOTCONN",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  112: "EHOSTDOWN",
  113: "EHOSTUNREACH",
  114: "EALREADY",
  115: "EINPROGRESS",
};

/** The name of an errno, e.g. 111 → "ECONNREFUSED". */
export function errnoName(errno: number): string {
  const number = Math.abs(errno);
  return errnoNames[number] ?? `errno ${number}`;
}

function translate(name: string, action: string, cause: unknown, text: string): MeshError {
  const known = byName[name];
  if (known !== undefined)
    return new MeshError(known[0], `${action}: ${known[1]}`, { cause, details: { errno: name } });
  const code: ErrorCode = /CERT|TLS|SSL|CRL|SIGNATURE|BORINGSSL|OPENSSL/.test(name) ? "tls-handshake" : "internal";
  return new MeshError(code, `${action}: ${text}`, { cause, details: { errno: name } });
}

/** The error of a failed system call, positive or negated errno. */
export function errnoError(errno: number, action: string): MeshError {
  const name = errnoName(errno);
  return translate(name, action, undefined, name);
}

/** The error behind whatever the runtime threw or reported; `action` is what failed, e.g. `Connecting to "10.0.0.1:80"`. */
export function netError(thrown: unknown, action: string): MeshError {
  if (thrown instanceof MeshError) return thrown;
  if (!(thrown instanceof Error)) return new MeshError("internal", `${action}: ${String(thrown)}`, { cause: thrown });
  const code: unknown = Reflect.get(thrown, "code");
  if (typeof code !== "string") return new MeshError("internal", `${action}: ${thrown.message}`, { cause: thrown });
  return translate(code, action, thrown, thrown.message);
}
