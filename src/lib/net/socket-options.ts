/** TCP options that the mesh sets on both accepted and opened sockets. Small delays (Nagle) are always off. */
import { setOption, socketOptions } from "./libc.ts";

export interface TcpOptions {
  /** Idle time after which, and interval at which, keep-alive probes go out, ms (whole seconds, at least 1 s). Default: no probes. */
  readonly keepAlive?: number;
  /** How long sent data may stay unacknowledged before the connection is given up (TCP_USER_TIMEOUT), ms. Default: the kernel's. */
  readonly userTimeout?: number;
}

/** Sets what is given. A refusal is not fatal: the connection works without. */
export function applyOptions(fd: number, options: TcpOptions): void {
  if (options.keepAlive !== undefined) {
    const seconds = Math.max(1, Math.round(options.keepAlive / 1000));
    setOption(fd, socketOptions.keepAlive, 1);
    setOption(fd, socketOptions.keepIdle, seconds);
    setOption(fd, socketOptions.keepInterval, seconds);
  }
  if (options.userTimeout !== undefined) setOption(fd, socketOptions.userTimeout, options.userTimeout);
}
