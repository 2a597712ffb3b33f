/** Namespaces, endpoints, events, roles and webhook configurations. */
import { parseIp } from "#lib/net-addr.ts";
import { invalid, notSupported, required, tooMany } from "../validation/causes.ts";
import { ensure, record, records, text } from "./strategy.ts";
import type { KindRules } from "./strategy.ts";

export const namespaceRules: KindRules = {
  after(namespace, previous) {
    const labels = (namespace.metadata.labels ??= {});
    labels["kubernetes.io/metadata.name"] ??= namespace.metadata.name;
    if (previous === null) {
      namespace["spec"] = { finalizers: ["kubernetes"] };
      namespace["status"] = { phase: "Active" };
      // Only PUT namespaces/NAME/finalize changes these.
    } else namespace["spec"] = structuredClone(record(previous["spec"]));
  },
};

export const endpointSliceRules: KindRules = {
  before(slice) {
    for (const endpoint of records(slice["endpoints"])) {
      if (endpoint["conditions"] === undefined) endpoint["conditions"] = {};
    }
    for (const port of records(slice["ports"])) port["name"] ??= "";
  },
  validate(slice, previous, causes) {
    const endpoints = records(slice["endpoints"]);
    if (endpoints.length > 1000) causes.push(tooMany("endpoints", endpoints.length, 1000));
    for (const [index, endpoint] of endpoints.entries()) {
      const addresses = Array.isArray(endpoint["addresses"]) ? endpoint["addresses"] : [];
      for (const [at, address] of addresses.entries()) {
        if (slice["addressType"] !== "FQDN" && parseIp(String(address)) === null) {
          causes.push(
            invalid(
              `endpoints[${index}].addresses[${at}]`,
              address,
              "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ),
          );
        }
      }
    }
    if (previous !== null && previous["addressType"] !== slice["addressType"]) {
      causes.push(invalid("addressType", slice["addressType"], "field is immutable"));
    }
  },
};

export const eventRules: KindRules = {
  validate(event, _previous, causes) {
    const involved = text(record(event["involvedObject"])["namespace"]);
    const own = event.metadata.namespace ?? "";
    // Events about cluster-scoped objects live in "default".
    if (involved !== own && !(involved === "" && own === "default")) {
      causes.push(invalid("involvedObject.namespace", involved, "does not match event.namespace"));
    }
  },
};

function checkRules(rules: unknown, causes: Parameters<NonNullable<KindRules["validate"]>>[2]): void {
  for (const [index, rule] of records(rules).entries()) {
    const at = `rules[${index}]`;
    const urls = Array.isArray(rule["nonResourceURLs"]) && rule["nonResourceURLs"].length > 0;
    if (urls) continue;
    for (const field of ["apiGroups", "resources"]) {
      const list = rule[field];
      if (!Array.isArray(list) || list.length === 0)
        causes.push(required(`${at}.${field}`, "resource rules must supply at least one"));
    }
  }
}

export const roleRules: KindRules = {
  validate: (role, _previous, causes) => checkRules(role["rules"], causes),
};

export const roleBindingRules: KindRules = {
  before(binding) {
    for (const subject of records(binding["subjects"])) {
      subject["apiGroup"] ??= subject["kind"] === "ServiceAccount" ? "" : "rbac.authorization.k8s.io";
      if (subject["apiGroup"] === "") delete subject["apiGroup"];
    }
  },
  validate(binding, previous, causes) {
    for (const [index, subject] of records(binding["subjects"]).entries()) {
      if (subject["kind"] !== "ServiceAccount" || text(subject["namespace"]) !== "") continue;
      if (binding.kind === "ClusterRoleBinding") causes.push(required(`subjects[${index}].namespace`));
    }
    const kind = text(record(binding["roleRef"])["kind"]);
    if (binding.kind === "ClusterRoleBinding" && kind === "Role")
      causes.push(notSupported("roleRef.kind", kind, ["ClusterRole"]));
    if (previous !== null && !Bun.deepEquals(binding["roleRef"], previous["roleRef"])) {
      causes.push(invalid("roleRef", binding["roleRef"], "cannot change roleRef"));
    }
  },
};

export const webhookRules: KindRules = {
  before(configuration) {
    for (const webhook of records(configuration["webhooks"])) {
      ensure(webhook, "namespaceSelector");
      ensure(webhook, "objectSelector");
    }
  },
  validate(configuration, _previous, causes) {
    for (const [index, webhook] of records(configuration["webhooks"]).entries()) {
      const at = `webhooks[${index}]`;
      if (text(webhook["name"]).split(".").length < 3) {
        causes.push(
          invalid(`${at}.name`, webhook["name"], "should be a domain with at least three segments separated by dots"),
        );
      }
      const { url, service } = record(webhook["clientConfig"]);
      if ((url === undefined) === (service === undefined)) {
        causes.push(required(`${at}.clientConfig`, "exactly one of url or service is required"));
      }
      if (url !== undefined && !text(url).startsWith("https://")) {
        causes.push(invalid(`${at}.clientConfig.url`, url, "'https' is the only allowed URL scheme"));
      }
      const versions = webhook["admissionReviewVersions"];
      if (Array.isArray(versions) && !versions.includes("v1")) {
        causes.push(invalid(`${at}.admissionReviewVersions`, versions, "must include at least one of v1, v1beta1"));
      }
      if (!["None", "NoneOnDryRun"].includes(text(webhook["sideEffects"]))) {
        causes.push(notSupported(`${at}.sideEffects`, webhook["sideEffects"], ["None", "NoneOnDryRun"]));
      }
      const seconds = webhook["timeoutSeconds"];
      if (typeof seconds === "number" && (seconds < 1 || seconds > 30)) {
        causes.push(invalid(`${at}.timeoutSeconds`, seconds, "the timeout value must be between 1 and 30 seconds"));
      }
      if (records(webhook["matchConditions"]).length > 0) {
        causes.push({
          reason: "FieldValueForbidden",
          field: `${at}.matchConditions`,
          message: "Forbidden: this local cluster doesn't evaluate match conditions",
        });
      }
    }
  },
};
