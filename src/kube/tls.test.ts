import { afterAll, describe, expect, test } from "bun:test";
import { fixedCredentials } from "./access.ts";
import { KubeClient } from "./client.ts";
import { certificates } from "./testing/certificates.ts";
import { FakeApi } from "./testing/fake-api.ts";

const [server, client] = certificates;
const tls = {
  cert: server.certPem,
  key: server.keyPem,
  ca: client.certPem,
  requestCert: true,
  rejectUnauthorized: true,
};
const api = new FakeApi(tls);
afterAll(() => api.stop());
const withCertificate = fixedCredentials({ certPem: client.certPem, keyPem: client.keyPem });

describe("KubeClient over TLS", () => {
  test("verifies the server by its address and proves itself with a certificate", async () => {
    const access = { ...api.access, caPem: server.certPem, credentials: withCertificate };
    expect(await new KubeClient(access).version()).toMatchObject({ gitVersion: "v1.35.0" });
    expect(await new KubeClient({ ...access, tlsServerName: "localhost" }).version()).toMatchObject({ major: "1" });
  });

  test.each([
    ["another authority", { caPem: client.certPem }],
    ["another name", { caPem: server.certPem, tlsServerName: "other.example" }],
    ["the system's authorities", {}],
  ])("refuses a server that is not of %s", async (_what, trust) => {
    const subject = new KubeClient({ ...api.access, ...trust, credentials: withCertificate });
    expect(subject.version()).rejects.toMatchObject({ code: "tls-handshake" });
  });

  test("trusts anybody only when it is told to", async () => {
    const access = { ...api.access, insecureSkipTlsVerify: true, credentials: withCertificate };
    expect(await new KubeClient(access).version()).toMatchObject({ major: "1" });
  });
});
